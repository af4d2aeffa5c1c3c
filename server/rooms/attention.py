"""What in a room needs a person: open incidents first, then alerts that no incident carries."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from server.alerts.models import Alert, AlertState
from server.cmdb.models import Ci
from server.cmdb.providers import RANK
from server.incidents.models import OPEN_STATES, Incident
from server.incidents.service import visible
from server.kernel.call import Actor

MOST = 12


@dataclass(frozen=True)
class Matter:
    """A line: an incident with its priority, or an alert with its severity."""

    text: dict[str, str] | str
    url: str
    number: str
    priority: int
    severity: str
    at: datetime
    due_at: datetime | None
    ci_name: str = ""


def of(session: Session, ci_ids: Collection[int], room_id: int, *, actor: Actor) -> list[Matter]:
    """At most a dozen matters, worst first; what the person may not see is left out."""
    matters: list[Matter] = []
    carried: set[int] = set()
    if actor.may("incident.read"):
        found = session.scalars(
            select(Incident)
            .where(
                Incident.state.in_(OPEN_STATES),
                or_(Incident.ci_id.in_(ci_ids), Incident.location_id == room_id),
            )
            .order_by(Incident.priority, Incident.opened_at)
            .limit(MOST)
        ).all()
        found = [one for one in found if visible(one, actor)]
        carried = {one.alert_group_id for one in found if one.alert_group_id}
        matters += [
            Matter(
                one.summary_by_lang or one.summary,
                f"/incidents/{one.number}",
                one.number,
                one.priority,
                "",
                one.opened_at,
                one.resolution_due_at if one.responded_at else one.response_due_at or one.resolution_due_at,
            )
            for one in found
        ]
    if actor.may("alert.read") and len(matters) < MOST:
        matters += _alerts(session, ci_ids, carried)
    return matters[:MOST]


def _alerts(session: Session, ci_ids: Collection[int], carried: Collection[int]) -> Sequence[Matter]:
    rows = session.execute(
        select(Alert, Ci.name)
        .join(Ci, Ci.id == Alert.ci_id)
        .where(Alert.ci_id.in_(ci_ids), Alert.resolved_at.is_(None), Alert.state != AlertState.SUPPRESSED)
        .order_by(Alert.started_at.desc())
        .limit(MOST * 4)
    ).all()
    alone = [(alert, name) for alert, name in rows if alert.group_id not in carried]
    alone.sort(key=lambda row: RANK[row[0].severity.value])
    return [
        Matter(
            alert.summary, f"/alerts/{alert.id}", "", 0, alert.severity.value, alert.started_at, None, name
        )
        for alert, name in alone
    ]


def firing(session: Session) -> list[tuple[int, int, str]]:
    """Place, item and severity of everything that fires on items with a place."""
    rows = session.execute(
        select(Ci.location_id, Ci.id, Alert.severity)
        .join(Ci, Ci.id == Alert.ci_id)
        .where(Alert.resolved_at.is_(None), Alert.state != AlertState.SUPPRESSED, Ci.location_id.is_not(None))
        .distinct()
    )
    return [(place, ci_id, severity.value) for place, ci_id, severity in rows if place is not None]


def worst_alerts(session: Session, ci_ids: Collection[int]) -> dict[int, str]:
    """The worst severity that fires on each item, for the health of the CMDB."""
    worst: dict[int, str] = {}
    rows = session.execute(
        select(Alert.ci_id, Alert.severity)
        .where(Alert.resolved_at.is_(None), Alert.state != AlertState.SUPPRESSED, Alert.ci_id.is_not(None))
        .distinct()
    )
    wanted = set(ci_ids)
    for ci_id, severity in rows:
        word = severity.value
        if ci_id in wanted and (ci_id not in worst or RANK[word] < RANK[worst[ci_id]]):
            worst[ci_id] = word
    return worst
