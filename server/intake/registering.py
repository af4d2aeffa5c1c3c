"""Series get their numbers; devices that nobody described get a CI all the same."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules import wire
from server.agents import service as agents
from server.agents.models import Agent, Target, TargetPulse
from server.cmdb import service as cmdb
from server.cmdb.classes import UNKNOWN_CLASS
from server.discovery import service as discovery
from server.intake import scope
from server.metrics import service as metrics
from server.metrics.models import Kind

UNDESCRIBED = timedelta(minutes=2)  # polled that long without a word about itself


def config(session: Session, agent_id: int) -> wire.Config:
    """The agent's present configuration."""
    told = agents.config_for(session, agents.agent_of(session, agent_id))
    return discovery.configured(session, agent_id, told)


def register(session: Session, agent_id: int, items: Sequence[wire.SeriesDef], *, now: datetime) -> list[int]:
    """Series ids in the order asked; 0 for a device that is not the agent's."""
    known = scope.load(session, agents.agent_of(session, agent_id)).devices
    wanted = [
        metrics.NewSeries(
            known[item.device].ci_id,
            item.metric,
            item.labels,
            item.unit[:40],
            Kind(item.kind),
            {str(code): word for code, word in item.states.items()},
        )
        for item in items
        if item.device in known
    ]
    ids = iter(metrics.register_all(session, wanted, now=now))
    return [next(ids) if item.device in known else 0 for item in items]


def adopt_undescribed(session: Session, *, now: datetime) -> int:
    """Make a CI for each target that is polled for a while and tells nothing of itself.

    A host that only answers pings has no serial number and no model; its name and address have to
    do. Returns how many.
    """
    query = (
        select(Target, Agent)
        .join(Agent, Agent.id == Target.agent_id)
        .join(TargetPulse, TargetPulse.target_id == Target.id)
        .where(
            Target.ci_id.is_(None),
            TargetPulse.polled_at.is_not(None),
            Target.created_at < now - UNDESCRIBED,
        )
        .limit(200)
    )
    adopted = 0
    for target, agent in session.execute(query).all():
        seen = wire.Observation(
            f"t{target.id}", now.timestamp(), UNKNOWN_CLASS, target.name, {"address": [target.address]}
        )
        ci = cmdb.observe(session, seen, f"agent:{agent.name}", now)
        if ci is not None:
            metrics.move_ci(session, scope.placeholder(agent.id, target.id), ci.id)
            agents.bind_ci(session, target, ci.id, ci.number)
            adopted += 1
    return adopted
