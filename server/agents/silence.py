"""Who is heard, and who has fallen silent."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BindParameter, bindparam, select, update
from sqlalchemy.orm import Session

from server.agents.models import Agent, Pulse, TargetPulse
from server.kernel.events import Signal, emit

SILENCE = Signal("agents.silence")
"""`(session, agent, silent, since, now)`: an agent fell silent, or is heard again."""

GRACE = timedelta(seconds=10)  # beyond two report intervals; the check itself runs every ten seconds
SHOWN_SKEW_S = 30.0
SKEW_KEPT = timedelta(minutes=5)
TOLD = ("up", "reason", "profile", "response_s")


@dataclass(frozen=True)
class Heard:
    """One sign of life."""

    agent_id: int
    at: datetime
    ahead_s: float | None = None  # its clock's reading of the report minus ours of the arrival
    spool_depth: float | None = None
    lag_s: float | None = None
    poll_lag_s: float | None = None


@dataclass(slots=True)
class Polled:
    """News of one target's polling; None: not told."""

    target_id: int
    at: datetime
    up: bool | None = None
    reason: str | None = None
    profile: str | None = None
    response_s: float | None = None


def note_heard(session: Session, signs: Iterable[Heard], *, now: datetime) -> None:
    """Remember signs of life; one that was silent is told to be back."""
    latest: dict[int, Heard] = {}
    for sign in signs:
        before = latest.get(sign.agent_id)
        latest[sign.agent_id] = sign if before is None else _later(before, sign)
    if not latest:
        return
    for agent_id, sign in latest.items():
        pulse = session.get(Pulse, agent_id)  # at hand where its agent was loaded
        if pulse is None:
            continue
        pulse.last_seen_at = max(sign.at, pulse.last_seen_at or sign.at)
        if sign.ahead_s is not None:
            pulse.reported_at = pulse.last_seen_at
            _note_skew(pulse, sign.ahead_s, sign.at)
        for name in ("spool_depth", "lag_s", "poll_lag_s"):
            if getattr(sign, name) is not None:
                setattr(pulse, name, getattr(sign, name))
        if pulse.silent_since is not None:
            since, pulse.silent_since = pulse.silent_since, None
            agent = session.get_one(Agent, pulse.agent_id)
            SILENCE.send(session, agent=agent, silent=False, since=since, now=now)
            emit(session, "agents", {"agent": agent.id})


def note_polled(session: Session, news: Iterable[Polled]) -> None:
    """Remember how the polling of targets goes; what is not told stays."""
    groups: dict[tuple[str, ...], list[dict[str, object]]] = {}
    for one in news:
        told = {name: value for name in TOLD if (value := getattr(one, name)) is not None}
        row = {"target": one.target_id, "moment": one.at, **{f"new_{name}": told[name] for name in told}}
        groups.setdefault(tuple(told), []).append(row)
    table = TargetPulse.__table__
    for names, rows in groups.items():
        values: dict[str, BindParameter[object]] = {
            "polled_at": bindparam("moment"),
            **{name: bindparam(f"new_{name}") for name in names},
        }
        statement = update(table).where(table.c.target_id == bindparam("target")).values(values)  # type: ignore[arg-type]  # a declarative table is a Table
        session.connection().execute(statement, rows)


def silent(session: Session, now: datetime, *, since: datetime) -> list[Agent]:
    """The enrolled agents that have not been heard for two intervals and a little.

    Args:
        since: when this server began to listen; it could not hear anybody before.
    """
    query = select(Agent).where(Agent.enrolled_at.is_not(None), Agent.revoked_at.is_(None))
    return [agent for agent in session.scalars(query) if now - _heard(agent, since) > patience(agent)]


def patience(agent: Agent) -> timedelta:
    """How long an agent may say nothing."""
    return timedelta(seconds=2 * agent.report_every_s) + GRACE


def flag_silent(session: Session, *, now: datetime, since: datetime) -> list[Agent]:
    """Mark agents that fell silent and tell the upper rooms, once for each silence."""
    fallen = [agent for agent in silent(session, now, since=since) if agent.pulse.silent_since is None]
    for agent in fallen:
        agent.pulse.silent_since = _heard(agent, since)
        SILENCE.send(session, agent=agent, silent=True, since=agent.pulse.silent_since, now=now)
        emit(session, "agents", {"agent": agent.id})
    return fallen


def _heard(agent: Agent, since: datetime) -> datetime:
    return max(agent.last_seen_at or agent.created_at, since)


def _later(before: Heard, after: Heard) -> Heard:
    ahead = [sign.ahead_s for sign in (before, after) if sign.ahead_s is not None]
    told = {
        name: getattr(before if getattr(after, name) is None else after, name)
        for name in ("spool_depth", "lag_s", "poll_lag_s")
    }
    return Heard(after.agent_id, max(before.at, after.at), max(ahead, default=None), **told)


def _note_skew(pulse: Pulse, ahead_s: float, at: datetime) -> None:
    """Keep the highest reading of the last minutes: a slow link makes a clock look slow, never fast."""
    kept = pulse.skew_at is not None and at - pulse.skew_at < SKEW_KEPT and pulse.skew_s is not None
    if not kept or pulse.skew_s is None or ahead_s >= pulse.skew_s:
        pulse.skew_s, pulse.skew_at = round(ahead_s, 1), at
