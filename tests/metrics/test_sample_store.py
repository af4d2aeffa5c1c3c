"""The contract of a sample store: what every implementation keeps, whatever comes in what order."""

import itertools
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.kernel.db import Database
from server.metrics import packing
from server.metrics.chunks import ChunkStore
from server.metrics.models import Chunk, Head, Kind
from server.metrics.recent import Recent
from server.metrics.samples import DAY_MS, Block, null, reason
from server.metrics.service import register
from server.metrics.store import SampleStore

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp()) * 1000
examples = itertools.count(1)


@dataclass
class Plain:
    """The oracle: every sample in a dict, nothing clever."""

    samples: dict[tuple[int, int], float] = field(default_factory=dict)

    def append(self, ids: list[int], at: list[int], values: list[float]) -> None:
        for series, moment, value in zip(ids, at, values, strict=True):
            old = self.samples.get((series, moment))
            if old is None or math.isnan(old) or value > old:
                self.samples[series, moment] = value

    def read(self, series: int, from_ms: int, to_ms: int) -> list[tuple[int, float]]:
        return sorted((at, v) for (s, at), v in self.samples.items() if s == series and from_ms <= at < to_ms)


@pytest.fixture(params=[ChunkStore])
def store(request: pytest.FixtureRequest) -> SampleStore:
    made: SampleStore = request.param()
    return made


def block(ids: list[int], at: list[int], values: list[float]) -> Block:
    return Block.of(np.array(ids, np.uint32), np.array(at, np.int64), np.array(values, np.float64))


def put(db: Database, store: SampleStore, *blocks: Block) -> None:
    db.run_now(lambda session: store.append(session, blocks, received_at=NOON))


def seen(db: Database, store: SampleStore, series: int, from_ms: int, to_ms: int) -> list[tuple[int, float]]:
    points = db.read_now(store.read, [series], from_ms, to_ms)[series]
    return list(zip(points.at.tolist(), points.values.tolist(), strict=True))


def test_what_was_appended_is_read_at_once_and_after_packing(db: Database, store: SampleStore) -> None:
    put(db, store, block([1, 2, 1], [NOON_MS, NOON_MS, NOON_MS + 60_000], [20.5, 3.0, 21.0]))
    before = seen(db, store, 1, 0, 10**14)
    assert before == [(NOON_MS, 20.5), (NOON_MS + 60_000, 21.0)]
    assert store.pack(db, now=NOON) == 3
    assert seen(db, store, 1, 0, 10**14) == before
    assert seen(db, store, 2, 0, 10**14) == [(NOON_MS, 3.0)]
    assert seen(db, store, 3, 0, 10**14) == []


def test_a_range_is_closed_at_its_begin_and_open_at_its_end(db: Database, store: SampleStore) -> None:
    put(db, store, block([1, 1, 1], [NOON_MS, NOON_MS + 1, NOON_MS + 2], [1.0, 2.0, 3.0]))
    assert seen(db, store, 1, NOON_MS, NOON_MS + 2) == [(NOON_MS, 1.0), (NOON_MS + 1, 2.0)]


samples = st.tuples(
    st.integers(1, 4),
    st.one_of(
        st.integers(NOON_MS - 20, NOON_MS + 20),
        st.sampled_from([0, NOON_MS - 3 * DAY_MS, NOON_MS + DAY_MS, DAY_MS * 20_777, DAY_MS * 20_777 - 1]),
    ),
    st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.just(float("nan"))),
)
batches = st.lists(
    st.one_of(st.just("pack"), st.lists(samples, min_size=1, max_size=12)), min_size=1, max_size=10
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=batches, cuts=st.lists(st.integers(NOON_MS - 25, NOON_MS + 25), min_size=2, max_size=2))
def test_any_mix_of_late_doubled_and_packed_samples_reads_as_the_plain_oracle(
    db: Database, store: SampleStore, steps: list[str | list[tuple[int, int, float]]], cuts: list[int]
) -> None:
    oracle = Plain()
    first = 10 * next(examples)  # series of this example only
    for step in steps:
        if isinstance(step, str):
            store.pack(db, now=NOON)
            continue
        ids, at, values = (list(column) for column in zip(*step, strict=True))
        ids = [first + series for series in ids]
        oracle.append(ids, at, values)
        put(db, store, block(ids, at, values))
    for low, high in ((0, 10**14), (min(cuts), max(cuts) + 1)):
        for series in range(first + 1, first + 5):
            expected = oracle.read(series, low, high)
            np.testing.assert_equal(seen(db, store, series, low, high), expected)
    store.pack(db, now=NOON)
    assert db.read_now(lambda session: session.scalar(select(func.count(Head.id)))) == 0
    for series in range(first + 1, first + 5):
        np.testing.assert_equal(seen(db, store, series, 0, 10**14), oracle.read(series, 0, 10**14))


def test_packing_again_changes_nothing(db: Database, store: SampleStore) -> None:
    put(db, store, block([1, 1], [NOON_MS, NOON_MS + 1000], [1.5, 2.5]))
    store.pack(db, now=NOON)
    rows = db.read_now(lambda s: s.execute(select(Chunk.slot, Chunk.series_id, Chunk.n, Chunk.body)).all())
    put(db, store, block([1, 1], [NOON_MS + 1000, NOON_MS], [2.5, 1.5]))
    store.pack(db, now=NOON)
    store.pack(db, now=NOON)
    again = db.read_now(lambda s: s.execute(select(Chunk.slot, Chunk.series_id, Chunk.n, Chunk.body)).all())
    assert again == rows


def test_of_two_packers_one_gives_way_and_no_sample_is_lost(db: Database) -> None:
    store = ChunkStore()
    put(db, store, block([1], [NOON_MS], [1.5]))
    plan = db.read_now(packing.prepare)
    assert plan is not None
    assert store.pack(db, now=NOON) == 1
    put(db, store, block([1], [NOON_MS + 1], [2.5]))
    assert db.run_now(packing.apply, plan, now=NOON) is False
    assert seen(db, store, 1, 0, 10**14) == [(NOON_MS, 1.5), (NOON_MS + 1, 2.5)]


def test_a_null_keeps_its_reason_through_heads_and_chunks(db: Database, store: SampleStore) -> None:
    values = [float("nan"), float("inf"), float("-inf"), null(4), 7.0]
    put(db, store, block([1] * 5, [NOON_MS + i for i in range(5)], values))
    expected = ["not_a_number", "positive_infinity", "negative_infinity", "no_value", None]
    for _ in range(2):
        points = db.read_now(store.read, [1], 0, 10**14)[1]
        assert [reason(value) for value in points.values] == expected
        store.pack(db, now=NOON)


def test_rolled_back_samples_were_never_there(db: Database, store: SampleStore) -> None:
    def failing(session: Session) -> None:
        store.append(session, [block([1], [NOON_MS], [5.0])], received_at=NOON)
        assert len(store.read(session, [1], 0, 10**14)[1]) == 1
        raise LookupError

    with pytest.raises(LookupError):
        db.run_now(failing)
    assert seen(db, store, 1, 0, 10**14) == []
    put(db, store, block([1], [NOON_MS], [6.0]))
    assert seen(db, store, 1, 0, 10**14) == [(NOON_MS, 6.0)]


def test_more_heads_than_memory_may_hold_are_read_all_the_same(db: Database) -> None:
    store, small = ChunkStore(), Recent(largest=100)
    for step in range(30):
        put(db, store, block([1, 2] * 5, [NOON_MS + 10 * step + i for i in range(10)], [float(step)] * 10))
    parts = db.read_now(small.read, [1], NOON_MS + 100, NOON_MS + 200)[1]
    assert [int(at) for part in parts for at in part.at] == list(range(NOON_MS + 100, NOON_MS + 200, 2))


def test_the_latest_value_is_the_newest_in_time_not_in_arrival(db: Database, store: SampleStore) -> None:
    def make(session: Session) -> list[int]:
        return [register(session, 7, name, {}, kind=Kind.GAUGE, now=NOON) for name in ("a", "b")]

    one, two = db.run_now(make)
    put(db, store, block([one, one], [NOON_MS + 2000, NOON_MS], [22.0, 20.0]))
    put(db, store, block([one], [NOON_MS + 1000], [21.0]))
    for _ in range(2):
        assert db.read_now(store.latest, [one, two]) == {one: (NOON_MS + 2000, 22.0)}
        store.pack(db, now=NOON)
    put(db, store, block([one, two], [NOON_MS + 1500, NOON_MS], [1.0, 2.0]))
    store.pack(db, now=NOON)
    assert db.read_now(store.latest, [one, two]) == {one: (NOON_MS + 2000, 22.0), two: (NOON_MS, 2.0)}


def test_a_finished_day_is_rolled_up_once_and_again_when_late_samples_come(db: Database) -> None:
    store = ChunkStore()
    day = NOON_MS - NOON_MS % DAY_MS
    at = list(range(day, day + 600_000, 60_000))
    put(db, store, block([1] * 10, at, [float(i) for i in range(10)]))
    store.pack(db, now=NOON)
    assert store.roll(db, now=NOON) == 0
    tomorrow = NOON + timedelta(days=1)
    assert store.roll(db, now=tomorrow) == 1
    assert store.roll(db, now=tomorrow) == 0
    rolled = db.read_now(store.read_rolled, [1], 300, day, day + DAY_MS)[1]
    assert rolled.at.tolist() == [day, day + 300_000]
    assert [rolled.low.tolist(), rolled.high.tolist(), rolled.last.tolist()] == [[0, 5], [4, 9], [4, 9]]
    assert [rolled.mean.tolist(), rolled.count.tolist()] == [[2, 7], [5, 5]]
    put(db, store, block([1], [day + 30_000], [-4.0]))
    store.pack(db, now=tomorrow)
    assert store.roll(db, now=tomorrow) == 1
    rolled = db.read_now(store.read_rolled, [1], 3600, day, day + DAY_MS)[1]
    assert (rolled.low.tolist(), rolled.high.tolist(), rolled.count.tolist()) == ([-4], [9], [11])


def test_samples_go_after_their_retention_and_their_buckets_stay(db: Database) -> None:
    store = ChunkStore()
    put(db, store, block([1, 1], [NOON_MS, NOON_MS + 1000], [1.0, 3.0]))
    store.pack(db, now=NOON)
    store.roll(db, now=NOON + timedelta(days=1))
    store.retire(db, now=NOON + timedelta(days=14))
    assert len(seen(db, store, 1, 0, 10**14)) == 2
    store.retire(db, now=NOON + timedelta(days=15, hours=13))
    assert seen(db, store, 1, 0, 10**14) == []
    assert db.read_now(store.read_rolled, [1], 300, 0, 10**13)[1].mean.tolist() == [2.0]
    store.retire(db, now=NOON + timedelta(days=91, hours=13))
    assert db.read_now(store.read_rolled, [1], 300, 0, 10**13)[1].mean.tolist() == []
    assert db.read_now(store.read_rolled, [1], 3600, 0, 10**13)[1].mean.tolist() == [2.0]
