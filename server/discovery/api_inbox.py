"""The inbox of discovery over the API: devices that wait for a person, and what the person decides."""

from typing import Annotated

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.cmdb.models import Ci
from server.discovery import deciding, inbox
from server.discovery.findings import class_of
from server.discovery.inputs import AnswerIn, ApproveIn
from server.discovery.models import Item, ItemState, Outcome
from server.kernel.api import Api, ApiModel, Id, Moment, Page, PageQuery
from server.kernel.call import Call
from server.kernel.i18n import N_

inbox_api = Api("discovery")


class ItemOut(ApiModel):
    """An entry of the inbox."""

    id: Id
    agent_id: Id
    address: str
    state: ItemState
    kind: Outcome
    shape: str
    class_code: str
    confidence: float
    ci: str
    first_at: Moment
    seen_at: Moment
    finding_id: Id
    stub: str


class ItemsQuery(PageQuery):
    """Which entries."""

    state: ItemState = ItemState.OPEN


class Move(ApiModel):
    """Where an entry goes: later, ignored, or open again."""

    to: ItemState


class Merge(ApiModel):
    """The configuration item that a device is."""

    ci: Annotated[str, Field(pattern=r"^CI-\d{1,12}$")]


class Taken(ApiModel):
    """Numbers of the configuration items that came of a decision."""

    cis: list[str]


@inbox_api.get(
    "/discovery/inbox",
    permission="discovery.read",
    query=ItemsQuery,
    answer=Page[ItemOut],
    summary=N_("List devices that wait for a person"),
)
async def list_items(call: Call, query: ItemsQuery) -> Page[ItemOut]:
    """The latest first, each with the profile that could be begun from."""

    def read(session: Session) -> tuple[list[ItemOut], int]:
        chosen = select(Item).where(Item.state == query.state)
        total = session.scalar(select(func.count()).select_from(chosen.subquery())) or 0
        cut = chosen.order_by(Item.seen_at.desc(), Item.id).offset(query.offset).limit(query.limit)
        return [_item(session, one) for one in session.scalars(cut)], total

    items, total = await call.db.read(read)
    return Page[ItemOut](items=items, total=total, limit=query.limit, offset=query.offset)


@inbox_api.post(
    "/discovery/inbox/{item_id}/approve",
    permission="discovery.manage",
    body=ApproveIn,
    answer=Taken,
    summary=N_("Take a found device as it was recognised"),
)
async def approve(call: Call, item_id: int, body: ApproveIn) -> Taken:
    """It becomes a configuration item."""
    made = await call.db.run(
        deciding.approve, item_id, poll=body.poll, alike=body.alike, by=call.actor.id, now=call.now
    )
    return _taken(made)


@inbox_api.post(
    "/discovery/inbox/{item_id}/answer",
    permission="discovery.manage",
    body=AnswerIn,
    answer=Taken,
    summary=N_("Say what a found device is"),
)
async def answer(call: Call, item_id: int, body: AnswerIn) -> Taken:
    """Remembered for all that say the same of themselves."""
    said = deciding.Said(**body.model_dump())
    made = await call.db.run(deciding.answer, item_id, said, by=call.actor.id, now=call.now)
    return _taken(made)


@inbox_api.post(
    "/discovery/inbox/{item_id}/merge",
    permission="discovery.manage",
    body=Merge,
    answer=Taken,
    summary=N_("Say that a found device is a known configuration item"),
)
async def merge(call: Call, item_id: int, body: Merge) -> Taken:
    """Its keys point to that item from then on."""
    return _taken([await call.db.run(deciding.merge, item_id, body.ci, by=call.actor.id, now=call.now)])


@inbox_api.post(
    "/discovery/inbox/{item_id}/move",
    permission="discovery.manage",
    body=Move,
    answer=ItemOut,
    summary=N_("Look at a found device later, or never"),
)
async def move(call: Call, item_id: int, body: Move) -> ItemOut:
    """An ignored address is asked no more."""

    def step(session: Session) -> ItemOut:
        one = deciding.move(session, item_id, body.to, by=call.actor.id, now=call.now)
        return _item(session, one)

    return await call.db.run(step)


def _item(session: Session, one: Item) -> ItemOut:
    told = inbox.told_of(session, one)
    code, confidence = class_of(told)
    return ItemOut(
        id=one.id,
        agent_id=one.agent_id,
        address=one.address,
        state=one.state,
        kind=one.kind,
        shape=one.shape,
        class_code=code,
        confidence=confidence,
        ci=one.ci,
        first_at=one.first_at,
        seen_at=one.seen_at,
        finding_id=one.finding_id,
        stub=told.stub,
    )


def _taken(made: list[Ci]) -> Taken:
    return Taken(cis=[one.number for one in made])
