"""What every move of an incident does, whoever makes it: state, clocks, timeline. Rights are asked before."""

from datetime import datetime

from sqlalchemy.orm import Session

from server.accounts import service as accounts
from server.incidents import learning
from server.incidents.models import (
    Incident,
    Kind,
    PendingReason,
    State,
)
from server.incidents.timeline import tell
from server.kernel.i18n import N_
from server.kernel.ticket import link
from server.sla import service as sla

WAITS = {
    PendingReason.USER: N_("Waits for the user"),
    PendingReason.VENDOR: N_("Waits for the vendor"),
    PendingReason.CHANGE: N_("Waits for a change"),
    PendingReason.PART: N_("Waits for a part"),
}


def assigned(
    session: Session,
    incident: Incident,
    *,
    group_id: int | None,
    assignee_id: int | None,
    by: int | None,
    now: datetime,
) -> None:
    """Give it to a group, and to a person of it if one is named."""
    if incident.state is State.PENDING:
        sla.resume(session, incident.number, now=now)
        incident.pending_reason = None
    incident.state = State.ASSIGNED
    incident.group_id, incident.assignee_id = group_id, assignee_id
    group_name = accounts.group(session, group_id).name if group_id is not None else {}
    if assignee_id is not None:
        person = accounts.person(session, assignee_id)
        msgid = (
            N_("Passed on to {person} in {group}") if group_id is not None else N_("Passed on to {person}")
        )
        tell(session, incident, Kind.ASSIGNMENT, msgid, now=now, by=by, group=group_name, person=person.name)
    else:
        tell(session, incident, Kind.ASSIGNMENT, N_("Passed on to {group}"), now=now, by=by, group=group_name)


def accepted(session: Session, incident: Incident, *, by: int, now: datetime) -> None:
    """Somebody takes it; the response clock has done its work."""
    incident.state, incident.assignee_id = State.ACCEPTED, by
    if incident.responded_at is None:
        incident.responded_at = now
        sla.stop(session, incident.number, sla.ClockKind.RESPONSE, now=now)
    tell(session, incident, Kind.MOVE, N_("Accepted"), now=now, by=by)


def begun(session: Session, incident: Incident, *, by: int, now: datetime) -> None:
    """Work goes on."""
    incident.state = State.IN_PROGRESS
    tell(session, incident, Kind.MOVE, N_("Work has begun"), now=now, by=by)


def held(
    session: Session, incident: Incident, reason: PendingReason, *, note: str, by: int, now: datetime
) -> None:
    """It waits for somebody else; the clocks pause."""
    incident.state, incident.pending_reason = State.PENDING, reason
    sla.pause(session, incident.number, reason=reason.value, now=now)
    incident.response_due_at = incident.resolution_due_at = None
    tell(session, incident, Kind.MOVE, WAITS[reason], now=now, by=by, text=note)


def resumed(session: Session, incident: Incident, *, by: int | None, now: datetime) -> None:
    """The wait is over; the clocks count on with what was left."""
    incident.state, incident.pending_reason = State.IN_PROGRESS, None
    sla.resume(session, incident.number, now=now)
    tell(session, incident, Kind.MOVE, N_("Work goes on"), now=now, by=by)


def resolved(
    session: Session, incident: Incident, *, by: int | None, now: datetime, cause_code: str, resolution: str
) -> None:
    """It is mended. A machine's resolution is a msgid, which is shown in the reader's language."""
    if incident.responded_at is None:
        incident.responded_at = now
    incident.state, incident.resolved_at, incident.pending_reason = State.RESOLVED, now, None
    incident.cause_code, incident.resolution = cause_code, resolution
    sla.stop(session, incident.number, now=now)
    tell(
        session,
        incident,
        Kind.MOVE,
        N_("Resolved") if by is not None else N_("Resolved by itself"),
        now=now,
        by=by,
        text=resolution if by is not None else "",
    )
    learning.resolved(session, incident, by=by, now=now)


def reopened(session: Session, incident: Incident, *, by: int | None, now: datetime, note: str = "") -> None:
    """It is not mended after all."""
    incident.state, incident.resolved_at = State.ASSIGNED, None
    incident.reopened += 1
    incident.cause_code = incident.resolution = ""
    sla.restart(session, incident.number, now=now)
    learning.reopened(session, incident, now=now)
    tell(session, incident, Kind.MOVE, N_("Reopened"), now=now, by=by, text=note)


def closed(session: Session, incident: Incident, *, by: int | None, now: datetime) -> None:
    """Nothing more is to be done."""
    incident.state, incident.closed_at = State.CLOSED, now
    learning.closed(session, incident, now=now)
    tell(session, incident, Kind.MOVE, N_("Closed"), now=now, by=by)


def cancelled(session: Session, incident: Incident, *, by: int, now: datetime, note: str) -> None:
    """It was no incident."""
    incident.state, incident.closed_at, incident.pending_reason = State.CANCELLED, now, None
    sla.stop(session, incident.number, now=now)
    tell(session, incident, Kind.MOVE, N_("Cancelled"), now=now, by=by, text=note)


def close_into(session: Session, child: Incident, parent: Incident, *, by: int | None, now: datetime) -> None:
    """A child is closed along with its parent, where the work goes on."""
    sla.stop(session, child.number, now=now)
    child.state, child.closed_at, child.pending_reason = State.CLOSED, now, None
    child.resolved_at = child.resolved_at or now
    child.parent_id = parent.id
    link(session, child.number, parent.number, "child_of", now=now)
    tell(session, child, Kind.LINK, N_("Merged into {number}"), now=now, by=by, number=parent.number)
    tell(session, parent, Kind.LINK, N_("Took in {number}"), now=now, by=by, number=child.number)


def set_deadlines(session: Session, incident: Incident, *, now: datetime) -> None:
    """Copy the clocks' deadlines onto the incident, for lists."""
    for clock in sla.views(session, [incident.number], now=now).get(incident.number, []):
        if clock.kind is sla.ClockKind.RESPONSE:
            incident.response_due_at = clock.due_at
        else:
            incident.resolution_due_at = clock.due_at
