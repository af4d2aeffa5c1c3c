"""Where what two texts have in common stands in one of them, for people to see. Pure.

An index compares stems, parts of identifiers and pairs of Han signs; a reader knows words. A stem is shown as
the word that has it, a part of an identifier as that part, and pairs of Han signs as the longest run around
them that both texts have: 备份未在窗口内完成, not 份未 and 窗口.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ml.tokens import folded, pieces, tokens

_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


@dataclass(frozen=True)
class Part:
    """A part of a text, and whether it is of what both texts have."""

    text: str
    marked: bool


@dataclass(frozen=True)
class _Span:
    """A place that is marked, and the rank of the heaviest token in it; the lower the heavier."""

    begin: int
    end: int
    rank: int


def parts(text: str, shared: Sequence[str], other: str) -> list[Part]:
    """The text in parts, those marked that it has in common; together they are the text.

    Args:
        text: what is shown.
        shared: the tokens that both texts have.
        other: the other text; it tells how far a run of Han signs goes.
    """
    found, at = list[Part](), 0
    for span in _spans(text, shared, other):
        if span.begin > at:
            found.append(Part(text[at : span.begin], marked=False))
        found.append(Part(text[span.begin : span.end], marked=True))
        at = span.end
    return found + [Part(text[at:], marked=False)] * (at < len(text))


def words(text: str, shared: Sequence[str], other: str, *, most: int) -> list[str]:
    """What both texts have, as it stands in `text`: the heaviest first, nothing twice, no part of another.

    Args:
        text: where the words are taken from.
        shared: the tokens that both texts have, the heaviest first.
        other: the other text.
        most: at most so many.
    """
    spans = sorted(_spans(text, shared, other), key=lambda span: (span.rank, span.begin))
    known: dict[str, str] = {}
    for span in spans:
        word = text[span.begin : span.end]
        known.setdefault(word.lower(), word)
    whole = [word for low, word in known.items() if not any(low in more for more in known.keys() - {low})]
    return whole[:most]


def _spans(text: str, shared: Sequence[str], other: str) -> list[_Span]:
    """The places in order; none touches the next."""
    read, place = _read(text)
    if (
        folded(read) != read
    ):  # signs that are read together with their neighbours: better no mark than beside it
        return []
    rank = {token: at for at, token in reversed(list(enumerate(shared)))}
    said = folded(other)
    found: list[_Span] = []
    for piece in pieces(read):
        run = read[piece.start : piece.end]
        here = _han(run, rank, said) if run[0] >= "\u3400" else _latin(run, piece.tokens, rank)
        for span in here:
            begin, end = place[piece.start + span.begin], place[piece.start + span.end - 1] + 1
            if found and begin < found[-1].end:  # one sign of the text that is read as several
                continue
            found.append(_Span(begin, end, span.rank))
    return found


def _read(text: str) -> tuple[str, list[int]]:
    """The text as it is compared, and for each sign of that its place in the text."""
    if text.isascii():
        return text, list(range(len(text)))
    signs = [unicodedata.normalize("NFKC", sign) for sign in text]
    return "".join(signs), [at for at, sign in enumerate(signs) for _ in sign]


def _latin(run: str, known: Collection[str], rank: Mapping[str, int]) -> list[_Span]:
    """A word, an identifier that agrees as a whole, or else the parts of it that agree."""
    low = run.lower()
    whole = [rank[token] for token in known if token in rank and (token == low or len(known) == 1)]
    if whole:
        return [_Span(0, len(run), min(whole))]
    found = []
    for part in _PART.finditer(run):
        ranks = [rank[token] for token in tokens(part.group()) if token in rank]
        if ranks:
            found.append(_Span(part.start(), part.end(), min(ranks)))
    return found


def _han(run: str, rank: Mapping[str, int], said: str) -> list[_Span]:
    """Runs of signs around the pairs that agree, as far as the other text goes along."""
    found: list[_Span] = []
    for at in range(max(1, len(run) - 1)):
        token = run[at : at + 2]
        if token not in rank:
            continue
        begin, end = at, at + len(token)
        while begin > 0 and run[begin - 1 : end] in said:
            begin -= 1
        while end < len(run) and run[begin : end + 1] in said:
            end += 1
        if found and begin <= found[-1].end:
            last = found.pop()
            found.append(_Span(last.begin, max(last.end, end), min(last.rank, rank[token])))
        else:
            found.append(_Span(begin, end, rank[token]))
    return found
