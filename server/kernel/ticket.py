"""Numbers of records and links between them, shared by all practices.

Two tickets of different practices know each other only by number, so that no practice imports
its sibling.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String, UniqueConstraint, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.kernel.db import Base, insert_missing
from server.kernel.i18n import N_

DIGITS = 6


class NumberSeries(Base):
    """The last number given out for a prefix."""

    __tablename__ = "number_series"
    __audited__ = False  # the record that got the number is audited

    prefix: Mapped[str] = mapped_column(String(8), primary_key=True)
    last: Mapped[int]


class TicketLink(Base):
    """A link between two records, from `a` to `b`: duplicate_of, caused_by, child_of, relates_to ..."""

    __tablename__ = "ticket_link"
    __called__ = N_("Link of records")

    id: Mapped[int] = mapped_column(primary_key=True)
    a: Mapped[str] = mapped_column(String(20), index=True)
    b: Mapped[str] = mapped_column(String(20), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("a", "b", "kind", name="uq_ticket_link_once"),)


@dataclass(frozen=True)
class Link:
    """A link seen from one record: `forward` when that record is its `a`."""

    other: str
    kind: str
    forward: bool
    at: datetime


def next_number(session: Session, prefix: str) -> str:
    """The next number of a prefix, as `INC-000123`; never given twice, gaps are possible."""
    step = (
        update(NumberSeries)
        .where(NumberSeries.prefix == prefix)
        .values(last=NumberSeries.last + 1)
        .returning(NumberSeries.last)
        .execution_options(synchronize_session=False)
    )
    last = session.execute(step).scalar_one_or_none()
    if last is None:
        _begin(session, prefix)
        last = session.execute(step).scalar_one()
    return f"{prefix}-{last:0{DIGITS}d}"


def link(session: Session, a: str, b: str, kind: str, *, now: datetime) -> None:
    """Link record `a` to `b`; telling the same twice changes nothing."""
    known = session.scalar(
        select(TicketLink.id).where(TicketLink.a == a, TicketLink.b == b, TicketLink.kind == kind)
    )
    if known is None:
        session.add(TicketLink(a=a, b=b, kind=kind, at=now))
        session.flush()


def unlink(session: Session, a: str, b: str, kind: str) -> None:
    """Take a link away; one that is not there is no error."""
    known = session.scalar(
        select(TicketLink).where(TicketLink.a == a, TicketLink.b == b, TicketLink.kind == kind)
    )
    if known is not None:
        session.delete(known)


def links(session: Session, number: str) -> Sequence[Link]:
    """All links of a record, oldest first."""
    rows = session.scalars(
        select(TicketLink).where(or_(TicketLink.a == number, TicketLink.b == number)).order_by(TicketLink.id)
    )
    return [Link(row.b if row.a == number else row.a, row.kind, row.a == number, row.at) for row in rows]


def _begin(session: Session, prefix: str) -> None:
    """Create the series at zero, unless another transaction was quicker."""
    insert_missing(session, NumberSeries, {"prefix": prefix, "last": 0})
