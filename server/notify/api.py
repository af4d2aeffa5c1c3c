"""Messages and webhooks over the API."""

from typing import Annotated

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.kernel.api import Api, ApiModel, Moment, Page, PageQuery
from server.kernel.call import Call
from server.kernel.i18n import N_
from server.notify import hooks, service
from server.notify.models import Delivery, DeliveryState

api = Api("notify")


class DeliveryOut(ApiModel):
    """A message."""

    id: int
    delivery_id: str
    channel: str
    template: str
    person_id: int | None
    subject: str
    ticket: str
    state: str
    attempts: int
    created_at: Moment
    sent_at: Moment | None
    error: str


class DeliveryQuery(PageQuery):
    """Filters."""

    state: DeliveryState | None = None
    ticket: Annotated[str, Field(max_length=20)] | None = None


class WebhookIn(ApiModel):
    """A webhook to set up. The secret signs each message and is not shown again."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    url: Annotated[str, Field(min_length=8, max_length=500)]
    secret: Annotated[str, Field(min_length=16, max_length=200)]
    templates: Annotated[list[str], Field(min_length=1, max_length=50)]


class WebhookOut(ApiModel):
    """A webhook."""

    id: int
    name: str
    url: str
    templates: list[str]
    enabled: bool


class SwitchIn(ApiModel):
    """On or off."""

    enabled: bool


def _list(session: Session, query: DeliveryQuery) -> Page[DeliveryOut]:
    found = select(Delivery)
    if query.state is not None:
        found = found.where(Delivery.state == query.state)
    if query.ticket is not None:
        found = found.where(Delivery.ticket == query.ticket)
    total = session.scalar(select(func.count()).select_from(found.subquery())) or 0
    rows = session.scalars(found.order_by(Delivery.id.desc()).limit(query.limit).offset(query.offset))
    return Page[DeliveryOut](
        items=[DeliveryOut.model_validate(row) for row in rows],
        total=total,
        limit=query.limit,
        offset=query.offset,
    )


@api.get(
    "/notifications",
    permission="notify.read",
    query=DeliveryQuery,
    answer=Page[DeliveryOut],
    summary=N_("List messages"),
)
async def list_messages(call: Call, query: DeliveryQuery) -> Page[DeliveryOut]:
    """Newest first."""
    return await call.db.read(_list, query)


@api.post(
    "/notifications/{number}/retry",
    permission="notify.manage",
    answer=DeliveryOut,
    summary=N_("Send a message again"),
)
async def retry(call: Call, number: int) -> DeliveryOut:
    """Only what failed."""
    return DeliveryOut.model_validate(await call.db.run(service.retry, number, now=call.now))


@api.get("/webhooks", permission="notify.read", answer=list[WebhookOut], summary=N_("List webhooks"))
async def list_hooks(call: Call) -> list[WebhookOut]:
    """By name."""
    return [WebhookOut.model_validate(hook) for hook in await call.db.read(hooks.hooks)]


@api.post(
    "/webhooks",
    permission="notify.manage",
    body=WebhookIn,
    answer=WebhookOut,
    status=201,
    summary=N_("Set up a webhook"),
)
async def add_hook(call: Call, body: WebhookIn) -> WebhookOut:
    """Inside addresses are refused unless a setting allows them."""
    made = await call.db.run(hooks.add, **body.model_dump(), settings=call.settings, now=call.now)
    return WebhookOut.model_validate(made)


@api.put(
    "/webhooks/{number}",
    permission="notify.manage",
    body=SwitchIn,
    answer=WebhookOut,
    summary=N_("Switch a webhook on or off"),
)
async def switch_hook(call: Call, number: int, body: SwitchIn) -> WebhookOut:
    """What waits is sent when it is on again."""
    made = await call.db.run(hooks.switch, number, enabled=body.enabled, now=call.now)
    return WebhookOut.model_validate(made)


@api.delete("/webhooks/{number}", permission="notify.manage", summary=N_("Take a webhook away"))
async def remove_hook(call: Call, number: int) -> None:
    """Its messages stay on record."""
    await call.db.run(hooks.remove, number)
