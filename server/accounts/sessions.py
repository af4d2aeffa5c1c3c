"""Sessions of browsers and tokens of programs: opened, recognised, ended."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, delete, select, update
from sqlalchemy.orm import Session

from server.accounts.models import (
    AccessEvent,
    ApiToken,
    Group,
    GroupMember,
    LoginSession,
    Person,
    PersonRole,
    Role,
)
from server.kernel.call import Actor, Via, Visit
from server.kernel.errors import NotFoundError
from server.kernel.i18n import N_

TOKEN_PREFIX = "wd_"  # noqa: S105  marks a token in logs and scanners
ALL = "*"


@dataclass(frozen=True)
class SessionView:
    """A session as its owner sees it."""

    id: int
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str
    browser: str


def digest(token: str) -> bytes:
    """What is kept of a token: it has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def open_session(
    session: Session, person_id: int, *, now: datetime, hours: int, address: str, browser: str
) -> str:
    """Sign a browser in; returns the token for its cookie, always a fresh one."""
    token = secrets.token_urlsafe(32)
    session.add(
        LoginSession(
            token_hash=digest(token),
            person_id=person_id,
            created_at=now,
            last_seen_at=now,
            expires_at=now + timedelta(hours=hours),
            address=address[:64],
            browser=browser[:200],
        )
    )
    session.flush()
    return token


def end_session(session: Session, session_id: int, person_id: int) -> None:
    """End one session of a person.

    Raises:
        NotFoundError: it is not this person's, or has ended.
    """
    gone = session.execute(
        delete(LoginSession).where(LoginSession.id == session_id, LoginSession.person_id == person_id)
    )
    if not gone.rowcount:  # type: ignore[attr-defined]  # a CursorResult
        raise NotFoundError(N_("This session has ended already."))


def forget(session: Session, session_id: int) -> None:
    """End the session that a new sign-in in the same browser replaces, whoever's it was."""
    session.execute(delete(LoginSession).where(LoginSession.id == session_id))


def end_all(session: Session, person_id: int, *, but: int | None = None) -> None:
    """End all sessions of a person, on disabling, change of roles or password."""
    query = delete(LoginSession).where(LoginSession.person_id == person_id)
    session.execute(query if but is None else query.where(LoginSession.id != but))


def sessions_of(session: Session, person_id: int, *, now: datetime) -> Sequence[SessionView]:
    """The open sessions of a person, newest first."""
    rows = session.scalars(
        select(LoginSession)
        .where(LoginSession.person_id == person_id, LoginSession.expires_at > now)
        .order_by(LoginSession.last_seen_at.desc())
    )
    return [
        SessionView(row.id, row.created_at, row.last_seen_at, row.expires_at, row.address, row.browser)
        for row in rows
    ]


def trim(session: Session, *, now: datetime) -> None:
    """Forget sessions that have run out, and access events older than 90 days."""
    session.execute(delete(LoginSession).where(LoginSession.expires_at < now))
    session.execute(delete(AccessEvent).where(AccessEvent.at < now - timedelta(days=90)))


# All that people of outside companies may, whatever their roles say: the work that they were given (ORG-2).
# Lists of alerts, items and people are not theirs; of articles those that are meant for them.
OPEN_TO_VENDORS = frozenset(
    {"incident.read", "incident.work", "incident.resolve", "incident.note", "knowledge.read"}
)


def actor_of(session: Session, person: Person, *, via: Via, scopes: Sequence[str] = (ALL,)) -> Actor:
    """A person with roles, groups and permissions; a token's scopes are a part of the permissions."""
    query = select(Person.id, *HELD).where(Person.id == person.id)
    return _actor(person, session.execute(_with_held(query)).all(), via=via, scopes=scopes)


HELD = (Role.code, Role.permissions, Group.id.label("group_id"), Group.is_vendor)


def _with_held(query: Select[Any]) -> Select[Any]:
    """Each role of the person beside each group: a few rows, in one question."""
    return (
        query.outerjoin(PersonRole, PersonRole.person_id == Person.id)
        .outerjoin(Role, Role.id == PersonRole.role_id)
        .outerjoin(GroupMember, GroupMember.person_id == Person.id)
        .outerjoin(Group, Group.id == GroupMember.group_id)
    )


def _actor(person: Person, held: Sequence[Row[Any]], *, via: Via, scopes: Sequence[str] = (ALL,)) -> Actor:
    roles = {row.code: row.permissions for row in held if row.code is not None}
    groups = {row.group_id: row.is_vendor for row in held if row.group_id is not None}
    vendor = bool(groups) and all(groups.values())
    permissions = frozenset(key for given in roles.values() for key in given)
    if vendor:
        permissions &= OPEN_TO_VENDORS
    if ALL not in scopes:
        permissions &= frozenset(scopes)
    return Actor(
        id=person.id,
        username=person.username,
        name=person.name,
        permissions=permissions,
        groups=frozenset(groups),
        roles=frozenset(roles),
        language=person.language,
        timezone=person.timezone,
        via=via,
        vendor=vendor,
    )


class Accounts:
    """What the kernel asks of this practice: who is behind a cookie or a token."""

    def visit(self, session: Session, token: str, now: datetime) -> Visit | None:
        """The session of a cookie's token, while it lasts and its person is active."""
        query = (
            select(LoginSession, Person, *HELD)
            .join(Person, Person.id == LoginSession.person_id)
            .where(LoginSession.token_hash == digest(token), LoginSession.expires_at > now, Person.active)
        )
        held = session.execute(_with_held(query)).all()
        if not held:
            return None
        row, person = held[0][:2]
        actor = _actor(person, held, via="session")
        return Visit(actor, row.id, token, person.theme, person.density, row.last_seen_at)

    def bearer(self, session: Session, token: str, now: datetime) -> Actor | None:
        """The owner of an API token, with the permissions of its scopes."""
        query = (
            select(ApiToken, Person, *HELD)
            .join(Person, Person.id == ApiToken.person_id)
            .where(ApiToken.token_hash == digest(token), Person.active)
        )
        held = session.execute(_with_held(query)).all()
        if not held:
            return None
        row, person = held[0][:2]
        if row.expires_at is not None and row.expires_at <= now:
            return None
        return _actor(person, held, via="token", scopes=row.scopes)

    def touch(self, session: Session, session_id: int, now: datetime) -> None:
        """Note that a session is in use."""
        session.execute(update(LoginSession).where(LoginSession.id == session_id).values(last_seen_at=now))
