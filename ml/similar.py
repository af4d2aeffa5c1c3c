"""What is like this text: a lexical index that learns one document at a time.

BM25 over weighted fields (k1 1.5, b 0.9: tickets repeat themselves, so length weighs more than usual),
query terms as 1 + ln(tf), the first line of the query counted once more. Postings live in two parts: a frozen
one in flat numpy arrays, and a small tail of lists that new documents go to; the tail is folded in when it
has grown. Adding, changing and withdrawing need no rebuild. Every hit says which words brought it there.

`Hit.score` is in [0, 1]: how much of the query's information the document answers, lifted by the facets that
agree (alert rule, CI class, model, service). It orders hits and can be compared between queries.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.tokens import tokens

K1 = 1.5
B = 0.9
FIELD_WEIGHTS = {"title": 3.0, "symptom": 1.5, "cause": 1.0, "solution": 1.0, "text": 1.0}
FIRST_LINE_WEIGHT = 1.0
FACET_WEIGHTS = {"alert": 0.30, "model": 0.12, "ci": 0.12, "ci_class": 0.08, "service": 0.06, "vendor": 0.04}
TAIL_AT_LEAST = 512
GOOD_COVERAGE = 0.25  # the share of a query's information at which a document scores 1 - 1/e


@dataclass(frozen=True)
class Document:
    """What is indexed of an article or a past case.

    Args:
        fields: text by field name; unknown names weigh 1.
        facets: exact values, one or several of a name, as {"alert": ["UpsOnBattery", "UpsMainsLost"],
            "ci_class": "ups"}.
        kind: of which kind it is, as "case"; kinds do not crowd each other out of an answer.
    """

    fields: Mapping[str, str]
    facets: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    kind: str = ""


@dataclass(frozen=True)
class Hit:
    """One answer, with the reasons for it.

    Args:
        key: the document's key.
        score: 0 to 1.
        words: tokens that matched with their share of the score, heaviest first.
        facets: facets that agree, as {"ci_class": "ups"}.
    """

    key: str
    score: float
    words: tuple[tuple[str, float], ...]
    facets: Mapping[str, str]


class Index:
    """A growing set of documents that can be asked for what is alike. Not for concurrent writers."""

    def __init__(self) -> None:
        self._terms: dict[str, int] = {}
        self._frequency: list[int] = []
        self._keys: list[str] = []
        self._slots: dict[str, int] = {}
        self._facets: list[Mapping[str, tuple[str, ...]]] = []
        self._kinds: dict[str, int] = {}
        self._kind_of = np.zeros(256, dtype=np.int8)
        self._with_facet: dict[tuple[str, str], list[int]] = {}
        self._counts: list[dict[int, float] | None] = []
        self._lengths = np.zeros(256, dtype=np.float32)
        self._alive = 0
        self._total_length = 0.0
        self._starts: NDArray[np.int64] = np.zeros(1, dtype=np.int64)
        self._docs: NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self._weights: NDArray[np.float32] = np.zeros(0, dtype=np.float32)
        self._frozen = 0
        self._tail: dict[int, tuple[list[int], list[float]]] = {}

    def __len__(self) -> int:
        return self._alive

    def __contains__(self, key: str) -> bool:
        return key in self._slots

    def add(self, key: str, document: Document) -> None:
        """Take a document in, in place of an older one with the same key."""
        self.withdraw(key)
        counts: Counter[str] = Counter()
        for name, text in document.fields.items():
            weight = FIELD_WEIGHTS.get(name, 1.0)
            for token in tokens(text):
                counts[token] += weight  # type: ignore[assignment]  # a Counter of floats
        slot = len(self._keys)
        by_term = {self._term(token): float(count) for token, count in counts.items()}
        self._keys.append(key)
        self._slots[key] = slot
        facets = {name: (v,) if isinstance(v, str) else tuple(v) for name, v in document.facets.items()}
        self._facets.append(facets)
        for name, values in facets.items():
            for value in values:
                self._with_facet.setdefault((name, value), []).append(slot)
        self._counts.append(by_term)
        if slot >= len(self._lengths):
            self._lengths = np.resize(self._lengths, 2 * len(self._lengths))
            self._kind_of = np.resize(self._kind_of, 2 * len(self._kind_of))
        self._kind_of[slot] = self._kinds.setdefault(document.kind, len(self._kinds))
        length = sum(by_term.values())
        self._lengths[slot] = length
        self._total_length += length
        self._alive += 1
        for term, weight in by_term.items():
            self._frequency[term] += 1
            documents, weights = self._tail.setdefault(term, ([], []))
            documents.append(slot)
            weights.append(weight)
        if slot + 1 - self._frozen > max(TAIL_AT_LEAST, self._frozen // 4):
            self._freeze()

    def withdraw(self, key: str) -> None:
        """Forget a document; nothing happens where there is none."""
        slot = self._slots.pop(key, None)
        if slot is None:
            return
        for term in self._counts[slot] or ():
            self._frequency[term] -= 1
        self._counts[slot] = None
        self._total_length -= float(self._lengths[slot])
        self._lengths[slot] = -1.0
        self._alive -= 1

    def search(self, text: str, *, facets: Mapping[str, str] | None = None, limit: int = 10) -> list[Hit]:
        """The documents most like `text`, best first.

        Args:
            text: the ticket; its first line is its summary.
            facets: what is known beside the text; each value that a document shares lifts it.
            limit: at most so many of each kind of document.
        """
        weights = _query(text)
        known = [(self._terms[t], t, w) for t, w in weights.items() if t in self._terms]
        if not self._alive:
            return []
        size = len(self._keys)
        scores = np.zeros(size, dtype=np.float32)
        ideal = sum(w * self._idf(self._terms.get(t)) for t, w in weights.items()) * (K1 + 1)
        for term, _, weight in known:
            for documents, gains in self._gains(term, weight):
                scores[documents] += gains
        scores[self._lengths[:size] < 0] = 0.0
        scores /= max(ideal, 1e-9)
        final = (1.0 - np.exp(-scores / GOOD_COVERAGE)).astype(np.float32)
        if facets:
            room = sum(FACET_WEIGHTS.get(name, 0.0) for name in facets)
            final = final * np.float32(1.0 - min(0.5, room)) + self._lift(facets)
        final[self._lengths[:size] < 0] = 0.0
        return self._hits(final, known, facets or {}, limit)

    def _hits(
        self,
        final: NDArray[np.float32],
        known: list[tuple[int, str, float]],
        facets: Mapping[str, str],
        limit: int,
    ) -> list[Hit]:
        best: list[int] = []
        for kind in self._kinds.values():
            (found,) = np.nonzero((self._kind_of[: len(final)] == kind) & (final > 0))
            if len(found) > limit:
                found = found[np.argpartition(-final[found], limit - 1)[:limit]]
            best += found.tolist()
        hits = []
        for slot in sorted(best, key=lambda s: (-float(final[s]), self._keys[s])):
            counts = self._counts[slot] or {}
            gains = {
                t: w * self._idf(n) * _saturate(counts[n], self._norm(slot))
                for n, t, w in known
                if n in counts
            }
            whole = sum(gains.values()) or 1.0
            words = tuple((t, g / whole) for t, g in sorted(gains.items(), key=lambda kv: -kv[1]))
            shared = {n: v for n, v in facets.items() if v in self._facets[slot].get(n, ())}
            hits.append(Hit(self._keys[slot], min(1.0, float(final[slot])), words, shared))
        return hits

    def _gains(self, term: int, weight: float) -> Iterable[tuple[NDArray[Any], NDArray[Any]]]:
        idf = self._idf(term)
        if term + 1 < len(self._starts):
            part = slice(int(self._starts[term]), int(self._starts[term + 1]))
            documents = self._docs[part]
            yield documents, self._bm25(documents, self._weights[part]) * np.float32(idf * weight)
        if term in self._tail:
            tail = np.asarray(self._tail[term][0], dtype=np.int32)
            yield (
                tail,
                self._bm25(tail, np.asarray(self._tail[term][1], np.float32)) * np.float32(idf * weight),
            )

    def _bm25(self, documents: NDArray[np.int32], counts: NDArray[np.float32]) -> NDArray[np.float32]:
        mean = np.float32(max(self._total_length / max(self._alive, 1), 1.0))
        norm = np.float32(K1 * (1 - B)) + np.float32(K1 * B) * self._lengths[documents] / mean
        return (counts * np.float32(K1 + 1) / (counts + norm)).astype(np.float32)

    def _norm(self, slot: int) -> float:
        mean = max(self._total_length / max(self._alive, 1), 1.0)
        return K1 * (1 - B + B * float(self._lengths[slot]) / mean)

    def _idf(self, term: int | None) -> float:
        n = self._frequency[term] if term is not None else 0
        return math.log(1 + (self._alive - n + 0.5) / (n + 0.5)) if self._alive else 0.0

    def _lift(self, facets: Mapping[str, str]) -> NDArray[np.float32]:
        lift = np.zeros(len(self._keys), dtype=np.float32)
        for name, value in facets.items():
            lift[self._with_facet.get((name, value), [])] += np.float32(FACET_WEIGHTS.get(name, 0.0))
        return lift

    def _term(self, token: str) -> int:
        number = self._terms.setdefault(token, len(self._terms))
        if number == len(self._frequency):
            self._frequency.append(0)
        return number

    def _freeze(self) -> None:
        """Fold the tail and all withdrawals into the flat arrays."""
        rows = [(s, c) for s, c in enumerate(self._counts) if c]
        terms = np.fromiter((t for _, c in rows for t in c), dtype=np.int32)
        documents = np.fromiter((s for s, c in rows for _ in c), dtype=np.int32)
        weights = np.fromiter((w for _, c in rows for w in c.values()), dtype=np.float32)
        order = np.argsort(terms, kind="stable")
        self._docs, self._weights = documents[order], weights[order]
        self._starts = np.searchsorted(terms[order], np.arange(len(self._terms) + 1)).astype(np.int64)
        self._tail = {}
        self._frozen = len(self._keys)


def _query(text: str) -> dict[str, float]:
    """Token -> weight of a query: 1 + ln(tf) over the whole, and again over the first line."""
    first, _, _ = text.partition("\n")
    weights = {t: 1.0 + math.log(n) for t, n in Counter(tokens(text)).items()}
    for token, n in Counter(tokens(first)).items():
        weights[token] = weights.get(token, 0.0) + FIRST_LINE_WEIGHT * (1.0 + math.log(n))
    return weights


def _saturate(count: float, norm: float) -> float:
    return count * (K1 + 1) / (count + norm)
