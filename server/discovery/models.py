"""Range jobs, their runs and findings; the inbox; answers; own profiles and trials; what is heard."""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base
from server.kernel.i18n import N_

NAME_LIMIT = 120
PROFILE_LIMIT = 200_000  # characters of a profile's YAML


class Policy(enum.StrEnum):
    """What becomes of a device that is new and recognised."""

    ADD = "add"  # a configuration item, polled at once
    ASK = "ask"  # waits in the inbox for approval


class RunState(enum.StrEnum):
    """Where a run stands."""

    QUEUED = "queued"  # the agent has not begun
    RUNNING = "running"
    DONE = "done"
    CUT = "cut"  # its time was over before all addresses were asked
    CANCELLED = "cancelled"
    FAILED = "failed"


class Outcome(enum.StrEnum):
    """What became of one address of a run."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    WAITING = "waiting"  # recognised; a person approves it
    UNSURE = "unsure"  # not recognised surely; a person says what it is
    CONFLICT = "conflict"  # it may be several known items; a person decides
    IGNORED = "ignored"
    FAILED = "failed"  # what was found could not be taken


class ItemState(enum.StrEnum):
    """What was decided about an entry of the inbox."""

    OPEN = "open"
    LATER = "later"
    DONE = "done"
    IGNORED = "ignored"


class RangeJob(Base):
    """Addresses that an agent looks at, by hand or on a schedule."""

    __tablename__ = "discovery_job"
    __called__ = N_("Range job")

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LIMIT), unique=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), index=True)
    ranges: Mapped[list[str]]
    exclusions: Mapped[list[str]] = mapped_column(default=list)
    ways: Mapped[list[str]]
    ports: Mapped[dict[str, Any]] = mapped_column(default=dict)  # way -> port numbers, where not the usual
    credentials: Mapped[list[Any]] = mapped_column(default=list)  # ids of credential sets, in order
    rate: Mapped[float] = mapped_column(default=50.0)  # addresses begun in a second
    minutes: Mapped[int] = mapped_column(default=0)  # a run begins no address after so long; 0: no bound
    cron: Mapped[str] = mapped_column(String(100), default="")  # in the site's zone; "": only by hand
    policy: Mapped[Policy] = mapped_column(default=Policy.ASK)
    every_s: Mapped[float] = mapped_column(default=60.0)  # between polls of what it adds
    enabled: Mapped[bool] = mapped_column(default=True)
    next_at: Mapped[datetime | None] = mapped_column(index=True)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  the form SQLAlchemy asks for


class Run(Base):
    """One run of a job. What it was told to do is kept with it, for the job may change."""

    __tablename__ = "discovery_run"
    __audited__ = False  # counts of a program; who began or cancelled it stands in the row

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("discovery_job.id"), index=True)
    agent_id: Mapped[int] = mapped_column(index=True)
    state: Mapped[RunState] = mapped_column(default=RunState.QUEUED, index=True)
    asked_for: Mapped[dict[str, Any]]  # ranges, exclusions, ways, ports, credentials, rate
    total: Mapped[int] = mapped_column(default=0)
    asked: Mapped[int] = mapped_column(default=0)
    alive: Mapped[int] = mapped_column(default=0)
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)  # by outcome
    held_back: Mapped[list[Any]] = mapped_column(default=list)  # credentials that were tried no more
    detail: Mapped[str] = mapped_column(String(400), default="")
    by_id: Mapped[int | None]  # None: by its schedule
    created_at: Mapped[datetime]
    begun_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]  # when the agent last told of it
    ended_at: Mapped[datetime | None]
    until_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_discovery_run_job_created", "job_id", "created_at"),)


class Finding(Base):
    """One address of a run where something answered: what it is, what was tried, what became of it."""

    __tablename__ = "discovery_finding"
    __audited__ = False  # evidence of a program; what it changes in a configuration item is audited there

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("discovery_run.id"))
    address: Mapped[str] = mapped_column(String(64))
    sort_key: Mapped[str] = mapped_column(String(40))  # addresses in their order
    at: Mapped[datetime]
    outcome: Mapped[Outcome]
    reason: Mapped[str] = mapped_column(String(400), default="")
    ci_id: Mapped[int | None] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    class_code: Mapped[str] = mapped_column(String(40), default="")
    confidence: Mapped[float] = mapped_column(default=0.0)  # of the class
    told: Mapped[dict[str, Any]]  # the agent's message as it came
    changes: Mapped[dict[str, Any]] = mapped_column(default=dict)  # attribute -> [before, after]

    __table_args__ = (
        UniqueConstraint("run_id", "address", name="uq_discovery_finding_once"),
        Index("ix_discovery_finding_run_outcome", "run_id", "outcome"),
    )


class Item(Base):
    """An address that waits for a person, or that a person decided about."""

    __tablename__ = "discovery_item"
    __called__ = N_("Discovered address")

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int]
    address: Mapped[str] = mapped_column(String(64))
    state: Mapped[ItemState] = mapped_column(default=ItemState.OPEN, index=True)
    kind: Mapped[Outcome]  # waiting, unsure or conflict
    shape: Mapped[str] = mapped_column(String(400), default="", index=True)
    finding_id: Mapped[int] = mapped_column(ForeignKey("discovery_finding.id"))
    first_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    later_until: Mapped[datetime | None]
    ci: Mapped[str] = mapped_column(String(20), default="")
    decided_by_id: Mapped[int | None]
    decided_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("agent_id", "address", name="uq_discovery_item_address"),)


class Answer(Base):
    """What a person said that devices of a shape are. Used from then on by every agent."""

    __tablename__ = "discovery_answer"
    __called__ = N_("Learned answer")

    id: Mapped[int] = mapped_column(primary_key=True)
    shape: Mapped[str] = mapped_column(String(400), unique=True)
    class_code: Mapped[str] = mapped_column(String(40))
    vendor: Mapped[str] = mapped_column(String(200), default="")
    model: Mapped[str] = mapped_column(String(200), default="")
    example: Mapped[str] = mapped_column(String(64), default="")  # the address it was said of
    by_id: Mapped[int | None]
    at: Mapped[datetime]


class OwnProfile(Base):
    """A device profile of this site, beside those that came along. Its texts are its versions."""

    __tablename__ = "discovery_profile"
    __called__ = N_("Device profile")

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(90), unique=True)
    enabled: Mapped[bool] = mapped_column(default=True)
    current: Mapped[int] = mapped_column(default=1)  # number of the version that agents use
    changed_at: Mapped[datetime]


class ProfileVersion(Base):
    """One text of an own profile; never changed."""

    __tablename__ = "discovery_profile_version"
    __called__ = N_("Version of a device profile")

    id: Mapped[int] = mapped_column(primary_key=True)
    profile_id: Mapped[int] = mapped_column(ForeignKey("discovery_profile.id"))
    number: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(String(200), default="")
    by_id: Mapped[int | None]
    at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("profile_id", "number", name="uq_discovery_profile_version_number"),)


class Trial(Base):
    """A profile tried against one device, once."""

    __tablename__ = "discovery_trial"
    __called__ = N_("Trial of a device profile")

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), index=True)
    text: Mapped[str] = mapped_column(Text)
    profile: Mapped[str] = mapped_column(String(90))
    address: Mapped[str] = mapped_column(String(200))
    port: Mapped[int] = mapped_column(default=0)
    transport: Mapped[str] = mapped_column(String(20))
    credential_id: Mapped[int | None]
    by_id: Mapped[int | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)  # the agent's message as it came


class HeardMessage(Base):
    """The latest message of a kind that an agent heard from a source, for people to look at."""

    __tablename__ = "heard_message"
    __audited__ = False  # what devices say, many an hour

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"))
    kind: Mapped[str] = mapped_column(String(10))  # trap or syslog
    source: Mapped[str] = mapped_column(String(64))  # the address it came from
    what: Mapped[str] = mapped_column(String(200))  # OID of a trap, shape of a line
    device: Mapped[str] = mapped_column(String(40), default="")  # on the wire; "": no target
    rules: Mapped[list[str]] = mapped_column(default=list)  # that it met
    told: Mapped[dict[str, Any]]  # the agent's message as it came
    first_at: Mapped[datetime]
    at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (UniqueConstraint("agent_id", "kind", "source", "what", name="uq_heard_message_kind"),)


class IgnoredHeard(Base):
    """Traps or syslog that a person does not want to hear of, until a moment or until it is taken back."""

    __tablename__ = "heard_ignored"
    __called__ = N_("Ignored source")

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agent.id"))  # None: all agents
    kind: Mapped[str] = mapped_column(String(10))
    source: Mapped[str] = mapped_column(String(64), default="")  # "": all of them
    what: Mapped[str] = mapped_column(String(200), default="")  # "": everything
    name: Mapped[str] = mapped_column(String(200), default="")  # of the kind, for people
    reason: Mapped[str] = mapped_column(String(400))
    until_at: Mapped[datetime | None]
    by_id: Mapped[int | None]
    at: Mapped[datetime]


class OwnHeardRule(Base):
    """A rule of this site for what is heard. Agents get it as YAML, beside the rules that came along."""

    __tablename__ = "heard_rule"
    __called__ = N_("Rule for what is heard")

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)  # of its alert
    kind: Mapped[str] = mapped_column(String(10))
    form: Mapped[dict[str, Any]]  # what stands in its form
    ci_id: Mapped[int | None]  # None: of every device
    enabled: Mapped[bool] = mapped_column(default=True)
    by_id: Mapped[int | None]
    changed_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  the form SQLAlchemy asks for
