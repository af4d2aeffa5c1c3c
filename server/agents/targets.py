"""What an agent is told to ask, and how it is told."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from rules import wire
from server.agents import credentials
from server.agents.enrolment import agent_of
from server.agents.generation import generation_of, touch
from server.agents.models import Agent, Target, TargetPulse
from server.kernel.errors import ConflictError, InvalidError, NotFoundError
from server.kernel.i18n import N_

TRANSPORTS: Mapping[str, int] = {
    "snmp": 161, "modbus": 502, "http": 80, "ssh": 22, "tcp": 0, "icmp": 0,
    "dns": 53, "ntp": 123, "sql": 5432, "redfish": 443, "exporter": 9100, "check": 0, "plugin": 0,
}  # fmt: skip
# What a target's transport cannot do without: the parameter and what it is.
NEEDS: Mapping[str, str] = {"dns": "query", "sql": "query", "check": "check", "plugin": "plugin"}
SHORTEST_S, LONGEST_S = 5.0, 86_400.0
HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?")


@dataclass(frozen=True)
class NewTarget:
    """What a person says of a device to be polled."""

    name: str
    address: str
    transport: str = "snmp"
    port: int = 0
    profile: str | None = None
    credential_id: int | None = None
    every_s: float = 60.0
    timeout_s: float = 5.0
    params: Mapping[str, Any] = field(default_factory=dict)
    parents: tuple[int, ...] = ()
    ci_id: int | None = None
    ci: str = ""


def add_target(session: Session, agent_id: int, new: NewTarget, *, now: datetime) -> Target:
    """Have an agent poll a device from its next look at the configuration on.

    Raises:
        InvalidError: a value cannot be taken, with its field.
        ConflictError: the agent has a target of that name.
    """
    agent = agent_of(session, agent_id)
    check(session, new)
    taken = select(Target.id).where(Target.agent_id == agent_id, Target.name == new.name)
    if session.scalar(taken) is not None:
        raise ConflictError(N_("This agent has a target of that name already."), field="/name")
    target = Target(agent_id=agent_id, created_at=now, pulse=TargetPulse())
    _fill(target, new)
    session.add(target)
    touch(agent)
    session.flush()
    return target


def change_target(session: Session, target_id: int, new: NewTarget) -> Target:
    """Replace what a target says; which CI it is stays."""
    target = target_of(session, target_id)
    check(session, new)
    taken = select(Target.id).where(Target.agent_id == target.agent_id, Target.name == new.name)
    if session.scalar(taken) not in {None, target.id}:
        raise ConflictError(N_("This agent has a target of that name already."), field="/name")
    known = (target.ci_id, target.ci)
    _fill(target, new)
    target.ci_id, target.ci = known
    touch(agent_of(session, target.agent_id))
    return target


def enable(session: Session, target_id: int, *, enabled: bool) -> Target:
    """Have a target polled, or leave it alone for a while."""
    target = target_of(session, target_id)
    target.enabled = enabled
    touch(agent_of(session, target.agent_id))
    return target


def remove_target(session: Session, target_id: int) -> Target:
    """Have a device polled no more; what was measured stays."""
    target = target_of(session, target_id)
    touch(agent_of(session, target.agent_id))
    session.delete(target)
    return target


def target_of(session: Session, target_id: int) -> Target:
    """The target of an id."""
    target = session.get(Target, target_id)
    if target is None:
        raise NotFoundError(N_("There is no such target."))
    return target


def targets_of(session: Session, agent_id: int) -> list[Target]:
    """All targets of an agent, by name."""
    query = (
        select(Target)
        .where(Target.agent_id == agent_id)
        .options(joinedload(Target.credential))
        .order_by(Target.name)
    )
    return list(session.scalars(query))


def targets_of_ci(session: Session, ci_id: int) -> list[Target]:
    """Who polls a CI."""
    return list(
        session.scalars(select(Target).where(Target.ci_id == ci_id).options(joinedload(Target.agent)))
    )


def bind_ci(session: Session, target: Target, ci_id: int, ci: str) -> None:
    """Remember which CI a target is; the agent hears of it with its next configuration."""
    if (target.ci_id, target.ci) != (ci_id, ci):
        target.ci_id, target.ci = ci_id, ci
        touch(agent_of(session, target.agent_id))


def bind_host(agent: Agent, ci_id: int, ci: str) -> None:
    """Remember which CI an agent's own machine is."""
    if (agent.host_ci_id, agent.host_ci) != (ci_id, ci):
        agent.host_ci_id, agent.host_ci = ci_id, ci
        touch(agent)


def config_for(session: Session, agent: Agent) -> wire.Config:
    """All that the agent has to do, with the credentials of its own targets and no others."""
    return wire.Config(
        generation=generation_of(agent),
        targets=[_told(target) for target in targets_of(session, agent.id) if target.enabled],
        report_every_s=agent.report_every_s,
        host_ci=agent.host_ci,
    )


def _told(target: Target) -> wire.TargetConfig:
    return wire.TargetConfig(
        id=target.id,
        name=target.name,
        address=target.address,
        port=target.port,
        transport=target.transport,
        profile=target.profile,
        every_s=target.every_s,
        credential=credentials.open_sealed(target.credential) if target.credential else {},
        params=target.params,
        ci=target.ci,
        timeout_s=target.timeout_s,
        parents=list(target.parents),
    )


def _fill(target: Target, new: NewTarget) -> None:
    target.name, target.address, target.port = new.name.strip(), new.address.strip(), new.port
    target.transport, target.profile = new.transport, new.profile or None
    target.credential_id = new.credential_id
    target.every_s, target.timeout_s = new.every_s, new.timeout_s
    target.params, target.parents = dict(new.params), list(new.parents)
    target.ci_id, target.ci = new.ci_id, new.ci


def check(session: Session, new: NewTarget) -> None:
    """Raise InvalidError, with its field, where a value cannot be taken."""
    name = new.name.strip()
    if not name or len(name) > 200 or not name.isprintable() or name.startswith("-"):
        raise InvalidError(
            N_("Give the target a name of at most 200 characters that does not begin with a dash."),
            field="/name",
        )
    if not _is_address(new.address.strip()):
        raise InvalidError(N_("Enter an IP address or a host name."), field="/address")
    if new.transport not in TRANSPORTS:
        raise InvalidError(
            N_("Choose one of: {expected}."), field="/transport", expected=", ".join(TRANSPORTS)
        )
    if not 0 <= new.port <= 65_535:
        raise InvalidError(N_("Ports go from 1 to 65535."), field="/port")
    _check_transport(new)
    if not SHORTEST_S <= new.every_s <= LONGEST_S:
        raise InvalidError(
            N_("Poll every 5 seconds at the soonest, once a day at the latest."), field="/every_s"
        )
    if not 0.1 <= new.timeout_s <= 60:
        raise InvalidError(N_("Wait between 0.1 and 60 seconds for an answer."), field="/timeout_s")
    if new.credential_id is not None:
        credential = credentials.one_of(session, new.credential_id)
        if credential.transport != new.transport:
            raise InvalidError(
                N_("That credential is for {transport}."),
                field="/credential_id",
                transport=credential.transport,
            )


def _check_transport(new: NewTarget) -> None:
    """What only some transports need."""
    if new.transport == "tcp" and not new.port:
        raise InvalidError(N_("Say which TCP port to try."), field="/port")
    needed = NEEDS.get(new.transport)
    if needed is not None and not new.params.get(needed):
        raise InvalidError(
            N_("Over {transport}, a target needs the parameter {name}."),
            field=f"/params/{needed}",
            transport=new.transport,
            name=needed,
        )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return len(text) <= 200 and HOST_NAME.fullmatch(text) is not None
    return True
