"""The ranker learns from what held, refuses to learn what is wrong, and can be put back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ml import rerank
from ml.features import NAMES
from server.kernel.clock import ManualClock
from server.kernel.db import Database
from server.kernel.errors import ConflictError, NotFoundError
from server.kernel.jobs import Work
from server.knowledge import service
from server.knowledge.models import Verdict
from server.knowledge.suggesting import learning, shelves, training
from server.knowledge.suggesting.learned import Standing
from server.knowledge.suggesting.learning import Lesson
from server.knowledge.suggesting.suggest import Query, suggest
from tests.desk_client import Desk

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ALICE, BOB, CHARLIE = 1, 2, 3
Publish = Callable[..., str]


def lesson(number: int, *, by: int = ALICE, tells: str = "near", turned: bool = False) -> Lesson:
    """A ticket on which the candidate with most of one feature helped; `turned`, the one with least."""
    random = np.random.default_rng(number)
    rows = random.random((12, len(NAMES))).astype(np.float32)
    rows[:, [NAMES.index("facets"), NAMES.index("device")]] = 0
    column = rows[:, NAMES.index(tells)]
    right = np.zeros(12, dtype=bool)
    right[column.argmin() if turned else column.argmax()] = True
    return Lesson(f"INC-{number:06}", by, learning.packed(rows), right.tolist(), [False] * 12)


def test_fifty_resolutions_make_a_ranker_that_is_right_more_often_than_the_frozen_one() -> None:
    trained = learning.train([lesson(number) for number in range(50)], rerank.begun())
    assert trained is not None
    assert trained.better
    unseen = [lesson(number).judged() for number in range(2_000, 2_100)]

    def first_right(weights: rerank.Weights) -> float:
        return float(np.mean([one.right[np.argmax(rerank.worth(weights, one.rows))] for one in unseen]))

    assert first_right(trained.weights) > first_right(rerank.begun()) + 0.2


def test_a_planted_batch_of_wrong_verdicts_does_not_go_live() -> None:
    honest = [lesson(number, by=ALICE if number % 2 else BOB) for number in range(120)]
    first = learning.train(honest, rerank.begun())
    assert first is not None
    assert first.better
    planted = [lesson(number, by=CHARLIE, turned=True) for number in range(500, 680)]
    second = learning.train([*honest, *planted], first.weights)
    assert second is not None
    assert not second.better
    assert second.figures["worst_part"] < -learning.TOLERATED


def test_what_is_no_better_is_not_taken_for_better() -> None:
    told = [lesson(number) for number in range(80)]
    first = learning.train(told, rerank.begun())
    assert first is not None
    again = learning.train(told, first.weights)
    assert again is not None
    assert not again.better


def test_from_a_few_verdicts_nothing_is_made() -> None:
    assert learning.train([lesson(number) for number in range(20)], rerank.begun()) is None
    assert learning.train([], rerank.begun()) is None


def trained(*, better: bool, order: float = 1.0) -> learning.Trained:
    weights = rerank.Weights(tuple(order for _ in rerank.COLUMNS), rerank.begun().sure)
    return learning.Trained(weights, better, {"before": 0.5, "after": 0.6})


def test_a_better_ranker_goes_live_a_refused_one_never_and_the_old_one_can_be_put_back(db: Database) -> None:
    first = db.run_now(learning.take, trained(better=True, order=1.0), now=NOON).id
    second = db.run_now(learning.take, trained(better=True, order=2.0), now=NOON).id
    refused = db.run_now(learning.take, trained(better=False), now=NOON).id
    assert db.read_now(learning.live)[0] == second
    assert db.read_now(shelves.up_to_date).ranking.weights.order[0] == 2.0
    db.run_now(learning.put_back, first, by=ALICE, now=NOON)
    assert db.read_now(shelves.up_to_date).ranking.weights.order[0] == 1.0
    with pytest.raises(ConflictError, match="no better"):
        db.run_now(learning.put_back, refused, by=ALICE, now=NOON)
    with pytest.raises(NotFoundError):
        db.run_now(learning.put_back, 999, by=ALICE, now=NOON)
    db.run_now(learning.put_back, 0, by=ALICE, now=NOON)
    assert db.read_now(shelves.up_to_date).ranking.weights == rerank.begun()
    standings = {one.number: one.standing for one in db.read_now(learning.history)}
    assert standings == {
        first: Standing.REPLACED,
        second: Standing.REPLACED,
        refused: Standing.REFUSED,
        0: Standing.LIVE,
    }


FAULTS = (
    "mains feed",
    "cooling pump",
    "door contact",
    "tape drive",
    "core router",
    "badge reader",
    "water sensor",
)


def test_a_bad_article_falls_behind_the_fifth_within_five_failures(db: Database, publish: Publish) -> None:
    texts = {"symptom": "The mains feed A of the hall is lost and the batteries carry the load."}
    bad = publish("Mains feed A lost: wait", **texts)
    for n in range(6):
        publish(f"Mains feed A lost, variant {n}", solution=f"Close breaker Q{n}.", **texts)
    query = Query("Mains feed A lost\nThe hall's batteries carry the load", alert="MainsLost")

    def place() -> int:
        numbers = [one.number for one in db.read_now(suggest, query, limit=20)]
        return numbers.index(bad) if bad in numbers else 99

    for n in range(5):
        db.run_now(service.record_outcome, bad, f"INC-{n:06}", Verdict.CAME_BACK, by=ALICE, now=NOON)
    assert place() >= 5


async def test_judged_tickets_are_lessons_and_training_is_done_in_a_process_of_its_own(
    db: Database, publish: Publish, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [publish(f"The {fault} fails", symptom=f"Alarm of the {fault} in hall") for fault in FAULTS]
    for n in range(60):
        place = n % len(FAULTS)
        ticket, query = f"INC-{n:06}", Query(f"{FAULTS[place]} in hall {n} is out of order")
        db.run_now(learning.ask, ticket, query, now=NOON + timedelta(hours=n))
        verdict = Verdict.FIXED if n % 3 else Verdict.NOT_RELEVANT
        said = numbers[place] if n % 3 else numbers[(place + 1) % len(FAULTS)]
        db.run_now(service.record_outcome, said, ticket, verdict, by=ALICE, now=NOON)
    told = db.read_now(learning.lessons)
    assert len(told) == 60
    assert sum(sum(one.right) for one in told) == 40
    work = Work(1, training.JOB, {}, 1, 1, db, clock, None)  # type: ignore[arg-type]  # no application
    monkeypatch.setattr(Work, "hold", lambda *_: None)
    await training.learn(work)
    [made, _begun] = db.read_now(learning.history)
    assert made.figures["held_out"] >= learning.FEWEST_HELD_OUT
    assert made.figures["after"] >= made.figures["before"] or made.standing is Standing.REFUSED


def test_the_own_case_and_later_cases_teach_a_ticket_nothing(db: Database) -> None:
    for ticket, at in (("INC-000001", NOON), ("INC-000002", NOON + timedelta(days=1))):
        db.run_now(
            service.learn_case,
            ticket,
            title="Mains feed lost",
            symptom="",
            cause="",
            solution="Closed Q14",
            facets={},
            language="en",
            resolved_at=at,
        )
    for ticket, at in (("INC-000001", NOON - timedelta(hours=1)), ("INC-000003", NOON + timedelta(hours=1))):
        db.run_now(learning.ask, ticket, Query("Mains feed lost"), now=at)
        db.run_now(service.record_outcome, "INC-000001", ticket, Verdict.FIXED, by=ALICE, now=NOON)
    [only] = db.read_now(learning.lessons)
    assert (only.ticket, only.right) == ("INC-000003", [True])


async def test_rankers_are_listed_put_back_and_learned_anew(desk: Desk) -> None:
    [begun] = await desk.json("/api/v1/rankers")
    assert (begun["number"], begun["standing"]) == (0, "live")
    back = await desk.post("/api/v1/rankers/live", json={"number": 0})
    assert (back.status, await back.json()) == (200, [begun])
    assert (await desk.post("/api/v1/rankers/live", json={"number": 7})).status == 404
    assert (await desk.post("/api/v1/rankers/learn")).status in {202, 204}
    assert (await desk.charlie.get("/api/v1/rankers")).status == 403


def test_a_fix_tells_how_it_did_on_the_very_model_and_which_words_of_the_ticket_matched(
    db: Database, publish: Publish
) -> None:
    number = publish(
        "Fan tray fails: swap it",
        symptom="The fan tray reports a fault and the chassis grows hot.",
        applies_to={"alert": ["FanFault"]},
    )
    for n, (model, verdict) in enumerate(
        [("PX-20", Verdict.FIXED)] * 2 + [("PX-20", Verdict.CAME_BACK), ("PX-40", Verdict.FIXED)]
    ):
        facets = {"model": model, "alert": "FanFault"}
        db.run_now(service.record_outcome, number, f"INC-{n:06}", verdict, by=ALICE, now=NOON, facets=facets)
    [found] = db.read_now(suggest, Query("SW-1: Fan Tray FAULT", alert="FanFault", model="PX-20"))
    assert (found.fixed, found.tried) == (3, 4)
    assert (found.here, found.fixed_here, found.tried_here) == (("model", "PX-20"), 2, 3)
    assert {"Fan", "Tray", "FAULT"} <= set(found.said)
    [other] = db.read_now(suggest, Query("Fan tray fault", alert="FanFault", model="ZZ"))
    assert (other.here, other.tried_here) == (("alert", "FanFault"), 4)
