"""What sets each candidate apart from the others, and what of the question it lacks.

A near article shares the theme of the question and lacks the one word that the theme is not about. So a word
counts here by how few of the candidates have it, not of the collection; what a candidate lacks counts by
whether another one has it; and the question's information is told apart by how rare its words are, whether
they stand in the first line, and where the candidate has them.
"""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from ml.answers import Asked

Rows = NDArray[np.float32]

QUARTERS = 4  # of rarity, the rarest last
LINES = ("first line", "rest")
LACKED = "lacked"
PLACES = (LACKED, "in title", "in body")
SHARES = tuple(f"{place}, {line}, rarity {n}" for n, line, place in product(range(QUARTERS), LINES, PLACES))
EVIDENCE = ("evidence", "evidence_in_title")  # how much was matched at all, not as a share
ALONE = (*SHARES, *EVIDENCE)  # these tell how sure an answer is and not which
NAMES = (
    "apart",  # of the information that tells the candidates apart, how much it has
    "apart_first_line",
    "apart_of_met",  # the same of words that any candidate has
    "unsurpassed",  # 1 less what the best other candidate has of the question and it has not
    "unsurpassed_first_line",
    "pairs_apart",  # of neighbours in the question that tell the candidates apart, how many it has
    *ALONE,
)
ENOUGH = 25.0  # information (idf) at which evidence is 1 - 1/e: about four rare words


def telling(asked: Asked, present: Rows, titled: Rows, rarest: float) -> dict[str, Rows]:
    """All of NAMES but `pairs_apart`.

    Args:
        asked: the question.
        present: for each candidate and each of the question's terms 1 where it has it, else 0.
        titled: the same of its title.
        rarest: how much a word says that one document has.
    """
    weight, first = asked.weights * asked.idf, asked.first * asked.idf
    apart = rarity(present)
    met = apart * (present.sum(axis=0) > 0)
    return {
        "apart": _of(present, weight * apart),
        "apart_first_line": _of(present, first * apart),
        "apart_of_met": _of(present, weight * met),
        "unsurpassed": _unsurpassed(present, weight),
        "unsurpassed_first_line": _unsurpassed(present, first),
        **_shares(asked, present, titled, rarest),
        "evidence": 1 - np.exp(present @ asked.idf / np.float32(-ENOUGH)),
        "evidence_in_title": 1 - np.exp(titled @ asked.idf / np.float32(-ENOUGH)),
    }


def rarity(has: Rows) -> Rows:
    """How much each column tells the candidates apart: the log of how few have it.

    Candidates that have the same of the question count once: what was mended several times is written
    several times, and no word becomes common by that.
    """
    _patterns, ones = np.unique(np.packbits(has > 0, axis=1), axis=0, return_index=True)
    has, count = has[ones], len(ones)
    grown: Rows = np.log((count + 1) / (has.sum(axis=0) + np.float32(0.5))).astype(np.float32)
    return np.maximum(grown, 0)


def _of(present: Rows, weight: Rows) -> Rows:
    return present @ weight / np.float32(max(float(weight.sum()), 1e-6))


def _unsurpassed(present: Rows, weight: Rows) -> Rows:
    lacked = ((1 - present) * weight) @ present.T
    worst: Rows = lacked.max(axis=1, initial=0.0) / np.float32(max(float(weight.sum()), 1e-6))
    return 1 - worst


def _shares(asked: Asked, present: Rows, titled: Rows, rarest: float) -> dict[str, Rows]:
    weight = asked.weights * asked.idf
    weight = weight / np.float32(max(float(weight.sum()), 1e-6))
    quarter = np.minimum((asked.idf / max(rarest, 1e-6) * QUARTERS).astype(int), QUARTERS - 1)
    lines, places = (
        (asked.first > 0, asked.first <= 0),
        (1 - present, present * titled, present * (1 - titled)),
    )
    told = (
        has @ (weight * ((quarter == n) & line)) for n, line, has in product(range(QUARTERS), lines, places)
    )
    return dict(zip(SHARES, told, strict=True))
