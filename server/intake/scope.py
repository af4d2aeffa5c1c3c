"""For whom an agent may speak: its own targets and its own machine, and nobody else.

Built from the database when an agent's configuration changed or an unknown series turns up, and
kept as arrays by series id, so that a column of thousands of values is checked at once.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.agents.models import Agent, Target
from server.metrics.models import Series
from server.metrics.samples import Ids

HOST = "host"
HOST_OFFSET = 1_000_000_000
DEVICE_UP = "device_up"
RESPONSE = "device_response_seconds"
POLL_LAG = "agent_poll_lag_seconds"
SPOOL_DEPTH = "agent_outbox_records"
MOST_AGENTS = 2_000  # scopes kept


@dataclass(slots=True)
class Device:
    """One device of an agent. `ci_id` is negative while it is not known which CI it is."""

    key: str
    target_id: int | None  # None: the agent's own machine
    ci_id: int

    @property
    def bound(self) -> bool:
        """Whether its CI is known."""
        return self.ci_id > 0


@dataclass(frozen=True, slots=True)
class Special:
    """A series that tells of polling itself. `up` is the code of a device that answers."""

    metric: str
    device: Device
    up: float = 1.0


@dataclass(slots=True)
class Scope:
    """What one agent may speak for."""

    generation: str
    devices: dict[str, Device]
    allowed: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))  # by series id
    target_of: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))  # 0: host
    special_mask: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    special: dict[int, Special] = field(default_factory=dict)  # series of the agent's own state

    def foreign(self, ids: Ids) -> NDArray[np.bool_]:
        """Which of the series the agent must not send values of."""
        if len(ids) == 0 or int(ids.max()) < len(self.allowed):
            return ~self.allowed[ids]
        inside = ids < len(self.allowed)
        known = np.zeros(len(ids), bool)
        known[inside] = self.allowed[ids[inside]]
        return ~known


def placeholder(agent_id: int, target_id: int | None) -> int:
    """What stands for the CI of a device that is not known yet; no CI has a negative id."""
    return -target_id if target_id is not None else -(HOST_OFFSET + agent_id)


def load(session: Session, agent: Agent) -> Scope:
    """The agent's scope as the database has it now."""
    host = agent.host_ci_id if agent.host_ci_id is not None else placeholder(agent.id, None)
    devices = {HOST: Device(HOST, None, host)}
    query = select(Target.id, Target.ci_id).where(Target.agent_id == agent.id)
    for target_id, ci_id in session.execute(query):
        known = ci_id if ci_id is not None else placeholder(agent.id, target_id)
        devices[f"t{target_id}"] = Device(f"t{target_id}", target_id, known)
    scope = Scope(agent.generation, devices)
    by_ci = {device.ci_id: device for device in devices.values()}
    own = sorted(by_ci)
    found: list[tuple[int, int, str, dict[str, str]]] = []
    for begin in range(0, len(own), 500):
        rows = select(Series.id, Series.ci_id, Series.metric, Series.states).where(
            Series.ci_id.in_(own[begin : begin + 500])
        )
        found += [(row[0], row[1], row[2], row[3]) for row in session.execute(rows)]
    size = max((one[0] for one in found), default=-1) + 1
    scope.allowed = np.zeros(size, bool)
    scope.target_of = np.zeros(size, np.int64)
    scope.special_mask = np.zeros(size, bool)
    for series, ci_id, metric, states in found:
        device = by_ci[ci_id]
        scope.allowed[series] = True
        scope.target_of[series] = device.target_id or 0
        if metric in {DEVICE_UP, RESPONSE, POLL_LAG, SPOOL_DEPTH}:
            scope.special_mask[series] = True
            up = next((float(code) for code, word in states.items() if word == "up"), 1.0)
            scope.special[series] = Special(metric, device, up)
    return scope


class Scopes:
    """The scopes of agents, kept while their configuration stays the same."""

    def __init__(self) -> None:
        self._kept: dict[int, Scope] = {}

    def of(self, session: Session, agent: Agent, *, fresh: bool = False) -> Scope:
        """The scope of an agent; `fresh` reads it anew."""
        kept = self._kept.get(agent.id)
        if kept is None or fresh or kept.generation != agent.generation:
            if len(self._kept) > MOST_AGENTS:
                self._kept.clear()
            kept = self._kept[agent.id] = load(session, agent)
        return kept

    def forget(self, agent_id: int) -> None:
        """The agent's series or devices changed."""
        self._kept.pop(agent_id, None)
