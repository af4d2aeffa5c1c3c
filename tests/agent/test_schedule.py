"""The schedule: an even spread, nobody twice at once, the dead asked less often."""

import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from agent.schedule import PATIENCE, SLOWEST_S, Schedule, phase


def test_devices_are_spread_evenly_over_their_interval() -> None:
    slots = Counter(int(phase("agent", f"t{index}", 60.0)) for index in range(6_000))
    assert len(slots) == 60
    assert min(slots.values()) > 60
    assert max(slots.values()) < 150


def drive(schedule: Schedule, until: float, up: dict[str, bool]) -> dict[str, list[float]]:
    """Run a schedule in which each poll takes no time."""
    now, asked = 0.0, dict[str, list[float]]()
    while now < until:
        key = schedule.take(now)
        if key is None:
            now += max(0.01, schedule.wait(now) or 0.01)
            continue
        asked.setdefault(key, []).append(now)
        for parent in schedule.done(key, now, up=up.get(key, True)):
            schedule.hasten(parent, now)
    return asked


@given(intervals=st.lists(st.sampled_from([5.0, 10.0, 30.0, 60.0]), min_size=1, max_size=10))
def test_everyone_has_a_turn_once_per_interval(intervals: list[float]) -> None:
    schedule = Schedule("agent")
    for index, every in enumerate(intervals):
        schedule.put(f"t{index}", every, 0.0)
    asked = drive(schedule, 600.0, {})
    for index, every in enumerate(intervals):
        moments = asked[f"t{index}"]
        assert abs(len(moments) - 600 / every) <= 1
        assert all(abs(b - a - every) < 0.1 for a, b in itertools.pairwise(moments))


def test_the_dead_are_asked_less_and_less_and_the_living_as_before() -> None:
    schedule = Schedule("agent")
    schedule.put("dead", 30.0, 0.0)
    schedule.put("well", 30.0, 0.0)
    asked = drive(schedule, 7_200.0, {"dead": False})
    pauses = [b - a for a, b in itertools.pairwise(asked["dead"])]
    assert all(abs(pause - 30) < 0.1 for pause in pauses[: PATIENCE - 1])
    assert all(pause <= SLOWEST_S * 1.2 for pause in pauses)
    assert pauses[-1] >= SLOWEST_S * 0.8
    assert abs(len(asked["well"]) - 240) <= 1


def test_a_parent_is_asked_at_once_when_its_child_falls_silent() -> None:
    schedule = Schedule("agent")
    schedule.put("switch", 300.0, 0.0)
    schedule.put("server", 10.0, 0.0, parents=("switch",))
    asked = drive(schedule, 30.0, {"server": False})
    assert asked["switch"][0] == asked["server"][0]


def test_a_late_poll_skips_the_turns_it_missed_and_the_lag_is_told() -> None:
    schedule = Schedule("agent")
    schedule.put("slow", 10.0, 0.0)
    start = schedule.wait(0.0) or 0.0
    assert schedule.take(start + 1.0) == "slow"
    assert schedule.take(start + 30.0) is None
    schedule.done("slow", start + 35.0, up=True)
    assert schedule.wait(start + 35.0) == 5.0
    assert (schedule.lag.count, round(schedule.lag.worst, 6), schedule.lag.skipped) == (1, 1.0, 3)


def test_a_slow_device_gets_rests_as_long_as_its_polls_and_its_own_interval_back() -> None:
    schedule = Schedule(seed="a")
    schedule.put("slow", 10.0, 0.0)
    now, gaps, last = 0.0, [], None
    for turn in range(60):
        now += schedule.wait(now) or 0.0
        key = schedule.take(now)
        assert key == "slow"
        if last is not None:
            gaps.append(now - last)
        last = now
        took = 20.0 if turn < 30 else 0.1
        now += took
        schedule.done("slow", now, up=True, took_s=took)
    assert gaps[0] >= 20.0, "never two polls at once"
    assert 38.0 <= gaps[28] <= 50.0, "half of the time it is left alone"
    assert gaps[-1] == 10.0


def test_silence_says_nothing_of_a_devices_load_and_no_interval_is_beyond_the_slowest() -> None:
    schedule = Schedule(seed="a")
    schedule.put("d", 10.0, 0.0)
    now = 0.0
    for up, took in [(False, 5.0), (False, 5.0), *[(True, 5_000.0)] * 20]:
        now += schedule.wait(now) or 0.0
        assert schedule.take(now) == "d"
        now += took
        schedule.done("d", now, up=up, took_s=took)
        assert (schedule.wait(now) or 0.0) <= 300.0
