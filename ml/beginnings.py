"""How much of the question stands in the beginning of each candidate, word for word as written.

What a title and the first sentences say in the ticket's own words, in its own order, is the best sign there
is that an article is about the same trouble; see `ml.written` for what is compared.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.answers import Candidates
from ml.written import Codes, Written

Rows = NDArray[np.float32]

NAMES = (
    "begun_alike",  # cosine of the words of the question and of the beginning
    "begun_said",  # how much of the question's information the beginning has
    "begun_pairs",  # the same of two words in a row
    "pairs_in_title",  # the same of the title
    "title_as_written",  # of two words in a row in the title, how much the question says
)
_SPREAD = np.uint32(0x9E3779B1)  # of 2**32 by the golden ratio: neighbours in one order and the other differ


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
    word = _distinct(whose, found.written)
    theirs, met = whose[word], _among(found.written[word], mine)
    squares = np.bincount(theirs, idf[word] ** 2, minlength=count)
    common = np.bincount(theirs[met], idf[word][met] ** 2, minlength=count)
    covered = np.bincount(theirs[met], idf[word][met], minlength=count)
    length = float(np.linalg.norm(said))
    return {
        "begun_alike": _float(common / np.maximum(np.sqrt(squares) * length, 1e-9)),
        "begun_said": _float(covered / max(float(said.sum()), 1e-9)),
        **_pairs(found, whose, idf, counted.idf(asked, documents)),
    }


def _pairs(found: Candidates, whose: NDArray[np.int64], theirs: Rows, mine: Rows) -> dict[str, Rows]:
    """Of two words in a row; each says as much as its two words on average (`theirs` and `mine` by word)."""
    count, asked = len(found), found.asked.written
    pairs, at = np.unique(_coded(asked), return_index=True)
    whole = max(float((mine[at] + mine[at + 1]).sum()), 1e-9)
    (left,) = np.nonzero(whose[:-1] == whose[1:])
    owner, codes = whose[left], _coded(found.written)[left]
    gain = theirs[left] + theirs[left + 1]
    titled = left - found.written_starts[owner] + 1 < found.titles[owner]
    met = _among(codes, pairs)

    def common(where: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
        (there,) = np.nonzero(where)
        once = there[_distinct(owner[there], codes[there])]
        both = once[met[once]]
        return (
            np.bincount(owner[both], gain[both], minlength=count),
            np.bincount(owner[once], gain[once], minlength=count),
        )

    of_beginning, _all = common(np.ones(len(codes), dtype=bool))
    of_title, title = common(titled)
    return {
        "begun_pairs": _float(of_beginning / whole),
        "pairs_in_title": _float(of_title / whole),
        "title_as_written": _float(of_title / np.maximum(title, 1e-9)),
    }


def _coded(words: Codes) -> Codes:
    """Each word with the next one as one number."""
    coded: Codes = words[:-1] * _SPREAD + words[1:]
    return coded


def _among(codes: Codes, known: Codes) -> NDArray[np.bool_]:
    """Which codes are among the known ones, which are sorted."""
    if not len(known):
        return np.zeros(len(codes), dtype=bool)
    found: NDArray[np.bool_] = known[np.minimum(np.searchsorted(known, codes), len(known) - 1)] == codes
    return found


def _distinct(whose: NDArray[np.int64], codes: Codes) -> NDArray[np.int64]:
    """One place of each code for each candidate."""
    keys = (whose.astype(np.uint64) << np.uint64(32)) | codes
    order = np.argsort(keys)
    first = np.ones(len(order), dtype=bool)
    first[1:] = keys[order][1:] != keys[order][:-1]
    return order[first]


def _float(values: NDArray[Any]) -> Rows:
    shares: Rows = np.minimum(values, 1.0).astype(np.float32)
    return shares
