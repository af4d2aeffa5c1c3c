"""The terms of an index: each has a number, and it is counted how many documents have it."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Vocabulary:
    """Terms by their numbers, which count from 0 in the order in which they came.

    Args:
        terms: known before, in the order of their numbers.
        frequency: how many documents have each.
        han: the first sign of each that is a pair of Han signs, -1 for others.
    """

    def __init__(
        self,
        terms: Sequence[str] = (),
        frequency: NDArray[np.int32] | None = None,
        han: NDArray[np.int32] | None = None,
    ) -> None:
        room = len(terms) // 4 + 1024
        none = np.zeros(0, dtype=np.int32)
        self._terms = {term: number for number, term in enumerate(terms)}
        self._frequency = np.concatenate([none if frequency is None else frequency, np.zeros(room, np.int32)])
        self._han = np.concatenate([none if han is None else han, np.full(room, -1, np.int32)])

    def __len__(self) -> int:
        return len(self._terms)

    def terms(self) -> list[str]:
        """All of them, in the order of their numbers."""
        return list(self._terms)

    @property
    def frequency(self) -> NDArray[np.int32]:
        """How many documents have each."""
        return self._frequency[: len(self._terms)]

    @property
    def signs(self) -> NDArray[np.int32]:
        """The first Han sign of each, -1 for other words."""
        return self._han[: len(self._terms)]

    def get(self, token: str) -> int:
        """The number of a token, -1 where it has none."""
        return self._terms.get(token, -1)

    def count(self, terms: NDArray[np.int32], step: int) -> None:
        """A document with these distinct terms came (1) or went (-1)."""
        self._frequency[terms] += step

    def numbers(self, words: Sequence[str]) -> list[int]:
        """The number of each token; what is new gets the next."""
        known = self._terms
        try:
            return [known[word] for word in words]
        except KeyError:
            return [known[word] if word in known else self._new(word) for word in words]

    def _new(self, token: str) -> int:
        number = self._terms[token] = len(self._terms)
        if number >= len(self._frequency):
            more = len(self._frequency) // 2
            self._frequency = np.concatenate([self._frequency, np.zeros(more, dtype=np.int32)])
            self._han = np.concatenate([self._han, np.full(more, -1, dtype=np.int32)])
        if token[0] >= "\u3400":
            self._han[number] = ord(token[0])
        return number

    def idf(self, terms: NDArray[np.int32], documents: int) -> NDArray[np.float32]:
        """How much each term says among so many documents; the most for what none has."""
        if not documents:
            return np.zeros(len(terms), dtype=np.float32)
        n = np.where(terms >= 0, self._frequency[np.maximum(terms, 0)], 0).astype(np.float32)
        return np.log1p((documents - n + 0.5) / (n + 0.5)).astype(np.float32)

    def han(self, terms: NDArray[np.int32]) -> NDArray[np.int32]:
        """The first Han sign of each term, -1 for other words."""
        found: NDArray[np.int32] = np.where(terms >= 0, self._han[np.maximum(terms, 0)], -1)
        return found


def rarest(documents: int) -> float:
    """How much a word says that one of so many documents has."""
    return math.log1p((documents - 0.5) / 1.5) if documents else 0.0
