"""JSON as we take it from outside: one meaning, bounded, storable in both databases.

The standard parser accepts NaN, keeps the last of duplicate keys, lets lone surrogates through
and recurses without bound; SQLite cannot keep integers of 64 bits and more, PostgreSQL no NUL.
Each of these is refused here, named by JSON pointer.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from server.kernel.errors import DeskError, InvalidError
from server.kernel.formdata import pointer
from server.kernel.i18n import N_

DEEPEST = 32
LARGEST = 2**63
_SURROGATE = re.compile("[\ud800-\udfff]")
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')


class JsonError(DeskError):
    """The body is no JSON that we take."""

    code = "bad_json"


@dataclass(frozen=True)
class _Refused:
    """Stands in the parsed document where something cannot be taken."""

    msgid: str
    key: str | None = None


def parse(raw: bytes) -> Any:
    """Parse a body.

    Raises:
        JsonError: no UTF-8, no JSON, or nested deeper than 32.
        InvalidError: a value that cannot be taken, with its place as JSON pointer.
    """
    if _depth(raw) > DEEPEST:
        raise JsonError(N_("The body is nested deeper than {limit} levels."), limit=DEEPEST)
    try:
        document = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=lambda _: _Refused(N_("NaN and Infinity are not numbers.")),
            parse_int=_integer,
            parse_float=_float,
        )
    except UnicodeDecodeError as error:
        raise JsonError(N_("The body is not UTF-8 (byte {place})."), place=error.start) from error
    except json.JSONDecodeError as error:
        raise JsonError(
            N_("The body is not JSON: line {line}, column {column}."), line=error.lineno, column=error.colno
        ) from error
    for place, said in refusals(document):
        raise InvalidError(said, field=pointer(place))
    return document


def refusals(value: Any, place: tuple[int | str, ...] = ()) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """What in a document cannot be taken, with its place."""
    if isinstance(value, _Refused):
        yield (*place, value.key) if value.key is not None else place, value.msgid
    elif isinstance(value, str):
        if said := text_refusal(value):
            yield place, said
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from refusals(item, (*place, number))
    elif isinstance(value, dict):
        for key, item in value.items():
            if text_refusal(key):
                yield place, N_("A name of a field has a character that cannot be stored.")
                return
            yield from refusals(item, (*place, key))


def text_refusal(text: str) -> str | None:
    """Why a text cannot be stored, or None."""
    if "\x00" in text:
        return N_("The text has a NUL character.")
    if _SURROGATE.search(text):
        return N_("The text has half of a character (a lone surrogate).")
    return None


def _object(pairs: list[tuple[str, Any]]) -> Any:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                return _Refused(N_("The field is given twice."), key)
            seen.add(key)
    return made


def _integer(digits: str) -> Any:
    if len(digits) > 20 or not -LARGEST <= int(digits) < LARGEST:
        return _Refused(N_("The number is beyond 64 bits."))
    return int(digits)


def _float(digits: str) -> Any:
    value = float(digits) if len(digits) <= 1000 else float("inf")
    return _Refused(N_("The number is too large.")) if abs(value) == float("inf") else value


def _depth(raw: bytes) -> int:
    """How deep brackets go, outside of strings."""
    deepest = level = 0
    for sign in re.findall(rb"[\[\]{}]", _STRINGS.sub(b"", raw)):
        level += 1 if sign in b"[{" else -1
        deepest = max(deepest, level)
        if deepest > DEEPEST:
            break
    return deepest
