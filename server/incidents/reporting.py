"""An incident that a person reports: weighed, described and sent to its queue as the machine would."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from rules.priority import Weighed, weigh
from server.accounts import service as accounts
from server.cmdb import service as cmdb
from server.cmdb.models import Ci
from server.incidents import facts, learning, service
from server.incidents.models import (
    SUMMARY_LIMIT,
    TEXT_LIMIT,
    Incident,
    IncidentCi,
    Kind,
    Source,
    State,
)
from server.incidents.telling import say
from server.incidents.timeline import tell
from server.kernel.call import Actor
from server.kernel.db import insert_missing
from server.kernel.i18n import N_
from server.kernel.ticket import next_number
from server.sla import service as sla


def create(session: Session, values: Mapping[str, Any], *, actor: Actor, now: datetime) -> Incident:
    """Open an incident that a person reports.

    Args:
        session: the running transaction.
        values: summary, description, impact, urgency, category, ci (number), contact_id, affected_id,
            group (code), source, trusted by its model; what is absent is chosen as the machine would.
        actor: who reports it.
        now: when.
    """
    incident = _written(session, values, actor=actor, now=now)
    learning.opened(session, incident, now=now)
    say(session, incident, "incident.opened", now=now)
    session.flush()
    return incident


def report_into(
    session: Session, values: Mapping[str, Any], into: str, *, actor: Actor, now: datetime
) -> tuple[Incident, Incident]:
    """Report what is an open incident already: merged into that at once, and nobody is called out for it.

    Returns:
        What was reported, closed into the other, and the other, where the work goes on.
    """
    incident = _written(session, values, actor=actor, now=now)
    return incident, service.merge(session, incident.number, into, actor=actor, now=now)


def _written(session: Session, values: Mapping[str, Any], *, actor: Actor, now: datetime) -> Incident:
    """The incident on record, its clocks running; nobody is told yet."""
    ci = cmdb.ci(session, str(values["ci"])) if values.get("ci") else None
    weighed = _weighed(session, values, ci)
    response_due, resolution_due = sla.deadlines(session, weighed.priority, now)
    queue = service.group_id_of(session, values.get("group")) or facts.first_line(session)
    incident = Incident(
        number=next_number(session, "INC"),
        summary=service.checked(values.get("summary"), "summary", SUMMARY_LIMIT),
        description=str(values.get("description") or "")[:TEXT_LIMIT],
        source=Source(values.get("source") or Source.USER),
        impact=weighed.impact,
        urgency=weighed.urgency,
        priority=weighed.priority,
        priority_why=facts.why(weighed),
        category=str(values.get("category") or facts.category_of(None, ci)),
        state=State.ASSIGNED if queue is not None else State.NEW,
        ci_id=ci.id if ci is not None else None,
        location_id=ci.location_id if ci is not None else None,
        contact_id=values.get("contact_id"),
        affected_id=_affected(values),
        owner_group_id=facts.first_line(session),
        group_id=queue,
        created_by_id=actor.id,
        opened_at=now,
        response_due_at=response_due,
        resolution_due_at=resolution_due,
        context={"path": facts.path(session, ci), "changes": facts.changes(session, ci, now=now)},
        updated_at=now,
    )
    session.add(incident)
    session.flush()
    if ci is not None:
        row = {"incident_id": incident.id, "ci_id": ci.id, "role": "primary"}
        insert_missing(session, IncidentCi, row)
    sla.start(session, incident.number, incident.priority, opened_at=now, now=now)
    tell(session, incident, Kind.PERSON, N_("Reported"), now=now, by=actor.id, text=incident.description)
    return incident


def _affected(values: Mapping[str, Any]) -> int | None:
    """Who is hit; unless told otherwise who reports it."""
    found: int | None = values.get("affected_id") or values.get("contact_id")
    return found


def _weighed(session: Session, values: Mapping[str, Any], ci: Ci | None) -> Weighed:
    """The priority by impact, urgency, who is hit, and the gravest service that the item carries."""
    affected_id = _affected(values)
    affected = accounts.person(session, affected_id) if affected_id else None
    name, criticality = facts.gravest_service(
        session, ci, cmdb.impact(session, ci.id).stops if ci is not None else ()
    )
    return weigh(
        int(values.get("impact") or 3),
        int(values.get("urgency") or 3),
        vip=affected.vip if affected is not None else 0,
        vip_name=affected.name if affected is not None else "",
        service_criticality=criticality,
        service_name=name,
    )
