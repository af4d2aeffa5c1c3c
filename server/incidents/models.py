"""What an incident keeps. Its history is in IncidentEntry, which only grows."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base
from server.kernel.i18n import N_

SUMMARY_LIMIT = 400
TEXT_LIMIT = 20_000


class State(StrEnum):
    """Where an incident stands."""

    NEW = "new"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    PENDING = "pending"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"


OPEN_STATES = (State.NEW, State.ASSIGNED, State.ACCEPTED, State.IN_PROGRESS, State.PENDING)
IS_OPEN = text("state IN ('new', 'assigned', 'accepted', 'in_progress', 'pending')")


class Source(StrEnum):
    """Where it came from."""

    USER = "user"
    MONITORING = "monitoring"
    MAINTENANCE = "maintenance"


class PendingReason(StrEnum):
    """For whom it waits."""

    USER = "user"
    VENDOR = "vendor"
    CHANGE = "change"
    PART = "part"


class Kind(StrEnum):
    """Kinds of timeline entries, each with its icon."""

    MACHINE = "machine"
    ALERT = "alert"
    CORRELATION = "correlation"
    PERSON = "person"
    MOVE = "move"
    ASSIGNMENT = "assignment"
    CLOCK = "clock"
    ESCALATION = "escalation"
    NOTICE = "notice"
    LINK = "link"
    EVIDENCE = "evidence"


class Incident(Base):
    """One incident. `context` is what the machine filled in when it opened, see `opening.py`."""

    __tablename__ = "incident"
    __called__ = N_("Incident")

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    summary: Mapped[str] = mapped_column(String(SUMMARY_LIMIT))
    summary_by_lang: Mapped[dict[str, str]] = mapped_column(default=dict)  # machine-made ones, in both
    description: Mapped[str] = mapped_column(Text, default="")
    source: Mapped[Source]
    impact: Mapped[int]
    urgency: Mapped[int]
    priority: Mapped[int]
    priority_why: Mapped[dict[str, Any]] = mapped_column(default=dict)  # as rules.priority weighed it
    priority_set: Mapped[bool] = mapped_column(default=False)  # by a person: the machine keeps off
    category: Mapped[str] = mapped_column(String(80), default="")
    state: Mapped[State] = mapped_column(default=State.NEW)
    pending_reason: Mapped[PendingReason | None]
    ci_id: Mapped[int | None] = mapped_column(index=True)
    location_id: Mapped[int | None]
    service_id: Mapped[int | None]
    contact_id: Mapped[int | None]
    affected_id: Mapped[int | None]
    owner_group_id: Mapped[int | None]  # keeps contact with the user: the first line
    group_id: Mapped[int | None] = mapped_column(index=True)  # works on it
    assignee_id: Mapped[int | None] = mapped_column(index=True)
    created_by_id: Mapped[int | None]
    alert_group_id: Mapped[int | None] = mapped_column(BigInteger)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("incident.id"), index=True)
    opened_at: Mapped[datetime]
    response_due_at: Mapped[datetime | None]
    resolution_due_at: Mapped[datetime | None]
    responded_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    reopened: Mapped[int] = mapped_column(default=0)
    cause_code: Mapped[str] = mapped_column(String(40), default="")
    resolution: Mapped[str] = mapped_column(Text, default="")
    workaround: Mapped[str] = mapped_column(Text, default="")
    trace_id: Mapped[str] = mapped_column(String(200), default="")
    context: Mapped[dict[str, Any]] = mapped_column(default=dict)
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  the form SQLAlchemy asks for
    __table_args__ = (
        # A group of alerts never has a second incident while the first is open.
        Index(
            "uq_incident_open_group",
            "alert_group_id",
            unique=True,
            sqlite_where=IS_OPEN,
            postgresql_where=IS_OPEN,
        ),
        Index("ix_incident_state_due", "state", "resolution_due_at"),
        Index("ix_incident_opened", "opened_at"),
        Index("ix_incident_group_state", "group_id", "state"),
    )

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do something."""
        return self.state in OPEN_STATES


class IncidentEntry(Base):
    """One line of the timeline: a machine's sentence (msgid and places) or a person's text."""

    __tablename__ = "incident_entry"
    __audited__ = False  # is itself a record that only grows, with who and when

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"))
    at: Mapped[datetime]
    kind: Mapped[Kind]
    by_id: Mapped[int | None]  # None: the machine
    msgid: Mapped[str] = mapped_column(String(400), default="")
    places: Mapped[dict[str, Any]] = mapped_column(default=dict)
    text: Mapped[str] = mapped_column(Text, default="")
    internal: Mapped[bool] = mapped_column(default=False)
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict)  # evidence, severity, folded count
    updated_at: Mapped[datetime]

    __table_args__ = (Index("ix_incident_entry_incident", "incident_id", "id"),)


class IncidentCi(Base):
    """A CI that an incident touches."""

    __tablename__ = "incident_ci"
    __called__ = N_("Item of an incident")

    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), primary_key=True)
    ci_id: Mapped[int] = mapped_column(primary_key=True, index=True)
    role: Mapped[str] = mapped_column(String(12))  # primary, affected


class Watch(Base):
    """Somebody who wants to know."""

    __tablename__ = "incident_watch"
    __called__ = N_("Watch of an incident")

    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(primary_key=True, index=True)


class WorkLog(Base):
    """Time spent."""

    __tablename__ = "incident_work"
    __called__ = N_("Work on an incident")

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    person_id: Mapped[int]
    at: Mapped[datetime]
    minutes: Mapped[int]
    text: Mapped[str] = mapped_column(String(1000), default="")


class IncidentTask(Base):
    """A piece of work for a helper."""

    __tablename__ = "incident_task"
    __called__ = N_("Task of an incident")

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    title: Mapped[str] = mapped_column(String(200))
    assignee_id: Mapped[int | None]
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    done_by_id: Mapped[int | None]


class Route(Base):
    """Which group gets incidents of a category that no CI's owner claims."""

    __tablename__ = "incident_route"
    __called__ = N_("Route of a category")

    category: Mapped[str] = mapped_column(String(80), primary_key=True)
    group_id: Mapped[int]
