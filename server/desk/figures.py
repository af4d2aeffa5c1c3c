"""The sums that home shows, asked of the database as one question."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    SQLColumnExpression,
    String,
    cast,
    literal,
    select,
    union_all,
)
from sqlalchemy.orm import Session

Sums = dict[str, list[tuple[int, int, int, int]]]
"""By what they are of: whom (0: nobody in particular), and three numbers."""


def row(
    what: str | SQLColumnExpression[Any], numbers: Sequence[ColumnElement[Any]], *, who: Any = None
) -> Select[Any]:
    """A part of the question; conditions come on top. `numbers` are at most three, the rest is 0."""
    three = [*numbers, *[literal(0)] * (3 - len(numbers))]
    return select(
        (literal(what) if isinstance(what, str) else cast(what, String)).label("what"),
        (literal(0) if who is None else who).label("who"),
        *[cast(one, Integer).label(f"number_{place}") for place, one in enumerate(three)],
    )


def asked(session: Session, parts: Sequence[Select[Any]]) -> Sums:
    """The answers to all parts; of a part that found nothing there is none."""
    found: Sums = {}
    for what, *numbers in session.execute(union_all(*[select(part.subquery()) for part in parts])):
        who, first, second, third = [int(one or 0) for one in numbers]
        found.setdefault(what, []).append((who, first, second, third))
    return found
