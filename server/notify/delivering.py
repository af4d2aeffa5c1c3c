"""The job that empties one channel's outbox."""

import asyncio

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.kernel import keys
from server.kernel.errors import DeskError
from server.kernel.jobs import Work, enqueue
from server.kernel.secrets import unseal
from server.kernel.settings import Settings
from server.notify import outgoing
from server.notify.channels import send_mail, send_webhook
from server.notify.models import Delivery, Webhook
from server.notify.service import EMAIL, JOB

ABREAST = 5  # messages of one channel under way at once


async def deliver(work: Work) -> None:
    """Send what is due of one channel. A channel that hangs holds up only itself."""
    channel = str(work.payload["channel"])
    settings = work.app[keys.SETTINGS]
    rows = await work.db.run(outgoing.claim, channel, now=work.now)
    gate = asyncio.Semaphore(ABREAST)

    async def one(row: Delivery) -> bool:
        async with gate:
            return await _send(work, row, settings)

    try:
        await asyncio.gather(*(one(row) for row in rows))
    except outgoing.ChannelOffError as error:
        await work.db.run(outgoing.switched_off, channel, str(error))
    await work.db.run(outgoing.plan_next, channel, now=work.now)


async def _send(work: Work, row: Delivery, settings: Settings) -> bool:
    try:
        if row.channel == EMAIL:
            await send_mail(row, settings)
        else:
            secret = await work.db.read(_secret, row.channel)
            if secret is None:
                raise outgoing.ChannelOffError("the webhook is switched off")
            key = unseal(secret[1], secret[0])
            await send_webhook(row, key, settings)
    except outgoing.SendError as error:
        await work.db.run(outgoing.failed, row.delivery_id, str(error), lasting=error.lasting, now=work.now)
        return False
    except DeskError as error:
        await work.db.run(outgoing.failed, row.delivery_id, str(error), lasting=True, now=work.now)
        return False
    await work.db.run(outgoing.sent, row.delivery_id, now=work.now)
    return True


def _secret(session: Session, channel: str) -> tuple[str, bytes] | None:
    hook = session.get(Webhook, int(channel.partition(":")[2]))
    return (hook.seal_context, hook.sealed) if hook is not None and hook.enabled else None


async def sweep(work: Work) -> None:
    """Look after channels whose job was lost: what is due must not wait for the next message."""
    await work.db.run(_wake, work)


def _wake(session: Session, work: Work) -> None:
    due = select(Delivery.channel).where(Delivery.state.in_(outgoing.DUE), Delivery.next_at <= work.now)
    for channel in session.scalars(due.distinct()):
        enqueue(session, JOB, {"channel": channel}, now=work.now, key=channel)
