"""Signing in: limits per account and per source, the same answer and time for unknown accounts."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.accounts import passwords, sessions
from server.accounts.models import AccessEvent, Person
from server.accounts.names import skeleton
from server.kernel.db import Database

WINDOW = timedelta(minutes=15)
TRIES_PER_ACCOUNT = 5
TRIES_PER_SOURCE = 30


@dataclass(frozen=True)
class Try:
    """The outcome: a session's token, or how many tries are left within a quarter of an hour."""

    token: str | None
    tries_left: int


@dataclass(frozen=True)
class _Known:
    person_id: int | None
    stored: str | None


async def sign_in(
    database: Database,
    username: str,
    password: str,
    *,
    now: datetime,
    hours: int,
    address: str,
    browser: str,
    replaces: int | None = None,
) -> Try:
    """Check a name and password.

    The try is counted before the password is looked at, so that parallel guesses count too.
    Unknown, disabled and known accounts answer alike.
    """
    account = skeleton(username[:200].replace("\x00", ""))
    left, known = await database.run(_count_try, account, address, now=now)
    if left < 0:
        return Try(None, 0)
    if not await passwords.fits(password, known.stored) or known.person_id is None:
        return Try(None, left)
    token = await database.run(
        _open,
        known.person_id,
        account,
        now=now,
        hours=hours,
        address=address,
        browser=browser,
        replaces=replaces,
    )
    return Try(token, TRIES_PER_ACCOUNT)


def sign_out(session: Session, session_id: int, person_id: int, *, now: datetime) -> None:
    """End the session and note it."""
    sessions.end_session(session, session_id, person_id)
    person = session.get_one(Person, person_id)
    session.add(AccessEvent(at=now, kind="logout", account=person.username_key, source=""))


def _count_try(session: Session, account: str, address: str, *, now: datetime) -> tuple[int, _Known]:
    """Note a try; returns how many are left after it (negative: refused) and what is known of the account."""
    since = now - WINDOW
    last_in = session.scalar(
        select(func.max(AccessEvent.at)).where(
            AccessEvent.account == account, AccessEvent.kind == "login", AccessEvent.at > since
        )
    )
    tries = select(func.count()).select_from(AccessEvent).where(AccessEvent.kind == "failed")
    mine = (
        session.scalar(tries.where(AccessEvent.account == account, AccessEvent.at > (last_in or since))) or 0
    )
    source = session.scalar(tries.where(AccessEvent.source == address, AccessEvent.at > since)) or 0
    left = min(TRIES_PER_ACCOUNT - mine, TRIES_PER_SOURCE - source) - 1
    person = session.execute(
        select(Person.id, Person.password_hash).where(Person.username_key == account, Person.active)
    ).one_or_none()
    if left >= 0:
        session.add(AccessEvent(at=now, kind="failed", account=account, source=address))
    return left, _Known(person.id, person.password_hash) if person else _Known(None, None)


def _open(
    session: Session,
    person_id: int,
    account: str,
    *,
    now: datetime,
    hours: int,
    address: str,
    browser: str,
    replaces: int | None,
) -> str:
    session.add(AccessEvent(at=now, kind="login", account=account, source=address))
    mine = session.scalars(
        select(AccessEvent).where(
            AccessEvent.kind == "failed",
            AccessEvent.account == account,
            AccessEvent.source == address,
            AccessEvent.at == now,
        )
    ).first()
    if mine is not None:
        session.delete(mine)  # the try that succeeded is no failure
    if replaces is not None:
        sessions.forget(session, replaces)
    return sessions.open_session(session, person_id, now=now, hours=hours, address=address, browser=browser)
