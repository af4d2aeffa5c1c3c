"""News: upward in the same transaction (`Signal`), and outward to browsers after it (`emit`).

The event log is a table, so that a browser that was away resumes where it stopped and several
servers tell the same. Rows are written just before the commit, under the same lock as the audit
row: their numbers follow the order of commits and a reader never skips one that comes late.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Index, String, delete, event, func, insert, select, text
from sqlalchemy.orm import Mapped, Session, SessionTransaction, mapped_column

from server.kernel import audit
from server.kernel.db import Base, database_now

CHANNEL = "watchdesk_events"
TAIL_LOCK = 7_261_842  # PostgreSQL advisory lock: one transaction at a time ends with audit and events
KEPT = timedelta(hours=24)
LARGEST = 4000  # bytes of one payload: it names what changed, pages fetch the rest


class EventRow(Base):
    """One piece of news for browsers."""

    __tablename__ = "event_log"
    __audited__ = False  # says again what the audited change says

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    topic: Mapped[str] = mapped_column(String(120))
    payload: Mapped[dict[str, Any]]

    __table_args__ = (Index("ix_event_log_at", "at"), {"sqlite_autoincrement": True})


class Signal:
    """News that a lower room declares and upper rooms subscribe to in their PRACTICE."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._subscribers: list[Callable[..., None]] = []

    def subscribe(self, subscriber: Callable[..., None]) -> None:
        """Call `subscriber(session, **news)` on each piece of news; the same one only once."""
        if subscriber not in self._subscribers:
            self._subscribers.append(subscriber)

    def send(self, session: Session, **news: Any) -> None:
        """Run the subscribers now, in this transaction; what one raises undoes it all."""
        for subscriber in self._subscribers:
            subscriber(session, **news)


def emit(session: Session, topic: str, payload: dict[str, Any]) -> None:
    """Tell browsers that listen to `topic`, after this transaction is committed.

    Args:
        session: the running transaction; if it is rolled back nothing is told.
        topic: as `incident:INC-000123` or `incidents`.
        payload: ids and a version, at most 4,000 bytes as JSON; the page fetches what it may see.
    """
    if len(json.dumps(payload)) > LARGEST:
        raise ValueError(f"an event on {topic} is larger than {LARGEST} bytes")
    session.info.setdefault("events", []).append((topic, payload))


def news_after(
    session: Session, last: int, *, limit: int = 500
) -> Sequence[tuple[int, datetime, str, dict[str, Any]]]:
    """The log after row `last`, oldest first."""
    query = (
        select(EventRow.id, EventRow.at, EventRow.topic, EventRow.payload)
        .where(EventRow.id > last)
        .order_by(EventRow.id)
        .limit(limit)
    )
    return [(row.id, row.at, row.topic, row.payload) for row in session.execute(query)]


def bounds(session: Session) -> tuple[int, int]:
    """The first and the last number in the log; (0, 0) when it is empty."""
    first, last = session.execute(select(func.min(EventRow.id), func.max(EventRow.id))).one()
    return first or 0, last or 0


def trim(session: Session, *, now: datetime) -> int:
    """Delete news older than a day; the newest row stays, so that numbers go on."""
    _, last = bounds(session)
    old = delete(EventRow).where(EventRow.at < now - KEPT, EventRow.id < last)
    return int(session.execute(old).rowcount)  # type: ignore[attr-defined]  # a CursorResult


def _before_commit(session: Session) -> None:
    """Write the tail of a transaction: its audit row and its events."""
    if session.in_nested_transaction():
        return
    session.flush()
    changes = session.info.pop("audit", [])
    events = session.info.pop("events", [])
    if not changes and not events:
        return
    postgresql = session.get_bind().dialect.name == "postgresql"
    if postgresql:
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": TAIL_LOCK})
    if changes:
        audit.append(session, changes)
    if not events:
        return
    at = database_now(session)
    rows = [{"at": at, "topic": topic, "payload": payload} for topic, payload in events]
    session.execute(insert(EventRow), rows)
    database = session.info.get("database")
    if database is not None:
        database.after(session, CHANNEL)


def _mark(session: Session, transaction: SessionTransaction) -> None:
    """Remember how much was noted when a savepoint began."""
    if transaction.nested:
        marks = session.info.setdefault("marks", {})
        marks[transaction] = {name: len(session.info.get(name, [])) for name in NOTED}


def _undo(session: Session, transaction: SessionTransaction) -> None:
    """A savepoint was rolled back: forget what was noted since; the whole: forget all."""
    marks = session.info.get("marks", {}).pop(transaction, None)
    for name in NOTED:
        if marks is not None:
            del session.info.get(name, [])[marks[name] :]
        elif transaction.parent is None:
            session.info.pop(name, None)


NOTED = ("audit", "events", "after_commit")

event.listen(Session, "before_commit", _before_commit)
event.listen(Session, "after_transaction_create", _mark)
event.listen(Session, "after_soft_rollback", _undo)
