"""A ranker learns from what helped, moves little where little is known, and says how sure it is."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml import measure, rerank
from ml.answers import Document
from ml.features import NAMES, features
from ml.rerank import Judged, Weights
from ml.similar import Index

SEEDS = st.integers(0, 10_000)


def judged(seed: int, *, tells: str = "near", count: int = 12) -> Judged:
    """A question whose right candidate has most of the feature that tells; the rest is noise."""
    random = np.random.default_rng(seed)
    rows = random.random((count, len(NAMES))).astype(np.float32)
    rows[:, [NAMES.index("facets"), NAMES.index("device")]] = 0
    right = np.zeros(count, dtype=bool)
    right[rows[:, NAMES.index(tells)].argmax()] = True
    return Judged(rows, right, np.zeros(count, dtype=bool))


def first_right(weights: Weights, questions: list[Judged]) -> float:
    return float(np.mean([one.right[np.argmax(rerank.worth(weights, one.rows))] for one in questions]))


def test_what_helped_is_learned_and_holds_for_questions_that_were_not_seen() -> None:
    begun = rerank.begun()
    learned = rerank.learn([judged(seed) for seed in range(60)], begun)
    unseen = [judged(seed) for seed in range(1_000, 1_080)]
    assert first_right(learned, unseen) > first_right(begun, unseen) + 0.3


def test_with_next_to_nothing_judged_nothing_moves() -> None:
    few = [judged(seed) for seed in range(rerank.FEWEST - 1)]
    assert rerank.learn(few, rerank.begun()) == rerank.begun()


def test_what_was_tried_in_vain_falls() -> None:
    questions = []
    for seed in range(40):
        one = judged(seed)
        nothing = np.zeros_like(one.right)
        questions.append(Judged(one.rows, nothing, one.right))
    learned = rerank.learn(questions, rerank.begun())
    for_it = NAMES.index("near")
    assert learned.order[for_it] < rerank.begun().order[for_it]
    assert first_right(learned, [judged(s) for s in range(500, 560)]) < first_right(
        rerank.begun(), [judged(s) for s in range(500, 560)]
    )


def test_what_every_ranker_begins_with_is_of_this_form_and_lets_nothing_in_common_count_against() -> None:
    begun = rerank.begun()
    assert begun.form == rerank.FORM
    assert len(begun.order) == len(rerank.COLUMNS)
    assert len(begun.sure) == len(rerank.SURE_NAMES) + 1
    assert min(begun.order) >= 0
    assert rerank.GUESSED.keys() <= set(rerank.COLUMNS)


def test_a_collection_that_is_asked_twice_as_much_has_no_more_say() -> None:
    many, few = [judged(seed) for seed in range(40)], [judged(seed, tells="pairs") for seed in range(10)]
    once = rerank.started([many, few])
    doubled = rerank.started([many + many, few])
    assert doubled.order == pytest.approx(once.order, abs=0.05)
    assert min(once.order) >= 0


@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_average_precision_is_that_of_the_definition(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores, right = random.random(9), random.random(9) < 0.4
    there = int(right.sum()) + 1
    order = sorted(range(9), key=lambda place: -scores[place])
    hits = [rank for rank, place in enumerate(order, 1) if right[place]]
    asked = sum(sum(other <= rank for other in hits) / rank for rank in hits) / there
    assert measure.average_precision(scores, right, there=there) == pytest.approx(asked)


@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_the_slope_of_the_loss_is_its_slope(seed: int) -> None:
    random = np.random.default_rng(seed)
    questions = []
    for n in range(4):
        one = judged(seed + n)
        wrong = (random.random(len(one.right)) < 0.2) & ~one.right
        right = one.right if n % 2 else np.zeros_like(one.right)
        questions.append(Judged(one.rows, right, wrong, weight=float(random.random()) + 0.5))
    told = rerank._Told.of([one for one in questions if one.teaches])
    at = random.normal(size=len(rerank.COLUMNS))
    prior = np.zeros_like(at)
    _loss, slope = told.loss(at, prior, 0.1)
    for place in random.integers(0, len(at), 4):
        step = np.zeros_like(at)
        step[place] = 1e-5
        rise = (told.loss(at + step, prior, 0.1)[0] - told.loss(at - step, prior, 0.1)[0]) / 2e-5
        assert slope[place] == pytest.approx(rise, rel=1e-3, abs=1e-4)


def test_sureness_is_calibrated_on_questions_that_were_not_seen() -> None:
    def asked(seed: int) -> Judged:
        one = judged(seed)
        return one if seed % 2 else Judged(one.rows, np.zeros_like(one.right), one.wrong)

    learned = rerank.learn([judged(seed) for seed in range(300)], rerank.begun())
    learned = rerank.calibrated(learned, [asked(seed) for seed in range(300, 700)], without=False)

    def error(weights: Weights) -> float:
        said, true = [], []
        for seed in range(1_000, 1_800):
            one = asked(seed)
            worths = rerank.worth(weights, one.rows)
            said.append(float(rerank.sureness(weights, one.rows, worths)[np.argmax(worths)]))
            true.append(bool(one.right[np.argmax(worths)]))
        return measure.calibration_error(said, true)

    assert error(learned) < min(0.1, error(rerank.begun()))


@given(
    texts=st.lists(st.text("ab 空调 停x1.\n", max_size=30), max_size=5),
    query=st.text("ab 空调 停x1.\n", max_size=40),
)
@settings(max_examples=80, deadline=None)
def test_whatever_is_written_every_feature_is_a_share(texts: list[str], query: str) -> None:
    index = Index()
    for number, text in enumerate(texts):
        index.add(str(number), Document({"title": text[:8], "symptom": text}))
    found = index.candidates(query)
    rows = features(index, found)
    assert rows.shape == (len(found), len(NAMES))
    assert np.isfinite(rows).all()
    assert (rows >= 0).all()
    assert (rows <= 1.001).all()
    worths = rerank.worth(rerank.begun(), rows)
    sure = rerank.sureness(rerank.begun(), rows, worths)
    assert ((sure >= 0) & (sure <= 1)).all()


def test_words_that_stand_together_beat_the_same_words_apart() -> None:
    index = Index()
    index.add("together", Document({"symptom": "the mains feed lost power while pumps and fans ran on"}))
    index.add("apart", Document({"symptom": "mains pumps ran, fans on power; the feed while nothing lost"}))
    found = index.candidates("mains feed lost")
    worths = rerank.worth(rerank.begun(), features(index, found))
    keys = [index.key(slot) for slot in found.slots.tolist()]
    assert keys[int(np.argmax(worths))] == "together"


@pytest.mark.parametrize(
    ("feature", "better", "worse"),
    [
        ("triples", "then the pump lost prime again", "then prime lost, again the pump"),
        ("rarest", "the pump lost prime", "the pump lost oil"),
        ("passage", "pump lost prime" + " valve fan" * 40, "pump" + " valve fan" * 40 + " lost prime"),
        ("covered_by_lead", "pump lost prime" + " valve fan" * 40, " valve fan" * 40 + "pump lost prime"),
    ],
)
def test_what_a_bag_of_words_cannot_see_is_seen(feature: str, better: str, worse: str) -> None:
    index = Index()
    for key, text in {"better": better, "worse": worse, "other": "fan noise", "more": "fan valve"}.items():
        index.add(key, Document({"symptom": text}))
    found = index.candidates("pump lost prime")
    column = features(index, found)[:, NAMES.index(feature)]
    seen = dict(zip((index.key(slot) for slot in found.slots.tolist()), column, strict=True))
    assert seen["better"] > seen["worse"]


def test_a_synonym_that_shares_a_han_sign_is_nearer_than_none() -> None:
    index = Index()
    index.add("near", Document({"symptom": "机房温度升高"}))
    index.add("far", Document({"symptom": "机房网络中断"}))
    found = index.candidates("机房 温控")
    rows = features(index, found)
    signs = dict(
        zip((index.key(slot) for slot in found.slots.tolist()), rows[:, NAMES.index("signs")], strict=True)
    )
    assert signs["near"] > signs["far"]


@given(seed=SEEDS, count=st.integers(1, 6))
def test_a_candidate_is_ahead_of_the_best_of_the_others(seed: int, count: int) -> None:
    rows = np.random.default_rng(seed).random((count, len(NAMES))).astype(np.float32)
    ahead = rerank._ahead(rows, ~np.eye(count, dtype=bool))
    for place, name in enumerate(rerank.AHEAD_OF):
        column = rows[:, NAMES.index(name)]
        for one in range(count):
            others = np.delete(column, one)
            assert ahead[one, place] == pytest.approx(column[one] - max(others, default=0.0))


@settings(deadline=None, max_examples=10)
@given(copies=st.integers(2, 30), renamed=st.sampled_from([False, True]))
def test_what_was_mended_several_times_stays_sure_as_what_was_mended_once(
    copies: int, *, renamed: bool
) -> None:
    def sure_of(times: int) -> float:
        index = Index()
        for number in range(40):
            told = {
                "title": f"printer {number} jams",
                "symptom": f"fan {number} of unit {number * 7} is noisy",
            }
            index.add(f"other {number}", Document(told, kind="case"))
        for number in range(times):
            name = f"SRV-{number + 100}" if renamed else "SRV-100"
            told = {
                "title": f"Memory of {name} nearly used up",
                "symptom": "the application eats memory until it swaps",
                "solution": "limited the pool and restarted the application",
            }
            index.add(f"case {number}", Document(told, kind="case"))
        asked = "Memory of SRV-9 nearly used up\nthe application eats memory until it swaps"
        rows = features(index, index.candidates(asked, limit=100))
        worths = rerank.worth(rerank.begun(), rows)
        return float(rerank.sureness(rerank.begun(), rows, worths)[int(np.argmax(worths))])

    assert sure_of(1) > 0.6
    assert sure_of(copies) > 0.6


@given(names=st.lists(st.text(max_size=8), unique=True, max_size=50))
def test_a_name_keeps_its_fold_whoever_else_is_there(names: list[str]) -> None:
    whole = measure.folds(names, 5, seed=1)
    assert all(measure.folds([name], 5, seed=1)[name] == fold for name, fold in whole.items())
    assert set(whole.values()) <= set(range(5))


def test_the_paired_test_knows_a_gain_from_chance() -> None:
    random = np.random.default_rng(3)
    old = random.random(60)
    assert measure.better_by_chance(old + 0.05, old, seed=1) < 0.001
    assert measure.better_by_chance(old, old, seed=1) == 1.0
    assert measure.better_by_chance(old - 0.05, old, seed=1) > 0.99
    noise = measure.better_by_chance(old + random.normal(0, 0.1, 60), old, seed=1)
    assert 0.0 < noise <= 1.0


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 500), articles=st.integers(1, 8), cases=st.integers(1, 8))
def test_how_sure_an_article_is_does_not_hang_on_how_many_cases_tell_the_same(
    seed: int, articles: int, cases: int
) -> None:
    random = np.random.default_rng(seed)
    rows = random.random((articles + cases, len(NAMES))).astype(np.float32)
    kinds = random.permutation(np.repeat(np.asarray([0, 1], dtype=np.int8), [articles, cases]))
    worths = rerank.worth(rerank.begun(), rows)
    sure = rerank.sureness(rerank.begun(), rows, worths, kinds)
    for kind in (0, 1):
        alone = rerank.sureness(rerank.begun(), rows[kinds == kind], worths[kinds == kind])
        assert sure[kinds == kind] == pytest.approx(alone)


def test_what_is_learned_of_how_sure_an_answer_is_is_learned_among_its_kind() -> None:
    questions = [judged(seed) for seed in range(40)]
    one_kind = rerank.calibrated(rerank.begun(), questions)
    kinds = np.zeros(12, dtype=np.int8)
    same = [replace(one, kinds=kinds, missing_kinds=kinds) for one in questions]
    assert rerank.calibrated(rerank.begun(), same) == one_kind
    mixed = [replace(one, kinds=(np.arange(12) % 2).astype(np.int8)) for one in questions]
    assert rerank.calibrated(rerank.begun(), mixed) != one_kind
