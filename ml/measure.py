"""How good guesses are: folds, paired tests, calibration. Pure, and the same each time."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

DRAWS = 4_000


def folds(names: Sequence[str], count: int, *, seed: int) -> Mapping[str, int]:
    """A fold from 0 for each name, by its name alone: who else is there changes nothing."""

    def fold(name: str) -> int:
        return int.from_bytes(hashlib.blake2b(f"{seed} {name}".encode(), digest_size=8).digest()) % count

    return {name: fold(name) for name in names}


def better_by_chance(new: ArrayLike, old: ArrayLike, *, seed: int, draws: int = DRAWS) -> float:
    """The share of random sign changes of the paired differences that gain as much: a one-sided p-value.

    Args:
        new: a figure of each case, higher is better.
        old: the same cases by what `new` is compared with.
        seed: of the draws.
        draws: how many.
    """
    difference = np.asarray(new, dtype=np.float64) - np.asarray(old, dtype=np.float64)
    difference = difference[difference != 0]
    if not len(difference):
        return 1.0
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), size=(draws, len(difference)))
    reached = (signs @ difference >= difference.sum() - 1e-12).sum()
    return float((reached + 1) / (draws + 1))


def average_precision(scores: ArrayLike, right: ArrayLike, *, there: int) -> float:
    """Mean over what is right of the share that is right down to it; what was not found counts 0.

    Args:
        scores: of each candidate, higher is better; equal ones stay as they stand.
        right: which of them are right.
        there: how many are right in all.
    """
    order = np.argsort(-np.asarray(scores, np.float64), kind="stable")
    (ranks,) = np.nonzero(np.asarray(right, dtype=bool)[order])
    return float((np.arange(1, len(ranks) + 1) / (ranks + 1)).sum() / max(there, 1))


def calibration_error(
    said: ArrayLike, true: ArrayLike, *, bins: int = 10, weights: ArrayLike | None = None
) -> float:
    """Mean distance of what was said from what was true, over equal bins of probability, 0 to 1.

    Args:
        said: probabilities.
        true: whether it was so.
        bins: how many.
        weights: how much each counts; alike without them.
    """
    probability, happened = np.asarray(said, np.float64), np.asarray(true, np.float64)
    if not len(probability):
        return 0.0
    share = np.ones(len(probability)) if weights is None else np.asarray(weights, np.float64)
    share = share / share.sum()
    place = np.minimum((probability * bins).astype(int), bins - 1)
    return sum(
        abs(float(share[place == one] @ (probability - happened)[place == one])) for one in range(bins)
    )
