"""When nothing is suggested: the desk measures it on its own tickets, and the manager sets it."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml import rerank
from ml.features import NAMES
from server.kernel.db import Database
from server.kernel.errors import InvalidError
from server.knowledge.suggesting import learning, silence
from server.knowledge.suggesting.learned import LEAST_SCORE
from server.knowledge.suggesting.suggest import Query, suggest
from tests.desk_client import Desk

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
Publish = Callable[..., str]


def judged(seed: int, *, helped: bool = True) -> rerank.Judged:
    random = np.random.default_rng(seed)
    rows = random.random((8, len(NAMES))).astype(np.float32)
    rows[:, [NAMES.index("facets"), NAMES.index("device")]] = 0
    right = np.zeros(8, dtype=bool)
    right[rows[:, NAMES.index("near")].argmax()] = helped
    return rerank.Judged(rows, right, np.zeros(8, dtype=bool))


@given(seeds=st.lists(st.integers(0, 500), min_size=1, max_size=12, unique=True))
@settings(max_examples=25, deadline=None)
def test_the_higher_the_threshold_the_less_is_answered_and_the_more_is_silent(seeds: list[int]) -> None:
    found = silence.curve([(judged(seed), rerank.begun()) for seed in seeds])
    assert found.tickets == len(seeds)
    answered, silent = [p.answered for p in found.points], [p.silent for p in found.points]
    assert answered == sorted(answered, reverse=True)
    assert silent == sorted(silent)
    assert all((point.right is None) == (point.answered == 0) for point in found.points)


def test_a_ticket_that_nothing_helped_measures_nothing() -> None:
    assert silence.curve([(judged(1, helped=False), rerank.begun())]) == silence.Curve()


def test_training_measures_the_ranker_that_is_to_be_live(db: Database) -> None:
    told = []
    for seed in range(60):
        one = judged(seed)
        rows, right = learning.packed(one.rows), one.right.tolist()
        told.append(learning.Lesson(f"INC-{seed:06}", 1, rows, right, [False] * 8))
    trained = learning.train(told, rerank.begun())
    assert trained is not None
    assert trained.curve.tickets == trained.figures["held_out"]
    db.run_now(learning.take, trained, now=NOON)
    found = db.read_now(silence.measured)
    assert found.curve == trained.curve.points
    assert (found.least, found.measured_at) == (LEAST_SCORE, NOON)
    db.run_now(silence.set_least, 0.7)
    db.run_now(silence.keep, silence.Curve(), now=NOON)
    assert db.read_now(silence.measured).curve == trained.curve.points
    assert db.read_now(silence.measured).least == 0.7


def test_the_threshold_that_is_set_decides_from_the_next_ticket_on(db: Database, publish: Publish) -> None:
    number = publish("Printer on floor 3 prints blank pages")
    publish("Access badge does not open the car park")

    asked = Query("The printer of the office gives only white paper")

    def known() -> list[str]:
        return [one.number for one in db.read_now(suggest, asked)]

    [found] = [one for one in db.read_now(suggest, asked, least=0.0) if one.number == number]
    assert silence.LOWEST + 0.03 < found.score < silence.HIGHEST - 0.03
    db.run_now(silence.set_least, found.score - 0.03)
    assert known() == [number]
    db.run_now(silence.set_least, found.score + 0.03)
    assert known() == []


@pytest.mark.parametrize("least", [0.0, 0.19, 0.96, 1.5, -1.0, float("nan")])
def test_a_threshold_that_is_guessing_or_silence_is_refused(db: Database, least: float) -> None:
    with pytest.raises(InvalidError, match="20 to 95 %"):
        db.run_now(silence.set_least, least)
    assert db.read_now(silence.measured).least == LEAST_SCORE


async def test_the_manager_sees_the_curve_and_sets_the_threshold(desk: Desk) -> None:
    assert "Not measured yet" in await desk.text("/knowledge/quality")
    curve = silence.curve([(judged(seed), rerank.begun()) for seed in range(30)])
    await desk.db.run(silence.keep, curve, now=NOON)
    page = await desk.text("/knowledge/quality")
    assert "measured on 30 tickets" in page
    assert page.count('<tr aria-current="true">') == 1
    await desk.post("/knowledge/quality/silence", {"least": "65"})
    assert (await desk.json("/api/v1/knowledge/silence"))["least"] == 0.65
    assert "Suggested from 65 % on" in await desk.bob.text("/knowledge/quality")
    changed = await desk.send("PUT", "/api/v1/knowledge/silence", json={"least": 0.4})
    assert (changed.status, (await changed.json())["least"]) == (200, 0.4)
    assert len((await desk.json("/api/v1/knowledge/silence"))["curve"]) == len(silence.POINTS)


async def test_T13_who_does_not_publish_does_not_set_the_threshold(desk: Desk) -> None:  # noqa: N802
    assert (await desk.bob.post("/knowledge/quality/silence", {"least": "30"})).status == 403
    refused = await desk.bob.send("PUT", "/api/v1/knowledge/silence", json={"least": 0.3})
    assert refused.status == 403
    assert (await desk.charlie.get("/api/v1/knowledge/silence")).status == 403
    assert (await desk.json("/api/v1/knowledge/silence"))["least"] == LEAST_SCORE
    assert (await desk.post("/knowledge/quality/silence", {"least": "5"})).status == 422
