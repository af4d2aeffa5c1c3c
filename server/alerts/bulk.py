"""Many rows by one statement, past the ORM and past SQLAlchemy's per-value work.

Values are turned into what the driver takes by column: moments, enums as their text, JSON by msgspec. It
is the same form in which the ORM reads them back, on both databases; a test holds the two together.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import JSON, Enum, Table
from sqlalchemy.orm import Session

from server.kernel.db import Base, UtcDateTime

_json = msgspec.json.Encoder().encode
_known: dict[
    tuple[str, str, str, tuple[str, ...]], tuple[str, list[tuple[str, Callable[[Any], Any] | None]]]
] = {}


def table_of(model: type[Base]) -> Table:
    """The model's table."""
    table = model.__table__
    assert isinstance(table, Table)
    return table


def insert_rows(session: Session, model: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows; each dict has the same names."""
    if rows:
        _run(session, "insert", model, rows)


def insert_tuples(
    session: Session, model: type[Base], names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows whose values are in the order of `names` and as the driver takes them; see `moments`."""
    if rows:
        dialect = session.get_bind().dialect.name
        text, _columns = _plan_of("insert", dialect, model, names)
        session.connection().exec_driver_sql(text, list(rows))


def moments(session: Session) -> Callable[[datetime, float], Any]:
    """What turns a moment in UTC, told also as seconds since 1970, into what the driver takes."""
    return _as_it_is if session.get_bind().dialect.name == "postgresql" else _quick_moment


def update_rows(session: Session, model: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Write the given columns of many rows; each dict has `id` and the same other names."""
    if rows:
        _run(session, "update", model, rows)


def update_tuples(
    session: Session, model: type[Base], names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Write many rows whose values are in the order of `names`, then their id, as the driver takes them."""
    if rows:
        dialect = session.get_bind().dialect.name
        text, _columns = _plan_of("update", dialect, model, ("id", *names))
        session.connection().exec_driver_sql(text, list(rows))


def _run(session: Session, verb: str, model: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    text, columns = _plan_of(verb, session.get_bind().dialect.name, model, tuple(rows[0]))
    values = [tuple(row[name] if turn is None else turn(row[name]) for name, turn in columns) for row in rows]
    session.connection().exec_driver_sql(text, values)


def _plan_of(
    verb: str, dialect: str, model: type[Base], names: tuple[str, ...]
) -> tuple[str, list[tuple[str, Callable[[Any], Any] | None]]]:
    key = (verb, dialect, model.__tablename__, names)
    if (plan := _known.get(key)) is None:
        plan = _known[key] = _plan(verb, dialect, table_of(model), names)
    return plan


def _plan(
    verb: str, dialect: str, table: Table, names: tuple[str, ...]
) -> tuple[str, list[tuple[str, Callable[[Any], Any] | None]]]:
    place = "%s" if dialect == "postgresql" else "?"
    if verb == "insert":
        order = list(names)
        columns = ", ".join(f'"{name}"' for name in order)
        text = f'INSERT INTO "{table.name}" ({columns}) VALUES ({", ".join([place] * len(order))})'  # noqa: S608  names of our own columns
    else:
        order = [name for name in names if name != "id"]
        columns = ", ".join(f'"{name}" = {place}' for name in order)
        text = f'UPDATE "{table.name}" SET {columns} WHERE id = {place}'  # noqa: S608  as above
        order.append("id")
    return text, [(name, _turn(table, name, dialect)) for name in order]


def _turn(table: Table, name: str, dialect: str) -> Callable[[Any], Any] | None:
    kind = table.c[name].type
    if isinstance(kind, UtcDateTime):
        return None if dialect == "postgresql" else _moment
    if isinstance(kind, JSON):
        return _as_json
    if isinstance(kind, Enum):
        return str
    return None


def _as_it_is(value: datetime, _seconds: float) -> datetime:
    return value


def _quick_moment(value: datetime, seconds: float) -> str | None:
    """As `_moment`, for moments of which many share a second."""
    micro = value.microsecond
    if not micro:  # the fraction may have been rounded up into the next second
        return _moment(value)
    return f"{_second(int(seconds))}.{micro:06}"


@lru_cache(4_096)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(" ")[:19]


def _moment(value: datetime | None) -> str | None:
    """As SQLAlchemy writes a moment into SQLite."""
    if value is None:
        return None
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return value.isoformat(" ", "microseconds")[:26]  # without the zone


def _as_json(value: Any) -> str:
    return _json(value).decode()
