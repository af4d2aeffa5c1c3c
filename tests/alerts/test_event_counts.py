"""How many events came since a moment is found without an index by time."""

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from server.alerts import service
from server.alerts.models import AlertEvent
from server.kernel.db import Database

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.integers(1, 9), st.integers(0, 5)), max_size=30),
    after=st.integers(-3, 90),
)
def test_events_are_counted_from_the_first_of_a_time_on(
    db: Database, steps: list[tuple[int, int]], after: int
) -> None:
    """Numbers have gaps, several events share a moment, and the moment may be before or after all."""
    rows, number, minute = [], 0, 0
    for gap, later in steps:
        number, minute = number + gap, minute + later
        rows.append((number, NOON + timedelta(minutes=minute)))

    def write(session: Session) -> None:
        session.execute(delete(AlertEvent))
        for number, at in rows:
            session.execute(
                insert(AlertEvent).values(
                    id=number,
                    alert_id=0,
                    condition=number,
                    dedup_key=number,
                    status="firing",
                    severity="minor",
                    at=at,
                    received_at=at,
                    source="agent:1",
                    sequence=number,
                    outcome="noted",
                    raw=b"",
                    trace_id="",
                )
            )

    db.run_now(write)
    since = NOON + timedelta(minutes=after)
    assert db.read_now(service.events_since, since) == sum(at >= since for _, at in rows)
