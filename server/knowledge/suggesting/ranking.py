"""The ranker that production and its benches share: an index of documents and the weights that order them."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml import rerank
from ml.answers import Document, Hit
from ml.features import Rows, features
from ml.similar import Index

SHORTEST_NAME = 3  # of a device, signs; a shorter one is a word as well
LOOK_AT = 100  # candidates of each kind that are read again


@dataclass(frozen=True)
class Ranked:
    """An answer with its reasons.

    Args:
        hit: the document, the words and the facets that brought it.
        worth: what orders the answers to one question; the larger the better.
        sure: the probability that it is right, 0 to 1.
        kind: of which kind of document it is, as "article".
    """

    hit: Hit
    worth: float
    sure: float
    kind: str


@dataclass(frozen=True)
class Look:
    """The candidates of a question before they are weighed, as learning sees them."""

    keys: tuple[str, ...]
    rows: Rows
    kinds: rerank.Kinds

    def where(self, keys: frozenset[str]) -> NDArray[np.bool_]:
        """Which candidates have one of these keys."""
        return np.asarray([key in keys for key in self.keys], dtype=bool)


def nameless(text: str, ci: str) -> str:
    """A ticket's text without the name of its device, which tells where and not what; the facet keeps it."""
    if len(ci) < SHORTEST_NAME:
        return text
    return re.sub(rf"(?<![\w-]){re.escape(ci)}(?:\.[\w.-]*\w)?(?![\w-])", " ", text, flags=re.IGNORECASE)


class Ranking:
    """Documents that can be asked for; one thread at a time."""

    def __init__(self, weights: rerank.Weights | None = None, index: Index | None = None) -> None:
        self.index = index if index is not None else Index()
        self.weights = weights or rerank.begun()

    def add(self, key: str, document: Document, *, stamp: int = 0) -> None:
        """Take in a document, in place of an older one with the same key."""
        self.index.add(key, document, stamp=stamp)

    def withdraw(self, key: str) -> None:
        """Forget a document."""
        self.index.withdraw(key)

    def ask(
        self, text: str, *, facets: Mapping[str, str] | None = None, limit: int = 24, named: str = ""
    ) -> list[Ranked]:
        """The best answers to a ticket, best first.

        Args:
            text: the ticket; its first line is its summary.
            facets: what is known beside the text.
            limit: at most so many, and as many again of those that share the facet `named`.
            named: a facet that keeps an answer among them that would fall behind.
        """
        found = self.index.candidates(text, facets=facets, limit=LOOK_AT)
        rows = features(self.index, found)
        worths = rerank.worth(self.weights, rows)
        kinds = self.index.kinds(found.slots)
        sure = rerank.sureness(self.weights, rows, worths, kinds)
        order = np.argsort(-worths, kind="stable").tolist()
        kept = [place for place in order[limit:] if named in found.facets[place]]
        names = self.index.kind_names()
        return [
            Ranked(
                self.index.hit(found, place, float(sure[place])),
                float(worths[place]),
                float(sure[place]),
                names[kinds[place]],
            )
            for place in order[:limit] + kept[:limit]
        ]

    def look(
        self, text: str, *, facets: Mapping[str, str] | None = None, without: Collection[str] = ()
    ) -> Look:
        """The candidates and their features, the first look's best first, as if `without` were not there."""
        found = self.index.candidates(text, facets=facets, limit=LOOK_AT, without=without)
        keys = tuple(self.index.key(slot) for slot in found.slots.tolist())
        return Look(keys, features(self.index, found), self.index.kinds(found.slots))
