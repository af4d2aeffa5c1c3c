"""How much of a document's body is its own, and not the titles of others: a page of contents answers nothing.

Such a page has the words of every article that it lists, in the order of their titles, and so it is like any
question that one of them answers, most of all where that one is missing.
"""

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
    titles = [
        tuple(term[begin:end][zone[begin:end] == 0].tolist())
        for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
    ]
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
    by_code: dict[int, set[Title]] = {}
    for title in titles:
        if len(title) >= SHORTEST:
            begins = np.asarray(title[:SHORTEST], dtype=np.int32)
            by_code.setdefault(int(_codes(begins)[0]), set()).add(title)
    if not by_code or len(term) < SHORTEST:
        return listed
    codes = _codes(term)
    (met,) = np.nonzero(np.isin(codes, list(by_code)) & body[: len(codes)])
    met = met[:MOST_MET]
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


def _codes(term: NDArray[np.int32]) -> NDArray[np.int64]:
    """Three tokens in a row as one number, from each place; two that share it are told apart later."""
    wide = term.astype(np.int64)
    return (wide[:-2] * 1_000_003 + wide[1:-1]) * 998_244_353 + wide[2:]
