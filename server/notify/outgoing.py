"""Deliver what is in the outbox: at least once, under a stable id, one channel apart from another.

A channel's due messages are claimed for two minutes, sent, and written down one by one. What a crash
interrupts is claimed again and goes out under the same id. A person gets at most `PERSON_LIMIT` messages
in five minutes; the rest goes into one digest when the window has passed.
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from server.kernel.jobs import enqueue
from server.notify.models import ChannelHealth, Delivery, DeliveryState
from server.notify.service import EMAIL, JOB
from server.notify.templates import render

BATCH = 50
CLAIM = timedelta(minutes=2)
TRIES = 8
BACK_OFF = (10, 30, 120, 600, 1800, 3600, 3600)  # s after the first, second ... failure
BREAKER_AT = 5  # failures in a row
BREAKER_FIRST, BREAKER_MOST = timedelta(minutes=1), timedelta(minutes=30)
PERSON_LIMIT = 10
PERSON_WINDOW = timedelta(minutes=5)
DUE = (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.HELD)


class SendError(Exception):
    """A message could not be handed over. `lasting`: trying again is of no use."""

    def __init__(self, text: str, *, lasting: bool = False) -> None:
        super().__init__(text)
        self.lasting = lasting


class ChannelOffError(Exception):
    """The channel is not set up."""


Send = Callable[[Delivery], Awaitable[None]]


def claim(session: Session, channel: str, *, now: datetime) -> list[Delivery]:
    """Take the due messages of a channel, none while its breaker is open.

    Messages to one person beyond the limit are held; held ones whose window has passed are replaced by
    one digest, which is among what is returned.
    """
    health = session.get(ChannelHealth, channel)
    if health is not None and health.open_until is not None and health.open_until > now:
        enqueue(session, JOB, {"channel": channel}, now=now, run_at=health.open_until, key=channel)
        return []
    rows = session.scalars(
        select(Delivery)
        .where(Delivery.channel == channel, Delivery.state.in_(DUE), Delivery.next_at <= now)
        .order_by(Delivery.next_at, Delivery.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    taken = _limited(session, rows, now) if channel == EMAIL else list(rows)
    for row in taken:
        row.state, row.attempts, row.next_at = DeliveryState.SENDING, row.attempts + 1, now + CLAIM
    session.flush()
    return taken


def _limited(session: Session, rows: Sequence[Delivery], now: datetime) -> list[Delivery]:
    taken: list[Delivery] = []
    held: dict[int, list[Delivery]] = {}
    room: dict[int, int] = {}
    for row in rows:
        if row.person_id is None or row.state is DeliveryState.SENDING:
            taken.append(row)
            continue
        if row.person_id not in room:
            room[row.person_id] = PERSON_LIMIT - 1 - _sent_lately(session, row.person_id, now)
        if row.state is DeliveryState.HELD:
            held.setdefault(row.person_id, []).append(row)
        elif room[row.person_id] > 0:
            room[row.person_id] -= 1
            taken.append(row)
        else:
            row.state, row.next_at = DeliveryState.HELD, now + PERSON_WINDOW
    for person_id, waiting in held.items():
        if _sent_lately(session, person_id, now) < PERSON_LIMIT:
            taken.append(_digest(session, person_id, waiting, now))
        else:
            for row in waiting:
                row.next_at = now + PERSON_WINDOW
    return taken


def _sent_lately(session: Session, person_id: int, now: datetime) -> int:
    lately = or_(
        and_(Delivery.state == DeliveryState.SENT, Delivery.sent_at > now - PERSON_WINDOW),
        Delivery.state == DeliveryState.SENDING,
    )
    query = select(func.count()).where(Delivery.person_id == person_id, Delivery.channel == EMAIL, lately)
    return session.scalar(query) or 0


def _digest(session: Session, person_id: int, rows: Sequence[Delivery], now: datetime) -> Delivery:
    """One message that tells of all held ones, also of those that are not due yet."""
    waiting = session.scalars(
        select(Delivery)
        .where(
            Delivery.person_id == person_id,
            Delivery.channel == EMAIL,
            Delivery.state == DeliveryState.HELD,
        )
        .order_by(Delivery.id)
    ).all()
    first = rows[0]
    number = secrets.token_hex(16)
    lines = "\n".join(f"- {row.subject} {row.url}".rstrip() for row in waiting[:200])
    subject, body = render("digest", {"n": len(waiting), "lines": lines}, first.language)
    digest = Delivery(
        delivery_id=number,
        key=f"digest|{number}",
        channel=EMAIL,
        template="digest",
        person_id=person_id,
        address=first.address,
        language=first.language,
        subject=subject,
        body=body,
        ticket="",
        state=DeliveryState.QUEUED,
        attempts=0,
        next_at=now,
        created_at=now,
    )
    session.add(digest)
    for row in waiting:
        row.state, row.digest_id = DeliveryState.DIGESTED, number
    session.flush()
    return digest


def sent(session: Session, delivery_id: str, *, now: datetime) -> None:
    """It was handed over."""
    row = session.scalars(select(Delivery).where(Delivery.delivery_id == delivery_id)).one()
    row.state, row.sent_at, row.error = DeliveryState.SENT, now, ""
    health = _health(session, row.channel)
    health.failures, health.open_until, health.last_ok_at = 0, None, now


def failed(session: Session, delivery_id: str, why: str, *, lasting: bool, now: datetime) -> None:
    """It was not; it is tried again later, or laid to the dead ones."""
    row = session.scalars(select(Delivery).where(Delivery.delivery_id == delivery_id)).one()
    row.error = why[:500]
    if lasting or row.attempts >= TRIES:
        row.state = DeliveryState.DEAD
    else:
        wait = BACK_OFF[min(row.attempts - 1, len(BACK_OFF) - 1)]
        row.state, row.next_at = DeliveryState.QUEUED, now + timedelta(seconds=wait)
    health = _health(session, row.channel)
    health.last_error = row.error
    if not lasting:
        health.failures += 1
        if health.failures >= BREAKER_AT:
            pause = BREAKER_FIRST * 2 ** (health.failures - BREAKER_AT)
            health.open_until = now + min(pause, BREAKER_MOST)


def switched_off(session: Session, channel: str, why: str) -> None:
    """The channel is not set up: its messages are kept and shown, and not tried."""
    session.execute(
        update(Delivery)
        .where(
            Delivery.channel == channel,
            Delivery.state.in_((DeliveryState.QUEUED, DeliveryState.SENDING)),
        )
        .values(state=DeliveryState.OFF, error=why[:500])
    )


def next_due(session: Session, channel: str) -> datetime | None:
    """When the channel has something to do next."""
    return session.scalar(
        select(func.min(Delivery.next_at)).where(Delivery.channel == channel, Delivery.state.in_(DUE))
    )


def plan_next(session: Session, channel: str, *, now: datetime) -> None:
    """Queue the job for when the next message of the channel is due."""
    due = next_due(session, channel)
    if due is not None:
        enqueue(session, JOB, {"channel": channel}, now=now, run_at=max(due, now), key=channel)


def _health(session: Session, channel: str) -> ChannelHealth:
    health = session.get(ChannelHealth, channel)
    if health is None:
        health = ChannelHealth(code=channel, failures=0, last_error="")
        session.add(health)
    return health
