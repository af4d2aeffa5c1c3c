"""The ledger of what agents sent: each report once, what they lost, what was refused."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base


class TakenReport(Base):
    """One report that was taken; its key makes the second sending a duplicate.

    `sent_at` is the agent's clock, `received_at` ours: both are kept however far apart they are.
    """

    __tablename__ = "intake_report"
    __audited__ = False  # the ledger of machines, many rows a second

    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), primary_key=True, autoincrement=False)
    stream: Mapped[str] = mapped_column(String(10), primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    received_at: Mapped[datetime]
    sent_at: Mapped[datetime]
    trace: Mapped[str] = mapped_column(String(200))
    samples: Mapped[int]
    alerts: Mapped[int]
    observations: Mapped[int]
    refused: Mapped[int]

    __table_args__ = (Index("ix_intake_report_received_at", "received_at"),)


class Floor(Base):
    """Of an agent's stream all reports up to `sequence` are settled, their rows forgotten."""

    __tablename__ = "intake_floor"
    __audited__ = False  # as above

    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), primary_key=True, autoincrement=False)
    stream: Mapped[str] = mapped_column(String(10), primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)


class LostStretch(Base):
    """What an agent says it lost: delivered and lost together are all it ever produced."""

    __tablename__ = "intake_gap"
    __audited__ = False  # as above

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"))
    stream: Mapped[str] = mapped_column(String(10))
    first: Mapped[int] = mapped_column(BigInteger)
    last: Mapped[int] = mapped_column(BigInteger)
    items: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(String(200))
    from_at: Mapped[datetime | None]
    to_at: Mapped[datetime | None]
    recorded_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("agent_id", "stream", "first", "last", "reason"),)


class Refusal(Base):
    """An item that an agent had no right to send, or that could not be taken."""

    __tablename__ = "intake_refusal"
    __audited__ = False  # as above

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), index=True)
    at: Mapped[datetime] = mapped_column(index=True)
    code: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(20))
    subject: Mapped[str] = mapped_column(String(200))  # the device or the series
    trace: Mapped[str] = mapped_column(String(200))
