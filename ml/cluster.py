"""Texts that say much the same, gathered. Pure.

Each text is a vector of its words and its facets, weighed by rarity; two are alike from `LIKENESS` on. The
text with most neighbours leads a cluster and takes those that are free, then the next: every member is like
its leader, so that chains of half-alike texts do not run together. The order of the input decides nothing.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from ml.tokens import tokens

LIKENESS = 0.5  # cosine
FACET_WEIGHT = 1.6  # of a facet against a word
MOST = 4_000  # texts; what is beyond is left out by the caller
_BLOCK = 400
_HAN = re.compile(r"[\u3400-\u9fff]+")
_WRITTEN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]")


@dataclass(frozen=True)
class Said:
    """A text and what else is known of it; `key` names it and settles what is equal."""

    key: str
    text: str
    facets: Mapping[str, str] = field(default_factory=dict)


def gathered(texts: Sequence[Said], *, likeness: float = LIKENESS, least: int = 2) -> list[list[int]]:
    """Clusters of at least `least` texts, largest first; each its places in `texts`, the leader first."""
    if len(texts) < least:
        return []
    order = sorted(range(len(texts)), key=lambda place: texts[place].key)
    near = _neighbours([texts[place] for place in order], likeness)
    free = set(range(len(order)))
    found = []
    for leader in sorted(range(len(order)), key=lambda place: (-len(near[place]), place)):
        if leader not in free:
            continue
        members = [leader, *(place for place in near[leader] if place in free and place != leader)]
        if len(members) >= least:
            found.append([order[place] for place in members])
            free.difference_update(members)
    return sorted(found, key=lambda one: (-len(one), texts[one[0]].key))


def in_common(text: str, others: Sequence[str]) -> list[float]:
    """How much of the shorter of two texts the other has, 0 to 1, rare words counting more; one for each."""
    mine = frozenset(tokens(text))
    bags = [frozenset(_tokens(other)) for other in others]
    frequency = Counter(word for bag in bags for word in bag)
    weight = {word: 1 + math.log((1 + len(bags)) / (1 + frequency[word])) for word in mine | frequency.keys()}

    def whole(words: Iterable[str]) -> float:
        return sum(weight[word] for word in words)

    return [
        whole(mine & bag) / min(whole(mine), whole(bag)) if min(len(mine), len(bag)) > 1 else 0.0
        for bag in bags
    ]


@lru_cache(maxsize=4_096)
def _tokens(text: str) -> tuple[str, ...]:
    return tuple(tokens(text))


def shared(texts: Sequence[Said], *, most: int = 6) -> list[str]:
    """The words that most of these texts have, commonest first, as they stand in them; of Han, phrases."""
    counts = Counter(word for one in texts for word in set(tokens(one.text)))
    often = {word: count for word, count in counts.items() if count * 2 > len(texts) and not word.isdigit()}
    words = {word: count for word, count in often.items() if not _HAN.match(word)}
    chosen = _first(words | _phrases(texts, often.keys() - words.keys()))
    written: dict[str, Counter[str]] = {}
    for typed, count in Counter(word for one in texts for word in _WRITTEN.findall(one.text)).items():
        for token in tokens(typed):
            written.setdefault(token, Counter())[typed.lower() if typed.istitle() else typed] += count
    shown = [written[word].most_common(1)[0][0] if word in written else word for word in chosen]
    return list(dict.fromkeys(shown))[:most]


def _first(counts: Mapping[str, int]) -> list[str]:
    return [word for word, _count in sorted(counts.items(), key=lambda one: (-one[1], -len(one[0]), one[0]))]


def _phrases(texts: Sequence[Said], pairs: Collection[str]) -> dict[str, int]:
    """The longest runs of these pairs of Han signs in most texts, with the number of texts.

    Pairs are what texts are compared by; a reader knows no word in most of them.
    """
    found: Counter[str] = Counter()
    for one in texts:
        found.update({run for signs in _HAN.findall(one.text) for run in _runs(signs, pairs)})
    often = {run: count for run, count in found.items() if count * 2 > len(texts)}
    return {
        run: count for run, count in often.items() if not any(run in other for other in often.keys() - {run})
    }


def _runs(signs: str, pairs: Collection[str]) -> list[str]:
    runs, start = [], 0
    for end in range(1, len(signs) + 1):
        if signs[end - 1 : end + 1] not in pairs:
            if end - start > 1:
                runs.append(signs[start:end])
            start = end
    return runs


def common(texts: Sequence[Said]) -> dict[str, str]:
    """The facets on which more than half of these texts agree."""
    found = {}
    for name in sorted({name for one in texts for name in one.facets}):
        [(value, count)] = Counter(one.facets.get(name, "") for one in texts).most_common(1)
        if value and count * 2 > len(texts):
            found[name] = value
    return found


def _neighbours(texts: Sequence[Said], likeness: float) -> list[list[int]]:
    from scipy.sparse import csr_matrix  # noqa: PLC0415  100 ms, only where something is gathered

    columns: dict[str, int] = {}
    rows, places, weights = [], [], []
    for row, one in enumerate(texts):
        counted: dict[str, float] = {word: 1 + np.log(n) for word, n in Counter(tokens(one.text)).items()}
        counted |= {f"{name}={value}": FACET_WEIGHT for name, value in one.facets.items() if value}
        for word, weight in counted.items():
            rows.append(row)
            places.append(columns.setdefault(word, len(columns)))
            weights.append(weight)
    if not columns:
        return [[row] for row in range(len(texts))]
    matrix = csr_matrix((weights, (rows, places)), shape=(len(texts), len(columns)), dtype=np.float64)
    frequency = np.asarray((matrix > 0).sum(axis=0)).ravel()
    matrix = matrix.multiply(1 + np.log((1 + len(texts)) / (1 + frequency))).tocsr()
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    matrix = matrix.multiply(1 / np.where(length > 0, length, 1)[:, None]).tocsr()
    near: list[list[int]] = []
    for start in range(0, len(texts), _BLOCK):
        alike = (matrix[start : start + _BLOCK] @ matrix.T).toarray()
        near += [np.flatnonzero(row >= likeness - 1e-9).tolist() for row in alike]
    return near
