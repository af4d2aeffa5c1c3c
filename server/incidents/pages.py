"""The pages of incidents that are read: queue, board, preview, record, chart, the answers of lookups."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_
from sqlalchemy.orm import Session

from server.accounts import service as accounts
from server.cmdb import service as cmdb
from server.cmdb import words as cmdb_words
from server.incidents import board, learning, record, scene, service, table, views, words
from server.incidents.models import Incident, PendingReason
from server.kernel.call import Actor
from server.kernel.i18n import _, current_language, loc, local
from server.kernel.listing import show
from server.kernel.web import Call, Pages, web
from server.knowledge import finding

pages = Pages("incidents")
MOST_FOUND = 12
MOST_BACK = 2000  # letters of an address to go back to


def choices() -> dict[str, Any]:
    """What the dialogs offer, in the reader's language."""
    return {
        "causes": [(code, _(label)) for code, label in words.CAUSES.items() if code != "recovered"],
        "reasons": [(one.value, _(words.REASONS[one])) for one in PendingReason],
        "levels": [(str(level), _(label)) for level, label in words.LEVELS.items()],
        "ci_icon": cmdb.icon,
        "attribute_words": cmdb_words.attribute,
        "local_day": lambda at: local(at).date(),
        "resolution_text": views.resolution_text,
        "moment_of": datetime.fromisoformat,
        "link_kinds": [
            (kind, _(both[0])) for kind, both in words.LINKS.items() if kind not in words.OF_THE_DESK
        ],
    }


@pages.get("/incidents", permission="incident.read")
async def queue(call: Call) -> web.StreamResponse:
    """The queue, or its file."""
    if call.request.query.get("format") == "csv":
        return await show(call, table.FILE, "incidents/queue.html")
    teams = await call.db.read(record.teams) if call.may("incident.assign") else []
    return await show(call, table.QUEUE, "incidents/queue.html", teams=teams, words=words, **choices())


@pages.get("/incidents/board", permission="incident.read")
async def by_state(call: Call) -> web.StreamResponse:
    """The queue as columns by state, or its file."""
    if call.request.query.get("format") == "csv":
        return await show(call, table.FILE, "incidents/board.html")
    query = list(call.request.query.items())
    shown = await call.db.read(board.board, query, actor=call.actor, now=call.now)
    teams = await call.db.read(record.teams) if call.may("incident.assign") else []
    here = call.request.path_qs[:MOST_BACK]
    return call.render(
        "incidents/board.html", page=shown.page, board=shown, teams=teams, here=here, words=words, **choices()
    )


@pages.get("/incidents/people", permission="incident.read")
async def people(call: Call) -> web.Response:
    """People whose name holds what is typed, for pickers."""
    found = await call.db.read(accounts.find_people, call.request.query.get("q", "")[:80])
    return _options([(str(row.id), loc(row.name), row.username) for row in found])


@pages.get("/incidents/find", permission="incident.read")
async def find(call: Call) -> web.Response:
    """Incidents whose number or title holds what is typed, for pickers; `except` leaves one out."""
    query = call.request.query
    found = await call.db.read(
        _found, query.get("q", "")[:80], call.actor, besides=query.get("except", "")[:20]
    )
    return _options([(one.number, f"{one.number} {views.title(one)}", "") for one in found])


@pages.get("/incidents/{number}/fixes", permission="incident.resolve")
async def fixes(call: Call, number: str) -> web.Response:
    """What may have resolved it, for the picker: what is typed, or what is suggested."""
    text = call.request.query.get("q", "")[:80].strip()
    return _options(await call.db.read(_fixes, number, text, call.actor))


def _fixes(session: Session, number: str, text: str, actor: Actor) -> list[tuple[str, str, str]]:
    incident = service.get(session, number, actor)
    if not text:
        query = learning.query_of(session, incident, current_language())
        found = [
            (one.number, one.title)
            for one in finding.suggested(session, query, actor, limit=MOST_FOUND, least=0.0)
        ]
    else:
        found = finding.named(session, text, actor, limit=MOST_FOUND)
    return [(one, f"{one} {title}", "") for one, title in found if one != number]


def _found(session: Session, text: str, actor: Actor, *, besides: str) -> Sequence[Incident]:
    wanted = views.visible_statement(actor).where(Incident.number != besides)
    for word in text.split():
        hit = or_(
            Incident.number.icontains(word, autoescape=True),
            Incident.summary.icontains(word, autoescape=True),
        )
        wanted = wanted.where(hit)
    return session.scalars(wanted.order_by(Incident.id.desc()).limit(MOST_FOUND)).all()


def _options(rows: Sequence[tuple[str, str, str]]) -> web.Response:
    options = [{"value": value, "label": label, "hint": hint} for value, label, hint in rows]
    return web.json_response({"options": options}, headers={"Cache-Control": "no-store"})


@pages.get("/incidents/{number}", signed_in=True)
async def shown(call: Call, number: str) -> web.Response:
    """The record; who only reported it sees what concerns them."""
    page = await call.db.read(record.page, number, actor=call.actor, now=call.now)
    call.topics = (f"incident:{number}",)
    return call.render("incidents/record.html", page=page, view=page.base, words=words, **choices())


@pages.get("/incidents/{number}/preview", permission="incident.read")
async def preview(call: Call, number: str) -> web.Response:
    """The pane beside the queue."""
    page = await call.db.read(record.preview, number, actor=call.actor, now=call.now)
    return call.fragment("incidents/preview.html", page=page, view=page.base, words=words, **choices())


@pages.get("/incidents/{number}/chart.json", permission="metric.read")
async def chart(call: Call, number: str) -> web.Response:
    """The curves around the moment."""
    span = call.request.query.get("span", "1h")

    def drawn(session: Session) -> dict[str, Any]:
        incident = service.get(session, number, call.actor)
        return scene.chart(session, incident, span, now=call.now)

    return web.json_response(await call.db.read(drawn), headers={"Cache-Control": "no-store"})
