"""Who is told of what: the group or the assignee, those who watch, and the supervisors when time runs out."""

from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts import service as accounts
from server.incidents.models import Incident, Kind, Watch
from server.incidents.timeline import tell
from server.kernel.i18n import N_
from server.notify import service as notify
from server.notify.templates import register
from server.sla import service as sla

FIRST_LINES = N_("{summary}\nPriority P{priority}")
for _code, _subject in (
    ("incident.opened", N_("{number} · P{priority} · {summary}")),
    ("incident.reopened", N_("{number} is back · P{priority} · {summary}")),
    ("incident.assigned", N_("{number} was passed on to you · P{priority} · {summary}")),
    ("incident.resolved", N_("{number} is resolved · {summary}")),
    ("incident.late", N_("{number}: {percent} % of its time is used · {summary}")),
    ("incident.overdue", N_("{number} is overdue · {summary}")),
):
    register(_code, _subject, FIRST_LINES)


def note_places(incident: Incident) -> dict[str, Any]:
    """What messages say of an incident."""
    return {
        "number": incident.number,
        "summary": incident.summary_by_lang or incident.summary,
        "priority": incident.priority,
        "url": f"/incidents/{incident.number}",
    }


def say(session: Session, incident: Incident, template: str, *, now: datetime, once: str = "") -> None:
    """Tell the group or assignee, and all who watch."""
    places = note_places(incident)
    key = f"{template}:{incident.number}:{incident.reopened}:{once}"
    told = partial(
        notify.queue, session, template=template, places=places, ticket=incident.number, key=key, now=now
    )
    if incident.assignee_id is not None:
        told(to_person=incident.assignee_id)
    elif incident.group_id is not None:
        told(to_group=incident.group_id)
    for person_id in session.scalars(select(Watch.person_id).where(Watch.incident_id == incident.id)):
        told(to_person=person_id)


def on_sla_news(
    session: Session, *, ticket: str, kind: sla.ClockKind, percent: int, now: datetime, clock: object
) -> None:
    """A clock passed a mark: on record, and told to whom it concerns."""
    del clock
    incident = session.scalar(select(Incident).where(Incident.number == ticket))
    if incident is None or not incident.is_open:
        return
    msgid = (
        N_("{percent} % of the response time is used")
        if kind is sla.ClockKind.RESPONSE
        else N_("{percent} % of the resolution time is used")
    )
    tell(
        session,
        incident,
        Kind.ESCALATION if percent >= 100 else Kind.CLOCK,
        msgid,
        now=now,
        payload={"severity": "critical" if percent >= 100 else "minor"},
        percent=percent,
    )
    code = "incident.overdue" if percent >= 100 else "incident.late"
    places = {**note_places(incident), "percent": percent}
    mark = f"{code}:{ticket}:{kind.value}:{percent}"
    told = partial(notify.queue, session, template=code, places=places, ticket=ticket, key=mark, now=now)
    if incident.assignee_id is not None:
        told(to_person=incident.assignee_id)
    else:
        told(to_group=incident.group_id)
    if percent >= 75:
        for person in accounts.with_role(session, "incident_supervisor"):
            told(to_person=person.id)
    if percent >= 100:
        for person in accounts.with_role(session, "incident_manager"):
            told(to_person=person.id)
