"""Agents, what they may ask devices with, and what they are told to ask."""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from server.kernel.db import Base
from server.kernel.i18n import N_


class AgentState(enum.StrEnum):
    """Where an agent is in its life. Whether a live one is silent is told by its pulse."""

    NEVER = "never_enrolled"
    LIVE = "live"
    SILENT = "silent"
    REVOKED = "revoked"


class Agent(Base):
    """A program on some machine that polls for us. Known from its join token on."""

    __tablename__ = "agent"
    __called__ = N_("Agent")

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    site: Mapped[str] = mapped_column(String(200), default="")
    secret_hash: Mapped[str | None] = mapped_column(String(64))  # SHA-256 of a random secret
    host: Mapped[str] = mapped_column(String(200), default="")  # the machine, as it said when it enrolled
    created_at: Mapped[datetime]
    enrolled_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    report_every_s: Mapped[float] = mapped_column(default=10.0)
    generation: Mapped[str] = mapped_column(String(20), default="first")  # of its configuration
    host_ci_id: Mapped[int | None]  # the CI of its own machine, once known
    host_ci: Mapped[str] = mapped_column(String(20), default="")  # the number of that CI

    pulse: Mapped["Pulse"] = relationship(lazy="joined", cascade="all, delete-orphan")
    targets: Mapped[list["Target"]] = relationship(order_by="Target.name", viewonly=True)

    @property
    def state(self) -> AgentState:
        """What people see."""
        if self.revoked_at is not None:
            return AgentState.REVOKED
        if self.enrolled_at is None:
            return AgentState.NEVER
        return AgentState.SILENT if self.pulse.silent_since is not None else AgentState.LIVE

    @property
    def last_seen_at(self) -> datetime | None:
        """When it last spoke with a good secret."""
        return self.pulse.last_seen_at

    @property
    def version(self) -> str:
        """Of its program."""
        return self.pulse.version

    @property
    def skew_s(self) -> float | None:
        """How far its clock is ahead of ours, in seconds; None: not known."""
        return self.pulse.skew_s


class Pulse(Base):
    """What changes with every report of an agent."""

    __tablename__ = "agent_pulse"
    __audited__ = False  # life signs of a program, many a minute

    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), primary_key=True, autoincrement=False)
    last_seen_at: Mapped[datetime | None]
    silent_since: Mapped[datetime | None]
    version: Mapped[str] = mapped_column(String(200), default="")
    skew_s: Mapped[float | None]
    skew_at: Mapped[datetime | None]  # when the skew was last seen
    lag_s: Mapped[float | None]  # from its newest value or news to the sending of it
    poll_lag_s: Mapped[float | None]  # how late its polls began, the worst of them
    spool_depth: Mapped[float | None]  # records that wait at the agent
    reported_at: Mapped[datetime | None]  # of the last report with content


class JoinToken(Base):
    """A word that makes one program one agent, once."""

    __tablename__ = "join_token"
    __called__ = N_("Join token")

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Credential(Base):
    """What opens devices. Written, never read again by people; sent only to agents that need it."""

    __tablename__ = "credential"
    __called__ = N_("Credential")
    __secret__ = ("sealed",)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    transport: Mapped[str] = mapped_column(String(20))
    fields: Mapped[list[str]]  # names of what is in it, without the values
    sealed: Mapped[bytes]  # JSON, see `credentials.open_sealed`
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    @property
    def seal_context(self) -> str:
        """What the sealed values are bound to."""
        return f"credential:{self.id}"


class Target(Base):
    """A device that an agent asks. On the wire it is `t<id>`."""

    __tablename__ = "target"
    __called__ = N_("Target of an agent")

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    address: Mapped[str] = mapped_column(String(200))
    port: Mapped[int] = mapped_column(default=0)  # 0: the transport's own
    transport: Mapped[str] = mapped_column(String(20))
    profile: Mapped[str | None] = mapped_column(String(200))  # None: chosen by what the device says
    credential_id: Mapped[int | None] = mapped_column(ForeignKey("credential.id"))
    every_s: Mapped[float] = mapped_column(default=60.0)
    timeout_s: Mapped[float] = mapped_column(default=5.0)
    enabled: Mapped[bool] = mapped_column(default=True)
    params: Mapped[dict[str, Any]] = mapped_column(default=dict)
    parents: Mapped[list[Any]] = mapped_column(default=list)  # target ids nearer the core
    ci_id: Mapped[int | None] = mapped_column(index=True)  # once it is known which CI this is
    ci: Mapped[str] = mapped_column(String(20), default="")  # the number of that CI
    created_at: Mapped[datetime]

    agent: Mapped[Agent] = relationship(viewonly=True)
    credential: Mapped[Credential | None] = relationship()
    pulse: Mapped["TargetPulse"] = relationship(lazy="joined", cascade="all, delete-orphan")

    __table_args__ = (UniqueConstraint("agent_id", "name"),)


class TargetPulse(Base):
    """How the polling of a target goes, as its agent reports."""

    __tablename__ = "target_pulse"
    __audited__ = False  # life signs of a device, many a minute

    target_id: Mapped[int] = mapped_column(ForeignKey("target.id"), primary_key=True, autoincrement=False)
    polled_at: Mapped[datetime | None]  # of the last sample or observation
    up: Mapped[bool | None]  # whether it answered; None: nobody has told yet
    reason: Mapped[str] = mapped_column(String(40), default="")
    profile: Mapped[str] = mapped_column(String(200), default="")  # the one in use
    response_s: Mapped[float | None]  # how long the device took to answer


class CredentialAttempt(Base):
    """How a credential last fared at an address, as an agent's range jobs tell."""

    __tablename__ = "credential_attempt"
    __audited__ = False  # a log of a program

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"))
    address: Mapped[str] = mapped_column(String(64))
    way: Mapped[str] = mapped_column(String(20))
    credential_id: Mapped[int] = mapped_column(index=True)
    outcome: Mapped[str] = mapped_column(String(20))
    detail: Mapped[str] = mapped_column(String(400), default="")
    times: Mapped[int] = mapped_column(default=1)
    at: Mapped[datetime]
    opened_at: Mapped[datetime | None]  # when it last opened the device

    __table_args__ = (
        UniqueConstraint("agent_id", "address", "way", "credential_id", name="uq_credential_attempt_once"),
    )
