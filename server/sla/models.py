"""Service levels: targets by priority, business calendars, running clocks, what escalated."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base
from server.kernel.i18n import N_


class ClockKind(StrEnum):
    """What has to happen in time."""

    RESPONSE = "response"
    RESOLUTION = "resolution"


class SlaTarget(Base):
    """Targets of one priority; without a row the defaults of `targets.py` hold."""

    __tablename__ = "sla_target"
    __called__ = N_("Service level target")

    priority: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    response_s: Mapped[int]
    resolution_s: Mapped[int]
    calendar: Mapped[str] = mapped_column(String(40))  # code of a calendar, or "always"


class BusinessCalendar(Base):
    """Working hours, holidays and moved working days."""

    __tablename__ = "business_calendar"
    __called__ = N_("Business calendar")

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[dict[str, str]]
    timezone: Mapped[str] = mapped_column(String(64))
    week: Mapped[dict[str, Any]]  # "0" (Monday) to "6": [[from minute, to minute], ...]
    days: Mapped[dict[str, Any]] = mapped_column(default=dict)  # "2026-10-01": [] or spans


class SlaClock(Base):
    """One clock of one ticket. `runs` are the times it ran, so that any target can be laid over it."""

    __tablename__ = "sla_clock"
    __audited__ = False  # follows from the ticket's own moves, which are audited

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket: Mapped[str] = mapped_column(String(20))
    kind: Mapped[ClockKind]
    priority: Mapped[int]
    target_s: Mapped[int]
    calendar: Mapped[str] = mapped_column(String(40))
    runs: Mapped[list[Any]]  # [[from, to or null], ...], seconds since 1970
    pause_reason: Mapped[str] = mapped_column(String(20), default="")
    due_at: Mapped[datetime | None]  # None while paused
    stopped_at: Mapped[datetime | None]
    next_mark: Mapped[int] = mapped_column(default=0)  # percent that escalates next; 0: none is left
    next_mark_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("ticket", "kind", name="uq_sla_clock_ticket_kind"),
        Index("ix_sla_clock_marks", "next_mark_at", sqlite_where=text("next_mark_at IS NOT NULL")),
        Index("ix_sla_clock_due", "due_at"),
    )


class SlaEscalation(Base):
    """A mark that a clock passed. Once per ticket, kind and percent."""

    __tablename__ = "sla_escalation"
    __audited__ = False  # is itself a record that only grows

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket: Mapped[str] = mapped_column(String(20))
    kind: Mapped[ClockKind]
    percent: Mapped[int]
    at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("ticket", "kind", "percent", name="uq_sla_escalation_once"),)
