"""What an index is given and what it gives: documents, questions as it reads them, candidates, answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


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
class Asked:
    """A query as the index reads it; terms are the index's numbers, -1 for one it does not know.

    Args:
        sequence: the place in `terms` of each token, in order, -1 for one that was left out and for a
            line's end.
        first_length: how many tokens of the sequence are of the first line.
        terms: the distinct terms, heaviest first.
        tokens: the same as text.
        weights: 1 + ln(tf), and again for the first line.
        first: the part of the weight that the first line gives.
        idf: how much each says.
        written: the words as they are written (see `ml.written`), in order.
    """

    sequence: NDArray[np.int32]
    first_length: int
    terms: NDArray[np.int32]
    tokens: tuple[str, ...]
    weights: NDArray[np.float32]
    first: NDArray[np.float32]
    idf: NDArray[np.float32]
    written: NDArray[np.uint32]


@dataclass(frozen=True)
class Candidates:
    """The documents that a first look found, best first; arrays of one row each unless said.

    Args:
        asked: the query.
        slots: their numbers in the index.
        look: what the first look gave, 0 to 1.
        bags: each one's distinct terms, one document behind the other, and `bag_weights` their weights;
            document n has `bag_starts[n]:bag_starts[n + 1]`.
        read: each one's tokens in order, likewise with `read_starts`; -zone - 1 begins a zone.
        written: how each one begins as it is written, likewise with `written_starts`; the first
            `titles` words of it are the title.
        facets: which facets of the question each shares.
    """

    asked: Asked
    slots: NDArray[np.int64]
    look: NDArray[np.float32]
    bags: NDArray[np.int32]
    bag_weights: NDArray[np.float32]
    bag_starts: NDArray[np.int64]
    read: NDArray[np.int32]
    read_starts: NDArray[np.int64]
    written: NDArray[np.uint32]
    written_starts: NDArray[np.int64]
    titles: NDArray[np.int64]
    facets: Sequence[Mapping[str, str]]

    def __len__(self) -> int:
        return len(self.slots)


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
