"""Text of tickets and articles into the tokens that an index compares.

English words are stemmed and lose their stop words; Chinese runs become character bigrams (a segmenter
costs eight times as much and ranks worse); identifiers (dotted names, paths, CamelCase, snake_case, OIDs,
error codes) are kept whole and in parts; times, addresses, hex ids and sizes say nothing and are dropped.
Full-width forms are folded to half-width. Measured on our own trials: the identifier rule and the stop words
lift ranking most, dropping numbers with a unit costs nothing.
"""

import re
import unicodedata
from functools import lru_cache

import snowballstemmer

LONGEST_TEXT = 20_000
LONGEST_TOKEN = 64

_NOISE = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[t ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:z|[+-]\d{2}:?\d{2})?)?"
    r"|\b\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\b"
    r"|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?::\d+|/\d+)?(?![\d.])"
    r"|\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b"
    r"|\b0x[0-9a-f]{5,}\b|\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{12,}\b"
    r"|\b\d+(?:\.\d+)?\s?(?:[kmgt]i?b|bytes?|ms|secs?|mins?|[wva]|°c)\b",
    re.IGNORECASE,
)
_PIECE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+|[A-Za-z0-9]+(?:[._/\\:-][A-Za-z0-9]+)*")
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_STOP = frozenset(
    "a about after all also an and any are as at be because been before but by can could did do does for "
    "from get had has have how i if in into is it its just may me more my no not now of on or our out please "
    "so some such than that the their them then there these they this to up us use used using was we were "
    "what when where which while who will with would you your 的 了 是 在 和 与 或 及 等".split()
)
_stemmer = snowballstemmer.stemmer("english")


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    return str(_stemmer.stemWord(word))


def tokens(text: str) -> list[str]:
    """The tokens of a text, in order, with repeats.

    Args:
        text: any text; only the first 20,000 characters are read.
    """
    text = unicodedata.normalize("NFKC", text[:LONGEST_TEXT])
    found: list[str] = []
    for match in _PIECE.finditer(_NOISE.sub(" ", text)):
        piece = match.group()
        if piece[0] >= "\u3400":
            found.extend(_bigrams(piece))
        else:
            found.extend(_words(piece))
    return found


def _bigrams(run: str) -> list[str]:
    if len(run) == 1:
        return [] if run in _STOP else [run]
    return [run[i : i + 2] for i in range(len(run) - 1)]


def _words(piece: str) -> list[str]:
    """A plain word as its stem; an identifier whole (lower case) and as its parts."""
    lower = piece.lower()
    if lower.isalpha() and (piece.islower() or piece.istitle() or piece.isupper()):
        return [] if lower in _STOP or len(lower) == 1 else [_stem(lower)]
    if lower.isdigit():
        return [lower] if 1 < len(lower) <= 12 else []
    whole = [lower] if len(lower) <= LONGEST_TOKEN else []
    parts = [part.lower() for part in _PART.findall(piece)]
    return whole + [
        part if part.isdigit() else _stem(part)
        for part in parts
        if len(part) > 1 and part not in _STOP and part != lower
    ]
