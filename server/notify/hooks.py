"""Webhooks: set up, changed, tested, looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.kernel.errors import InvalidError, NotFoundError
from server.kernel.i18n import N_
from server.kernel.jobs import enqueue
from server.kernel.secrets import seal
from server.kernel.settings import Settings
from server.notify.channels import Guard, check_url
from server.notify.models import ChannelHealth, Delivery, DeliveryState, Webhook
from server.notify.service import JOB, queue
from server.notify.templates import TEMPLATES

SECRET_LEAST = 16


@dataclass(frozen=True)
class ChannelView:
    """A channel with its health: how many wait, failed, or came before it was set up; its breaker."""

    code: str
    waiting: int
    dead: int
    off: int
    failures: int
    open_until: datetime | None
    last_error: str
    last_ok_at: datetime | None


def add(
    session: Session,
    *,
    name: str,
    url: str,
    secret: str,
    templates: Sequence[str],
    settings: Settings,
    now: datetime,
) -> Webhook:
    """Set up a webhook. The secret is sealed and never shown again."""
    check_url(url, Guard(settings))
    if len(secret) < SECRET_LEAST:
        raise InvalidError(
            N_("The secret needs at least {limit} characters."), field="/secret", limit=SECRET_LEAST
        )
    unknown = [code for code in templates if code != "*" and code not in TEMPLATES]
    if unknown or not templates:
        raise InvalidError(N_("Choose which messages it gets."), field="/templates")
    if session.scalar(select(Webhook.id).where(Webhook.name == name)) is not None:
        raise InvalidError(N_("There is a webhook of that name."), field="/name")
    hook = Webhook(
        name=name,
        url=url,
        sealed=b"",
        templates=list(templates),
        enabled=True,
        created_at=now,
    )
    hook.sealed = seal(secret.encode(), hook.seal_context)
    session.add(hook)
    session.flush()
    return hook


def remove(session: Session, number: int) -> None:
    """Take a webhook away; what waits for it is kept and not tried."""
    hook = _hook(session, number)
    session.delete(hook)
    session.flush()


def switch(session: Session, number: int, *, enabled: bool, now: datetime) -> Webhook:
    """Switch a webhook on or off."""
    hook = _hook(session, number)
    hook.enabled = enabled
    if enabled:
        enqueue(session, JOB, {"channel": f"webhook:{hook.id}"}, now=now, key=f"webhook:{hook.id}")
    session.flush()
    return hook


def hooks(session: Session) -> Sequence[Webhook]:
    """All webhooks, by name."""
    return session.scalars(select(Webhook).order_by(Webhook.name)).all()


def test_mail(session: Session, person_id: int, *, now: datetime) -> int:
    """Send a test message to a person."""
    key = f"test:{now.timestamp():.6f}"
    return queue(session, template="test", places={}, ticket="", key=key, now=now, to_person=person_id)


def channels(session: Session) -> list[ChannelView]:
    """Every channel that has or had messages, with its health."""
    states = {
        (row.channel, row.state): row.n
        for row in session.execute(
            select(Delivery.channel, Delivery.state, func.count().label("n")).group_by(
                Delivery.channel, Delivery.state
            )
        )
    }
    health = {row.code: row for row in session.scalars(select(ChannelHealth))}
    codes = sorted({"email", *(code for code, _ in states), *health})
    shown = []
    for code in codes:
        row = health.get(code)
        shown.append(
            ChannelView(
                code,
                sum(
                    states.get((code, s), 0)
                    for s in (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.HELD)
                ),
                states.get((code, DeliveryState.DEAD), 0),
                states.get((code, DeliveryState.OFF), 0),
                row.failures if row is not None else 0,
                row.open_until if row is not None else None,
                row.last_error if row is not None else "",
                row.last_ok_at if row is not None else None,
            )
        )
    return shown


def _hook(session: Session, number: int) -> Webhook:
    hook = session.get(Webhook, number)
    if hook is None:
        raise NotFoundError(N_("There is no such webhook."))
    return hook
