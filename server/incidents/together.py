"""What people do around an incident: notes, links, watching, time spent, tasks."""

from datetime import datetime

from sqlalchemy.orm import Session

from server.incidents.models import TEXT_LIMIT, Incident, IncidentTask, Kind, Watch, WorkLog
from server.incidents.service import checked, get, needs, visible
from server.incidents.timeline import tell
from server.kernel.call import Actor
from server.kernel.errors import ForbiddenError, InvalidError, NotFoundError
from server.kernel.i18n import N_
from server.kernel.ticket import link

LINK_KINDS = frozenset({"duplicate_of", "caused_by", "child_of", "relates_to", "recurrence_of"})


def note(
    session: Session, number: str, text: str, *, internal: bool = True, actor: Actor, now: datetime
) -> Incident:
    """Write into the timeline. Who only reports may write public notes on what concerns them."""
    incident = get(session, number, actor)
    if not actor.may("incident.note") and (internal or not visible(incident, actor)):
        raise ForbiddenError(N_("Your roles do not include this step."), permission="incident.note")
    said = checked(text, "text", TEXT_LIMIT)
    tell(session, incident, Kind.PERSON, "", now=now, by=actor.id, text=said, internal=internal)
    session.flush()
    return incident


def link_to(session: Session, number: str, other: str, kind: str, *, actor: Actor, now: datetime) -> Incident:
    """Link to another record by its number."""
    needs(actor, "incident.update")
    incident = get(session, number, actor)
    if kind not in LINK_KINDS:
        raise InvalidError(N_("Choose one of: {kinds}."), field="/kind", kinds=", ".join(sorted(LINK_KINDS)))
    if other == number:
        raise InvalidError(N_("A record cannot be linked to itself."), field="/other")
    if other.startswith("INC-"):
        get(session, other, actor)
    link(session, number, other, kind, now=now)
    tell(session, incident, Kind.LINK, N_("Linked to {number}"), now=now, by=actor.id, number=other)
    session.flush()
    return incident


def watch(session: Session, number: str, *, on: bool, actor: Actor) -> Incident:
    """Be told of what happens to it, or no longer."""
    incident = get(session, number, actor)
    known = session.get(Watch, (incident.id, actor.id))
    if on and known is None:
        session.add(Watch(incident_id=incident.id, person_id=actor.id))
    elif not on and known is not None:
        session.delete(known)
    session.flush()
    return incident


def log_work(
    session: Session, number: str, *, minutes: int, text: str = "", actor: Actor, now: datetime
) -> Incident:
    """Note time spent, in minutes of one day at most."""
    needs(actor, "incident.work")
    incident = get(session, number, actor)
    if not 1 <= minutes <= 1440:
        raise InvalidError(N_("Minutes are 1 to 1,440."), field="/minutes")
    row = WorkLog(incident_id=incident.id, person_id=actor.id, at=now, minutes=minutes, text=text[:1000])
    session.add(row)
    session.flush()
    return incident


def add_task(
    session: Session, number: str, title: str, *, assignee_id: int | None, actor: Actor, now: datetime
) -> IncidentTask:
    """Give a helper a piece of work."""
    needs(actor, "incident.work")
    incident = get(session, number, actor)
    task = IncidentTask(
        incident_id=incident.id, title=checked(title, "title", 200), assignee_id=assignee_id, created_at=now
    )
    session.add(task)
    tell(session, incident, Kind.ASSIGNMENT, N_("Task: {title}"), now=now, by=actor.id, title=task.title)
    session.flush()
    return task


def finish_task(session: Session, number: str, task_id: int, *, actor: Actor, now: datetime) -> IncidentTask:
    """A helper's work is done."""
    incident = get(session, number, actor)
    task = session.get(IncidentTask, task_id)
    if task is None or task.incident_id != incident.id:
        raise NotFoundError(N_("There is no such task."))
    if actor.id != task.assignee_id:
        needs(actor, "incident.work")
    if task.done_at is None:
        task.done_at, task.done_by_id = now, actor.id
        tell(session, incident, Kind.MOVE, N_("Task done: {title}"), now=now, by=actor.id, title=task.title)
    session.flush()
    return task
