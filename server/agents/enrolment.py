"""How a program becomes an agent, proves it is one on every request, and stops being one."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from rules import wire
from server.agents.models import Agent, JoinToken, Pulse
from server.kernel.errors import ForbiddenError, InvalidError, NotFoundError, UnauthenticatedError
from server.kernel.events import emit
from server.kernel.i18n import N_

TOKEN_LIFE = timedelta(hours=1)
REFUSED = N_("This join token is not good for that name. Ask for a new one.")


@dataclass(frozen=True)
class NewToken:
    """A join token, told once."""

    agent_id: int
    name: str
    token: str
    expires_at: datetime


def create_token(session: Session, name: str, site: str = "", *, now: datetime) -> NewToken:
    """A word with which one program may become the agent `name`, once, within an hour.

    An agent of that name that exists already keeps its targets and gets a new secret when the
    token is used; tokens given out for it before are void.
    """
    name = name.strip()
    if not name or len(name) > 200 or not name.isprintable() or name.startswith("-"):
        raise InvalidError(N_("Give the agent a name of at most 200 characters."), field="/name")
    agent = session.scalar(select(Agent).where(Agent.name == name))
    if agent is None:
        agent = Agent(name=name, site=site.strip()[:200], created_at=now, pulse=Pulse())
        session.add(agent)
        session.flush()
    elif site.strip():
        agent.site = site.strip()[:200]
    for old in session.scalars(
        select(JoinToken).where(JoinToken.agent_id == agent.id, JoinToken.used_at.is_(None))
    ):
        session.delete(old)
    token = secrets.token_urlsafe(24)
    expires_at = now + TOKEN_LIFE
    session.add(JoinToken(agent_id=agent.id, token_hash=_hash(token), expires_at=expires_at))
    _changed(session, agent)
    return NewToken(agent.id, agent.name, token, expires_at)


def enrol(session: Session, ask: wire.Enrol, *, now: datetime) -> wire.Enrolled:
    """Make the asker the agent it names, if its token is good for that name.

    Raises:
        ForbiddenError: the token is used, too old, unknown or for another name; the answer is
            the same, so nothing can be learned from it.
    """
    claimed = session.execute(
        update(JoinToken)
        .where(
            JoinToken.token_hash == _hash(ask.token),
            JoinToken.used_at.is_(None),
            JoinToken.expires_at > now,
            JoinToken.agent_id == select(Agent.id).where(Agent.name == ask.name).scalar_subquery(),
        )
        .values(used_at=now)
        .returning(JoinToken.agent_id)
    ).scalar_one_or_none()
    if claimed is None:
        raise ForbiddenError(REFUSED)
    agent = session.get_one(Agent, claimed)
    secret = secrets.token_urlsafe(32)
    agent.secret_hash = _hash(secret)
    agent.host = ask.host
    agent.enrolled_at = now
    agent.revoked_at = None
    agent.pulse.version = ask.version
    agent.pulse.last_seen_at = now
    agent.pulse.silent_since = None
    _changed(session, agent)
    return wire.Enrolled(agent.id, secret)


def authenticate(session: Session, agent_id: int, secret: str) -> Agent:
    """The agent that proves itself; looked up on every request, so a revocation counts at once.

    Raises:
        UnauthenticatedError: no such agent, wrong secret, or revoked.
    """
    agent = session.get(Agent, agent_id) if 0 < agent_id < 2**63 else None
    known = agent.secret_hash if agent is not None and agent.secret_hash else _hash("")
    good = hmac.compare_digest(known, _hash(secret)) and bool(secret)
    if agent is None or not good or agent.revoked_at is not None:
        raise UnauthenticatedError(N_("This agent is not known here, or no longer."))
    return agent


def revoke(session: Session, agent_id: int, *, now: datetime) -> Agent:
    """Let the agent in no more; its targets stay for the one that follows it."""
    agent = agent_of(session, agent_id)
    agent.revoked_at = agent.revoked_at or now
    agent.secret_hash = None
    agent.pulse.silent_since = None
    _changed(session, agent)
    return agent


def agent_of(session: Session, agent_id: int) -> Agent:
    """The agent of an id."""
    agent = session.get(Agent, agent_id)
    if agent is None:
        raise NotFoundError(N_("There is no such agent."))
    return agent


def _changed(session: Session, agent: Agent) -> None:
    emit(session, "agents", {"agent": agent.id})


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
