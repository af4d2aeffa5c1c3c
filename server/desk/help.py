"""Help: Markdown files of `server/help/{en,zh}/`, and the sheet of all components."""

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

import nh3
from aiohttp import web
from markdown_it import MarkdownIt
from markupsafe import Markup
from sqlalchemy.orm import Session

from server.kernel.call import Actor, Call
from server.kernel.errors import NotFoundError
from server.kernel.i18n import N_, _, current_language, use_language
from server.kernel.practice import PaletteEntry
from server.kernel.web import Pages

pages = Pages("desk")
FOLDER = Path(__file__).parent.parent / "help"
FIRST = ("home", "incidents", "alerts", "rooms", "cis", "metrics", "knowledge", "keys", "settings")


@dataclass(frozen=True)
class HelpPage:
    """One page in one language. `language` tells which, where the reader's is missing."""

    name: str
    title: str
    body: Markup
    language: str


def names() -> list[str]:
    """The names of all help pages, the common ones first."""
    found = {path.stem for path in FOLDER.glob("*/*.md")}
    return [name for name in FIRST if name in found] + sorted(found - set(FIRST))


def read(name: str) -> HelpPage | None:
    """A page in the reader's language, else in the other."""
    if name not in names():
        return None
    wanted = current_language()
    for language in (wanted, *(other for other in ("en", "zh") if other != wanted)):
        path = FOLDER / language / f"{name}.md"
        if path.exists():
            return _render(name, language, path, path.stat().st_mtime_ns)
    return None


@lru_cache(maxsize=200)
def _render(name: str, language: str, path: Path, _changed: int) -> HelpPage:
    text = path.read_text(encoding="utf-8")
    first, _newline, rest = text.partition("\n")
    title = first.removeprefix("#").strip() or name
    markdown = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table")
    body = nh3.clean(markdown.render(rest))
    return HelpPage(name, title, Markup(body), language)  # noqa: S704  sanitised by nh3


def search(_session: Session, _actor: Actor, text: str) -> list[PaletteEntry]:
    """Help pages by title, in either language."""
    wanted = text.casefold()
    found = []
    for name in names():
        titles = []
        for language in ("en", "zh"):
            with use_language(language):
                page = read(name)
            titles.append(page.title if page else "")
        if any(wanted in title.casefold() for title in (*titles, name)):
            page = read(name)
            if page is not None:
                found.append(PaletteEntry(page.title, f"/help/{name}", _("Help"), "help", score=0.3))
    return found


@pages.get("/help", signed_in=True)
async def index(call: Call) -> web.Response:
    """The list of help pages."""
    return call.render("desk/help.html", contents=[read(name) for name in names()], page=None)


@pages.get("/help/components", signed_in=True)
async def components(call: Call) -> web.Response:
    """All components in all states: the sheet that tests photograph and builders copy from."""
    clocks = {
        "calm": call.now + timedelta(hours=2, minutes=10),
        "warn": call.now + timedelta(minutes=11),
        "over": call.now - timedelta(minutes=4),
    }
    entries = [
        {
            "id": 1,
            "at": call.now - timedelta(minutes=1),
            "kind": "note",
            "text": _("Zhou Lin wrote a note."),
            "note": _("Waiting for the panel photo."),
            "internal": True,
        },
        {
            "id": 2,
            "at": call.now - timedelta(minutes=7),
            "kind": "notice",
            "tone": "ok",
            "text": _("Paged Zhou Lin: answered after 18 s."),
        },
        {
            "id": 3,
            "at": call.now - timedelta(minutes=9),
            "kind": "diagnostics",
            "text": _("Read-only diagnostics attached."),
            "evidence": "upsBatteryStatus.0  batteryNormal(2)\nupsOutputSource.0   battery(5)",
        },
        {
            "id": 4,
            "at": call.now - timedelta(minutes=11),
            "kind": "alert",
            "tone": "critical",
            "text": _("The UPS went to battery."),
        },
    ]
    return call.render("desk/components.html", clocks=clocks, entries=entries)


@pages.get("/help/{name}", signed_in=True)
async def page(call: Call, name: str) -> web.Response:
    """One help page."""
    found = read(name)
    if found is None:
        raise NotFoundError(N_("There is no help page {name}."), name=name)
    return call.render("desk/help.html", contents=[read(one) for one in names()], page=found)
