"""Range queries and rates against plain arithmetic."""

import itertools
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from server.kernel.db import Database
from server.kernel.errors import InvalidError
from server.metrics import service
from server.metrics.chunks import ChunkStore
from server.metrics.models import Kind
from server.metrics.rates import rates
from server.metrics.samples import Block

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp()) * 1000
cis = itertools.count(100)


def series(db: Database, kind: Kind = Kind.GAUGE) -> int:
    def make(session: Session) -> int:
        return service.register(session, next(cis), "temperature_celsius", {}, kind=kind, unit="°C", now=NOON)

    return db.run_now(make)


def put(db: Database, one: int, at: list[int], values: list[float]) -> None:
    ids = np.full(len(at), one, np.uint32)
    block = Block.of(ids, np.array(at, np.int64), np.array(values))
    db.run_now(service.append, [block], NOON)


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    points=st.dictionaries(
        st.integers(0, 7200), st.floats(-1e6, 1e6) | st.just(math.nan), min_size=1, max_size=80
    ),
    step=st.sampled_from([1, 60, 299, 300, 3600]),
    packed=st.booleans(),
)
def test_buckets_equal_plain_arithmetic(
    db: Database, points: dict[int, float], step: int, *, packed: bool
) -> None:
    one = series(db)
    put(db, one, [NOON_MS + 1000 * second for second in points], list(points.values()))
    if packed:
        ChunkStore().pack(db, now=NOON)
    end = NOON + timedelta(seconds=7201)
    curve = db.read_now(service.query, [one], NOON, end, step, now=end)[one]
    expected: dict[int, list[float]] = {}
    for second in sorted(points):
        if not math.isnan(points[second]):
            at = NOON_MS + 1000 * second
            expected.setdefault(at - at % (1000 * step), []).append(points[second])
    real = ~np.isnan(curve.values)
    assert curve.low is not None
    assert curve.high is not None
    assert curve.at[real].tolist() == list(expected)
    assert curve.low[real].tolist() == [min(values) for values in expected.values()]
    assert curve.high[real].tolist() == [max(values) for values in expected.values()]
    means = [sum(values) / len(values) for values in expected.values()]
    assert curve.values[real] == pytest.approx(means, rel=1e-9, abs=1e-6)


def test_a_gap_is_never_joined(db: Database) -> None:
    one = series(db)
    minutes = [0, 1, 2, 3, 10, 11, 12]
    put(db, one, [NOON_MS + 60_000 * minute for minute in minutes], [20.0] * 7)
    end = NOON + timedelta(minutes=15)
    for step in (None, 60, 120):
        curve = db.read_now(service.query, [one], NOON, end, step, now=end)[one]
        holes = curve.at[np.isnan(curve.values)]
        assert len(holes) == 1
        assert NOON_MS + 180_000 < holes[0] < NOON_MS + 600_000


def test_a_null_sample_is_a_null_in_the_curve(db: Database) -> None:
    one = series(db)
    put(db, one, [NOON_MS, NOON_MS + 60_000, NOON_MS + 120_000], [1.0, math.nan, 2.0])
    curve = db.read_now(service.query, [one], NOON, NOON + timedelta(hours=1), now=NOON)[one]
    assert [None if math.isnan(value) else value for value in curve.values.tolist()] == [1.0, None, 2.0]


def test_an_old_range_is_answered_from_roll_ups_with_its_band(db: Database) -> None:
    one, store = series(db), ChunkStore()
    put(db, one, [NOON_MS + 60_000 * i for i in range(60)], [float(i % 5) for i in range(60)])
    store.pack(db, now=NOON)
    later = NOON + timedelta(days=20)
    store.roll(db, now=NOON + timedelta(days=1))
    store.retire(db, now=later)
    curve = db.read_now(service.query, [one], NOON, NOON + timedelta(hours=2), now=later)[one]
    assert curve.at.tolist() == [NOON_MS + 300_000 * i for i in range(12)]
    assert curve.values.tolist() == [2.0] * 12
    assert curve.low is not None
    assert (curve.low.tolist(), curve.high is not None and curve.high.tolist()) == ([0.0] * 12, [4.0] * 12)


def test_a_counter_is_answered_as_a_rate_even_at_the_begin_of_the_range(db: Database) -> None:
    one = series(db, Kind.COUNTER)
    put(db, one, [NOON_MS - 60_000, NOON_MS, NOON_MS + 60_000], [0.0, 600.0, 1800.0])
    curve = db.read_now(service.query, [one], NOON, NOON + timedelta(hours=1), now=NOON)[one]
    assert curve.values.tolist() == [10.0, 20.0]


def test_a_wrapped_counter_goes_on_and_a_restarted_one_leaves_a_gap() -> None:
    at = np.array([0, 1000, 2000, 3000], np.int64)
    _, wrapped = rates(at, np.array([2.0**32 - 100, 50.0, 150.0, 20.0]))
    assert wrapped[:2].tolist() == [150.0, 100.0]
    assert math.isnan(wrapped[2])
    _, wide = rates(at[:2], np.array([2.0**64 - 2.0**20, 2.0**20]))
    assert wide.tolist() == [2.0**21]


@given(st.lists(st.integers(0, 2**63), min_size=2, max_size=50))
def test_no_rate_is_ever_negative(values: list[int]) -> None:
    at = np.arange(len(values), dtype=np.int64) * 1000
    _, found = rates(at, np.array(values, np.float64))
    assert not (found < 0).any()


def test_a_range_that_ends_before_it_begins_or_is_too_fine_is_refused(db: Database) -> None:
    one = series(db)
    with pytest.raises(InvalidError, match="ends before"):
        db.read_now(service.query, [one], NOON, NOON, now=NOON)
    with pytest.raises(InvalidError, match="11000"):
        db.read_now(service.query, [one], NOON, NOON + timedelta(days=30), 1, now=NOON)


def test_a_series_is_registered_once_whatever_the_order_of_its_labels(db: Database) -> None:
    def twice(session: Session) -> tuple[int, int, int]:
        one = service.register(
            session, 1, "ifInOctets", {"if": "1", "vlan": "2"}, kind=Kind.COUNTER, now=NOON
        )
        same = service.register(
            session, 1, "ifInOctets", {"vlan": "2", "if": "1"}, kind=Kind.COUNTER, now=NOON
        )
        other = service.register(session, 1, "ifInOctets", {"if": "2"}, kind=Kind.COUNTER, now=NOON)
        return one, same, other

    one, same, other = db.run_now(twice)
    assert one == same != other


def test_a_state_shows_its_word(db: Database) -> None:
    def make(session: Session) -> int:
        states = {"3": "normal", "5": "battery"}
        return service.register(session, 4, "ups_output_source", {}, kind=Kind.STATE, states=states, now=NOON)

    one = db.run_now(make)
    put(db, one, [NOON_MS], [5.0])
    newest = db.read_now(service.latest, 4)[0]
    assert (newest.word, newest.value, newest.at) == ("battery", 5.0, NOON)
