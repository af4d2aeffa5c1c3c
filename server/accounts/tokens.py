"""API tokens: made by their owner, shown once, with a part of the owner's permissions."""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.accounts.models import ApiToken
from server.accounts.names import clean_text
from server.accounts.sessions import ALL, TOKEN_PREFIX, digest
from server.kernel.errors import ConflictError, InvalidError, NotFoundError
from server.kernel.i18n import N_

MOST = 20


def create(
    session: Session,
    person_id: int,
    name: str,
    *,
    scopes: Iterable[str],
    owned: frozenset[str],
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """Make a token.

    Args:
        session: the running transaction.
        person_id: the owner.
        name: tells the owner's tokens apart.
        scopes: permissions the token shall have, or `*` for all that its owner has at the time of use.
        owned: the owner's permissions; a scope outside them is refused.
        now: the present moment.
        expires_at: the token is not good afterwards; None: until it is revoked.

    Returns:
        The row, and the token itself, which is not kept.

    Raises:
        InvalidError: no scope, or one that the owner does not have.
        ConflictError: the name is used, or there are 20 tokens already.
    """
    name = clean_text(name, longest=80, field="/name")
    chosen = sorted(set(scopes))
    if not name:
        raise InvalidError(N_("Give the token a name, as the program that uses it."), field="/name")
    if not chosen:
        raise InvalidError(N_("Choose what the token may do."), field="/scopes")
    if foreign := [scope for scope in chosen if scope != ALL and scope not in owned]:
        raise InvalidError(
            N_("Your roles do not include {permission}."), field="/scopes", permission=foreign[0]
        )
    if expires_at is not None and expires_at <= now:
        raise InvalidError(N_("The end lies in the past."), field="/expires_at")
    mine = select(func.count()).select_from(ApiToken).where(ApiToken.person_id == person_id)
    if (session.scalar(mine) or 0) >= MOST:
        raise ConflictError(N_("There are {limit} tokens already. Revoke one that is not used."), limit=MOST)
    if session.scalar(mine.where(ApiToken.name == name)):
        raise ConflictError(N_("You have a token of that name."), field="/name")
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    row = ApiToken(
        token_hash=digest(token),
        person_id=person_id,
        name=name,
        scopes=[ALL] if ALL in chosen else chosen,
        created_at=now,
        expires_at=expires_at,
        hint=token[-4:],
    )
    session.add(row)
    session.flush()
    return row, token


def tokens_of(session: Session, person_id: int) -> Sequence[ApiToken]:
    """A person's tokens, newest first."""
    return session.scalars(
        select(ApiToken).where(ApiToken.person_id == person_id).order_by(ApiToken.id.desc())
    ).all()


def revoke(session: Session, token_id: int, person_id: int) -> str:
    """Revoke a token at once; returns its name.

    Raises:
        NotFoundError: it is not this person's.
    """
    row = session.scalar(select(ApiToken).where(ApiToken.id == token_id, ApiToken.person_id == person_id))
    if row is None:
        raise NotFoundError(N_("There is no such token."))
    session.delete(row)
    return row.name
