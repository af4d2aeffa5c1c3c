"""The audit log: one hash-chained row for every transaction that changes audited rows.

Nothing calls it: SQLAlchemy's session events see what a transaction did, and just before its
commit one row is appended, in the same transaction. Each row's hash covers the hash before it
and the canonical JSON of its own content, so a row that is altered, removed or slipped in breaks
the chain at its place; `verify` says where. Rows of models with `__audited__ = False` are left
out (a comment there says why); columns in `__secret__` are recorded as "changed" only; `__called__`
is what people call the model's records.
"""

import enum
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, cast

from sqlalchemy import String, event, insert, inspect, select
from sqlalchemy.orm import Mapped, Mapper, ORMExecuteState, Session, UOWTransaction, mapped_column
from sqlalchemy.sql.dml import UpdateBase

from server.kernel.db import Base, database_now
from server.kernel.i18n import N_

START = "0" * 64
SECRET_NAMES = frozenset({"password_hash", "secret", "secret_hash", "token_hash", "sealed"})
REDACTED = "(secret)"
LONGEST = 2000  # characters of one recorded value; longer ones are cut and their length told


class AuditRow(Base):
    """What one transaction changed. Rows are numbered without gaps."""

    __tablename__ = "audit_log"
    __audited__ = False  # it is the audit

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(120), index=True)  # username, or "system"
    source: Mapped[str] = mapped_column(String(80))  # web, api, job notify.deliver, command user add
    request_id: Mapped[str | None] = mapped_column(String(64))
    tables: Mapped[str] = mapped_column(String(400))  # of the changed rows, for search
    changes: Mapped[list[Any]]
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)


@dataclass(frozen=True)
class Origin:
    """Who and what is behind the running transaction."""

    actor: str = "system"
    source: str = "system"
    request_id: str | None = None


@dataclass(frozen=True)
class ChainState:
    """The outcome of walking the chain."""

    rows: int
    head: str
    broken_at: int | None = None  # the first row that does not fit
    why: str = ""


SYSTEM = Origin()
origin: ContextVar[Origin] = ContextVar("origin", default=SYSTEM)


@contextmanager
def acting(actor: str, source: str, request_id: str | None = None) -> Iterator[None]:
    """Within the block, changes are recorded as made by `actor` through `source`."""
    token = origin.set(Origin(actor, source, request_id))
    try:
        yield
    finally:
        origin.reset(token)


def row_hash(previous: str, content: dict[str, Any]) -> str:
    """SHA-256 over the previous hash and the canonical JSON of a row's content."""
    return hashlib.sha256(previous.encode() + canonical(content)).hexdigest()


def canonical(content: dict[str, Any]) -> bytes:
    """One way to write a value: sorted keys, no spaces, UTF-8."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def note(session: Session, change: dict[str, Any]) -> None:
    """Add to this transaction's row what its changed columns do not tell; `change` names a `table`."""
    session.info.setdefault("audit", []).append(change)


def append(session: Session, changes: list[dict[str, Any]]) -> None:
    """Append one row to the chain; the caller holds the chain's lock."""
    last = session.execute(
        select(AuditRow.id, AuditRow.hash).order_by(AuditRow.id.desc()).limit(1)
    ).one_or_none()
    number, previous = (last.id + 1, last.hash) if last else (1, START)
    who = origin.get()
    row = {
        "id": number,
        "at": database_now(session),
        "actor": who.actor,
        "source": who.source,
        "request_id": who.request_id,
        "tables": " ".join(sorted({str(change["table"]) for change in changes}))[:400],
        "changes": changes,
    }
    row["hash"] = row_hash(previous, _content(row))
    session.execute(insert(AuditRow).values(previous=previous, **row))


def verify(session: Session, *, must_have: str = "", batch: int = 1000) -> ChainState:
    """Walk the whole chain from its first row; stops at the first that does not fit.

    Args:
        session: a reading session.
        must_have: a hash noted earlier (or its beginning), which must occur: rows that were cut
            off the end leave a chain that is whole in itself.
        batch: rows fetched at once.
    """
    previous, expected, met = START, 1, not must_have
    for row in _rows(session, batch):
        if row.id != expected:
            return ChainState(expected - 1, previous, expected, N_("the row is missing"))
        if row.previous != previous:
            return ChainState(expected - 1, previous, row.id, N_("it does not continue the row before"))
        fields = {name: getattr(row, name) for name in FIELDS}
        if row.hash != row_hash(previous, _content(fields)):
            return ChainState(expected - 1, previous, row.id, N_("its content was altered"))
        previous, expected = row.hash, expected + 1
        met = met or row.hash.startswith(must_have)
    if not met:
        return ChainState(expected - 1, previous, expected, N_("no row has the hash that was noted"))
    return ChainState(expected - 1, previous)


def _rows(session: Session, batch: int) -> Iterator[AuditRow]:
    """All rows in their order; many short statements rather than one that is cut for its length."""
    last = -1
    while True:
        query = select(AuditRow).where(AuditRow.id > last).order_by(AuditRow.id).limit(batch)
        rows = session.scalars(query).all()
        yield from rows
        if len(rows) < batch:
            return
        last = rows[-1].id
        session.expunge_all()


@cache
def names() -> dict[str, str]:
    """What people call the records of each audited table (marked with N_), by table."""
    models = (mapper.class_ for mapper in Base.registry.mappers)
    audited = (one for one in models if getattr(one, "__audited__", True))
    return {one.__tablename__: getattr(one, "__called__", one.__tablename__) for one in audited}


FIELDS = ("id", "at", "actor", "source", "request_id", "tables", "changes")


def _content(row: dict[str, Any]) -> dict[str, Any]:
    return {**{name: row[name] for name in FIELDS}, "at": row["at"].isoformat(timespec="microseconds")}


def collect(session: Session, _context: UOWTransaction) -> None:
    """After a flush: note what it inserted, changed and deleted."""
    changes: list[dict[str, Any]] = session.info.setdefault("audit", [])
    for kind, rows in (("insert", session.new), ("update", session.dirty), ("delete", session.deleted)):
        for row in rows:
            if getattr(row, "__audited__", True):
                change = _change(kind, row)
                if change is not None:
                    changes.append(change)


def collect_bulk(state: ORMExecuteState) -> None:
    """An UPDATE or DELETE of many rows at once is noted as a statement."""
    if not (state.is_update or state.is_delete) or state.bind_mapper is None:
        return
    if not getattr(state.bind_mapper.class_, "__audited__", True):
        return
    statement = cast("UpdateBase", state.statement)
    compiled = statement.compile(dialect=state.session.get_bind().dialect)
    change = {
        "table": str(state.bind_mapper.local_table),
        "kind": "update many" if state.is_update else "delete many",
        "statement": _cut(str(compiled)),
        "values": {name: _plain(name, value) for name, value in compiled.params.items()},
    }
    state.session.info.setdefault("audit", []).append(change)


def _change(kind: str, row: object) -> dict[str, Any] | None:
    state = inspect(row)
    assert state is not None
    mapper: Mapper[Any] = state.mapper
    hidden = SECRET_NAMES | set(getattr(row, "__secret__", ()))
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for attribute in mapper.column_attrs:
        name = attribute.key
        history = state.attrs[name].history
        if kind == "update" and not history.has_changes():
            continue
        if kind != "insert":
            old = history.deleted or (history.unchanged if kind == "delete" else ())
            before[name] = REDACTED if name in hidden else _plain(name, old[0] if old else None)
        if kind != "delete":
            after[name] = REDACTED if name in hidden else _plain(name, getattr(row, name))
    if kind == "update" and not after:
        return None
    key = [_plain("", value) for value in mapper.primary_key_from_instance(row)]
    change: dict[str, Any] = {"table": str(mapper.local_table), "kind": kind, "key": key}
    if kind != "insert":
        change["before"] = before
    if kind != "delete":
        change["after"] = {name: value for name, value in after.items() if value is not None or before}
    return change


def _plain(name: str, value: Any) -> Any:  # noqa: PLR0911  one line for each type
    """A value as JSON takes it."""
    if name in SECRET_NAMES:
        return REDACTED
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)  # noqa: PLR0124  NaN
    if isinstance(value, enum.Enum):
        return _plain(name, value.value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return "sha256:" + hashlib.sha256(value).hexdigest()
    if isinstance(value, dict):
        return {str(key): _plain(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain("", item) for item in value]
    return _cut(str(value) if isinstance(value, Decimal) or not isinstance(value, str) else value)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"


event.listen(Session, "after_flush", collect)
event.listen(Session, "do_orm_execute", collect_bulk)
