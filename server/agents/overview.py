"""What people see of agents and their targets."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.agents.enrolment import agent_of
from server.agents.models import Agent, JoinToken, Target
from server.agents.silence import SHOWN_SKEW_S
from server.agents.targets import targets_of

LATE = 2.5  # intervals without news before a target's state is not known any more


@dataclass(frozen=True)
class TargetView:
    """A target with the state of its polling.

    `health` is ok, major (it does not answer), or unknown: nothing heard of it for a while, its
    agent not heard, or it is not polled.
    """

    target: Target
    health: str
    waiting: bool  # never polled yet


@dataclass(frozen=True)
class AgentView:
    """An agent as its page shows it."""

    agent: Agent
    targets: tuple[TargetView, ...]
    token_until: datetime | None  # a join token waits to be used
    skewed: bool


def agents(session: Session) -> list[tuple[Agent, int]]:
    """Every agent by name, and how many targets it has."""
    counts = select(Target.agent_id, func.count()).group_by(Target.agent_id)
    by_agent = {row[0]: row[1] for row in session.execute(counts)}
    return [
        (agent, by_agent.get(agent.id, 0)) for agent in session.scalars(select(Agent).order_by(Agent.name))
    ]


def view(session: Session, agent_id: int, *, now: datetime) -> AgentView:
    """An agent with its targets, each with its state."""
    agent = agent_of(session, agent_id)
    waiting = session.scalar(
        select(func.max(JoinToken.expires_at)).where(
            JoinToken.agent_id == agent_id, JoinToken.used_at.is_(None), JoinToken.expires_at > now
        )
    )
    targets = tuple(target_view(one, agent, now) for one in targets_of(session, agent_id))
    return AgentView(agent, targets, waiting, skewed(agent))


def skewed(agent: Agent) -> bool:
    """Whether the agent's clock is far enough off to be shown."""
    return agent.skew_s is not None and abs(agent.skew_s) > SHOWN_SKEW_S


def target_view(target: Target, agent: Agent, now: datetime) -> TargetView:
    """A target with the state of its polling."""
    pulse = target.pulse
    late = timedelta(seconds=LATE * target.every_s + 2 * agent.report_every_s)
    fresh = pulse.polled_at is not None and now - pulse.polled_at <= late
    health = "unknown"
    if target.enabled and fresh:
        health = "major" if pulse.up is False else "ok"
    return TargetView(target, health, pulse.polled_at is None and pulse.up is None)
