"""The command palette: every practice's search in one answer."""

from collections.abc import Sequence

from aiohttp import web
from sqlalchemy.orm import Session

from server.kernel import keys
from server.kernel.call import Actor, Call
from server.kernel.errors import InvalidError
from server.kernel.i18n import N_
from server.kernel.practice import PaletteEntry, Practice
from server.kernel.web import Pages

pages = Pages("desk")
MOST = 12
LONGEST = 100
WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


def narrow(text: str) -> str:
    """Full-width letters, figures and blanks as half-width, as searches compare them."""
    return text.translate(WIDE)


def find(
    session: Session, practices: Sequence[Practice], actor: Actor, text: str
) -> tuple[list[PaletteEntry], str]:
    """The best entries for `text`, and the address of the one that it names exactly, else ""."""
    found: list[PaletteEntry] = []
    for practice in practices:
        if practice.palette is not None:
            found += practice.palette(session, actor, text)
    found.sort(key=lambda entry: -entry.score)
    exact = [entry.url for entry in found if names_exactly(entry, text)]
    return found[:MOST], exact[0] if len(set(exact)) == 1 else ""


def names_exactly(entry: PaletteEntry, text: str) -> bool:
    """Whether the text is this entry's number, name, address or serial, whole."""
    wanted = text.casefold()
    words = [
        entry.title,
        entry.hint,
        *entry.title.split(),
        *entry.hint.replace(",", " ").replace("·", " ").split(),
    ]
    return any(character.isdigit() for character in wanted) and wanted in {word.casefold() for word in words}


@pages.get("/palette", signed_in=True)
async def palette(call: Call) -> web.Response:
    """Answer what was typed: `{"entries": [...], "jump": "/..." or ""}`."""
    text = narrow(call.request.query.get("q", "")).strip()
    if len(text) > LONGEST or not text.isprintable():
        raise InvalidError(
            N_("Search for at most {most} signs of text."), field="/q", limit=LONGEST, most=LONGEST
        )
    if not text:
        return web.json_response({"entries": [], "jump": ""})
    entries, jump = await call.db.read(find, call.app[keys.PRACTICES], call.actor, text)
    told = [{"title": one.title, "url": one.url, "hint": one.hint, "icon": one.icon} for one in entries]
    return web.json_response({"entries": told, "jump": jump}, headers={"Cache-Control": "no-store"})
