"""The desk tells of its own disk at a tenth left, once, and that it is over, once."""

import math
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.alerts.models import Alert
from server.health.disk import LOW, RULE, WELL, Watch
from server.incidents.models import Incident
from server.kernel import keys, space
from server.kernel.clock import ManualClock
from tests.desk_client import Desk


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the disk has left, 0 to 1, as the test says."""
    told = [1.0]
    monkeypatch.setattr(
        space,
        "room",
        lambda _folder: space.Room(math.ceil(told[0] * 2**40), 2**40, files_free=10**6, files=10**6),
    )
    return told


def desk_data(desk: Desk) -> Path:
    return desk.app[keys.SETTINGS].data


def alerts(session: Session) -> list[tuple[str, bool]]:
    rows = session.scalars(select(Alert).where(Alert.rule == RULE).order_by(Alert.id))
    return [(row.severity.value, row.resolved_at is None) for row in rows]


async def test_P7_the_own_alert_is_told_at_a_tenth_left_and_ends_with_room(  # noqa: N802
    desk: Desk, clock: ManualClock, left: list[float]
) -> None:
    watch = Watch(desk.db, clock, desk_data(desk))
    for share, known in (
        (LOW, []),
        (LOW - 0.001, [("critical", True)]),
        (LOW - 0.05, [("critical", True)]),
        (WELL - 0.001, [("critical", True)]),
        (WELL, [("critical", False)]),
        (1.0, [("critical", False)]),
    ):
        left[0] = share
        clock.forward(timedelta(minutes=10))
        await watch.look()
        assert await desk.db.read(alerts) == known, share


async def test_P7_after_a_new_start_the_alert_is_neither_told_twice_nor_forgotten(  # noqa: N802
    desk: Desk, clock: ManualClock, left: list[float]
) -> None:
    left[0] = 0.02
    await Watch(desk.db, clock, desk_data(desk)).look()
    await Watch(desk.db, clock, desk_data(desk)).look()
    assert await desk.db.read(alerts) == [("critical", True)]
    left[0] = 0.5
    await Watch(desk.db, clock, desk_data(desk)).look()
    assert await desk.db.read(alerts) == [("critical", False)]


async def test_P7_the_own_alert_opens_an_incident_in_words_of_both_languages(  # noqa: N802
    desk: Desk, clock: ManualClock, left: list[float]
) -> None:
    left[0] = 0.02
    await Watch(desk.db, clock, desk_data(desk)).look()
    await desk.work()
    summaries = await desk.db.read(lambda session: list(session.scalars(select(Incident.summary))))
    assert len(summaries) == 1
    alert = await desk.db.read(lambda session: session.scalars(select(Alert)).one())
    assert "2.0 %" in alert.summary["en"]
    assert "2.0 %" in alert.summary["zh"]
    assert "20.5 GiB" in alert.summary["zh"]
