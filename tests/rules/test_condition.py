"""Rates of counters never go wrong in the same direction twice: no negative, no spike."""

from hypothesis import given
from hypothesis import strategies as st

from rules.condition import Changes, Threshold, rate


@given(
    start=st.integers(0, 2**32 - 1),
    rises=st.lists(st.integers(0, 2**29), min_size=1, max_size=30),
    seconds=st.integers(1, 300),
)
def test_a_counter_of_32_bits_that_wraps_gives_the_true_rate_or_a_gap(
    start: int, rises: list[int], seconds: int
) -> None:
    before = start
    for rise in rises:
        after = (before + rise) % 2**32
        found = rate(float(before), float(after), float(seconds))
        assert found is None or found == rise / seconds
        if after >= before:
            assert found is not None
        before = after


@given(before=st.integers(0, 2**64 - 1), after=st.integers(0, 2**64 - 1), seconds=st.floats(0.1, 1e5))
def test_a_rate_is_never_negative(before: int, after: int, seconds: float) -> None:
    found = rate(float(before), float(after), seconds)
    assert found is None or found >= 0


def test_a_counter_that_began_anew_is_a_gap() -> None:
    assert rate(5_000_000.0, 12.0, 60.0) is None
    assert rate(2.0**40, 12.0, 60.0) is None
    assert rate(2.0**32 - 100, 20.0, 60.0) == 2.0


def test_no_time_is_no_rate() -> None:
    assert rate(1.0, 2.0, 0.0) is None


def test_a_threshold_clears_only_beyond_its_hysteresis() -> None:
    warm = Threshold(27.0, 26.0)
    assert not warm.met(26.5, before=False)
    assert warm.met(27.1, before=False)
    assert warm.met(26.5, before=True)
    assert not warm.met(26.0, before=True)
    low = Threshold(0.2, 0.25, above=False)
    assert low.met(0.22, before=True)
    assert not low.met(0.22, before=False)


def test_changes_outside_the_window_do_not_count() -> None:
    changes = Changes(600.0)
    assert [changes.count(float(i % 2), i * 60.0) for i in range(5)] == [0, 1, 2, 3, 4]
    assert changes.count(0.0, 10_000.0) == 0
