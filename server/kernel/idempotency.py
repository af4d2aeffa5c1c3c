"""Idempotency-Key: the same request sent twice has one effect and one answer.

The key is written in the very transaction that has the effect (before its commit, wherever the
handler opened it), so two servers cannot both have it and a crash leaves no half. The answer is
added afterwards; a repeat in between is told that the first is not answered yet.
"""

import hashlib
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String, Text, delete, event, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.kernel.db import Base, after_commit
from server.kernel.errors import ConflictError, InvalidError
from server.kernel.i18n import N_

KEPT = timedelta(hours=24)
LONGEST_KEY = 200


class IdempotencyRow(Base):
    """A request that had its effect, and what was answered."""

    __tablename__ = "idempotency"
    __audited__ = False  # the effect is audited

    actor_id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(LONGEST_KEY), primary_key=True)
    at: Mapped[datetime]
    fingerprint: Mapped[str] = mapped_column(String(64))  # of method, path and body
    status: Mapped[int | None]
    answer: Mapped[str | None] = mapped_column(Text)


class DoneMeanwhileError(Exception):
    """The same key had its effect through another request since this one began."""


@dataclass
class Once:
    """A request that shall have one effect; `written` once a transaction of it is committed."""

    actor_id: int
    key: str
    fingerprint: str
    at: datetime
    written: bool = False


once: ContextVar[Once | None] = ContextVar("once", default=None)


def fingerprint(method: str, path: str, body: bytes) -> str:
    """What makes two requests the same."""
    return hashlib.sha256(f"{method} {path}\n".encode() + body).hexdigest()


def check_key(key: str) -> str:
    """The key, if it can be one."""
    if not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise InvalidError(
            N_("Idempotency-Key takes 1 to {limit} printable ASCII characters."), limit=LONGEST_KEY
        )
    return key


def earlier(session: Session, asked: Once) -> tuple[int, str] | None:
    """Status and body that the same request was answered with before; None if it is the first.

    Raises:
        ConflictError: the key was used for another request, or the first is not answered yet.
    """
    row = session.get(IdempotencyRow, (asked.actor_id, asked.key))
    if row is None:
        return None
    if row.fingerprint != asked.fingerprint:
        raise ConflictError(N_("This Idempotency-Key was used for another request."))
    if row.status is None:
        raise ConflictError(
            N_("The first request with this Idempotency-Key had its effect but is not answered yet.")
        )
    return row.status, row.answer or ""


def answered(session: Session, asked: Once, status: int, answer: str) -> None:
    """Remember the answer of a request that has just had its effect."""
    session.execute(
        update(IdempotencyRow)
        .where(IdempotencyRow.actor_id == asked.actor_id, IdempotencyRow.key == asked.key)
        .values(status=status, answer=answer)
    )


def trim(session: Session, *, now: datetime) -> None:
    """Forget keys older than a day."""
    session.execute(delete(IdempotencyRow).where(IdempotencyRow.at < now - KEPT))


def _before_commit(session: Session) -> None:
    asked = once.get()
    if asked is None or session.in_nested_transaction() or session.info.get("once"):
        return
    if session.get_bind() is not getattr(session.info.get("database"), "engine", None):
        return
    session.info["once"] = True
    known = session.scalar(
        select(IdempotencyRow.fingerprint).where(
            IdempotencyRow.actor_id == asked.actor_id, IdempotencyRow.key == asked.key
        )
    )
    if known is not None and not asked.written:
        raise DoneMeanwhileError
    if known is None:
        after_commit(session, lambda: setattr(asked, "written", True))
        row: dict[str, Any] = {
            "actor_id": asked.actor_id,
            "key": asked.key,
            "at": asked.at,
            "fingerprint": asked.fingerprint,
        }
        session.execute(insert(IdempotencyRow).values(**row))


event.listen(Session, "before_commit", _before_commit)
