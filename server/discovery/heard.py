"""Who speaks to the listeners of agents and is none of their targets: to be discovered, if one likes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.agents.models import Agent, Target
from server.metrics import service as metrics
from server.metrics.models import Series
from server.metrics.service import Latest

COUNTED, LAST = "agent_unknown_source_total", "agent_unknown_source_heard_seconds"
KEPT = timedelta(days=7)  # after the last message
SHOWN = 500


@dataclass(frozen=True)
class Source:
    """An address that sends traps or syslog to an agent. `count`: messages since the agent began.

    `first_at`: when the desk first heard of it; `last_at`: its last message.
    """

    agent_id: int
    agent: str
    kind: str  # trap or syslog
    address: str
    count: int
    first_at: datetime
    last_at: datetime


def sources(session: Session, *, now: datetime) -> list[Source]:
    """Those heard lately, the loudest first; of what each agent tells, its loudest."""
    hosts = {
        ci_id: (number, name)
        for number, name, ci_id in session.execute(
            select(Agent.id, Agent.name, Agent.host_ci_id).where(Agent.host_ci_id.is_not(None))
        )
    }
    ids = session.scalars(
        select(Series.id).where(Series.metric.in_((COUNTED, LAST)), Series.ci_id.in_(hosts))
    ).all()
    asked = {(row[0], row[1]) for row in session.execute(select(Target.agent_id, Target.address))}
    told: dict[tuple[int, str, str], dict[str, Latest]] = {}
    for one in metrics.latest_by_ids(session, ids).values():
        labels = one.series.labels
        key = (one.series.ci_id, labels.get("kind", ""), labels.get("source", ""))
        told.setdefault(key, {})[one.series.metric] = one
    found = []
    for (ci_id, kind, address), both in told.items():
        number, name = hosts[ci_id]
        last_at = _last(both)
        if last_at is None or now - last_at > KEPT or (number, address) in asked:
            continue
        counted = both[COUNTED]
        count = int(counted.value or 0)
        found.append(Source(number, name, kind, address, count, counted.series.created_at, last_at))
    return sorted(found, key=lambda one: (-one.count, one.address))[:SHOWN]


def _last(both: Mapping[str, Latest]) -> datetime | None:
    """When it spoke last; None where the agent did not tell both of its figures."""
    last = both[LAST].value if both.keys() >= {COUNTED, LAST} else None
    return datetime.fromtimestamp(last, UTC) if last is not None and 0 < last < 1e11 else None
