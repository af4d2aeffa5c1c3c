"""Settings / Notifications: the delivery log with retry, channels and webhooks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts import service as accounts
from server.kernel.call import Actor, Call
from server.kernel.i18n import N_, _, loc
from server.kernel.listing import Choice, Column, Filter, Listing, View, show
from server.kernel.web import Pages
from server.notify import hooks, service
from server.notify.models import Delivery, DeliveryState
from server.notify.templates import TEMPLATES

pages = Pages("notify")

STATES = {
    DeliveryState.QUEUED: N_("Waiting"),
    DeliveryState.SENDING: N_("On its way"),
    DeliveryState.SENT: N_("Sent"),
    DeliveryState.HELD: N_("Held for the digest"),
    DeliveryState.DIGESTED: N_("Told in a digest"),
    DeliveryState.DEAD: N_("Failed"),
    DeliveryState.OFF: N_("Channel not set up"),
}


def _rows(session: Session, rows: Sequence[Delivery], actor: Actor, now: datetime) -> list[dict[str, Any]]:
    del now
    people = accounts.people_by_ids(session, {row.person_id for row in rows})
    names = {number: loc(person.name) for number, person in people.items()}
    return [
        {
            "id": row.id,
            "created_at": row.created_at,
            "channel": row.channel,
            "to": names.get(row.person_id or 0) or row.address,
            "subject": row.subject,
            "ticket": row.ticket,
            "url": row.url,
            "state": _(STATES[row.state]),
            "attempts": row.attempts,
            "error": _(row.error) if row.error else "",
            "retry": row.state in (DeliveryState.DEAD, DeliveryState.OFF) and actor.may("notify.manage"),
        }
        for row in rows
    ]


LOG = Listing(
    name="notifications",
    url="/settings/notifications",
    title=N_("Notifications"),
    statement=lambda actor: select(Delivery),  # noqa: ARG005  the page's right decides
    key=Delivery.id,
    sort="-created_at",
    search=(Delivery.subject, Delivery.ticket, Delivery.address),
    columns=(
        Column("created_at", N_("Written"), kind="ago", sort=Delivery.created_at, phone="end"),
        Column("subject", N_("Message"), phone="title", href=lambda row: row["url"]),
        Column("to", N_("To"), phone="meta"),
        Column("channel", N_("Channel"), sort=Delivery.channel, phone="meta"),
        Column("state", N_("State"), sort=Delivery.state, phone="meta"),
        Column("attempts", N_("Tries"), kind="number", sort=Delivery.attempts),
        Column("error", N_("Reason"), kind="custom"),
    ),
    filters=(
        Filter(
            "state",
            N_("State"),
            "choice",
            Delivery.state,
            choices=tuple(Choice(state.value, label) for state, label in STATES.items()),
        ),
        Filter("channel", N_("Channel"), "text", Delivery.channel),
        Filter("ticket", N_("Record"), "text", Delivery.ticket),
        Filter("written", N_("Written"), "date", Delivery.created_at),
    ),
    views=(
        View("all", N_("All"), ""),
        View("failed", N_("Failed"), "state:dead"),
        View("off", N_("Channel not set up"), "state:off"),
        View("waiting", N_("Waiting"), "state:queued"),
    ),
    prepare=_rows,
    row_id=lambda row: str(row["id"]),
)


@pages.get("/settings/notifications", permission="notify.read")
async def log(call: Call) -> web.StreamResponse:
    """The delivery log."""
    channels = await call.db.read(hooks.channels)
    known = await call.db.read(hooks.hooks)
    return await show(
        call, LOG, "notify/log.html", channels=channels, hooks=known, templates=sorted(TEMPLATES)
    )


@pages.post("/settings/notifications/{number}/retry", permission="notify.manage")
async def retry(call: Call, number: int) -> web.StreamResponse:
    """Send a failed message again."""
    row = await call.db.run(service.retry, number, now=call.now)
    return call.redirect("/settings/notifications", toast=N_("Queued again: {subject}"), subject=row.subject)


@pages.post("/settings/notifications/test", permission="notify.manage")
async def test(call: Call) -> web.StreamResponse:
    """Send a test message to oneself."""
    sent = await call.db.run(hooks.test_mail, call.actor.id, now=call.now)
    toast = N_("A test message is on its way") if sent else N_("Your account has no mail address")
    return call.redirect("/settings/notifications", toast=toast)


@pages.post("/settings/notifications/webhooks", permission="notify.manage")
async def add_hook(call: Call) -> web.StreamResponse:
    """Set up a webhook."""
    form = call.form
    hook = await call.db.run(
        hooks.add,
        name=str(form.get("name", "")).strip(),
        url=str(form.get("url", "")).strip(),
        secret=str(form.get("secret", "")),
        templates=[str(value) for value in form.getall("templates", ["*"])],
        settings=call.settings,
        now=call.now,
    )
    return call.redirect("/settings/notifications", toast=N_("Set up {name}"), name=hook.name)


@pages.post("/settings/notifications/webhooks/{number}", permission="notify.manage")
async def switch_hook(call: Call, number: int) -> web.StreamResponse:
    """Switch a webhook on or off."""
    hook = await call.db.run(hooks.switch, number, enabled=call.form.get("enabled") == "1", now=call.now)
    toast = N_("{name} is on") if hook.enabled else N_("{name} is off")
    return call.redirect("/settings/notifications", toast=toast, name=hook.name)
