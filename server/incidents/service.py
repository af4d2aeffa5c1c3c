"""What people do with incidents. Each step asks for its right, its state and the version it was seen in."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.priority import weigh
from server.accounts import service as accounts
from server.cmdb import service as cmdb
from server.incidents import facts, learning, moves
from server.incidents.models import (
    SUMMARY_LIMIT,
    TEXT_LIMIT,
    Incident,
    Kind,
    PendingReason,
)
from server.incidents.moves import set_deadlines
from server.incidents.states import check
from server.incidents.telling import say
from server.incidents.timeline import tell
from server.incidents.words import CAUSES
from server.kernel.call import Actor
from server.kernel.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from server.kernel.i18n import N_
from server.sla import service as sla

EDITABLE = ("summary", "description", "category", "workaround", "ci_id", "contact_id", "affected_id")


def get(session: Session, number: str, actor: Actor | None = None) -> Incident:
    """The incident of a number, if this person may see it; the same NotFoundError otherwise."""
    found = session.scalar(select(Incident).where(Incident.number == number))
    if found is None or (actor is not None and not visible(found, actor)):
        raise NotFoundError(N_("There is no incident {number}."), number=number)
    return found


def visible(incident: Incident, actor: Actor) -> bool:
    """Whether this person may see it: the desk sees all, vendors their work, others what concerns them."""
    if actor.may("incident.read") and (not actor.vendor or incident.group_id in actor.groups):
        return True
    return actor.id in (incident.contact_id, incident.affected_id, incident.created_by_id)


def update(
    session: Session, number: str, values: Mapping[str, Any], *, version: int, actor: Actor, now: datetime
) -> Incident:
    """Change fields; what is not named stays."""
    incident = seen_at(session, number, version, actor)
    needs(actor, "incident.update")
    if not incident.is_open:
        raise ConflictError(N_("{number} is over; reopen it first."), number=number)
    changed = []
    for name in EDITABLE:
        key = "ci" if name == "ci_id" else name
        if key not in values:
            continue
        value = values[key]
        if name == "ci_id":
            value = cmdb.ci(session, str(value)).id if value else None
        elif name == "summary":
            value = checked(value, "summary", SUMMARY_LIMIT)
            incident.summary_by_lang = {}
        if getattr(incident, name) != value:
            setattr(incident, name, value)
            changed.append(key)
            if key in {"summary", "ci"}:  # from now on the machine keeps off
                by_person = sorted({*incident.context.get("set", ()), key})
                incident.context = {**incident.context, "set": by_person}
    if changed:
        tell(
            session,
            incident,
            Kind.PERSON,
            N_("Changed: {fields}"),
            now=now,
            by=actor.id,
            fields=", ".join(changed),
        )
    if {"impact", "urgency"} & values.keys():
        _weigh_anew(session, incident, values, actor=actor, now=now)
    session.flush()
    return incident


def _weigh_anew(
    session: Session, incident: Incident, values: Mapping[str, Any], *, actor: Actor, now: datetime
) -> None:
    why = incident.priority_why or {}
    raises = {one["reason"]: one for one in why.get("raises", ())}
    weighed = weigh(
        int(values.get("impact") or incident.impact),
        int(values.get("urgency") or incident.urgency),
        vip=int(raises.get("vip", {}).get("steps", 0)),
        vip_name=raises.get("vip", {}).get("name", ""),
        service_criticality=1 if "service" in raises else None,
        service_name=str(raises.get("service", {}).get("name", "")),
    )
    was = incident.priority
    incident.impact, incident.urgency, incident.priority = weighed.impact, weighed.urgency, weighed.priority
    incident.priority_why, incident.priority_set = facts.why(weighed), True
    if was != incident.priority:
        sla.reprioritise(session, incident.number, incident.priority, now=now)
        set_deadlines(session, incident, now=now)
        msgid = N_("Priority changed from P{was} to P{priority}")
        tell(session, incident, Kind.PERSON, msgid, now=now, by=actor.id, was=was, priority=incident.priority)


# -- moves ------------------------------------------------------------------------------------


def assign(
    session: Session,
    number: str,
    *,
    group: str | None,
    assignee_id: int | None = None,
    version: int | None = None,
    actor: Actor,
    now: datetime,
    note: str = "",
) -> Incident:
    """Pass it on to a group (its code) and perhaps to a person of it."""
    incident = seen_at(session, number, version, actor)
    check(incident, "assign", actor)
    group_id = group_id_of(session, group) if group else incident.group_id
    if group_id is None:
        raise InvalidError(N_("Choose the group it is passed on to."), field="/group")
    if assignee_id is not None and assignee_id not in {p.id for p in accounts.members(session, group_id)}:
        raise InvalidError(N_("That person is not in the group."), field="/assignee_id")
    moves.assigned(session, incident, group_id=group_id, assignee_id=assignee_id, by=actor.id, now=now)
    set_deadlines(session, incident, now=now)
    if note:
        tell(session, incident, Kind.PERSON, "", now=now, by=actor.id, text=note[:TEXT_LIMIT], internal=True)
    say(session, incident, "incident.assigned", now=now, once=f"{incident.version}")
    session.flush()
    return incident


def accept(
    session: Session, number: str, *, version: int | None = None, actor: Actor, now: datetime
) -> Incident:
    """Take it."""
    incident = seen_at(session, number, version, actor)
    check(incident, "accept", actor)
    moves.accepted(session, incident, by=actor.id, now=now)
    session.flush()
    return incident


def start(
    session: Session, number: str, *, version: int | None = None, actor: Actor, now: datetime
) -> Incident:
    """Begin to work on it."""
    incident = seen_at(session, number, version, actor)
    check(incident, "start", actor)
    moves.begun(session, incident, by=actor.id, now=now)
    session.flush()
    return incident


def hold(
    session: Session,
    number: str,
    *,
    reason: str,
    note: str = "",
    version: int | None = None,
    actor: Actor,
    now: datetime,
) -> Incident:
    """Let it wait: for the user, a vendor, a change or a part. The clocks pause."""
    incident = seen_at(session, number, version, actor)
    check(incident, "hold", actor)
    if reason not in set(PendingReason):
        raise InvalidError(N_("Say for whom it waits: user, vendor, change or part."), field="/reason")
    moves.held(session, incident, PendingReason(reason), note=note[:TEXT_LIMIT], by=actor.id, now=now)
    session.flush()
    return incident


def resume(
    session: Session, number: str, *, version: int | None = None, actor: Actor, now: datetime
) -> Incident:
    """Go on after a wait."""
    incident = seen_at(session, number, version, actor)
    check(incident, "resume", actor)
    moves.resumed(session, incident, by=actor.id, now=now)
    set_deadlines(session, incident, now=now)
    session.flush()
    return incident


def resolve(
    session: Session,
    number: str,
    *,
    cause_code: str,
    resolution: str,
    workaround: str = "",
    fixed_by: str = "",
    version: int | None = None,
    actor: Actor,
    now: datetime,
) -> Incident:
    """Say what was the matter and what mended it; `fixed_by` is the article or past incident that did."""
    incident = seen_at(session, number, version, actor)
    check(incident, "resolve", actor)
    if not cause_code.strip():
        raise InvalidError(
            N_("Choose a cause code; without it the incident cannot be resolved."), field="/cause_code"
        )
    if cause_code.strip() not in CAUSES:
        raise InvalidError(
            N_("There is no cause code {code}. Choose one of these: {codes}."),
            field="/cause_code",
            code=cause_code.strip()[:40],
            codes=", ".join(CAUSES),
        )
    text = checked(resolution, "resolution", TEXT_LIMIT)
    if fixed_by.strip():
        learning.credited(session, incident, fixed_by.strip().upper(), actor=actor, now=now)
    moves.resolved(session, incident, by=actor.id, now=now, cause_code=cause_code.strip(), resolution=text)
    incident.workaround = workaround[:TEXT_LIMIT] or incident.workaround
    for child in session.scalars(select(Incident).where(Incident.parent_id == incident.id)):
        if child.is_open:
            moves.close_into(session, child, incident, by=actor.id, now=now)
    say(session, incident, "incident.resolved", now=now)
    session.flush()
    return incident


def close(
    session: Session, number: str, *, version: int | None = None, actor: Actor, now: datetime
) -> Incident:
    """Close what is resolved."""
    incident = seen_at(session, number, version, actor)
    check(incident, "close", actor)
    moves.closed(session, incident, by=actor.id, now=now)
    session.flush()
    return incident


def reopen(
    session: Session, number: str, *, note: str, version: int | None = None, actor: Actor, now: datetime
) -> Incident:
    """The user says that it is not mended."""
    incident = seen_at(session, number, version, actor)
    check(incident, "reopen", actor)
    moves.reopened(session, incident, by=actor.id, now=now, note=checked(note, "note", TEXT_LIMIT))
    set_deadlines(session, incident, now=now)
    say(session, incident, "incident.reopened", now=now)
    session.flush()
    return incident


def cancel(
    session: Session, number: str, *, note: str, version: int | None = None, actor: Actor, now: datetime
) -> Incident:
    """It was no incident."""
    incident = seen_at(session, number, version, actor)
    check(incident, "cancel", actor)
    moves.cancelled(session, incident, by=actor.id, now=now, note=checked(note, "note", TEXT_LIMIT))
    session.flush()
    return incident


def merge(session: Session, number: str, into: str, *, actor: Actor, now: datetime) -> Incident:
    """Close an incident into another that is the same trouble; returns the one that goes on."""
    needs(actor, "incident.merge")
    child, parent = get(session, number, actor), get(session, into, actor)
    if child.id == parent.id:
        raise InvalidError(N_("Choose another incident to merge into."), field="/into")
    if not (child.is_open and parent.is_open):
        raise ConflictError(N_("Both incidents must be open to be merged."))
    moves.close_into(session, child, parent, by=actor.id, now=now)
    session.flush()
    return parent


# -- checks -----------------------------------------------------------------------------------


def seen_at(session: Session, number: str, version: int | None, actor: Actor) -> Incident:
    """The incident, if it is still as the person saw it; its row is locked."""
    get(session, number, actor)
    incident = session.scalars(
        select(Incident)
        .where(Incident.number == number)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if version is not None and version != incident.version:
        raise ConflictError(
            N_("{number} was changed meanwhile (version {current}). Look at it again."),
            field="/version",
            number=number,
            current=incident.version,
        )
    return incident


def needs(actor: Actor, permission: str) -> None:
    """Raise ForbiddenError unless this person has the right."""
    if not actor.may(permission):
        raise ForbiddenError(N_("Your roles do not include this step."), permission=permission)


def group_id_of(session: Session, code: object) -> int | None:
    """The group of a code; None without one, InvalidError where there is none."""
    if not code:
        return None
    found = accounts.find_group(session, str(code))
    if found is None:
        raise InvalidError(N_("There is no group {code}."), field="/group", code=str(code))
    return found.id


def checked(value: object, field: str, limit: int) -> str:
    """A text that must not be empty and not exceed a limit of characters."""
    text = str(value or "").strip()
    if not text:
        raise InvalidError(N_("This must not be empty."), field=f"/{field}")
    if len(text) > limit:
        raise InvalidError(N_("At most {limit} characters."), field=f"/{field}", limit=limit)
    return text
