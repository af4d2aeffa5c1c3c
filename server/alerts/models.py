"""What alerts keep: conditions, every raw event, groups, mutes.

Three keys are kept apart. Identity (`Alert.fingerprint`): which condition; one alert of it is open at a
time, by a partial unique index. Deduplication (`AlertEvent.dedup_key`): the same news again. Correlation
(`Alert.group_id`): which incident.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from rules.story import Severity, Stage
from server.kernel.db import Base
from server.kernel.i18n import N_

__all__ = ["Alert", "AlertEvent", "AlertGroup", "AlertMark", "AlertState", "Mute", "Severity", "Stage"]

IS_OPEN = text("resolved_at IS NULL")
IS_END = text("status = 'resolved'")
IS_LIVING_GROUP = text("state IN ('pending', 'open', 'recovering')")


class AlertState(StrEnum):
    """Where an alert stands. Suppressed: it fires, and somebody said not to tell."""

    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    SUPPRESSED = "suppressed"
    RESOLVED = "resolved"


class Alert(Base):
    """One condition from its beginning to its end; all severities of one check are one alert.

    Rows are written in bulk and are not audited; each change is an AlertEvent, and what people do to an
    alert goes through the ORM and is audited there.
    """

    __tablename__ = "alert"
    __called__ = N_("Alert")

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    fingerprint: Mapped[str] = mapped_column(String(64))
    group_id: Mapped[int | None] = mapped_column(ForeignKey("alert_group.id"), index=True)
    ci_id: Mapped[int | None] = mapped_column(index=True)
    source: Mapped[str] = mapped_column(String(120))  # agent:3, alertmanager:NAME, trap ...
    device: Mapped[str] = mapped_column(String(200))  # the source's word for the CI
    rule: Mapped[str] = mapped_column(String(200), index=True)
    symptom: Mapped[str] = mapped_column(String(16))
    severity: Mapped[Severity]
    state: Mapped[AlertState]
    value: Mapped[float | None]
    unit: Mapped[str] = mapped_column(String(40), default="")
    metric: Mapped[str] = mapped_column(String(200), default="")
    summary: Mapped[dict[str, str]]
    labels: Mapped[dict[str, Any]]
    evidence: Mapped[dict[str, Any]]
    hints: Mapped[dict[str, Any]]  # impact, urgency, category, cause of the rule; far end
    started_at: Mapped[datetime]
    last_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    held_until: Mapped[datetime | None]  # over as last told, kept open until then: it flaps
    count: Mapped[int] = mapped_column(default=1)  # different news, repeats not counted
    flaps: Mapped[int] = mapped_column(default=0)  # times it came back after it was over
    sequence: Mapped[int] = mapped_column(BigInteger, default=0)  # of its newest news, per source
    trace_id: Mapped[str] = mapped_column(String(200), default="")
    joined: Mapped[dict[str, Any]] = mapped_column(default=dict)  # how it came into its group
    acknowledged_by_id: Mapped[int | None]
    acknowledged_at: Mapped[datetime | None]
    mute_id: Mapped[int | None]

    __table_args__ = (
        Index(
            "uq_alert_open_fingerprint",
            "fingerprint",
            unique=True,
            sqlite_where=IS_OPEN,
            postgresql_where=IS_OPEN,
        ),
        Index("ix_alert_recent", "fingerprint", "resolved_at"),
        Index("ix_alert_held", "held_until", sqlite_where=text("held_until IS NOT NULL")),
        Index("ix_alert_list", "resolved_at", "started_at"),
    )


class AlertEvent(Base):
    """One piece of news as it came. Never changed, never deduplicated away."""

    __tablename__ = "alert_event"
    __audited__ = False  # is itself the record: append-only, raw, with source, sequence and trace

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    alert_id: Mapped[int] = mapped_column(BigInteger, index=True)  # 0: no condition stands behind it
    condition: Mapped[int] = mapped_column(BigInteger)  # of the fingerprint while no CI was known
    dedup_key: Mapped[int] = mapped_column(BigInteger)  # the same news of the same condition again
    status: Mapped[str] = mapped_column(String(12))  # firing, resolved, info
    severity: Mapped[str] = mapped_column(String(12))
    value: Mapped[float | None]
    at: Mapped[datetime]  # by the source's clock
    received_at: Mapped[datetime]  # by ours
    source: Mapped[str] = mapped_column(String(120))
    sequence: Mapped[int] = mapped_column(BigInteger)
    outcome: Mapped[str] = mapped_column(String(12))  # what it did: opened, repeated, resolved ...
    raw: Mapped[bytes] = mapped_column(LargeBinary)  # msgpack of the news
    trace_id: Mapped[str] = mapped_column(String(200), default="")

    __table_args__ = (
        # By moment first: what comes together touches few pages, however many conditions there are.
        Index("uq_alert_event_once", "dedup_key", "condition", unique=True),
        Index("ix_alert_event_ends", "condition", sqlite_where=IS_END, postgresql_where=IS_END),
    )


class AlertGroup(Base):
    """Alerts with one probable cause; an incident once it is told."""

    __tablename__ = "alert_group"
    __audited__ = False  # follows from the alerts and the graph; people's moves are audited on the alerts

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    state: Mapped[Stage]
    root_ci_id: Mapped[int | None] = mapped_column(index=True)
    root_alert_id: Mapped[int | None] = mapped_column(BigInteger)
    mode: Mapped[str] = mapped_column(String(16))
    node: Mapped[int] = mapped_column(BigInteger)  # of the cause in the graph
    other: Mapped[int] = mapped_column(BigInteger, default=0)  # the connection's other end, or 0
    confidence: Mapped[float] = mapped_column(default=0.0)
    explanation: Mapped[dict[str, Any]] = mapped_column(default=dict)
    size: Mapped[int] = mapped_column(default=0)
    told_at: Mapped[datetime | None]
    hold_until: Mapped[datetime | None]
    opened_at: Mapped[datetime]  # its first symptom began
    ended_at: Mapped[datetime | None]
    merged_into_id: Mapped[int | None] = mapped_column(BigInteger)
    ticket: Mapped[str] = mapped_column(String(20), default="")  # the incident's number, told from above

    __table_args__ = (
        Index("ix_alert_group_living", "id", sqlite_where=IS_LIVING_GROUP, postgresql_where=IS_LIVING_GROUP),
        Index("ix_alert_group_list", "opened_at"),
        Index("ix_alert_group_ended", "ended_at"),
    )


class Mute(Base):
    """Do not tell of what matches, with owner, reason and end."""

    __tablename__ = "alert_mute"
    __called__ = N_("Mute")

    id: Mapped[int] = mapped_column(primary_key=True)
    ci_id: Mapped[int | None]  # None: any
    rule: Mapped[str] = mapped_column(String(200), default="")  # "": any
    owner_id: Mapped[int]
    reason: Mapped[str] = mapped_column(String(400))
    created_at: Mapped[datetime]
    until: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]  # taken back, or its end was acted on


class AlertMark(Base):
    """The one row under whose lock alerts are taken: next numbers, and a stamp of the newest change.

    The stamp is drawn anew by each transaction that changes groups; memory that carries another stamp
    is rebuilt. So a rolled-back transaction or another server never leaves a false memory behind.
    """

    __tablename__ = "alert_mark"
    __audited__ = False  # a counter and a cache's tag

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    stamp: Mapped[int] = mapped_column(BigInteger)
    next_alert: Mapped[int] = mapped_column(BigInteger)
    next_group: Mapped[int] = mapped_column(BigInteger)
