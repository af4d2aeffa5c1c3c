"""Queue a message in the transaction of what it tells of; the job delivers it afterwards."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts import service as accounts
from server.kernel.db import insert_missing
from server.kernel.errors import ConflictError, NotFoundError
from server.kernel.i18n import N_
from server.kernel.jobs import enqueue
from server.notify.models import Delivery, DeliveryState, Webhook
from server.notify.templates import render

JOB = "notify.deliver"
EMAIL = "email"


@dataclass(frozen=True)
class _Receiver:
    channel: str
    address: str
    person_id: int | None
    language: str


def queue(
    session: Session,
    *,
    template: str,
    places: Mapping[str, Any],
    ticket: str,
    key: str,
    now: datetime,
    to_person: int | None = None,
    to_group: int | None = None,
    to_address: str | None = None,
) -> int:
    """Write messages into the outbox; they exist only if this transaction is committed.

    Args:
        session: the running transaction.
        template: a registered code.
        places: values of its places; localized ones as {"en": ..., "zh": ...}.
        ticket: number of the record it is about.
        key: of the event; each receiver hears of an event once, however often it is queued.
        now: the present moment.
        to_person, to_group, to_address: who is told. Webhooks that want the template hear of it too.

    Returns:
        How many messages are new.
    """
    receivers = [
        *_people(session, to_person, to_group, to_address),
        *(
            _Receiver(f"webhook:{hook.id}", hook.url, None, "en")
            for hook in session.scalars(select(Webhook).where(Webhook.enabled))
            if "*" in hook.templates or template in hook.templates
        ),
    ]
    texts: dict[str, tuple[str, str]] = {}
    rows = []
    for receiver in receivers:
        if receiver.language not in texts:
            texts[receiver.language] = render(template, places, receiver.language)
        subject, body = texts[receiver.language]
        if receiver.channel != EMAIL:
            told = {"event": template, "ticket": ticket, "places": dict(places), "at": now.isoformat()}
            body = msgspec.json.encode(told).decode()
        row = _row(receiver, template, subject, body, ticket=ticket, key=key, now=now)
        rows.append(row | {"url": str(places.get("url", ""))})
    fresh = sum(insert_missing(session, Delivery, row) for row in rows)
    if fresh:
        for channel in {receiver.channel for receiver in receivers}:
            enqueue(session, JOB, {"channel": channel}, now=now, key=channel)
    return fresh


def _row(
    receiver: _Receiver, template: str, subject: str, body: str, *, ticket: str, key: str, now: datetime
) -> dict[str, Any]:
    who = receiver.person_id if receiver.person_id is not None else receiver.address
    return {
        "delivery_id": secrets.token_hex(16),
        "key": f"{key}|{receiver.channel}|{who}"[:200],
        "channel": receiver.channel,
        "template": template,
        "person_id": receiver.person_id,
        "address": receiver.address,
        "language": receiver.language,
        "subject": subject,
        "body": body,
        "ticket": ticket,
        "state": DeliveryState.QUEUED,
        "attempts": 0,
        "next_at": now,
        "created_at": now,
        "error": "",
        "digest_id": "",
    }


def _people(
    session: Session, to_person: int | None, to_group: int | None, to_address: str | None
) -> list[_Receiver]:
    people = list(accounts.people_by_ids(session, [to_person]).values())
    if to_group is not None:
        people.extend(accounts.members(session, to_group))
    found = {
        person.id: _Receiver(EMAIL, person.email, person.id, person.language)
        for person in people
        if person.active and person.email
    }
    extra = [_Receiver(EMAIL, to_address, None, "en")] if to_address else []
    return [*found.values(), *extra]


def of_ticket(session: Session, ticket: str, *, limit: int = 100) -> Sequence[Delivery]:
    """The messages about a record, newest first."""
    return session.scalars(
        select(Delivery).where(Delivery.ticket == ticket).order_by(Delivery.id.desc()).limit(limit)
    ).all()


def retry(session: Session, delivery: int, *, now: datetime) -> Delivery:
    """Try a dead or unsent message again, under the same id.

    Raises:
        NotFoundError: there is none.
        ConflictError: it is on its way, or was sent.
    """
    row = session.get(Delivery, delivery)
    if row is None:
        raise NotFoundError(N_("There is no such message."))
    if row.state not in (DeliveryState.DEAD, DeliveryState.OFF):
        raise ConflictError(N_("Only a message that failed can be sent again."))
    row.state, row.attempts, row.next_at, row.error = DeliveryState.QUEUED, 0, now, ""
    enqueue(session, JOB, {"channel": row.channel}, now=now, key=row.channel)
    session.flush()
    return row
