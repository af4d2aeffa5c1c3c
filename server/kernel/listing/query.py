"""From a wish to SQL, the same on both databases.

Text is compared without regard to the case of Latin letters, by code points; so both databases, and
the oracle of the tests, agree. Equal rows are settled by the listing's key.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    cast,
    false,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from server.kernel.errors import InvalidError
from server.kernel.i18n import N_, current_zone
from server.kernel.listing.declare import COUNT_LIMIT, Choice, Expression, Filter, Listing
from server.kernel.listing.wish import Wish

if TYPE_CHECKING:
    from server.kernel.call import Actor

_BACK = re.compile(r"^(\d{1,5})(m|h|d|w)$")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_ESCAPE = "\\"


class folded(GenericFunction[str]):  # noqa: N801  written like the SQL function it is
    """Text for comparing: Latin letters in lower case, everything else as it is."""

    type = String()
    inherit_cache = True
    name = "wd_folded"


@compiles(folded)
def _folded(element: folded, compiler: SQLCompiler, **kw: Any) -> str:
    return f"lower({compiler.process(element.clauses, **kw)})"


@compiles(folded, "postgresql")
def _folded_postgresql(element: folded, compiler: SQLCompiler, **kw: Any) -> str:
    return f'lower(({compiler.process(element.clauses, **kw)})::text COLLATE "C")'


def fold(text: str) -> str:
    """As `folded`, in Python."""
    return "".join(sign.lower() if sign.isascii() else sign for sign in text)


def statement(
    listing: Listing, wish: Wish, actor: "Actor", *, now: datetime, session: Session
) -> Select[Any]:
    """The rows the wish asks for, not yet ordered or cut to a page."""
    found = listing.statement(actor)
    for key, values in wish.filters.items():
        chosen = listing.filter(key)
        if chosen is not None:
            found = found.where(condition(chosen, values, actor, now=now, session=session))
    for word in wish.words.split():
        hit = (
            listing.finds(word)
            if listing.finds
            else or_(false(), *(_contains(c, word) for c in listing.search))
        )
        found = found.where(hit)
    return found


def ordered(listing: Listing, sort: str, found: Select[Any]) -> Select[Any]:
    """The rows in the wished order; absent values last, equal rows by the listing's key."""
    sort = sort or listing.sort
    column = listing.column(sort.removeprefix("-")) if sort else None
    terms: list[ColumnElement[Any]] = []
    if column is not None and column.sort is not None:
        wished = column.sort if isinstance(column.sort, tuple) else (column.sort,)
        for expression in wished:
            term = folded(expression) if isinstance(expression.type, String) else expression
            terms.append(_directed(term, down=sort.startswith("-")))
    return found.order_by(None).order_by(*terms, listing.key)


def _directed(term: Any, *, down: bool) -> ColumnElement[Any]:
    directed: ColumnElement[Any] = (term.desc() if down else term.asc()).nulls_last()
    return directed


def count(session: Session, found: Select[Any]) -> int:
    """How many rows there are, exact up to COUNT_LIMIT, else COUNT_LIMIT + 1."""
    return counts(session, [found])[0]


def counts(session: Session, wanted: Sequence[Select[Any]]) -> list[int]:
    """As `count`, for several statements in one query."""
    if not wanted:
        return []
    parts = []
    for found in wanted:
        inner = (
            found.order_by(None).limit(COUNT_LIMIT + 1).with_only_columns(true(), maintain_column_froms=True)
        )
        parts.append(select(func.count()).select_from(inner.subquery()).scalar_subquery())
    row = session.execute(select(*parts)).one()
    return [int(number) for number in row]


def choices_of(chosen: Filter, session: Session, actor: "Actor") -> Sequence[Choice]:
    """The choices of a filter, looked up where they are a function."""
    return chosen.choices(session, actor) if callable(chosen.choices) else chosen.choices


def condition(
    chosen: Filter, values: Sequence[str], actor: "Actor", *, now: datetime, session: Session
) -> ColumnElement[bool]:
    """What a row must meet to pass one filter: any of its values.

    Raises:
        InvalidError: a value that the filter does not have.
    """
    tests: list[ColumnElement[bool]] = []
    offered = (
        {one.value: one for one in choices_of(chosen, session, actor)} if chosen.kind == "choice" else {}
    )
    for value in values:
        if chosen.where is not None and value not in offered:
            tests.append(chosen.where(value))
        elif chosen.kind == "text":
            tests.append(_contains(_column(chosen), value))
        elif chosen.kind == "choice":
            tests.append(_choice(chosen, offered.get(value), value))
        elif chosen.kind == "person":
            tests.append(_person(chosen, value, actor))
        else:
            tests.append(_between(chosen, value, now=now))
    return or_(false(), *tests)


def _column(chosen: Filter) -> Any:
    if chosen.column is None:
        raise TypeError(f"the filter {chosen.key} has neither column nor where")
    return chosen.column


def _refused(chosen: Filter, value: str) -> InvalidError:
    return InvalidError(
        N_("The field {name} has no value {value}."), field=f"/{chosen.key}", name=chosen.key, value=value
    )


def _choice(chosen: Filter, choice: Choice | None, value: str) -> ColumnElement[bool]:
    if choice is None:
        raise _refused(chosen, value)
    if choice.where is not None:
        return choice.where
    column = _column(chosen)
    if value in {"none", ""}:
        return column.is_(None)  # type: ignore[no-any-return]
    return and_(true(), column == _typed(column, value))


def _typed(column: Any, value: str) -> Any:
    try:
        kind = column.type.python_type
    except NotImplementedError:
        return value
    return int(value) if kind is int else value == "true" if kind is bool else value


def _person(chosen: Filter, value: str, actor: "Actor") -> ColumnElement[bool]:
    column = _column(chosen)
    if value == "none":
        return column.is_(None)  # type: ignore[no-any-return]
    if value == "me":
        return and_(true(), column == actor.id)
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise _refused(chosen, value)
    return and_(true(), column == int(value))


def _contains(column: Expression, value: str) -> ColumnElement[bool]:
    """Contains the text; with `*` the pattern is the whole value."""
    text = re.sub(r"([\\%_])", r"\\\1", fold(value))
    pattern = text.replace("*", "%") if "*" in text else f"%{text}%"
    comparable = column if isinstance(column.type, String) else cast(column, String)
    return folded(comparable).like(pattern, escape=_ESCAPE)


def _between(chosen: Filter, value: str, *, now: datetime) -> ColumnElement[bool]:
    column = _column(chosen)
    back = _BACK.match(value)
    if back:
        step = timedelta(**{_UNITS[back[2]]: int(back[1])})
        return and_(true(), column >= now - step)
    start, dots, end = value.partition("..")
    try:
        since = _midnight(start) if start else None
        until = _midnight(end if dots else start, after=True) if (end or not dots) else None
    except (ValueError, OverflowError) as error:
        raise _refused(chosen, value) from error
    tests = [column >= since] if since else []
    tests += [column < until] if until else []
    return and_(true(), *tests)


def _midnight(text: str, *, after: bool = False) -> datetime:
    """Where a day begins (or ends) in the reader's zone, as UTC; years 1970 to 2199."""
    day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=current_zone())
    if not 1970 <= day.year <= 2199:
        raise ValueError(text)
    moved = day + timedelta(days=1) if after else day
    return moved.astimezone(UTC)
