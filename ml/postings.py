"""Postings of an index: which documents have a term, and how much of it; flat arrays.

They lie in segments. New documents go to a small tail that becomes a segment, and eight segments of a size
become one; withdrawn documents are left out then. A posting takes three bytes where the documents of a
segment are near each other, else five.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tail = Sequence[tuple[int, NDArray[np.int32], NDArray[np.uint8]]]  # slot, its terms, their weights
Lives = NDArray[np.bool_]  # of each slot, whether its document is there

NEAR = 1 << 16  # slots that two bytes tell apart
TAIL = 256  # documents
FAN = 8  # segments of one size before they become one
LARGEST = 300_000  # documents of a segment; merging takes memory


@dataclass(frozen=True)
class Segment:
    """Postings of some documents: those of `terms[i]` are `starts[i]:starts[i + 1]`.

    `offsets` are the documents' slots, counted from `base`.
    """

    terms: NDArray[np.int32]
    starts: NDArray[np.int32]
    offsets: NDArray[np.uint16] | NDArray[np.int32]
    weights: NDArray[np.uint8]
    documents: int
    base: int

    @classmethod
    def packed(
        cls,
        terms: NDArray[np.int32],
        starts: NDArray[np.int64],
        slots: NDArray[np.int32],
        weights: NDArray[np.uint8],
        documents: int,
    ) -> "Segment":
        """Of whole slots and any counting numbers, in as few bytes as they need."""
        base, last = (int(slots.min()), int(slots.max())) if len(slots) else (0, 0)
        near = last - base < NEAR
        offsets = (slots - base).astype(np.uint16) if near else (slots - base).astype(np.int32)
        return cls(terms, starts.astype(np.int32), offsets, weights, documents, base)

    def slots(self) -> NDArray[np.int32]:
        """The document of each posting."""
        return self.offsets.astype(np.int32) + np.int32(self.base)

    def of(self, terms: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[Any]]:
        """The postings of these terms, one term behind the other, and how many each has."""
        at = np.minimum(np.searchsorted(self.terms, terms), max(len(self.terms) - 1, 0))
        here = self.terms[at] == terms
        begins, ends = self.starts[at], np.where(here, self.starts[at + 1], self.starts[at])
        parts = [slice(begin, end) for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
        return (
            np.concatenate([self.offsets[part] for part in parts] or [self.offsets[:0]]).astype(np.int32)
            + np.int32(self.base),
            np.concatenate([self.weights[part] for part in parts] or [self.weights[:0]]),
            ends - begins,
        )


class Postings:
    """All segments and the tail."""

    def __init__(self, segments: Sequence[Segment] = ()) -> None:
        self._segments = list(segments)
        self._tail: list[tuple[int, NDArray[np.int32], NDArray[np.uint8]]] = []
        self._of_tail: Segment | None = None

    def add(self, slot: int, terms: NDArray[np.int32], weights: NDArray[np.uint8]) -> bool:
        """Take a document in; whether the tail should be folded now."""
        self._tail.append((slot, terms, weights))
        self._of_tail = None
        return len(self._tail) >= TAIL

    def fold(self, lives: Lives) -> None:
        """Make the tail a segment, and eight segments of a size one."""
        if not self._tail:
            return
        self._segments.append(_tailed(self._tail))
        self._tail, self._of_tail = [], None
        while len(self._segments) >= FAN:
            last = self._segments[-FAN:]
            if last[0].documents >= FAN * last[-1].documents:
                break
            if sum(one.documents for one in last) > LARGEST:
                break
            self._segments[-FAN:] = [_merged([_living(one, lives) for one in last])]

    def segments(self) -> Sequence[Segment]:
        """All of them, the tail as one more."""
        if not self._tail:
            return self._segments
        if self._of_tail is None:
            self._of_tail = _tailed(self._tail)
        return [*self._segments, self._of_tail]


def _living(segment: Segment, lives: Lives) -> Segment:
    """A segment without the postings of withdrawn documents."""
    slots = segment.slots()
    here = lives[slots]
    if here.all():
        return segment
    before = np.concatenate([[0], np.cumsum(here)])
    return Segment.packed(
        segment.terms, before[segment.starts], slots[here], segment.weights[here], segment.documents
    )


def _tailed(tail: Tail) -> Segment:
    """The postings of some documents that were just taken in."""
    terms = np.concatenate([one[1] for one in tail])
    slots = np.repeat(np.asarray([one[0] for one in tail], dtype=np.int32), [len(one[1]) for one in tail])
    return _by_term(terms, slots, np.concatenate([one[2] for one in tail]), len(tail))


def _merged(segments: Sequence[Segment]) -> Segment:
    """One segment of several; within a term their documents follow one another."""
    terms = np.unique(np.concatenate([one.terms for one in segments]))
    places = [np.searchsorted(terms, one.terms) for one in segments]
    totals = np.zeros(len(terms), dtype=np.int64)
    for one, place in zip(segments, places, strict=True):
        totals[place] += np.diff(one.starts)
    starts = np.concatenate([[0], np.cumsum(totals)])
    slots = np.empty(starts[-1], dtype=np.int32)
    weights = np.empty(starts[-1], dtype=np.uint8)
    free = starts[:-1].copy()
    for one, place in zip(segments, places, strict=True):
        counts = np.diff(one.starts)
        into = np.repeat(free[place] - one.starts[:-1], counts) + np.arange(len(one.offsets))
        slots[into], weights[into] = one.slots(), one.weights
        free[place] += counts
    return Segment.packed(terms, starts, slots, weights, sum(one.documents for one in segments))


def _by_term(
    terms: NDArray[np.int32], slots: NDArray[np.int32], weights: NDArray[np.uint8], documents: int
) -> Segment:
    order = np.argsort(terms, kind="stable")
    ordered = terms[order]
    changes = np.concatenate([[True], ordered[1:] != ordered[:-1]]) if len(ordered) else np.zeros(0, bool)
    bounds: NDArray[Any] = np.append(np.nonzero(changes)[0], len(ordered)).astype(np.int64)
    return Segment.packed(ordered[bounds[:-1]], bounds, slots[order], weights[order], documents)
