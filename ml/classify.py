"""What kind of ticket this is: labels guessed from its words, with a confidence that keeps its promise.

    python -m ml.classify <TASKS.msgpack >CLASSIFIERS.msgpack

A multinomial logistic regression over weighted words. Cross-validation on the tickets it is learned from
gives what it may say: a scale that makes its confidence the share of right guesses, and the confidence from
which on at least `PRECISION` of the guesses are right. Below it nothing is said.

Tickets come again word for word, from forms and from machines. Each text is held out as a whole and counts
once, or the confidence would be that of somebody who has seen the answer. A word that was never seen makes a
ticket less like any other, and so every guess about it less sure.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ml import measure
from ml.tokens import tokens

PRECISION = 0.85  # of the guesses that are said
LEAST_SURE = 0.6  # of each of them
FEWEST = 40  # tickets
FEWEST_TEXTS = 20  # that differ
FEWEST_OF_LABEL = 5
FEWEST_SAID = 10  # guesses before a confidence is trusted
MOST_WORDS = 4_000
FOLDS = 5
SEED = 20_261
MOST_SPOKEN = 12  # words that are named for a guess
STEP_TEXTS = 12  # of one step of the curve
MOST_STEPS = 10
SCALES = np.geomspace(0.05, 5.0, 47)


class Classifier(msgspec.Struct, frozen=True):
    """Words and what they speak for; plain numbers.

    Args:
        labels: sorted.
        words: each word's place in `table`.
        idf: what each word weighs.
        table: a row for each word, a column for each label, the constant in the last row.
        scale: turns scores into logits.
        least: the confidence below which nothing is said; above 1, nothing ever.
        figures: tickets, and of the cross-validation over texts: how many differ, share that is said,
            share of the said that is right, calibration error.
        curve: what the softmax of the logits says of its best, and the share of right guesses there; both
            rise. Between them the confidence is read off.
    """

    labels: list[str]
    words: dict[str, int]
    idf: list[float]
    table: list[list[float]]
    scale: float
    least: float
    figures: dict[str, float]
    curve: tuple[list[float], list[float]] = ([0.0, 1.0], [0.0, 1.0])


class Guess(msgspec.Struct, frozen=True):
    """A label, how sure it is (0 to 1), and the words that speak for it most."""

    label: str
    sure: float
    words: tuple[str, ...]


def guess(classifier: Classifier, text: str) -> Guess | None:
    """The most likely label; None where it is not sure enough."""
    best = likeliest(classifier, text)
    return best if best is not None and best.sure >= classifier.least else None


def likeliest(classifier: Classifier, text: str) -> Guess | None:
    """The most likely label, however sure that is; None where no word speaks for it."""
    counts = Counter(tokens(text))
    names = sorted(word for word in counts if word in classifier.words)
    if not names:
        return None
    weights = np.asarray([_weight(counts[name], classifier.idf[classifier.words[name]]) for name in names])
    rare = _rarity(1, int(classifier.figures["tickets"]))
    unknown = [_weight(n, rare) for word, n in counts.items() if word not in classifier.words]
    weights /= _length([*weights, *unknown])
    table = np.asarray([classifier.table[classifier.words[name]] for name in names])
    scores = weights @ table + np.asarray(classifier.table[-1])
    chances = _softmax(scores[None, :] * classifier.scale)[0]
    best = int(chances.argmax())
    sure = float(np.interp(chances[best], *classifier.curve))
    spoken = weights * (table[:, best] - table.mean(axis=1))
    words = [names[place] for place in np.argsort(-spoken)[:MOST_SPOKEN] if spoken[place] > 0]
    return Guess(classifier.labels[best], round(sure, 3), tuple(words)) if words else None


def learn(texts: Sequence[str], labels: Sequence[str]) -> Classifier | None:
    """A classifier of these tickets; None where they are too few to tell labels apart."""
    often = Counter(labels)
    kept = [place for place, label in enumerate(labels) if label and often[label] >= FEWEST_OF_LABEL]
    known = sorted({labels[place] for place in kept})
    if len(kept) < FEWEST or len(known) < 2:
        return None
    bags = [Counter(tokens(texts[place])) for place in kept]
    said = [" ".join(sorted(bag)) for bag in bags]
    if len(set(said)) < FEWEST_TEXTS:
        return None
    wanted = np.asarray([known.index(labels[place]) for place in kept])
    words, idf = _vocabulary(bags)
    if not words:
        return None
    matrix = _matrix(bags, words, idf)
    scores = _held_out(matrix, wanted, said, len(known))
    scale, least, figures, curve = _promise(scores, wanted, said)
    table = _fit(matrix, wanted, len(known))
    return Classifier(
        known,
        words,
        [round(float(one), 4) for one in idf],
        np.round(table, 4).tolist(),
        scale,
        least,
        figures,
        curve,
    )


def _held_out(matrix: Any, wanted: NDArray[np.int64], said: Sequence[str], count: int) -> NDArray[np.float64]:
    """The scores of each ticket by those that say something else; a label that they lack gets the lowest."""
    fold_of = measure.folds(said, FOLDS, seed=SEED)
    folds = np.asarray([fold_of[text] for text in said])
    scores = np.zeros((len(said), count))
    for fold in set(folds.tolist()):
        inside = folds != fold
        there = sorted(set(wanted[inside].tolist()))
        if len(there) < 2:
            continue
        table = _fit(matrix[inside], np.searchsorted(there, wanted[inside]), len(there))
        found = matrix[~inside] @ table[:-1] + table[-1]
        scores[~inside] = found.min(axis=1, keepdims=True)
        scores[np.ix_(~inside, there)] = found
    return scores


def _vocabulary(bags: Sequence[Counter[str]]) -> tuple[dict[str, int], NDArray[np.float64]]:
    frequency = Counter(word for bag in bags for word in bag)
    common = sorted((word for word, n in frequency.items() if n >= 2), key=lambda w: (-frequency[w], w))
    words = {word: place for place, word in enumerate(common[:MOST_WORDS])}
    idf = np.asarray([_rarity(frequency[word], len(bags)) for word in words])
    return words, idf


def _rarity(tickets: int, of: int) -> float:
    """What a word weighs that so many tickets have."""
    return float(np.log((1 + of) / (1 + tickets)) + 1)


def _weight(times: int, rarity: float) -> float:
    """What a word weighs in a ticket that says it so many times."""
    return float((1 + np.log(times)) * rarity)


def _length(weights: Sequence[float]) -> float:
    return max(float(np.linalg.norm(weights)), 1e-9)


def _matrix(bags: Sequence[Counter[str]], words: dict[str, int], idf: NDArray[np.float64]) -> Any:
    from scipy.sparse import csr_matrix  # noqa: PLC0415  only where something is learned

    data, places, starts = [], [], [0]
    rare = _rarity(1, len(bags))
    for bag in bags:
        found = sorted((words[word], n) for word, n in bag.items() if word in words)
        row = np.asarray([_weight(n, idf[place]) for place, n in found])
        unknown = [_weight(n, rare) for word, n in bag.items() if word not in words]
        data.append(row / _length([*row, *unknown]))
        places += [place for place, _n in found]
        starts.append(len(places))
    return csr_matrix((np.concatenate(data), places, starts), shape=(len(bags), len(words)))


def _fit(matrix: Any, wanted: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  only where something is learned

    fitted = LogisticRegression(C=5.0, max_iter=300).fit(matrix, wanted)
    slopes, constant = fitted.coef_, fitted.intercept_
    if count == 2:
        slopes, constant = np.vstack([-slopes / 2, slopes / 2]), np.append(-constant / 2, constant / 2)
    return np.vstack([slopes.T, constant])


def _promise(
    scores: NDArray[np.float64], wanted: NDArray[np.int64], said: Sequence[str]
) -> tuple[float, float, dict[str, float], tuple[list[float], list[float]]]:
    """Scale, least confidence, figures and curve, from guesses on texts that were not learned from."""
    often = Counter(said)
    weight = np.asarray([1 / often[text] for text in said])  # each text counts once
    right = scores.argmax(axis=1) == wanted

    def loss(scale: float) -> float:
        sure = np.clip(_softmax(scores * scale).max(axis=1), 1e-6, 1 - 1e-6)
        return -float(weight @ np.where(right, np.log(sure), np.log1p(-sure)))

    scale = float(min(SCALES, key=loss))
    raw = _softmax(scores * scale).max(axis=1)
    curve = _curve(raw, right, weight)
    sure = np.interp(raw, *curve)
    least = _least(sure, right, weight)
    told = sure >= least
    figures = {
        "tickets": float(len(wanted)),
        "texts": float(len(often)),
        "said": round(float(weight[told].sum() / weight.sum()), 4),
        "right": round(float(weight[told] @ right[told] / weight[told].sum()), 4) if told.any() else 0.0,
        "calibration_error": round(measure.calibration_error(sure, right, weights=weight), 4),
    }
    return round(scale, 4), least, figures, curve


def _curve(
    raw: NDArray[np.float64], right: NDArray[np.bool_], weight: NDArray[np.float64]
) -> tuple[list[float], list[float]]:
    """The share of right guesses over what was said, in steps of as many texts each, never falling."""
    from sklearn.isotonic import isotonic_regression  # noqa: PLC0415  only where something is learned

    order = np.argsort(raw, kind="stable")
    many = np.cumsum(weight[order])
    steps = int(np.clip(many[-1] // STEP_TEXTS, 1, MOST_STEPS))
    step = np.minimum((many - weight[order]) * steps / many[-1], steps - 1).astype(int)
    texts = np.bincount(step, weight[order], minlength=steps)
    good = np.bincount(step, (weight * right)[order], minlength=steps)
    where = np.bincount(step, (weight * raw)[order], minlength=steps) / texts
    share = isotonic_regression((good + where) / (texts + 1), sample_weight=texts)  # one as it said itself
    return [round(float(one), 4) for one in where], [round(float(one), 4) for one in share]


def _least(sure: NDArray[np.float64], right: NDArray[np.bool_], weight: NDArray[np.float64]) -> float:
    """The confidence from which on enough of the guesses are right."""
    order = np.argsort(-sure, kind="stable")
    many = np.cumsum(weight[order])
    share = (np.cumsum((weight * right)[order]) + 0.5) / (many + 1)  # a few lucky ones promise little
    enough = (share - np.sqrt(share * (1 - share) / many) / 2 >= PRECISION) & (many >= FEWEST_SAID)
    last = np.flatnonzero(enough & (np.append(np.diff(sure[order]), -1) < 0))  # equal ones are said together
    return max(LEAST_SURE, float(sure[order][last[-1]])) if len(last) else 2.0


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    grown = np.exp(scores - scores.max(axis=1, keepdims=True))
    share: NDArray[np.float64] = grown / grown.sum(axis=1, keepdims=True)
    return share


class Task(msgspec.Struct):
    """Tickets and their labels."""

    texts: list[str]
    labels: list[str]


def main() -> int:
    """Learn a classifier for each task."""
    tasks = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=dict[str, Task])
    learned = {name: learn(task.texts, task.labels) for name, task in tasks.items()}
    sys.stdout.buffer.write(msgspec.msgpack.encode(learned))
    return 0


if __name__ == "__main__":
    sys.exit(main())
