"""Messages to people and programs: the outbox, its channels and their health."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base
from server.kernel.i18n import N_


class DeliveryState(StrEnum):
    """Where a message stands."""

    QUEUED = "queued"
    SENDING = "sending"  # claimed until `next_at`; then it is tried again under the same id
    SENT = "sent"
    HELD = "held"  # too many to one person; goes into the next digest
    DIGESTED = "digested"  # was told in a digest
    DEAD = "dead"  # all tries failed; a person may try again
    OFF = "off"  # its channel is not set up


class Webhook(Base):
    """An address of a program that wants to know."""

    __tablename__ = "notify_webhook"
    __called__ = N_("Webhook")
    __secret__ = ("sealed",)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    url: Mapped[str] = mapped_column(String(500))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # the secret that signs
    templates: Mapped[list[Any]]  # which messages; ["*"]: all
    enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]

    @property
    def seal_context(self) -> str:
        """What the secret is bound to; its name never changes."""
        return f"webhook:{self.name}"


class Delivery(Base):
    """One message to one receiver by one channel. Written with what it tells of, in one transaction."""

    __tablename__ = "notify_delivery"
    __audited__ = False  # is itself the delivery record; what it tells of is audited

    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[str] = mapped_column(String(64), unique=True)  # Message-ID; the same at every try
    key: Mapped[str] = mapped_column(String(200), unique=True)  # event, receiver, channel: told once
    channel: Mapped[str] = mapped_column(String(40))  # "email", "webhook:3"
    template: Mapped[str] = mapped_column(String(60))
    person_id: Mapped[int | None]
    address: Mapped[str] = mapped_column(String(500))
    language: Mapped[str] = mapped_column(String(2))
    subject: Mapped[str] = mapped_column(String(500))
    body: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(String(300), default="")  # path of the record, last line of a mail
    ticket: Mapped[str] = mapped_column(String(20), index=True)
    state: Mapped[DeliveryState] = mapped_column(default=DeliveryState.QUEUED)
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(String(500), default="")
    digest_id: Mapped[str] = mapped_column(String(64), default="")

    __table_args__ = (
        Index("ix_notify_delivery_due", "channel", "state", "next_at"),
        Index("ix_notify_delivery_person", "person_id", "sent_at"),
        Index("ix_notify_delivery_list", "created_at"),
    )


class ChannelHealth(Base):
    """The circuit breaker of one channel."""

    __tablename__ = "notify_channel"
    __audited__ = False  # a gauge

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    open_until: Mapped[datetime | None]  # nothing is tried before
    last_error: Mapped[str] = mapped_column(String(500), default="")
    last_ok_at: Mapped[datetime | None]
