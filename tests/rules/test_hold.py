"""A hold against an oracle that looks at the whole history each time."""

import itertools
import time

from hypothesis import given
from hypothesis import strategies as st

from rules.hold import Hold, step

SAMPLES = st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=60)


def oracle(history: list[tuple[float, bool]], for_s: float, keep_s: float) -> list[str]:
    """Slow and plain: after each sample, search backwards for how long it has been so."""
    told: list[str] = []
    for index, (at, met) in enumerate(history):
        since = at
        for earlier_at, earlier in reversed(history[:index]):
            if earlier is not met:
                break
            since = earlier_at
        standing = "resolved" if not told else told[-1]
        if met and standing == "resolved" and at - since >= for_s:
            told.append("firing")
        elif not met and standing == "firing" and at - since >= keep_s:
            told.append("resolved")
    return told


@given(samples=SAMPLES, for_s=st.integers(0, 120), keep_s=st.integers(0, 120))
def test_the_news_are_those_of_the_oracle(samples: list[tuple[int, bool]], for_s: int, keep_s: int) -> None:
    at, history, hold, told = 0.0, [], Hold(), []
    for pause, met in samples:
        at += pause
        history.append((at, met))
        hold, news = step(hold, met=met, at=at, for_s=for_s, keep_s=keep_s)
        if news:
            told.append(news)
        assert hold.fires == (told[-1:] == ["firing"])
    assert told == oracle(history, for_s, keep_s)


@given(samples=st.lists(st.tuples(st.integers(-500, 500), st.booleans()), max_size=60))
def test_a_clock_set_back_never_makes_two_of_the_same_news(samples: list[tuple[int, bool]]) -> None:
    at, hold, told = 1e6, Hold(), []
    for pause, met in samples:
        at += pause
        hold, news = step(hold, met=met, at=at, for_s=60, keep_s=60)
        if news:
            told.append(news)
    assert all(one != other for one, other in itertools.pairwise(told))
    assert told[:1] in ([], ["firing"])


def test_coming_back_while_the_alert_stands_is_counted_not_told() -> None:
    hold, news = step(Hold(), met=True, at=0, for_s=0, keep_s=60)
    assert news == "firing"
    for at in range(10, 50, 10):
        hold, news = step(hold, met=at % 20 == 0, at=at, for_s=0, keep_s=60)
        assert news is None
    assert hold.flips == 2


def test_a_million_steps_take_less_than_two_seconds_of_cpu() -> None:
    hold, began = Hold(), time.process_time()
    for index in range(1_000_000):
        hold, _news = step(hold, met=index % 1000 > 900, at=float(index), for_s=30, keep_s=30)
    assert time.process_time() - began < 2.0
