"""Clocks of a ticket: they run by a calendar, pause, follow the priority, and escalate."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.calendar import Calendar, after, between
from server.kernel.db import insert_missing
from server.kernel.events import Signal
from server.sla.models import ClockKind, SlaClock, SlaEscalation
from server.sla.targets import calendar, targets

MARKS = (50, 75, 100)  # percent of the target at which escalation acts
WARN = 75

SLA_NEWS = Signal("sla news")
"""Sent with `ticket`, `kind` (ClockKind), `percent`, `clock` (SlaClock), `now`: a mark was passed."""

ClockState = Literal["met", "missed", "running", "warn", "over", "paused"]


@dataclass(frozen=True)
class ClockView:
    """A clock as it is shown.

    `fraction`: of the target's worked time that is spent; above 1 it is over. `left`: worked time left,
    below zero when over. `due_at`: None while paused.
    """

    kind: ClockKind
    priority: int
    target: timedelta
    state: ClockState
    fraction: float
    spent: timedelta
    left: timedelta
    due_at: datetime | None
    stopped_at: datetime | None
    pause_reason: str
    always: bool  # counts every minute, not working hours

    @property
    def percent(self) -> int:
        """Whole percent, at most 100, for a bar."""
        return min(100, int(self.fraction * 100))


def start(session: Session, ticket: str, priority: int, *, opened_at: datetime, now: datetime) -> None:
    """Start both clocks of a ticket; once."""
    found = targets(session, priority)
    for kind, target in ((ClockKind.RESPONSE, found.response), (ClockKind.RESOLUTION, found.resolution)):
        clock = SlaClock(
            ticket=ticket,
            kind=kind,
            priority=priority,
            target_s=int(target.total_seconds()),
            calendar=found.calendar_code,
            runs=[[opened_at.timestamp(), None]],
        )
        _aim(clock, found.calendar, now)
        session.add(clock)
    session.flush()


def pause(session: Session, ticket: str, *, reason: str, now: datetime) -> None:
    """Stop counting: the ticket waits for somebody outside."""
    for clock in _open(session, ticket):
        if clock.runs[-1][1] is None:
            clock.runs = [*clock.runs[:-1], [clock.runs[-1][0], max(now.timestamp(), clock.runs[-1][0])]]
        clock.pause_reason = reason
        clock.due_at = clock.next_mark_at = None
    session.flush()


def resume(session: Session, ticket: str, *, now: datetime) -> None:
    """Count on, with what was left."""
    for clock in _open(session, ticket):
        if clock.runs[-1][1] is not None:
            clock.runs = [*clock.runs, [now.timestamp(), None]]
        clock.pause_reason = ""
        _aim(clock, calendar(session, clock.calendar), now)
    session.flush()


def stop(session: Session, ticket: str, *kinds: ClockKind, now: datetime) -> None:
    """What had to happen has happened; all clocks if no kind is named."""
    for clock in _open(session, ticket):
        if not kinds or clock.kind in kinds:
            if clock.runs[-1][1] is None:
                clock.runs = [*clock.runs[:-1], [clock.runs[-1][0], max(now.timestamp(), clock.runs[-1][0])]]
            clock.stopped_at = now
            clock.pause_reason = ""
            clock.next_mark_at = None
    session.flush()


def restart(session: Session, ticket: str, *, now: datetime) -> None:
    """The ticket was reopened: its resolution clock counts on; the time it was resolved is not counted."""
    for clock in _all(session, [ticket]):
        if clock.kind is ClockKind.RESOLUTION and clock.stopped_at is not None:
            clock.stopped_at = None
            clock.runs = [*clock.runs, [now.timestamp(), None]]
            _aim(clock, calendar(session, clock.calendar), now)
    session.flush()


def reprioritise(session: Session, ticket: str, priority: int, *, now: datetime) -> None:
    """Lay the new priority's targets over the time that was spent, by its calendar."""
    found = targets(session, priority)
    for clock in _open(session, ticket):
        target = found.response if clock.kind is ClockKind.RESPONSE else found.resolution
        clock.priority, clock.target_s = priority, int(target.total_seconds())
        clock.calendar = found.calendar_code
        if clock.runs[-1][1] is None:
            _aim(clock, found.calendar, now)
    session.flush()


def views(session: Session, tickets: Iterable[str], *, now: datetime) -> Mapping[str, list[ClockView]]:
    """The clocks of tickets as they stand, response first."""
    shown: dict[str, list[ClockView]] = {}
    known: dict[str, Calendar] = {}
    for clock in _all(session, tickets):
        if clock.calendar not in known:
            known[clock.calendar] = calendar(session, clock.calendar)
        shown.setdefault(clock.ticket, []).append(view(clock, known[clock.calendar], now))
    for of_ticket in shown.values():
        of_ticket.sort(key=lambda one: one.kind is ClockKind.RESOLUTION)
    return shown


def view(clock: SlaClock, by: Calendar, now: datetime) -> ClockView:
    """One clock as it stands."""
    target = timedelta(seconds=clock.target_s)
    spent = _spent(clock, by, clock.stopped_at or now)
    fraction = spent / target
    state: ClockState
    if clock.stopped_at is not None:
        state = "met" if spent <= target else "missed"
    elif clock.pause_reason:
        state = "paused"
    elif fraction >= 1:
        state = "over"
    else:
        state = "warn" if fraction * 100 >= WARN else "running"
    return ClockView(
        clock.kind,
        clock.priority,
        target,
        state,
        fraction,
        spent,
        target - spent,
        clock.due_at,
        clock.stopped_at,
        clock.pause_reason,
        by.always,
    )


def watch(session: Session, *, now: datetime, limit: int = 500) -> int:
    """Record the marks that were passed and tell SLA_NEWS of each, once. Returns how many."""
    due = session.scalars(
        select(SlaClock)
        .where(SlaClock.next_mark_at <= now, SlaClock.stopped_at.is_(None))
        .order_by(SlaClock.next_mark_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    told = 0
    for clock in due:
        percent = clock.next_mark
        row = {"ticket": clock.ticket, "kind": clock.kind, "percent": percent, "at": now}
        fresh = insert_missing(session, SlaEscalation, row)
        _aim(clock, calendar(session, clock.calendar), now, beyond=percent)
        if fresh:
            told += 1
            SLA_NEWS.send(
                session, ticket=clock.ticket, kind=clock.kind, percent=percent, clock=clock, now=now
            )
    session.flush()
    return told


def escalations(session: Session, ticket: str) -> Sequence[SlaEscalation]:
    """The marks that a ticket's clocks have passed, oldest first."""
    return session.scalars(
        select(SlaEscalation).where(SlaEscalation.ticket == ticket).order_by(SlaEscalation.id)
    ).all()


def _aim(clock: SlaClock, by: Calendar, now: datetime, *, beyond: int | None = None) -> None:
    """Compute when the clock is due and which mark comes next."""
    spent = _spent(clock, by, now)
    target = timedelta(seconds=clock.target_s)
    begun = datetime.fromtimestamp(clock.runs[-1][0], UTC)
    before = _spent(clock, by, begun)
    clock.due_at = after(by, begun, target - before) if target > before else begun
    passed = beyond if beyond is not None else 0
    left = [mark for mark in MARKS if mark > passed and (beyond is not None or spent < target * mark / 100)]
    if beyond is None and not left and spent >= target:
        left = [MARKS[-1]]  # over already, as after a raise of the priority: say so once
    clock.next_mark = left[0] if left else 0
    clock.next_mark_at = after(by, begun, max(target * left[0] / 100 - before, timedelta())) if left else None


def _spent(clock: SlaClock, by: Calendar, now: datetime) -> timedelta:
    total = timedelta()
    for start_s, end_s in clock.runs:
        begun = datetime.fromtimestamp(start_s, UTC)
        ended = now if end_s is None else min(now, datetime.fromtimestamp(end_s, UTC))
        total += between(by, begun, ended)
    return total


def _open(session: Session, ticket: str) -> Sequence[SlaClock]:
    return [clock for clock in _all(session, [ticket]) if clock.stopped_at is None]


def _all(session: Session, tickets: Iterable[str]) -> Sequence[SlaClock]:
    wanted = list(tickets)
    if not wanted:
        return []
    return session.scalars(select(SlaClock).where(SlaClock.ticket.in_(wanted)).order_by(SlaClock.id)).all()
