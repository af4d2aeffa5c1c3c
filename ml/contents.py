"""How much of a document's body is its own, and not the titles of others: a page of contents answers nothing.

Such a page has the words of every article that it lists, in the order of their titles, and so it is like any
question that one of them answers, most of all where that one is missing.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SHORTEST = 3  # tokens of a title that is looked for
FEWEST = 2  # titles; one alone is a reference, or says the same
MOST_MET = 4_000  # places where a title may begin

Title = tuple[int, ...]


def own(term: NDArray[np.int32], zone: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.float32]:
    """For each candidate the share of its body that is no title of another one, 0 to 1.

    Args:
        term: the candidates' tokens in order, one candidate behind the other.
        zone: where each stands; 0 is the title.
        starts: where each candidate begins, and the end.
    """
    body = zone > 0
    said_first = term[~body].tolist()
    bounds = np.concatenate([[0], np.cumsum(~body)])[starts].tolist()
    titles = [tuple(said_first[begin:end]) for begin, end in pairwise(bounds)]
    listed = _listed(term, body, starts, titles)
    sums, whole = np.concatenate([[0], np.cumsum(listed)]), np.concatenate([[0], np.cumsum(body)])
    said = (sums[starts[1:]] - sums[starts[:-1]]) / np.maximum(whole[starts[1:]] - whole[starts[:-1]], 1)
    share: NDArray[np.float32] = (1 - said).astype(np.float32)
    return share


def _listed(
    term: NDArray[np.int32], body: NDArray[np.bool_], starts: NDArray[np.int64], titles: list[Title]
) -> NDArray[np.bool_]:
    """Which tokens of a body are part of another one's title."""
    listed = np.zeros(len(term), dtype=bool)
    long = sorted({title for title in titles if len(title) >= SHORTEST})
    if not long:
        return listed
    by_code: dict[int, list[Title]] = {}
    begins = _codes(np.asarray([title[:SHORTEST] for title in long], dtype=np.int64).T)
    for code, title in zip(begins.tolist(), long, strict=True):
        by_code.setdefault(code, []).append(title)
    wide = term.astype(np.int64)
    codes = _codes(np.stack([wide[:-2], wide[1:-1], wide[2:]]))
    known = np.unique(begins)
    at = np.minimum(np.searchsorted(known, codes), len(known) - 1)
    met = np.nonzero((known[at] == codes) & body[: len(codes)])[0][:MOST_MET]
    whose = np.searchsorted(starts, met, side="right") - 1
    found: dict[int, set[Title]] = {}
    for place, candidate in zip(met.tolist(), whose.tolist(), strict=True):
        for title in by_code[int(codes[place])]:
            end = place + len(title)
            inside = end <= starts[candidate + 1] and title != titles[candidate]
            if inside and tuple(term[place:end].tolist()) == title:
                listed[place:end] = True
                found.setdefault(candidate, set()).add(title)
    for candidate, whole in found.items():
        if len(whole) < FEWEST:
            listed[starts[candidate] : starts[candidate + 1]] = False
    return listed


def _codes(three: NDArray[np.int64]) -> NDArray[np.int64]:
    """Three tokens in a row (one row for each) as one number; two that share it are told apart later."""
    coded: NDArray[np.int64] = (three[0] * 1_000_003 + three[1]) * 998_244_353 + three[2]
    return coded
