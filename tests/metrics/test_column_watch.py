"""Rules over columns judge as the plain ones do, one sample after the other."""

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete
from sqlalchemy.orm import Session

import server.metrics
from rules import catalog
from rules.alert_rule import Rule
from rules.hold import IDLE, Hold
from rules.hold import step as plain_step
from server.kernel.db import Database
from server.metrics.models import Firing, Kind
from server.metrics.samples import Block
from server.metrics.service import register
from server.metrics.watch import ColumnWatch, Verdict, shipped_rules

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp()) * 1000
TEXT = """
- alert: TooWarm
  metric: temperature_celsius
  above: 30
  clear_below: 28
  critical: {above: 40, clear_below: 38}
  for: 60s
  keep_firing_for: 90s
  severity: major
  summary: {en: "{ci} is {value}"}
- alert: TooCold
  metric: temperature_celsius
  below: 5
  clear_above: 7
  severity: minor
  summary: {en: "{ci} is {value}"}
"""
RULES = catalog.read(TEXT, "test.yaml")


def made(db: Database, number: int = 3) -> list[int]:
    def make(session: Session) -> list[int]:
        return [
            register(session, ci, "temperature_celsius", {}, unit="°C", kind=Kind.GAUGE, now=NOON)
            for ci in range(1, number + 1)
        ]

    return db.run_now(make)


def block(ids: list[int], seconds: float, values: list[float]) -> Block:
    return Block.of(np.array(ids, np.uint32), NOON_MS + round(seconds * 1000), np.array(values, np.float64))


def judged(db: Database, watch: ColumnWatch, *blocks: Block) -> list[Verdict]:
    return db.run_now(watch.step, blocks, now=NOON)


class Plain:
    """One rule on one series, by the pure functions."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.hold: Hold = IDLE
        self.met = self.critical = self.told = False
        self.last_at = -1.0

    def take(self, at: float, value: float) -> str | None:
        if at <= self.last_at or math.isnan(value):
            return None
        self.last_at = at
        rule = self.rule
        assert rule.limit is not None
        self.met = rule.limit.met(value, before=self.met)
        if rule.critical is not None:
            self.critical = rule.critical.met(value, before=self.critical)
        self.hold, turn = plain_step(self.hold, met=self.met, at=at, for_s=rule.for_s, keep_s=rule.keep_s)
        severity = "critical" if self.critical else rule.severity
        if turn == "firing" or (turn is None and self.hold.phase == "firing" and self.told != self.critical):
            self.told = self.critical
            return f"firing {severity}"
        return "resolved" if turn else None


readings = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(-30, 90),
        st.sampled_from([4.0, 6.0, 8.0, 20.0, 29.0, 31.0, 39.0, 41.0, float("nan")]),
    ),
    min_size=1,
    max_size=40,
)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=readings, sizes=st.lists(st.integers(1, 6), min_size=1, max_size=40))
def test_columns_judge_as_the_pure_rules_do(
    sqlite_db: Database, steps: list[tuple[int, int, float]], sizes: list[int]
) -> None:
    """Also with late samples, several of one series in a batch, and nulls."""
    ids, watch = made(sqlite_db), ColumnWatch(RULES)
    sqlite_db.run_now(_forget_firing)
    plain = {(series, rule.name): Plain(rule) for series in ids for rule in RULES}
    at, place = 0.0, 0
    for size in sizes:
        batch = steps[place : place + size]
        place += size
        blocks, taken = [], []
        for series, forward, value in batch:
            at = max(1.0, at + forward)
            blocks.append(block([ids[series]], at, [value]))
            taken.append((ids[series], NOON.timestamp() + at, value))
        expected = []
        for series, moment, value in sorted(taken, key=lambda one: (one[0], one[1])):
            expected += [
                (series, rule.name, said)
                for rule in RULES
                if (said := plain[series, rule.name].take(moment, value)) is not None
            ]
        got = [
            (one.series_id, one.rule.name, f"firing {one.severity}" if one.turn == "firing" else "resolved")
            for one in judged(sqlite_db, watch, *blocks)
        ]
        assert sorted(got) == sorted(expected)


def _forget_firing(session: Session) -> None:
    session.execute(delete(Firing))


def test_many_series_are_judged_in_one_block(db: Database) -> None:
    ids, watch = made(db, 50), ColumnWatch(RULES)
    assert judged(db, watch, block(ids, 0, [35.0] * 50)) == []
    verdicts = judged(db, watch, block(ids, 60, [35.0] * 49 + [20.0]))
    assert [one.series_id for one in verdicts] == ids[:49]
    assert verdicts[0].held_s == 60


def test_what_fires_is_not_told_again_after_a_restart_and_its_end_is(db: Database) -> None:
    ids = made(db)
    watch = ColumnWatch(RULES)
    judged(db, watch, block(ids[:1], 0, [35.0]))
    assert len(judged(db, watch, block(ids[:1], 60, [35.0]))) == 1
    again = ColumnWatch(RULES)
    assert judged(db, again, block(ids[:1], 120, [35.0])) == []
    judged(db, again, block(ids[:1], 180, [20.0]))
    ended = judged(db, again, block(ids[:1], 270, [20.0]))
    assert [one.turn for one in ended] == ["resolved"]


def test_a_batch_that_is_rolled_back_leaves_the_standing_as_it_was(db: Database) -> None:
    ids, watch = made(db), ColumnWatch(RULES)
    judged(db, watch, block(ids[:1], 0, [35.0]))

    def failing(session: Session) -> None:
        assert len(watch.step(session, [block(ids[:1], 60, [35.0])], now=NOON)) == 1
        raise LookupError

    with pytest.raises(LookupError):
        db.run_now(failing)
    assert len(judged(db, watch, block(ids[:1], 60, [35.0]))) == 1


def test_series_registered_later_are_judged_too(db: Database) -> None:
    ids, watch = made(db, 1), ColumnWatch(RULES)
    judged(db, watch, block(ids, 0, [35.0]))
    more = made(db, 3)
    judged(db, watch, block(more, 30, [35.0] * 3))
    fired = judged(db, watch, block(more, 60, [35.0] * 3))
    assert [one.series_id for one in fired] == ids
    assert len(judged(db, watch, block(more, 90, [35.0] * 3))) == 2


def test_the_shipped_rules_pass_their_own_tests() -> None:
    path = Path(server.metrics.__file__).with_name("rules.yaml")
    outcomes = catalog.run_tests(path)
    assert len(outcomes) >= 4
    assert [one for one in outcomes if not one.passed] == []
    assert all(rule.limit is not None for rule in shipped_rules())
