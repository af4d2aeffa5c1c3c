"""The grammar of descriptions: whole, head, what follows a keyword, tokens, dotted numbers."""

import re
from collections.abc import Iterator

from agent.discover.candidate import Candidate, Field
from agent.discover.evidence import words_in

_TOKEN = re.compile(r"[^\s,;()\[\]{}\"'=|<>]+")
_KEYED = re.compile(
    r"\b(model|product|prod|version|vers|ver|firmware|fw|software|sw|release|rel|rev|revision|"
    r"serial(?: ?(?:number|no))?|s/?n|sn|pn|p/?n|pid|mn|type|hw|image|app|build|os|id|system|platform)\b"
    r"[ .:#=]*(?:number|no|name|version|type)?[ .:#=]*([A-Za-z0-9][^\s,;()\[\]\"']*)",
    re.IGNORECASE,
)
_DOTTED = re.compile(r"(?<![\w.])[vVrR]?\d+(?:\.\d+)+[\w.()\-]*", re.ASCII)
_HEAD = re.compile(
    r",|;| - | version| ver\b| vers\b| firmware| software| fw\b| sw\b| rev\b| v\d|\(|\r|\n", re.IGNORECASE
)
_MARK = re.compile(r"^[\s:;,.#\"'=]+|[\s:;,\"'=]+$")


def tidy(value: str) -> str:
    """The text without the signs that stand around an answer."""
    return _MARK.sub("", value)


def described(descr: str, wanted: Field) -> Iterator[Candidate]:
    """By the grammar of descriptions: whole, head, what follows a keyword, tokens, dotted numbers."""
    if not descr:
        return
    if wanted == "model":
        yield from _heads(descr)
    for match in _KEYED.finditer(descr):
        key = match[1].lower()
        yield Candidate(tidy(match[2]), f"sysDescr after {match[1]}", {"d keyed": 1.0, f"d key {key}": 1.5})
    yield from _tokens([match[0] for match in _TOKEN.finditer(descr)][:40], wanted)
    if wanted == "version":
        yield from _dotted(descr)


def _heads(descr: str) -> Iterator[Candidate]:
    def words(text: str) -> int:
        return min(text.count(" ") + 1, 8)

    if len(descr) <= 60:
        yield Candidate(tidy(descr), "sysDescr", {"d whole": 1.0, f"d whole words {words(descr)}": 1.0})
    cut = _HEAD.split(descr, maxsplit=1)[0]
    if 2 < len(cut) < 60 and cut != descr:
        yield Candidate(tidy(cut), "sysDescr", {"d head": 1.0, f"d head words {words(cut)}": 1.0})
        if " " in cut:
            yield Candidate(tidy(cut.split(" ", 1)[1]), "sysDescr", {"d head rest": 1.0})


def _tokens(tokens: list[str], wanted: Field) -> Iterator[Candidate]:
    def plain(at: int, edge: str) -> str:
        return tokens[at].lower().strip(":.#") if 0 <= at < len(tokens) else edge

    for at, token in enumerate(tokens):
        digits = any(char.isdigit() for char in token)
        mixed = digits and any(char.isalpha() for char in token)
        if not (mixed or (digits if wanted != "model" else at < 4)):
            continue
        features = {
            "d token": 1.0,
            f"d at {min(at, 8)}": 1.0,
            f"d of {min(len(tokens), 12)}": 0.5,
            f"d before {plain(at - 1, '^')}": 1.0,
            f"d after {plain(at + 1, '$')}": 0.7,
            f"d last {at == len(tokens) - 1}": 0.5,
            f"d first word {tokens[0].lower()}": 0.7,
        }
        if at > 1:
            features[f"d before2 {plain(at - 2, '')}"] = 0.7
        yield Candidate(tidy(token), f"sysDescr, word {at + 1}", features)
        if wanted == "model" and mixed and at and tokens[at - 1][0].isupper():
            both = {"d pair": 1.0, f"d pair at {min(at, 6)}": 1.0}
            yield Candidate(tidy(f"{tokens[at - 1]} {token}"), f"sysDescr, word {at}", both)


def _dotted(descr: str) -> Iterator[Candidate]:
    for number, match in enumerate(list(_DOTTED.finditer(descr))[:8]):
        words = words_in(descr[max(0, match.start() - 24) : match.start()])
        features = {"d dotted": 1.0, f"d dotted {min(number, 3)}": 1.0, "d near": 1.0}
        features |= {f"d near {word}": 1.0 for word in words[-3:]}
        yield Candidate(tidy(match[0]), "a dotted number in sysDescr", features)
