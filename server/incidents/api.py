"""Incidents over the REST API."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.accounts import service as accounts
from server.cmdb import service as cmdb
from server.incidents import reporting, service, together, views
from server.incidents.apimodels import (
    BulkIn,
    BulkOut,
    EntryOut,
    IncidentIn,
    IncidentOut,
    IncidentPatch,
    IncidentQuery,
    LinkIn,
    LinkOut,
    MergeIn,
    NoteIn,
    TransitionIn,
    WatchIn,
    WorkIn,
)
from server.incidents.bulk import do_to_each
from server.incidents.models import OPEN_STATES, Incident
from server.incidents.states import allowed
from server.incidents.timeline import entries
from server.kernel.api import Api, Page
from server.kernel.call import Actor, Call
from server.kernel.i18n import N_
from server.kernel.ticket import links

api = Api("incidents")


def _out(session: Session, incident: Incident, actor: Actor) -> IncidentOut:
    ci = cmdb.find_ci(session, incident.ci_id) if incident.ci_id is not None else None
    group = accounts.groups_by_ids(session, [incident.group_id]).get(incident.group_id or 0)
    names = set(IncidentOut.model_fields) - {"ci", "group", "steps", "priority_why", "summary", "resolution"}
    values: dict[str, Any] = {name: getattr(incident, name) for name in names}
    return IncidentOut(
        **{name: getattr(value, "value", value) for name, value in values.items()},
        summary=views.title(incident),
        resolution=views.resolution_text(incident),
        ci=ci.number if ci is not None else None,
        group=group.code if group is not None else None,
        priority_why=views.priority_words(incident),
        steps=[step.name for step in allowed(incident, actor)],
    )


def _list(session: Session, query: IncidentQuery, actor: Actor) -> Page[IncidentOut]:
    found = views.visible_statement(actor)
    if query.state:
        found = found.where(Incident.state.in_(query.state))
    if query.open is not None:
        inside = Incident.state.in_(OPEN_STATES)
        found = found.where(inside if query.open else ~inside)
    if query.priority is not None:
        found = found.where(Incident.priority == query.priority)
    if query.group is not None:
        group = accounts.find_group(session, query.group)
        found = found.where(Incident.group_id == (group.id if group is not None else 0))
    if query.ci is not None:
        ci = cmdb.find_ci(session, query.ci)
        found = found.where(Incident.ci_id == (ci.id if ci is not None else 0))
    if query.text:
        found = found.where(Incident.summary.icontains(query.text, autoescape=True))
    found = _opened_between(found, query.opened_from, query.opened_to)
    total = session.scalar(select(func.count()).select_from(found.subquery())) or 0
    page = found.order_by(Incident.id.desc()).limit(query.limit).offset(query.offset)
    items = [_out(session, incident, actor) for incident in session.scalars(page)]
    return Page[IncidentOut](items=items, total=total, limit=query.limit, offset=query.offset)


def _opened_between(found: Any, start: datetime | None, end: datetime | None) -> Any:
    if start is not None:
        found = found.where(Incident.opened_at >= start)
    return found.where(Incident.opened_at < end) if end is not None else found


def _one(session: Session, number: str, actor: Actor) -> IncidentOut:
    return _out(session, service.get(session, number, actor), actor)


@api.get(
    "/incidents",
    permission="incident.read",
    query=IncidentQuery,
    answer=Page[IncidentOut],
    summary=N_("List incidents"),
)
async def list_incidents(call: Call, query: IncidentQuery) -> Page[IncidentOut]:
    """Newest first."""
    return await call.db.read(_list, query, call.actor)


@api.post(
    "/incidents",
    permission="incident.create",
    body=IncidentIn,
    answer=IncidentOut,
    status=201,
    summary=N_("Open an incident"),
)
async def create(call: Call, body: IncidentIn) -> IncidentOut:
    """Fields that are not given are chosen as the machine would choose them."""

    def do(session: Session) -> IncidentOut:
        made = reporting.create(session, body.model_dump(exclude_none=True), actor=call.actor, now=call.now)
        return _out(session, made, call.actor)

    return await call.db.run(do)


@api.get(
    "/incidents/{number}", permission="incident.read", answer=IncidentOut, summary=N_("Show an incident")
)
async def show(call: Call, number: str) -> IncidentOut:
    """One incident."""
    return await call.db.read(_one, number, call.actor)


@api.patch(
    "/incidents/{number}",
    permission="incident.update",
    body=IncidentPatch,
    answer=IncidentOut,
    summary=N_("Change an incident"),
    errors={409: N_("It was changed meanwhile, or it is over.")},
)
async def update(call: Call, number: str, body: IncidentPatch) -> IncidentOut:
    """Only the fields that are given."""

    def do(session: Session) -> IncidentOut:
        values = body.model_dump(exclude_unset=True, exclude={"version"})
        made = service.update(session, number, values, version=body.version, actor=call.actor, now=call.now)
        return _out(session, made, call.actor)

    return await call.db.run(do)


@api.post(
    "/incidents/{number}/transitions",
    permission="incident.read",
    body=TransitionIn,
    answer=IncidentOut,
    summary=N_("Move an incident"),
    errors={409: N_("Its state does not allow the step; the allowed ones are named.")},
)
async def transition(call: Call, number: str, body: TransitionIn) -> IncidentOut:
    """Each step asks for its own right."""

    def do(session: Session) -> IncidentOut:
        return _out(session, _move(session, number, body, call.actor, call.now), call.actor)

    return await call.db.run(do)


def _move(session: Session, number: str, body: TransitionIn, actor: Actor, now: datetime) -> Incident:
    at: dict[str, Any] = {"version": body.version, "actor": actor, "now": now}
    match body.step:
        case "assign":
            return service.assign(
                session, number, group=body.group, assignee_id=body.assignee_id, note=body.note, **at
            )
        case "hold":
            return service.hold(session, number, reason=body.reason or "", note=body.note, **at)
        case "resolve":
            return service.resolve(
                session,
                number,
                cause_code=body.cause_code or "",
                resolution=body.resolution,
                workaround=body.workaround,
                fixed_by=body.fixed_by,
                **at,
            )
        case "reopen":
            return service.reopen(session, number, note=body.note, **at)
        case "cancel":
            return service.cancel(session, number, note=body.note, **at)
        case _:
            return SIMPLE[body.step](session, number, **at)


SIMPLE = {
    "accept": service.accept,
    "start": service.start,
    "resume": service.resume,
    "close": service.close,
}


@api.get(
    "/incidents/{number}/timeline",
    permission="incident.read",
    answer=list[EntryOut],
    summary=N_("Show an incident's timeline"),
)
async def timeline(call: Call, number: str) -> list[EntryOut]:
    """Newest first, in the caller's language."""

    def read(session: Session) -> list[EntryOut]:
        found = entries(session, service.get(session, number, call.actor))
        return [EntryOut.model_validate(entry) for entry in found]

    return await call.db.read(read)


@api.post(
    "/incidents/{number}/notes",
    permission="incident.note",
    body=NoteIn,
    answer=IncidentOut,
    status=201,
    summary=N_("Write a note"),
)
async def add_note(call: Call, number: str, body: NoteIn) -> IncidentOut:
    """Internal unless said otherwise."""

    def do(session: Session) -> IncidentOut:
        said = together.note(
            session, number, body.text, internal=body.internal, actor=call.actor, now=call.now
        )
        return _out(session, said, call.actor)

    return await call.db.run(do)


@api.get(
    "/incidents/{number}/links",
    permission="incident.read",
    answer=list[LinkOut],
    summary=N_("List an incident's links"),
)
async def list_links(call: Call, number: str) -> list[LinkOut]:
    """Oldest first."""

    def read(session: Session) -> list[LinkOut]:
        service.get(session, number, call.actor)
        return [
            LinkOut(other=one.other, kind=one.kind, forward=one.forward) for one in links(session, number)
        ]

    return await call.db.read(read)


@api.post(
    "/incidents/{number}/links",
    permission="incident.update",
    body=LinkIn,
    answer=IncidentOut,
    status=201,
    summary=N_("Link an incident to another record"),
)
async def add_link(call: Call, number: str, body: LinkIn) -> IncidentOut:
    """The same link twice is one link."""

    def do(session: Session) -> IncidentOut:
        made = together.link_to(session, number, body.other, body.kind, actor=call.actor, now=call.now)
        return _out(session, made, call.actor)

    return await call.db.run(do)


@api.post(
    "/incidents/{number}/merge",
    permission="incident.merge",
    body=MergeIn,
    answer=IncidentOut,
    summary=N_("Merge an incident into another"),
)
async def merge(call: Call, number: str, body: MergeIn) -> IncidentOut:
    """Answers with the one that goes on."""

    def do(session: Session) -> IncidentOut:
        parent = service.merge(session, number, body.into, actor=call.actor, now=call.now)
        return _out(session, parent, call.actor)

    return await call.db.run(do)


@api.put(
    "/incidents/{number}/watch",
    permission="incident.read",
    body=WatchIn,
    answer=IncidentOut,
    summary=N_("Watch an incident, or no longer"),
)
async def watch(call: Call, number: str, body: WatchIn) -> IncidentOut:
    """For the caller."""

    def do(session: Session) -> IncidentOut:
        return _out(session, together.watch(session, number, on=body.on, actor=call.actor), call.actor)

    return await call.db.run(do)


@api.post(
    "/incidents/{number}/work",
    permission="incident.work",
    body=WorkIn,
    answer=IncidentOut,
    status=201,
    summary=N_("Note time spent"),
)
async def log_work(call: Call, number: str, body: WorkIn) -> IncidentOut:
    """In minutes."""

    def do(session: Session) -> IncidentOut:
        made = together.log_work(
            session, number, minutes=body.minutes, text=body.text, actor=call.actor, now=call.now
        )
        return _out(session, made, call.actor)

    return await call.db.run(do)


@api.post(
    "/incidents-bulk",
    permission="incident.work",
    body=BulkIn,
    answer=BulkOut,
    summary=N_("Do one thing to many incidents"),
)
async def bulk(call: Call, body: BulkIn) -> BulkOut:
    """Those that cannot are skipped, each with its reason."""

    def do(session: Session) -> BulkOut:
        done, skipped = do_to_each(
            session, body.numbers, body.action, group=body.group, actor=call.actor, now=call.now
        )
        return BulkOut(done=done, skipped=dict(skipped))

    return await call.db.run(do)
