"""The first run: a one-time token, printed on the console, lets the first administrator in."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from server.accounts import people
from server.accounts.models import AccessEvent, Person, SetupToken
from server.accounts.roles import ADMINISTRATOR
from server.accounts.sessions import digest
from server.kernel.errors import ForbiddenError, NotFoundError
from server.kernel.i18n import N_

GOOD_FOR = timedelta(hours=24)


def begin(session: Session, *, now: datetime) -> str | None:
    """A fresh token if nobody can sign in yet; the one before it is no longer good."""
    session.execute(delete(SetupToken))
    if people.anyone(session):
        return None
    token = secrets.token_urlsafe(18)
    session.add(SetupToken(token_hash=digest(token), expires_at=now + GOOD_FOR))
    return token


def open_for(session: Session) -> bool:
    """Whether the first administrator is still to come."""
    return not people.anyone(session)


def complete(
    session: Session,
    token: str,
    username: str,
    name: dict[str, str],
    *,
    password_hash: str,
    language: str,
    now: datetime,
) -> Person:
    """Create the first administrator and use the token up.

    Raises:
        NotFoundError: somebody can sign in already.
        ForbiddenError: the token is not the one of this start.
    """
    if people.anyone(session):
        raise NotFoundError(N_("Watchdesk is set up already."))
    used = session.execute(
        delete(SetupToken)
        .where(SetupToken.token_hash == digest(token), SetupToken.expires_at > now)
        .returning(SetupToken.id)
    ).all()
    if not used:
        raise ForbiddenError(N_("This is not the token that the console of this start shows."))
    person = people.create(session, username, name, now=now, password_hash=password_hash, language=language)
    people.set_roles(session, person.id, [ADMINISTRATOR])
    session.add(AccessEvent(at=now, kind="setup", account=person.username_key, source=""))
    return person
