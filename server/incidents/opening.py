"""The incident of a group of alerts, opened with all its fields filled in, without typing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from server.alerts.models import Alert, AlertGroup
from server.cmdb import service as cmdb
from server.cmdb.models import Ci
from server.incidents import facts, learning
from server.incidents.models import (
    SUMMARY_LIMIT,
    Incident,
    IncidentCi,
    Kind,
    Source,
    State,
)
from server.incidents.telling import say
from server.incidents.timeline import tell
from server.kernel.db import insert_missing
from server.kernel.i18n import N_
from server.kernel.ticket import link, next_number
from server.sla import service as sla

ROLES = select(IncidentCi.ci_id, IncidentCi.role).where(IncidentCi.incident_id == bindparam("incident"))


def open_for(
    session: Session, group: AlertGroup, *, now: datetime, after: Incident | None = None
) -> Incident:
    """Open the incident of a group, with all fields filled in.

    Args:
        session: the running transaction.
        group: has just become worth telling.
        now: when.
        after: an incident of the same group that is closed already, to be linked.
    """
    alerts = facts.alerts_of(session, group.id)
    first = facts.gravest(alerts, group)
    cause, ci = cause_ci(session, group), ci_of(session, first, group)
    weighed = facts.weigh_machine(session, cause or ci, alerts)
    category = facts.category_of(first, ci)
    summary = titles_of(first, ci, group)
    queue = facts.route(session, ci, category)
    response_due, resolution_due = sla.deadlines(session, weighed.priority, now)
    incident = Incident(
        number=next_number(session, "INC"),
        summary=summary["en"],
        summary_by_lang=summary,
        source=Source.MONITORING,
        impact=weighed.impact,
        urgency=weighed.urgency,
        priority=weighed.priority,
        priority_why=facts.why(weighed),
        category=category,
        state=State.ASSIGNED if queue is not None else State.NEW,
        ci_id=ci.id if ci is not None else None,
        location_id=ci.location_id if ci is not None else None,
        owner_group_id=facts.first_line(session),
        group_id=queue,
        alert_group_id=group.id,
        opened_at=now,
        response_due_at=response_due,
        resolution_due_at=resolution_due,
        trace_id=first.trace_id if first is not None else "",
        context=_context(session, ci, alerts, group, now=now),
        updated_at=now,
    )
    session.add(incident)
    group.ticket = incident.number
    session.flush()
    learning.opened(session, incident, now=now)
    sla.start(session, incident.number, incident.priority, opened_at=now, now=now)
    touch_cis(session, incident, alerts, ci)
    _tell_opening(session, incident, group, first, alerts, now=now)
    if after is not None:
        link(session, incident.number, after.number, "recurrence_of", now=now)
    say(session, incident, "incident.opened", now=now)
    return incident


def cause_ci(session: Session, group: AlertGroup) -> Ci | None:
    """The item that is the probable cause."""
    return cmdb.find_ci(session, group.root_ci_id) if group.root_ci_id is not None else None


def ci_of(session: Session, first: Alert | None, group: AlertGroup) -> Ci | None:
    """The item an incident is about: that of its gravest alert, else the probable cause."""
    if first is not None and first.ci_id is not None:
        return cmdb.find_ci(session, first.ci_id)
    return cause_ci(session, group)


def titles_of(first: Alert | None, ci: Ci | None, group: AlertGroup) -> dict[str, str]:
    """The incident's summary by language."""
    return {lang: text[:SUMMARY_LIMIT] for lang, text in facts.summary_of(first, ci, group).items()}


def _context(
    session: Session, ci: Ci | None, alerts: list[Alert], group: AlertGroup, *, now: datetime
) -> dict[str, Any]:
    """What `facts.context` fills in, with the alert that names the incident and how grave it was."""
    first = facts.gravest(alerts, group)
    named = {"alert": first.id, "severity": first.severity.value} if first is not None else {}
    return {**facts.context(session, ci, alerts, group, now=now), "named_by": named}


def _tell_opening(
    session: Session,
    incident: Incident,
    group: AlertGroup,
    root: Alert | None,
    alerts: list[Alert],
    *,
    now: datetime,
) -> None:
    if root is not None:
        tell(
            session,
            incident,
            Kind.ALERT,
            N_("Alert: {alert}"),
            now=root.started_at,
            payload={"severity": root.severity.value, "alert": root.id, "evidence": evidence_of(root)},
            alert=root.summary or root.rule,
        )
    if len(alerts) > 1:
        tell(
            session,
            incident,
            Kind.CORRELATION,
            N_("{n} alerts have one probable cause: {cause}"),
            now=now,
            payload={"group": group.id},
            n=len(alerts),
            cause=cause_name(session, group, root),
        )
    tell(
        session,
        incident,
        Kind.MACHINE,
        N_("Opened with priority P{priority} by itself; nobody typed anything"),
        now=now,
        priority=incident.priority,
    )


def evidence_of(alert: Alert) -> str:
    """What the device said, in one line."""
    said = [f"{name} = {value}" for name, value in alert.evidence.items() if value not in (None, "")]
    if alert.value is not None:
        said.insert(0, f"{alert.metric or alert.rule} = {alert.value:g} {alert.unit}".rstrip())
    return " · ".join(said)[:400]


def touch_cis(session: Session, incident: Incident, alerts: Sequence[Alert], ci: Ci | None) -> None:
    """The items of the alerts belong to the incident; `ci` is the one it is about."""
    own = IncidentCi.incident_id == incident.id
    roles = {row.ci_id: row.role for row in session.execute(ROLES, {"incident": incident.id})}
    ids = {alert.ci_id for alert in alerts if alert.ci_id is not None}
    if ci is not None:
        ids.add(ci.id)
    rows = [
        {
            "incident_id": incident.id,
            "ci_id": number,
            "role": "primary" if ci is not None and number == ci.id else "affected",
        }
        for number in sorted(ids - roles.keys())
    ]
    insert_missing(session, IncidentCi, *rows)
    if ci is None:
        return
    if any(role == "primary" and number != ci.id for number, role in roles.items()):
        was = update(IncidentCi).where(own, IncidentCi.ci_id != ci.id, IncidentCi.role == "primary")
        session.execute(was.values(role="affected"))
    if roles.get(ci.id, "primary") != "primary":
        session.execute(update(IncidentCi).where(own, IncidentCi.ci_id == ci.id).values(role="primary"))


def cause_name(session: Session, group: AlertGroup, root: Alert | None) -> Any:
    """What the timeline calls the probable cause."""
    ci = cmdb.find_ci(session, group.root_ci_id) if group.root_ci_id is not None else None
    if ci is not None:
        return ci.name
    return root.device if root is not None else "?"
