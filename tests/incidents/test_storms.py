"""A storm is told in few words, and makes the incident that its alerts make one by one."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, select
from sqlalchemy.orm import Session

from rules.wire import AlertNews
from server.alerts.memory import forget_memory
from server.alerts.models import Alert, AlertEvent, AlertGroup
from server.alerts.taking import take
from server.incidents.models import Incident, IncidentCi, IncidentEntry
from server.kernel.db import Database
from tests.incidents.test_opening import ITEMS, NOON, _subscribed, ids, incidents, news, pass_time, tell

__all__ = ["_subscribed", "ids"]

FIRST = news("UPS-A", "UpsOnBattery", "power")
OTHERS = [name for name in ITEMS if name not in {"UPS-A", "MAINS", "BILLING", "DOOR-1"}]
RULES = (("DeviceUnreachable", "unreachable"), ("PowerFeedLost", "power"))
pieces = st.lists(
    st.tuples(
        st.sampled_from(OTHERS),
        st.sampled_from(RULES),
        st.sampled_from(["critical", "major", "minor"]),
        st.sampled_from(["firing", "firing", "firing", "resolved"]),
    ),
    min_size=1,
    max_size=12,
)


def _reset(db: Database) -> None:
    def empty(session: Session) -> None:
        for model in (IncidentEntry, IncidentCi, Incident, AlertEvent, Alert, AlertGroup):
            session.execute(delete(model))
        forget_memory(session)

    db.run_now(empty)


def _take(db: Database, ids: dict[str, int], items: Iterable[AlertNews], at: float) -> None:
    now = NOON + timedelta(seconds=at)
    db.run_now(take, list(items), source="agent:1", received_at=now, now=now, ci_of=ids)


def _found(db: Database) -> list[Any]:
    def read(session: Session) -> list[Any]:
        found = []
        for incident in session.scalars(select(Incident).order_by(Incident.id)):
            group = session.get_one(AlertGroup, incident.alert_group_id)
            cis = session.execute(
                select(IncidentCi.ci_id, IncidentCi.role).where(IncidentCi.incident_id == incident.id)
            )
            entries = session.scalars(select(IncidentEntry).where(IncidentEntry.incident_id == incident.id))
            counts: dict[str, int] = {}
            for entry in entries:
                if entry.msgid in {"Joined: {alert}", "Over: {alert}"}:
                    counts[entry.msgid] = counts.get(entry.msgid, 0) + int(entry.payload["n"])
            found.append(
                (
                    incident.state,
                    incident.priority,
                    incident.ci_id,
                    incident.summary,
                    group.root_ci_id,
                    group.size,
                    sorted((row.ci_id, row.role) for row in cis),
                    sorted(counts.items()),
                )
            )
        return found

    return db.read_now(read)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=pieces, cut=st.integers(1, 5))
def test_an_incident_does_not_depend_on_how_its_alerts_were_parcelled(
    db: Database, ids: dict[str, int], drawn: list[tuple[str, tuple[str, str], str, str]], cut: int
) -> None:
    told = [
        news(device, rule, symptom, status=status, severity=severity, at=60 + step / 100)
        for step, (device, (rule, symptom), severity, status) in enumerate(drawn)
    ]
    ends = []
    for size in (1, cut, len(told)):
        _reset(db)
        tell(db, ids, FIRST, at=0)
        pass_time(db, 50)
        assert len(incidents(db)) == 1
        for first in range(0, len(told), size):
            _take(db, ids, told[first : first + size], 61)
        ends.append(_found(db))
    assert ends[0] == ends[1] == ends[2]


def test_a_thousand_alerts_that_join_cost_hardly_more_statements_than_ten(
    db: Database, ids: dict[str, int]
) -> None:
    tell(db, ids, FIRST, at=0)
    pass_time(db, 50)
    counted = []
    for many in (10, 1000):
        told = [
            news(
                OTHERS[step % len(OTHERS)],
                "PortDown",
                "power",
                severity="minor",
                at=60,
                key={"port": f"{many}-{step}"},
            )
            for step in range(many)
        ]
        statements: list[str] = []

        def count(*about: Any, seen: list[str] = statements) -> None:
            seen.append(about[2])

        event.listen(db.engine, "before_cursor_execute", count)
        try:
            _take(db, ids, told, 61)
        finally:
            event.remove(db.engine, "before_cursor_execute", count)
        counted.append(len(statements))
    assert counted[1] < counted[0] + 20
    (incident,) = incidents(db)

    def joined(session: Session) -> list[IncidentEntry]:
        query = select(IncidentEntry).where(IncidentEntry.msgid == "Joined: {alert}")
        return list(session.scalars(query.where(IncidentEntry.incident_id == incident.id)))

    (entry,) = db.read_now(joined)
    assert entry.payload["n"] == 1010
    assert len(entry.payload["items"]) == 50
