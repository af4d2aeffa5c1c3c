"""A ranker over explained features: what weighs how much is learned from what helped.

A candidate's worth is a weighted sum of its features, of each as a share of the best candidate's, and of the
square of that share. The weights begin at those of `starting.json` (see `started`) and are learned from
judged questions by maximum likelihood under a softmax over the candidates, held to where they began by a
ridge: with little feedback little moves.

How sure an answer is (the probability that it is right) is a logistic regression of its own, over what stands
for itself (how much of the ticket it covers) and how far it leads, in all and by feature: where the answer is
missing, several fit equally badly. It is what decides about silence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from ml import beginnings, telling
from ml.features import NAMES, Rows

FORM = 5  # of the columns below; weights of another form are not read
ORDER_OF = tuple(name for name in NAMES if name not in telling.ALONE)  # these tell only how sure it is
COLUMNS = tuple(f"{name}{kind}" for kind in ("", " of best", " of best, squared") for name in ORDER_OF)
_ORDERING = [NAMES.index(name) for name in ORDER_OF]
_NOT_ALONE = {"facets", "device", "order", "crowd", "crowd_of_all"}  # the others decide these
SURE_OF = tuple(name for name in NAMES if name not in _NOT_ALONE)
AHEAD_OF = (
    "whole",
    "cosine",
    "title_cosine",
    "first_line",
    "pairs",
    "triples",
    "line_title_cosine",
    "signs_cosine",
    "passage",
    "near",
    *beginnings.NAMES,
    *(name for name in telling.NAMES if name not in telling.ALONE),
)
SURE_NAMES = (
    *SURE_OF,
    *(f"{name} ahead" for name in AHEAD_OF),
    "lead",
    "lead on the 5th",
    "lead on the 10th",
    "log share",
)


_COVERS = (
    "covered",
    "rare",
    "first_line_title",
    "symptom",
    "covered_by_lead",
    "said_of_body",
    "said_of_lead",
)


def _signs(name: str) -> tuple[float | None, float | None]:
    """What a candidate has of the question never makes it less sure, what it lacks never more.

    Other slopes are free: with several that tell nearly the same, one corrects the other.
    """
    if name.removesuffix(" ahead") not in {*telling.NAMES, *beginnings.NAMES, *_COVERS}:
        return None, None
    return (None, 0.0) if name.startswith(telling.LACKED) else (0.0, None)


SURE_SIGNS = tuple(_signs(name) for name in SURE_NAMES)
MOST_ALIKE = 24  # of the best candidates it is asked who says the same
SAME = 0.03  # features that differ by no more say the same
FARTHEST = 6.0  # a lead beyond it says no more
RIDGE = 0.1
SURE_RIDGE = 8.0  # many slopes; with little feedback none may be steep
SURE_FOLDS = 5
FEWEST = 8  # judged questions before anything is learned
DEVICE_LOGIT = 9.0  # how much agreement on the device and its alert adds to the logit of being right

GUESSED = {  # before any question was judged: what the first look says, and what it cannot see
    "order": 12.0,
    "whole": 3.0,
    "first_line": 3.0,
    "cosine": 2.0,
    "signs": 3.0,
    "signs_cosine": 1.0,
    "title_said": 1.0,
    "title_pairs": 1.0,
    "pairs_in_title": 8.0,
    "begun_alike of best": 4.0,
    "facets": 3.0,
    "facets of best": 1.0,
    "own": 4.0,
}
GUESS_RIDGE = 200.0  # how much collections that were judged may move the guess
COLLECTION = 600.0  # questions that a collection counts as, however many it has
SMALL_COLLECTION = 200.0
Kinds = NDArray[np.int8]
STARTING = Path(__file__).with_name("starting.json")


class Weights(msgspec.Struct, frozen=True):
    """What a ranker has learned; plain numbers, so that they can be read and kept anywhere.

    Args:
        order: a weight for each of COLUMNS.
        sure: a weight for each of SURE_NAMES, and the constant behind them.
        form: the FORM it was made for.
    """

    order: tuple[float, ...]
    sure: tuple[float, ...]
    form: int = FORM


@dataclass(frozen=True)
class Judged:
    """A question's candidates and what is known of them.

    Args:
        rows: features, the first look's best first.
        right: which of them helped.
        wrong: which of them were tried or looked at and did not help; of the others nothing is known.
        weight: how much this question counts.
        missing: features of the candidates as they would have been without what helped; some tell how a
            candidate stands among the others, so that leaving rows out would not do.
        kinds, missing_kinds: of which kind each candidate is, as `sureness` takes them.
    """

    rows: Rows
    right: NDArray[np.bool_]
    wrong: NDArray[np.bool_]
    weight: float = 1.0
    missing: Rows | None = None
    kinds: Kinds | None = None
    missing_kinds: Kinds | None = None

    @property
    def teaches(self) -> bool:
        """Whether there is something to tell apart."""
        return len(self.rows) > 1 and bool((self.right.any() and not self.right.all()) or self.wrong.any())

    def without(self) -> tuple[Rows, Kinds | None]:
        """The candidates as they would have been without what helped, and their kinds."""
        if self.missing is not None:
            return self.missing, self.missing_kinds
        return self.rows[~self.right], None if self.kinds is None else self.kinds[~self.right]


def columns(rows: Rows) -> Rows:
    """The features as the ranker weighs them."""
    some = rows[:, _ORDERING]
    best = some / np.maximum(some.max(axis=0, initial=0.0), np.float32(1e-6))
    return np.hstack([some, best, best * best])


def worth(weights: Weights, rows: Rows) -> NDArray[np.float64]:
    """What orders the candidates; the larger the better, comparable only within one question."""
    worths: NDArray[np.float64] = columns(rows).astype(np.float64) @ np.asarray(weights.order)
    return worths


def sureness(
    weights: Weights, rows: Rows, worths: NDArray[np.float64], kinds: Kinds | None = None
) -> NDArray[np.float64]:
    """The probability that each candidate is right, 0 to 1.

    Args:
        weights: of the ranker.
        rows: the candidates' features.
        worths: their worth.
        kinds: of which kind each is, an article or a past case: how far one leads is seen among its kind,
            as a case that tells the same trouble speaks for an article and not against it. None: all of one.
    """
    if not len(rows):
        return np.zeros(0)
    *slopes, constant = weights.sure
    logits = np.full(len(rows), constant)
    for same in _by_kind(len(rows), kinds):
        logits[same] += _sure_inputs(rows[same], worths[same]) @ np.asarray(slopes)
    logits += DEVICE_LOGIT * rows[:, NAMES.index("device")]
    sure: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
    return sure


def _by_kind(count: int, kinds: Kinds | None) -> list[NDArray[np.int64]]:
    """The places of each kind."""
    if kinds is None:
        return [np.arange(count)]
    return [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]


def _sure_inputs(rows: Rows, worths: NDArray[np.float64]) -> NDArray[np.float64]:
    """What stands for each candidate, and how far it leads those that say something else."""
    count, highest = len(worths), float(worths.max())
    others = ~_alike(rows, worths)
    ordered = np.argsort(-worths, kind="stable")
    behind = np.where(others[:, ordered], worths[ordered][None, :], -np.inf)  # of each, the others best first
    behind = -np.sort(-behind, axis=1)
    leads = []
    for place in (0, 4, 9):
        column = behind[:, place] if count > place else np.full(count, -np.inf)
        leads.append(worths - np.where(np.isfinite(column), column, highest - FARTHEST))
    clipped = np.clip(np.stack(leads, axis=1), -FARTHEST, FARTHEST)
    grown = np.exp(worths - highest)
    share = worths - highest - np.log(grown + np.where(others, grown[None, :], 0.0).sum(axis=1))
    own = rows[:, [NAMES.index(name) for name in SURE_OF]]
    return np.hstack([own, _ahead(rows, others), clipped, np.maximum(share, -12.0)[:, None]])


def _alike(rows: Rows, worths: NDArray[np.float64]) -> NDArray[np.bool_]:
    """For the best candidates, which say the same to this question; each says the same as itself.

    What was typed and mended several times stands there several times: that is agreement and no doubt.
    """
    alike = np.eye(len(rows), dtype=bool)
    best = np.argsort(-worths, kind="stable")[:MOST_ALIKE]
    own = rows[:, [NAMES.index(name) for name in SURE_OF]]
    alike[best] |= np.abs(own[best][:, None, :] - own[None, :, :]).max(axis=2, initial=0.0) <= SAME
    return alike


def _ahead(rows: Rows, others: NDArray[np.bool_]) -> Rows:
    """How far each candidate stands before the best of the others, by feature."""
    some = rows[:, [NAMES.index(name) for name in AHEAD_OF]]
    best = np.where(others[:, :, None], some[None, :, :], 0.0).max(axis=1)
    ahead: Rows = some - best
    return ahead


# -- learning ---------------------------------------------------------------------------------


def learn(
    judged: Sequence[Judged], start: Weights, *, ridge: float = RIDGE, least: float | None = None
) -> Weights:
    """Weights that put first what helped, near to those of `start`; these where too little is known.

    Args:
        judged: what is learned from.
        start: where the weights begin.
        ridge: how strongly they are held there.
        least: no weight becomes smaller than this.
    """
    from scipy.optimize import minimize  # noqa: PLC0415  only where something is learned

    taught = [one for one in judged if one.teaches]
    if len(taught) < FEWEST:
        return start
    prior = np.asarray(start.order)
    told = _Told.of(taught)
    bounds = None if least is None else [(least, None)] * len(prior)
    found = minimize(told.loss, prior, args=(prior, ridge), jac=True, method="L-BFGS-B", bounds=bounds).x
    return Weights(tuple(round(float(value), 4) for value in found), start.sure)


@dataclass(frozen=True)
class _Told:
    """All judged questions, one behind the other."""

    inputs: NDArray[np.float64]
    starts: NDArray[np.int64]
    question: NDArray[np.int64]
    target: NDArray[np.float64]  # of what helped, each question's share; 0 elsewhere
    wrong: NDArray[np.float64]
    weight: NDArray[np.float64]

    @classmethod
    def of(cls, judged: Sequence[Judged]) -> "_Told":
        lengths = np.asarray([len(one.rows) for one in judged])
        return cls(
            np.concatenate([columns(one.rows) for one in judged]).astype(np.float64),
            np.cumsum([0, *lengths])[:-1],
            np.repeat(np.arange(len(judged)), lengths),
            np.concatenate([one.right / max(1, one.right.sum()) for one in judged]),
            np.concatenate([one.wrong for one in judged]).astype(np.float64),
            np.asarray([one.weight for one in judged]),
        )

    def loss(
        self, weights: NDArray[np.float64], prior: NDArray[np.float64], ridge: float
    ) -> tuple[float, NDArray[np.float64]]:
        """-log of the share of what helped, -log(1 - share) of what did not; with its slope."""
        worths = self.inputs @ weights
        highest = np.maximum.reduceat(worths, self.starts)
        grown = np.exp(worths - highest[self.question])
        whole = np.add.reduceat(grown, self.starts)
        share = grown / whole[self.question]
        log_share = worths - (highest + np.log(whole))[self.question]
        each = self.weight[self.question]
        has_right = np.add.reduceat(self.target, self.starts)
        bad = np.minimum(np.add.reduceat(share * self.wrong, self.starts), 1 - 1e-9)
        slope = each * (has_right[self.question] * share - self.target)
        badly = (bad / (1 - bad))[self.question]
        slope += each * share * (self.wrong * (1 + badly) - badly) * (self.wrong.any() * 1.0)
        loss = -float((each * self.target * log_share).sum()) - float((self.weight * np.log1p(-bad)).sum())
        moved = weights - prior
        return (
            loss + ridge * float(moved @ moved),
            self.inputs.T @ slope + 2 * ridge * moved,
        )


def calibrated(weights: Weights, judged: Sequence[Judged], *, without: bool = True) -> Weights:
    """The same order, with a sureness learned from whether the first answer was right.

    Args:
        weights: of the ranker whose answers are judged.
        judged: questions with what helped.
        without: each question counts a second time with what helped taken away, so that the ranker knows
            what it looks like when nothing fits.
    """
    inputs, agrees, right, weight, whose = [], [], [], [], []
    for number, one in enumerate(judged):
        for rows, helped, kinds in _looks(one, without=without):
            if len(rows):
                worths = worth(weights, rows)
                first = int(np.argmax(worths))
                [same] = [part for part in _by_kind(len(rows), kinds) if first in part]
                inputs.append(_sure_inputs(rows[same], worths[same])[int(np.searchsorted(same, first))])
                agrees.append(DEVICE_LOGIT * float(rows[first, NAMES.index("device")]))
                right.append(bool(helped[first]))
                weight.append(one.weight)
                whose.append(number)
    if len(right) < 2 * FEWEST or len(set(right)) < 2:
        return weights
    table = np.asarray(inputs)
    middle, spread = table.mean(axis=0), np.maximum(table.std(axis=0), 1e-3)
    each = np.asarray(weight) / np.mean(weight)
    fitted = _scaled(
        (table - middle) / spread, np.asarray(right), np.asarray(agrees), each, np.asarray(whose)
    )
    slopes = fitted[:-1] / spread
    constant = float(fitted[-1] - slopes @ middle)
    return Weights(weights.order, (*(round(float(one), 4) for one in slopes), round(constant, 4)))


def _scaled(
    table: NDArray[np.float64],
    right: NDArray[np.bool_],
    given: NDArray[np.float64],
    each: NDArray[np.float64],
    whose: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Slopes and constant, brought to the scale at which they hold for questions they were not made of."""
    apart = np.zeros((len(table), 1))
    for fold in range(SURE_FOLDS):
        held = whose % SURE_FOLDS == fold
        if held.any() and not held.all():
            slopes = _logistic(
                table[~held], right[~held], given[~held], each[~held], ridge=SURE_RIDGE, signs=SURE_SIGNS
            )
            apart[held, 0] = table[held] @ slopes[:-1] + slopes[-1]
    scale, shift = _logistic(apart, right, given, each, ridge=0.0)
    fitted = _logistic(table, right, given, each, ridge=SURE_RIDGE, signs=SURE_SIGNS) * max(float(scale), 0.0)
    fitted[-1] += shift
    return fitted


def _logistic(
    table: NDArray[np.float64],
    right: NDArray[np.bool_],
    given: NDArray[np.float64],
    each: NDArray[np.float64],
    *,
    ridge: float,
    signs: Sequence[tuple[float | None, float | None]] = (),
) -> NDArray[np.float64]:
    """Slopes and constant of a logistic regression that starts from given logits; the slopes held to 0.

    `signs` bounds each slope.
    """
    from scipy.optimize import minimize  # noqa: PLC0415  only where something is learned

    sign = np.where(right, 1.0, -1.0)
    whole = np.hstack([table, np.ones((len(table), 1))])

    def of(slopes: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margins = sign * (whole @ slopes + given)
        pull = whole.T @ (-sign * each / (1 + np.exp(np.clip(margins, -50, 50))))
        held = np.append(slopes[:-1], 0.0)
        loss = float((each * np.logaddexp(0, -margins)).sum() + ridge * held @ held)
        return loss, pull + 2 * ridge * held

    begin = np.zeros(whole.shape[1])
    bounds = [*(signs or [(None, None)] * table.shape[1]), (None, None)]
    fitted: NDArray[np.float64] = minimize(of, begin, jac=True, method="L-BFGS-B", bounds=bounds).x
    return fitted


def _looks(one: Judged, *, without: bool) -> list[tuple[Rows, NDArray[np.bool_], Kinds | None]]:
    looks = [(one.rows, one.right, one.kinds)]
    if without and one.right.any():
        rows, kinds = one.without()
        looks.append((rows, np.zeros(len(rows), dtype=bool), kinds))
    return looks


def started(collections: Sequence[Sequence[Judged]], small: Sequence[Sequence[Judged]] = ()) -> Weights:
    """What every ranker begins with: a guess, moved a little by judged questions of several collections.

    Each collection counts the same, no weight becomes negative (more in common is never worse), and the
    ridge is strong: what helps only in one of them must not decide in a house that none of them knows.

    Args:
        collections: judged questions of each.
        small: the same of shelves with few documents; they teach how sure one may be there.
    """
    guess = Weights(tuple(GUESSED.get(name, 0.0) for name in COLUMNS), (0.0,) * (len(SURE_NAMES) + 1))
    weighed, few = _weighed(collections, COLLECTION), _weighed(small, SMALL_COLLECTION)
    return calibrated(learn(weighed, guess, ridge=GUESS_RIDGE, least=0.0), [*weighed, *few])


def _weighed(collections: Sequence[Sequence[Judged]], whole: float) -> list[Judged]:
    return [replace(one, weight=whole / len(judged)) for judged in collections for one in judged]


@lru_cache(maxsize=1)
def begun() -> Weights:
    """The ranker before any feedback of this house; `bench suggest-start` made it with `started`."""
    return msgspec.json.decode(STARTING.read_bytes(), type=Weights)
