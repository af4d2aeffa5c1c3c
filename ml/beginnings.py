"""How much of the question stands in the beginning of each candidate, word for word as written.

What a title and the first sentences say in the ticket's own words, in its own order, is the best sign there
is that an article is about the same trouble; see `ml.written` for what is compared.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.similar import Candidates
from ml.written import Codes, Written

Rows = NDArray[np.float32]

NAMES = (
    "begun_alike",  # cosine of the words of the question and of the beginning
    "begun_said",  # how much of the question's information the beginning has
    "begun_pairs",  # the same of two words in a row
    "pairs_in_title",  # the same of the title
    "title_as_written",  # of two words in a row in the title, how much the question says
)
_PAIR = np.uint64(32)


def beginnings(found: Candidates, counted: Written, documents: int) -> dict[str, Rows]:
    """A column for each of NAMES.

    Args:
        found: the candidates.
        counted: how many documents begin with a word.
        documents: how many there are.
    """
    count, asked = len(found), found.asked.written
    if not len(asked) or not len(found.written):
        return dict.fromkeys(NAMES, np.zeros(count, dtype=np.float32))
    whose = np.repeat(np.arange(count), np.diff(found.written_starts))
    idf = counted.idf(found.written, documents)
    mine = np.unique(asked)
    said = counted.idf(mine, documents)
    theirs, word = _distinct(whose, found.written)
    met = np.isin(found.written[word], mine)
    squares = np.bincount(theirs, idf[word] ** 2, minlength=count)
    common = np.bincount(theirs[met], idf[word][met] ** 2, minlength=count)
    covered = np.bincount(theirs[met], idf[word][met], minlength=count)
    length = float(np.linalg.norm(said))
    return {
        "begun_alike": _float(common / np.maximum(np.sqrt(squares) * length, 1e-9)),
        "begun_said": _float(covered / max(float(said.sum()), 1e-9)),
        **_pairs(found, counted, documents, whose),
    }


def _pairs(found: Candidates, counted: Written, documents: int, whose: NDArray[np.int64]) -> dict[str, Rows]:
    """Of two words in a row; each says as much as its two words on average."""
    count, asked = len(found), found.asked.written
    mine = np.unique(_coded(asked[:-1], asked[1:]))
    together = whose[:-1] == whose[1:]
    codes = _coded(found.written[:-1], found.written[1:])[together]
    owner = whose[:-1][together]
    at = np.arange(len(whose))[:-1][together] - found.written_starts[owner]
    titled = at + 1 < found.titles[owner]

    def worth(pairs: NDArray[np.uint64]) -> NDArray[np.float32]:
        left, right = (pairs >> _PAIR).astype(np.uint32), pairs.astype(np.uint32)
        mean: Rows = (counted.idf(left, documents) + counted.idf(right, documents)) / np.float32(2)
        return mean

    def common(where: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
        theirs, pair = _distinct(owner[where], codes[where])
        gain = worth(codes[where][pair])
        met = np.isin(codes[where][pair], mine)
        return (
            np.bincount(theirs[met], gain[met], minlength=count),
            np.bincount(theirs, gain, minlength=count),
        )

    whole = max(float(worth(mine).sum()), 1e-9)
    of_beginning, _all = common(np.ones(len(codes), dtype=bool))
    of_title, title = common(titled)
    return {
        "begun_pairs": _float(of_beginning / whole),
        "pairs_in_title": _float(of_title / whole),
        "title_as_written": _float(of_title / np.maximum(title, 1e-9)),
    }


def _coded(left: Codes, right: Codes) -> NDArray[np.uint64]:
    return (left.astype(np.uint64) << _PAIR) | right.astype(np.uint64)


def _distinct(
    whose: NDArray[np.int64], codes: NDArray[np.uint32] | NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each code once for each candidate: whose it is, and at which place it stands first."""
    order = np.lexsort((codes, whose))
    first = np.ones(len(order), dtype=bool)
    first[1:] = (whose[order][1:] != whose[order][:-1]) | (codes[order][1:] != codes[order][:-1])
    place = order[first]
    return whose[place], place


def _float(values: NDArray[Any]) -> Rows:
    shares: Rows = np.minimum(values, 1.0).astype(np.float32)
    return shares
