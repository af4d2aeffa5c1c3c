"""Panels of an item's record: its alerts and its incidents. The CMDB stands below both and knows neither."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.alerts.models import Alert, AlertState
from server.cmdb.providers import RANK, Panel, PanelRow
from server.incidents.models import Incident, IncidentCi
from server.incidents.service import visible
from server.kernel.call import Actor
from server.kernel.i18n import N_

SHOWN = 5
LOOKED_AT = 40


def alerts_of_ci(session: Session, ci_id: int, actor: Actor, now: datetime) -> Panel | None:
    """What fires on the item, worst first; what somebody muted is left out."""
    del now
    if not actor.may("alert.read"):
        return None
    found = session.scalars(
        select(Alert)
        .where(Alert.ci_id == ci_id, Alert.resolved_at.is_(None), Alert.state != AlertState.SUPPRESSED)
        .order_by(Alert.started_at.desc())
        .limit(LOOKED_AT)
    ).all()
    rows = [
        PanelRow(alert.summary, f"/alerts/{alert.id}", sev=alert.severity.value, at=alert.started_at)
        for alert in sorted(found, key=lambda one: RANK[one.severity.value])
    ]
    return Panel("alerts", N_("Alerts"), "bell-ringing", rows[:SHOWN], len(rows), "/alerts", order=10)


def incidents_of_ci(session: Session, ci_id: int, actor: Actor, now: datetime) -> Panel | None:
    """The item's incidents, newest first."""
    del now
    if not actor.may("incident.read"):
        return None
    listed = select(IncidentCi.incident_id).where(IncidentCi.ci_id == ci_id)
    mine = (Incident.ci_id == ci_id) | Incident.id.in_(listed)
    newest = select(Incident).where(mine).order_by(Incident.opened_at.desc()).limit(LOOKED_AT)
    found = [one for one in session.scalars(newest) if visible(one, actor)]
    rows = [
        PanelRow(
            one.summary_by_lang or one.summary,
            f"/incidents/{one.number}",
            pri=one.priority,
            state=one.state.value,
            meta=one.number,
            at=one.opened_at,
        )
        for one in found
    ]
    total = len(rows)
    if total == LOOKED_AT:
        total = session.scalar(select(func.count()).select_from(Incident).where(mine)) or total
    return Panel("incidents", N_("Incidents"), "flame", rows[:SHOWN], total, "", order=20)
