"""A found device is polled: a target for each way that opened it, each once."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules import profile, wire
from server.agents import service as agents
from server.agents.models import Agent, Credential, Target
from server.agents.targets import TRANSPORTS, NewTarget
from server.cmdb import service as cmdb
from server.cmdb.models import Ci
from server.discovery.words import PLATFORM

SSH_PROFILE, NETWORK_PROFILE = "linux-ssh", "network-cli"
WAYS = ("snmp", "modbus", "http", "ssh")


def poll(
    session: Session, agent: Agent, ci: Ci, told: wire.Finding, *, every_s: float, now: datetime
) -> list[Target]:
    """Have the agent poll a found device from now on; what it polls already is bound, not doubled."""
    ways = _ways(told)
    made = []
    for place, (way, port, form) in enumerate(ways):
        known = _known(session, agent, told.address, way, port)
        if known is not None:
            agents.bind_ci(session, known, ci.id, ci.number)
            continue
        name = ci.name if place == 0 else f"{ci.name} ({way})"
        target = agents.add_target(
            session,
            agent.id,
            NewTarget(
                name=_free(session, agent, name, told.address),
                address=told.address,
                transport=way,
                port=0 if port == TRANSPORTS[way] else port,
                profile=form,
                credential_id=_credential(session, told.credentials.get(way), way),  # type: ignore[call-overload]
                every_s=every_s,
                ci_id=ci.id,
                ci=ci.number,
            ),
            now=now,
        )
        cmdb.bind(session, ci.id, f"agent:{agent.name}", f"t{target.id}")
        made.append(target)
    return made


def _ways(told: wire.Finding) -> list[tuple[str, int, str | None]]:
    """Transport, port and profile of what can be polled; ping alone where nothing else opened."""
    forms = profile.packaged()
    found: list[tuple[str, int, str | None]] = []
    fits = forms[told.profile].transport or "snmp" if told.profile in forms else ""
    for way, port in told.ways.items():
        if way == "snmp" and way in told.credentials:
            found.append((way, port, None))
        elif way in {"modbus", "http"} and fits == way:
            found.append((way, port, told.profile))
        elif way == "ssh" and way in told.credentials:
            found.append((way, port, NETWORK_PROFILE if PLATFORM in told.facts else SSH_PROFILE))
    found.sort(key=lambda one: WAYS.index(one[0]))
    return found or [("icmp", 0, None)]


def _known(session: Session, agent: Agent, address: str, way: str, port: int) -> Target | None:
    query = select(Target).where(
        Target.agent_id == agent.id, Target.address == address, Target.transport == way
    )
    for one in session.scalars(query):
        if (one.port or TRANSPORTS[way]) == (port or TRANSPORTS[way]):
            return one
    return None


def _free(session: Session, agent: Agent, name: str, address: str) -> str:
    """A name that no target of the agent has: the device's own, with its address, with a number."""
    own = name.strip().lstrip("-")[:150] or address
    tries = (own, f"{own} {address}", *(f"{own} {address} {number}" for number in range(2, 100)))
    taken = set(
        session.scalars(select(Target.name).where(Target.agent_id == agent.id, Target.name.in_(tries)))
    )
    return next(one for one in tries if one not in taken)


def _credential(session: Session, number: int | None, way: str) -> int | None:
    """The credential that opened it, if it is still there."""
    one = session.get(Credential, number) if number else None
    return one.id if one is not None and one.transport == way else None
