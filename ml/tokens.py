"""Text of tickets and articles into the tokens that an index compares.

English words are stemmed and lose their stop words; Chinese runs become character bigrams (a segmenter
costs eight times as much and ranks worse); identifiers (dotted names, paths, CamelCase, snake_case, OIDs,
error codes) are kept whole and in parts; times, addresses, hex ids and sizes say nothing and are dropped.
Full-width forms are folded to half-width. Measured on our own trials: the identifier rule and the stop words
lift ranking most, dropping numbers with a unit costs nothing.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain
from typing import Any

LONGEST_TEXT = 20_000
LONGEST_TOKEN = 64

_HEX = "[0-9a-fA-F]"
# Every alternative begins with a digit of some base, so that the search skips all other text at once.
_NOISE = re.compile(
    rf"{_HEX}(?:"
    r"(?<=\d)\d{3}-\d{2}-\d{2}(?:[tT ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:[zZ]|[+-]\d{2}:?\d{2})?)?"
    r"|(?<![\d.].)(?<=\d)\d{0,2}\.(?:\d{1,3}\.){2}\d{1,3}(?::\d+|/\d+)?(?![\d.])"
    r"|(?<!\w.)(?:"
    r"(?<=\d)\d?:\d{2}(?::\d{2}(?:[.,]\d+)?)?\b"
    rf"|{_HEX}{{7}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}\b"
    rf"|{_HEX}:(?:{_HEX}{{2}}:){{4}}{_HEX}{{2}}\b"
    rf"|(?<=0)[xX]{_HEX}{{5,}}\b"
    rf"|(?:(?<=\d)(?={_HEX}*[a-fA-F])|(?<=[a-fA-F])(?={_HEX}*\d)){_HEX}{{11,}}\b"
    r"|(?<=\d)\d*(?:\.\d+)?\s?(?i:[kmgt]i?b|bytes?|ms|secs?|mins?|[wva]|°c)\b"
    r"))"
)
_PIECE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+|[A-Za-z0-9]+(?:[._/\\:-][A-Za-z0-9]+)*")
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
STOP_WORDS = frozenset(
    "a about after all also an and any are as at be because been before but by can could did do does for "
    "from get had has have how i if in into is it its just may me more my no not now of on or our out please "
    "so some such than that the their them then there these they this to up us use used using was we were "
    "what when where which while who will with would you your 的 了 是 在 和 与 或 及 等".split()
)


@cache
def _stemmer() -> Any:
    import Stemmer  # noqa: PLC0415  a program that searches nothing starts without

    return Stemmer.Stemmer("english", 0)


@dataclass(frozen=True)
class Piece:
    """A run of text and the tokens it gives, with its place in the text as it was given (NFKC)."""

    start: int
    end: int
    tokens: tuple[str, ...]


def tokens(text: str) -> list[str]:
    """The tokens of a text, in order, with repeats.

    Args:
        text: any text; only the first 20,000 characters are read.
    """
    return list(chain.from_iterable(map(_of_piece, _PIECE.findall(_NOISE.sub(" ", folded(text))))))


def pieces(text: str) -> list[Piece]:
    """The same with places in `folded(text)`, so that what matched can be shown."""
    blank = _NOISE.sub(lambda match: " " * len(match.group()), folded(text))
    return [Piece(m.start(), m.end(), _of_piece(m.group())) for m in _PIECE.finditer(blank)]


def folded(text: str) -> str:
    """The text as it is read: at most 20,000 characters, full-width forms as half-width."""
    text = text[:LONGEST_TEXT]
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


@lru_cache(maxsize=200_000)
def _of_piece(piece: str) -> tuple[str, ...]:
    return tuple(_bigrams(piece) if piece[0] >= "\u3400" else _words(piece))


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    return str(_stemmer().stemWord(word))


def _bigrams(run: str) -> list[str]:
    if len(run) == 1:
        return [] if run in STOP_WORDS else [run]
    return [run[i : i + 2] for i in range(len(run) - 1)]


def _words(piece: str) -> list[str]:
    """A plain word as its stem; an identifier whole (lower case) and as its parts."""
    lower = piece.lower()
    if lower.isalpha() and (piece.islower() or piece.istitle() or piece.isupper()):
        return [] if lower in STOP_WORDS or len(lower) == 1 else [_stem(lower)]
    if lower.isdigit():
        return [lower] if 1 < len(lower) <= 12 else []
    whole = [lower] if len(lower) <= LONGEST_TOKEN else []
    parts = [part.lower() for part in _PART.findall(piece)]
    return whole + [
        part if part.isdigit() else _stem(part)
        for part in parts
        if len(part) > 1 and part not in STOP_WORDS and part != lower
    ]
