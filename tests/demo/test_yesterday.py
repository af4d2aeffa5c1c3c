"""The day before the demo leads up to what is measured now, and is written once."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy.orm import Session

from server.demo import yesterday
from server.kernel.db import Database
from server.metrics import service as metrics
from server.metrics.models import Kind
from server.metrics.samples import Block, Points

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
MEASURED: dict[str, tuple[Kind, list[float]]] = {
    "ups_output_load_ratio": (Kind.GAUGE, [0.6, 0.61]),
    "ups_input_volts": (Kind.GAUGE, [231.0, 230.0]),
    "host_users": (Kind.GAUGE, [3.0, 3.0]),
    "door_state": (Kind.STATE, [2.0, 2.0]),
    "interface_in_octets_total": (Kind.COUNTER, [9e9, 9.0006e9]),
    "just_begun_total": (Kind.COUNTER, [10.0, 70.0]),
    "device_uptime_seconds": (Kind.GAUGE, [1e6, 1e6 + 60]),
}


def measure(session: Session) -> dict[str, int]:
    """Two samples of each, a minute apart, up to noon."""
    numbers = {
        name: metrics.register(session, 1, name, {}, kind=kind, now=NOON)
        for name, (kind, _) in MEASURED.items()
    }
    ids = np.asarray(list(numbers.values()), np.uint32)
    for turn in (0, 1):
        at = round((NOON - timedelta(minutes=1 - turn)).timestamp() * 1000)
        values = np.asarray([told[turn] for _, told in MEASURED.values()])
        metrics.append(session, [Block.of(ids, at, values)], NOON)
    return numbers


def day_of(db: Database, series: int) -> Points:
    def read(session: Session) -> Points:
        to = round(NOON.timestamp() * 1000) + 1
        return metrics.store.read(session, [series], to - 2 * 86_400_000, to)[series]

    return db.read_now(read)


@pytest.fixture
def told(db: Database) -> dict[str, Points]:
    numbers = db.run_now(measure)
    assert db.run_now(yesterday.write, now=NOON, zone=ZONE) == len(MEASURED) - 1
    assert db.run_now(yesterday.write, now=NOON, zone=ZONE) == 0, "a day is written once"
    return {name: day_of(db, number) for name, number in numbers.items()}


def test_each_series_has_a_day_without_gaps_and_what_cannot_be_known_has_none(
    told: dict[str, Points],
) -> None:
    for name, points in told.items():
        if name == "just_begun_total":
            assert len(points) == 2
        else:
            assert NOON.timestamp() * 1000 - points.at[0] > 24.5 * 3_600_000
            assert np.diff(points.at).max() <= yesterday.EVERY_MS, name


def test_the_day_leads_up_to_the_present(told: dict[str, Points]) -> None:
    for name, points in told.items():
        made, first = points.values[-3:-1] if len(points) > 2 else (points.values[0],) * 2
        assert made == pytest.approx(first, rel=0.03, abs=1e-9), name
    load = told["ups_output_load_ratio"].values
    assert 0.45 < load.min() < load.max() < 0.75
    assert load.max() - load.min() > 0.04, "a day has a course"
    assert np.ptp(told["ups_input_volts"].values) < 8


def test_counters_and_uptimes_only_grow_and_states_stay(told: dict[str, Points]) -> None:
    for name in ("interface_in_octets_total", "device_uptime_seconds"):
        assert (np.diff(told[name].values) > 0).all(), name
    for name in ("door_state", "host_users"):
        assert np.ptp(told[name].values) == 0, name
