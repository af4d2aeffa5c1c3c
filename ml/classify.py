"""What kind of ticket this is: labels guessed from its words, with a confidence that keeps its promise.

    python -m ml.classify <TASKS.msgpack >CLASSIFIERS.msgpack

A multinomial logistic regression over weighted words. Cross-validation on the tickets it is learned from
gives what it may say: a scale that makes its confidence the share of right guesses, and the confidence from
which on at least `PRECISION` of the guesses are right. Below it nothing is said.
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
FEWEST = 40  # tickets
FEWEST_OF_LABEL = 5
FEWEST_SAID = 10  # guesses before a confidence is trusted
MOST_WORDS = 4_000
FOLDS = 5
SEED = 20_261
SCALES = np.geomspace(0.2, 5.0, 25)


class Classifier(msgspec.Struct, frozen=True):
    """Words and what they speak for; plain numbers.

    Args:
        labels: sorted.
        words: each word's place in `table`.
        idf: what each word weighs.
        table: a row for each word, a column for each label, the constant in the last row.
        scale: turns scores into logits whose softmax is the confidence.
        least: the confidence below which nothing is said; above 1, nothing ever.
        figures: of the cross-validation: tickets, share that is said, share of the said that is right,
            calibration error.
    """

    labels: list[str]
    words: dict[str, int]
    idf: list[float]
    table: list[list[float]]
    scale: float
    least: float
    figures: dict[str, float]


class Guess(msgspec.Struct, frozen=True):
    """A label, how sure it is (0 to 1), and the words that speak for it most."""

    label: str
    sure: float
    words: tuple[str, ...]


def guess(classifier: Classifier, text: str) -> Guess | None:
    """The most likely label; None where it is not sure enough."""
    counts = {word: n for word, n in Counter(tokens(text)).items() if word in classifier.words}
    if not counts:
        return None
    names = sorted(counts)
    weights = np.asarray([(1 + np.log(counts[n])) * classifier.idf[classifier.words[n]] for n in names])
    weights /= max(float(np.linalg.norm(weights)), 1e-9)
    table = np.asarray([classifier.table[classifier.words[name]] for name in names])
    scores = weights @ table + np.asarray(classifier.table[-1])
    chances = _softmax(scores[None, :] * classifier.scale)[0]
    best = int(chances.argmax())
    if chances[best] < classifier.least:
        return None
    spoken = weights * (table[:, best] - table.mean(axis=1))
    words = [names[place] for place in np.argsort(-spoken)[:4] if spoken[place] > 0]
    return Guess(classifier.labels[best], round(float(chances[best]), 3), tuple(words))


def learn(texts: Sequence[str], labels: Sequence[str]) -> Classifier | None:
    """A classifier of these tickets; None where they are too few to tell labels apart."""
    often = Counter(labels)
    kept = [place for place, label in enumerate(labels) if label and often[label] >= FEWEST_OF_LABEL]
    known = sorted({labels[place] for place in kept})
    if len(kept) < FEWEST or len(known) < 2:
        return None
    bags = [Counter(tokens(texts[place])) for place in kept]
    wanted = np.asarray([known.index(labels[place]) for place in kept])
    words, idf = _vocabulary(bags)
    if not words:
        return None
    matrix = _matrix(bags, words, idf)
    fold_of = measure.folds([f"{place} {texts[place]}" for place in kept], FOLDS, seed=SEED)
    folds = np.asarray(list(fold_of.values()))
    scores = np.zeros((len(kept), len(known)))
    for fold in range(FOLDS):
        inside = folds != fold
        if len(set(wanted[inside].tolist())) == len(known) and not inside.all():
            table = _fit(matrix[inside], wanted[inside], len(known))
            scores[~inside] = matrix[~inside] @ table[:-1] + table[-1]
    scale, least, figures = _promise(scores, wanted)
    table = _fit(matrix, wanted, len(known))
    return Classifier(
        known,
        words,
        [round(float(one), 4) for one in idf],
        np.round(table, 4).tolist(),
        scale,
        least,
        figures,
    )


def _vocabulary(bags: Sequence[Counter[str]]) -> tuple[dict[str, int], NDArray[np.float64]]:
    frequency = Counter(word for bag in bags for word in bag)
    common = sorted((word for word, n in frequency.items() if n >= 2), key=lambda w: (-frequency[w], w))
    words = {word: place for place, word in enumerate(common[:MOST_WORDS])}
    idf = np.asarray([np.log((1 + len(bags)) / (1 + frequency[word])) + 1 for word in words])
    return words, idf


def _matrix(bags: Sequence[Counter[str]], words: dict[str, int], idf: NDArray[np.float64]) -> Any:
    from scipy.sparse import csr_matrix  # noqa: PLC0415  only where something is learned

    data, places, starts = [], [], [0]
    for bag in bags:
        found = sorted((words[word], n) for word, n in bag.items() if word in words)
        row = np.asarray([(1 + np.log(n)) * idf[place] for place, n in found])
        data.append(row / max(float(np.linalg.norm(row)), 1e-9))
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


def _promise(scores: NDArray[np.float64], wanted: NDArray[np.int64]) -> tuple[float, float, dict[str, float]]:
    """The scale, the least confidence and the figures, from guesses on tickets that were not learned from."""
    rows = np.arange(len(wanted))

    def loss(scale: float) -> float:
        return -float(np.log(np.maximum(_softmax(scores * scale)[rows, wanted], 1e-9)).mean())

    scale = float(min(SCALES, key=loss))
    chances = _softmax(scores * scale)
    sure, right = chances.max(axis=1), chances.argmax(axis=1) == wanted
    order = np.argsort(-sure, kind="stable")
    precise = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero((precise >= PRECISION) & (np.arange(len(order)) + 1 >= FEWEST_SAID))
    least = float(sure[order][enough[-1]]) if len(enough) else 2.0
    said = sure >= least
    return (
        round(scale, 4),
        least,
        {
            "tickets": float(len(wanted)),
            "said": round(float(said.mean()), 4),
            "right": round(float(right[said].mean()), 4) if said.any() else 0.0,
            "calibration_error": round(measure.calibration_error(sure, right), 4),
        },
    )


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
