"""What people do not want to hear of: a source, a kind of message, or a kind from one source."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from rules import wire
from server.accounts.service import people_by_ids
from server.agents.generation import touch
from server.agents.models import Agent
from server.discovery.jobs import TOPIC
from server.discovery.models import HeardMessage, IgnoredHeard
from server.kernel.errors import ConflictError, InvalidError, NotFoundError
from server.kernel.events import emit
from server.kernel.i18n import N_

MOST = 2_000  # an agent takes no more
KEPT = timedelta(days=30)  # after its time was over


@dataclass(frozen=True)
class Ignoring:
    """What is to be ignored. `agent_id` None and `source` "": of all; `what` "": everything."""

    kind: str
    reason: str
    agent_id: int | None = None
    source: str = ""
    what: str = ""
    name: str = ""
    until_at: datetime | None = None


@dataclass(frozen=True)
class Row:
    """Something that is ignored, with who said so."""

    row: IgnoredHeard
    agent: str
    by: Any


def begin(session: Session, new: Ignoring, *, by: int | None, now: datetime) -> IgnoredHeard:
    """Ignore from now on; what is ignored already gets the new reason and end."""
    if not (new.source or new.what):
        raise InvalidError(N_("Choose a source, a kind of message, or both."), field="/scope")
    if new.until_at is not None and new.until_at <= now:
        raise InvalidError(N_("The end lies in the past."), field="/until_at")
    if new.agent_id is not None and session.get(Agent, new.agent_id) is None:
        raise NotFoundError(N_("There is no such agent."))
    row = session.scalar(
        select(IgnoredHeard).where(
            IgnoredHeard.agent_id == new.agent_id
            if new.agent_id is not None
            else IgnoredHeard.agent_id.is_(None),
            IgnoredHeard.kind == new.kind,
            IgnoredHeard.source == new.source,
            IgnoredHeard.what == new.what,
        )
    )
    if row is None:
        if (session.scalar(select(func.count()).select_from(IgnoredHeard)) or 0) >= MOST:
            raise ConflictError(
                N_("{limit} things are ignored; that is the limit. Take some back."), limit=MOST
            )
        row = IgnoredHeard(agent_id=new.agent_id, kind=new.kind, source=new.source, what=new.what)
        session.add(row)
    row.name, row.reason, row.until_at, row.by_id, row.at = new.name, new.reason, new.until_at, by, now
    session.flush()
    _tell(session, new.agent_id)
    return row


def end(session: Session, ignored_id: int) -> IgnoredHeard:
    """Hear it again."""
    row = session.get(IgnoredHeard, ignored_id) if 0 < ignored_id < 2**31 else None
    if row is None:
        raise ConflictError(N_("This is heard again already."))
    session.delete(row)
    _tell(session, row.agent_id)
    return row


def shown(session: Session, *, now: datetime) -> list[Row]:
    """What is ignored now, the latest first."""
    rows = session.scalars(
        select(IgnoredHeard).where(_living(now)).order_by(IgnoredHeard.at.desc(), IgnoredHeard.id.desc())
    ).all()
    people = people_by_ids(session, {row.by_id for row in rows})
    names = {row[0]: row[1] for row in session.execute(select(Agent.id, Agent.name))}
    return [
        Row(
            row,
            names.get(row.agent_id, "") if row.agent_id is not None else "",
            people[row.by_id].name if row.by_id is not None and row.by_id in people else None,
        )
        for row in rows
    ]


def sources(rows: Sequence[Row]) -> set[tuple[int | None, str, str]]:
    """The sources of which everything is ignored, by agent, kind and address."""
    return {
        (one.row.agent_id, one.row.kind, one.row.source)
        for one in rows
        if one.row.source and not one.row.what
    }


def covers(rows: Sequence[Row], message: HeardMessage) -> Row | None:
    """What makes a message be ignored, or None."""
    for one in rows:
        row = one.row
        if (
            row.kind == message.kind
            and row.agent_id in {None, message.agent_id}
            and row.source in {"", message.source}
            and row.what in {"", message.what}
        ):
            return one
    return None


def told(session: Session, agent_id: int) -> list[wire.IgnoredHeard]:
    """What an agent leaves out; it minds the ends itself."""
    mine = or_(IgnoredHeard.agent_id.is_(None), IgnoredHeard.agent_id == agent_id)
    return [
        wire.IgnoredHeard(
            row.kind,  # type: ignore[arg-type]
            row.source,
            row.what,
            row.until_at.timestamp() if row.until_at is not None else 0.0,
        )
        for row in session.scalars(select(IgnoredHeard).where(mine).order_by(IgnoredHeard.id))
    ]


def tidy(session: Session, *, now: datetime) -> None:
    """Forget what is long heard again."""
    for row in session.scalars(select(IgnoredHeard).where(IgnoredHeard.until_at < now - KEPT)):
        session.delete(row)


def _living(now: datetime) -> Any:
    return or_(IgnoredHeard.until_at.is_(None), IgnoredHeard.until_at > now)


def _tell(session: Session, agent_id: int | None) -> None:
    query = select(Agent) if agent_id is None else select(Agent).where(Agent.id == agent_id)
    for agent in session.scalars(query):
        touch(agent)
    emit(session, TOPIC, {"heard": True})
