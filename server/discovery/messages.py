"""Messages that agents heard: the latest of each kind and source, for people to look at."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from rules import wire
from rules.heard_form import FACILITIES, LEVELS
from rules.numbers import whole
from rules.syslog import Line, parse
from server.agents.models import Agent, Target
from server.cmdb import service as cmdb
from server.cmdb.models import Ci
from server.discovery.models import HeardMessage
from server.kernel.errors import NotFoundError
from server.kernel.i18n import N_

KEPT = timedelta(days=30)  # after it was heard last
MOST = 3_000  # of one agent
SHOWN = 200
LOOKED_THROUGH = 1_000
HOST = "host"


@dataclass(frozen=True)
class Message:
    """A message with the agent that heard it and the item that its source is, where it is one.

    `target`: its name, "" where the source is no target of the agent.
    """

    row: HeardMessage
    told: wire.HeardSample
    agent: str
    target: str
    ci: Ci | None

    @property
    def title(self) -> str:
        """What people call its kind."""
        return (self.told.name or self.row.what) if self.row.kind == "trap" else self.row.what

    @property
    def line(self) -> Line:
        """A syslog line taken apart."""
        return parse(self.told.priority, self.told.line)

    @property
    def level(self) -> str:
        """Of a line, by its name."""
        return LEVELS[self.line.level]

    @property
    def facility(self) -> str:
        """Of a line, by its name."""
        return FACILITIES[self.line.facility]

    @property
    def values(self) -> dict[str, str]:
        """Of a trap, by whole OID."""
        return {one.oid: one.text for one in self.told.values}


@dataclass(frozen=True)
class Kind:
    """Messages alike of all sources; `latest` stands for them."""

    latest: Message
    sources: int

    @property
    def rules(self) -> list[str]:
        """The rules that the latest meets."""
        return self.latest.row.rules


def take(session: Session, agent_id: int, samples: Sequence[wire.HeardSample], *, now: datetime) -> None:
    """Keep messages: a newer one of a kind and source takes the place of the older."""
    query = select(HeardMessage).where(
        HeardMessage.agent_id == agent_id,
        HeardMessage.source.in_({one.source[:64] for one in samples}),
        HeardMessage.what.in_({one.what for one in samples}),
    )
    known = {(one.kind, one.source, one.what): one for one in session.scalars(query)}
    before = len(known)
    for one in samples:
        place = (one.kind, one.source[:64], one.what)
        row = known.get(place)
        at = min(datetime.fromtimestamp(one.at, UTC), now)
        if row is None:
            row = HeardMessage(
                agent_id=agent_id, kind=one.kind, source=place[1], what=one.what, first_at=at, at=at
            )
            session.add(row)
            known[place] = row
        elif row.at > at:
            continue
        row.at, row.device, row.rules = at, one.device[:40], list(one.rules)
        row.told = msgspec.to_builtins(one)
    session.flush()
    if len(known) > before:
        _bound(session, agent_id)


def tidy(session: Session, *, now: datetime) -> None:
    """Forget what was not heard for long."""
    session.execute(delete(HeardMessage).where(HeardMessage.at < now - KEPT))


def message(session: Session, message_id: int) -> Message:
    """The message of an id."""
    row = session.get(HeardMessage, message_id) if 0 < message_id < 2**31 else None
    if row is None:
        raise NotFoundError(N_("There is no such message; it was not heard again for a month."))
    return _whole(session, [row])[0]


def alike(session: Session, one: Message) -> list[Message]:
    """The same kind from other sources, the latest first."""
    query = select(HeardMessage).where(
        HeardMessage.kind == one.row.kind, HeardMessage.what == one.row.what, HeardMessage.id != one.row.id
    )
    return _latest(session, query, 20)


def of_source(session: Session, one: Message) -> list[Message]:
    """What else the source sends, the latest first."""
    query = select(HeardMessage).where(
        HeardMessage.agent_id == one.row.agent_id,
        HeardMessage.source == one.row.source,
        HeardMessage.id != one.row.id,
    )
    return _latest(session, query, 20)


def newest(session: Session, kind: str | None = None, *, limit: int = 300, offset: int = 0) -> list[Message]:
    """The latest messages, of a kind or of both."""
    query = select(HeardMessage)
    if kind is not None:
        query = query.where(HeardMessage.kind == kind)
    return _latest(session, query.offset(offset), limit)


def newest_of(session: Session, addresses: Collection[str]) -> dict[tuple[int, str, str], int]:
    """The latest message of each of some sources, by agent, kind and address."""
    query = (
        select(HeardMessage.agent_id, HeardMessage.kind, HeardMessage.source, HeardMessage.id)
        .where(HeardMessage.source.in_(addresses))
        .order_by(HeardMessage.at, HeardMessage.id)
    )
    return {(row[0], row[1], row[2]): row[3] for row in session.execute(query)}


def kinds(session: Session, *, unknown: bool) -> list[Kind]:
    """What targets send by kind, the latest first; `unknown`: what no rule is about, else all."""
    query = select(HeardMessage).where(HeardMessage.device != "")
    rows = session.scalars(
        query.order_by(HeardMessage.at.desc(), HeardMessage.id.desc()).limit(LOOKED_THROUGH)
    )
    grouped: dict[tuple[str, str], list[HeardMessage]] = {}
    for row in rows:
        if not (unknown and row.rules):
            grouped.setdefault((row.kind, row.what), []).append(row)
    groups = list(grouped.values())[:SHOWN]
    latest = _whole(session, [group[0] for group in groups])
    return [Kind(one, len(group)) for one, group in zip(latest, groups, strict=True)]


def _latest(session: Session, query: Select[HeardMessage], limit: int) -> list[Message]:
    cut = query.order_by(HeardMessage.at.desc(), HeardMessage.id.desc()).limit(limit)
    return _whole(session, list(session.scalars(cut)))


def _target(device: str) -> int | None:
    """The number of the target that a device's name `t12` stands for."""
    return whole(device[1:]) if device[:1] == "t" else None


def _whole(session: Session, rows: Sequence[HeardMessage]) -> list[Message]:
    agents = _agents(session, {row.agent_id for row in rows})
    numbers = {number for row in rows if (number := _target(row.device)) is not None}
    targets = {one.id: one for one in session.scalars(select(Target).where(Target.id.in_(numbers)))}
    found: list[tuple[HeardMessage, str, int | None]] = []
    for row in rows:
        agent = agents[row.agent_id]
        number = _target(row.device)
        target = targets.get(number) if number is not None else None
        if row.device == HOST:
            found.append((row, agent.host or agent.name, agent.host_ci_id))
        elif target is not None and target.agent_id == row.agent_id:
            found.append((row, target.name, target.ci_id))
        else:
            found.append((row, "", None))
    cis = cmdb.cis(session, {ci_id for _row, _name, ci_id in found if ci_id is not None})
    return [
        Message(
            row,
            msgspec.convert(row.told, wire.HeardSample),
            agents[row.agent_id].name,
            name,
            cis.get(ci_id) if ci_id is not None else None,
        )
        for row, name, ci_id in found
    ]


def _agents(session: Session, ids: Collection[int]) -> Mapping[int, Agent]:
    return {one.id: one for one in session.scalars(select(Agent).where(Agent.id.in_(ids)))}


def _bound(session: Session, agent_id: int) -> None:
    """Keep so many of an agent; the oldest go."""
    mine = HeardMessage.agent_id == agent_id
    beyond = (session.scalar(select(func.count()).select_from(HeardMessage).where(mine)) or 0) - MOST
    if beyond > 0:
        oldest = select(HeardMessage.id).where(mine).order_by(HeardMessage.at, HeardMessage.id).limit(beyond)
        session.execute(delete(HeardMessage).where(HeardMessage.id.in_(oldest.scalar_subquery())))
