"""Clocks: they pause, follow the priority, and escalate once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

import server.sla
from rules.calendar import ALWAYS
from server.kernel.db import Database
from server.sla import clocks, targets
from server.sla.models import ClockKind, SlaClock, SlaEscalation

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)  # Friday noon in Shanghai
HOUR = timedelta(hours=1)


@pytest.fixture
def told() -> Iterator[list[tuple[str, int]]]:
    heard: list[tuple[str, int]] = []

    def hear(_session: object, *, kind: ClockKind, percent: int, **_: object) -> None:
        heard.append((kind.value, percent))

    clocks.SLA_NEWS.subscribe(hear)
    yield heard
    clocks.SLA_NEWS._subscribers.remove(hear)


def begin(db: Database, priority: int = 1) -> None:
    db.run_now(clocks.start, "INC-1", priority, opened_at=NOON, now=NOON)


def resolution(db: Database, after: timedelta) -> clocks.ClockView:
    return db.read_now(clocks.views, ["INC-1"], now=NOON + after)["INC-1"][1]


def test_the_defaults_are_quarter_of_an_hour_and_four_hours_for_the_gravest(db: Database) -> None:
    found = db.read_now(targets.targets, 1)
    assert (found.response, found.resolution) == (timedelta(minutes=15), 4 * HOUR)
    assert found.calendar is ALWAYS


def test_other_priorities_count_working_hours_only(db: Database) -> None:
    begin(db, 3)
    assert resolution(db, timedelta(days=2)).spent == timedelta(hours=5, minutes=30)  # Friday 12:00 to 17:30


def test_a_pause_stops_the_clock_and_moves_the_deadline(db: Database) -> None:
    begin(db)
    db.run_now(clocks.pause, "INC-1", reason="vendor", now=NOON + HOUR)
    paused = resolution(db, 10 * HOUR)
    assert (paused.state, paused.spent, paused.due_at) == ("paused", HOUR, None)
    db.run_now(clocks.resume, "INC-1", now=NOON + 10 * HOUR)
    assert resolution(db, 10 * HOUR).due_at == NOON + 13 * HOUR


def test_another_priority_lays_its_target_over_the_time_spent(db: Database) -> None:
    begin(db, 2)
    db.run_now(clocks.reprioritise, "INC-1", 1, now=NOON + HOUR)
    view = resolution(db, HOUR)
    assert (view.target, view.spent, view.due_at) == (4 * HOUR, HOUR, NOON + 4 * HOUR)


def test_marks_escalate_once_in_order_and_not_while_paused(db: Database, told: list[tuple[str, int]]) -> None:
    begin(db)
    db.run_now(clocks.stop, "INC-1", ClockKind.RESPONSE, now=NOON + timedelta(minutes=5))
    for minutes in (60, 121, 121, 181, 181):
        db.run_now(clocks.watch, now=NOON + timedelta(minutes=minutes))
    assert told == [("resolution", 50), ("resolution", 75)]
    db.run_now(clocks.pause, "INC-1", reason="user", now=NOON + 3 * HOUR)
    db.run_now(clocks.watch, now=NOON + 9 * HOUR)
    assert len(told) == 2
    db.run_now(clocks.resume, "INC-1", now=NOON + 9 * HOUR)
    db.run_now(clocks.watch, now=NOON + 11 * HOUR)
    assert told[-1] == ("resolution", 100)
    rows = db.read_now(lambda session: session.scalars(select(SlaEscalation.percent)).all())
    assert sorted(rows) == [50, 75, 100]


def test_a_clock_that_was_set_back_escalates_nothing(db: Database, told: list[tuple[str, int]]) -> None:
    begin(db)
    db.run_now(clocks.watch, now=NOON - timedelta(days=1))
    assert told == []
    assert resolution(db, -timedelta(days=1)).spent == timedelta()


def test_what_was_resolved_in_time_is_met_and_a_reopened_one_counts_on(db: Database) -> None:
    begin(db)
    db.run_now(clocks.stop, "INC-1", now=NOON + HOUR)
    assert resolution(db, 100 * HOUR).state == "met"
    db.run_now(clocks.restart, "INC-1", now=NOON + 10 * HOUR)
    view = resolution(db, 11 * HOUR)
    assert (view.state, view.spent) == ("running", 2 * HOUR)


@given(
    steps=st.lists(st.tuples(st.sampled_from(["pause", "resume"]), st.integers(0, 300)), max_size=8),
    after=st.integers(0, 600),
)
def test_time_spent_is_the_time_that_was_not_paused(steps: list[tuple[str, int]], after: int) -> None:
    clock = SlaClock(
        ticket="X",
        kind=ClockKind.RESOLUTION,
        priority=1,
        target_s=14400,
        calendar="always",
        runs=[[0.0, None]],
    )
    at, spent, running = 0, 0, True
    for step, wait in steps:
        at += wait
        spent += wait if running else 0
        if step == "pause" and running:
            clock.runs = [*clock.runs[:-1], [clock.runs[-1][0], float(at)]]
            running = False
        elif step == "resume" and not running:
            clock.runs = [*clock.runs, [float(at), None]]
            running = True
    spent += after if running else 0
    view = clocks.view(clock, ALWAYS, datetime.fromtimestamp(at + after, UTC))
    assert view.spent == timedelta(seconds=spent)


def test_the_practice_watches_its_clocks() -> None:
    assert [schedule.job for schedule in server.sla.PRACTICE.schedules] == ["sla.watch"]
