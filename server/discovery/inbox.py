"""The inbox: devices that wait for a person, with the best guess; what the person answers teaches."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rules import wire
from server.agents.models import Agent
from server.cmdb.models import Ci
from server.discovery.models import Finding, Item, ItemState, Outcome
from server.kernel.errors import NotFoundError
from server.kernel.i18n import N_

LATER = timedelta(days=7)
WAITS = (Outcome.WAITING, Outcome.UNSURE, Outcome.CONFLICT)
OPEN = (ItemState.OPEN, ItemState.LATER)
SHAPE_LIMIT = 400


def is_ignored(session: Session, agent_id: int, address: str) -> bool:
    """Whether a person does not want to see an address."""
    query = select(Item.id).where(
        Item.agent_id == agent_id, Item.address == address, Item.state == ItemState.IGNORED
    )
    return session.scalar(query) is not None


def note(
    session: Session, agent_id: int, finding: Finding, shape: str, ci: Ci | None, *, now: datetime
) -> None:
    """Bring a finding to the inbox if it waits for a person, and close its entry if it waits no more."""
    item = session.scalar(select(Item).where(Item.agent_id == agent_id, Item.address == finding.address))
    if finding.outcome not in WAITS:
        if item is not None and item.state in OPEN and ci is not None:
            item.state, item.ci, item.decided_at = ItemState.DONE, ci.number, now
            item.finding_id, item.seen_at = finding.id, now
        return
    if item is None:
        session.add(
            Item(
                agent_id=agent_id,
                address=finding.address,
                kind=finding.outcome,
                shape=shape[:SHAPE_LIMIT],
                finding_id=finding.id,
                first_at=now,
                seen_at=now,
            )
        )
        session.flush()
        return
    item.kind, item.shape, item.finding_id, item.seen_at = (
        finding.outcome,
        shape[:SHAPE_LIMIT],
        finding.id,
        now,
    )
    over = item.state is ItemState.LATER and (item.later_until is None or item.later_until <= now)
    if item.state is ItemState.DONE or over:
        item.state, item.ci = ItemState.OPEN, ""


def count_open(session: Session) -> int:
    """How many wait."""
    query = select(func.count()).select_from(Item).where(Item.state == ItemState.OPEN)
    return session.scalar(query) or 0


def item_of(session: Session, item_id: int) -> Item:
    """The entry of an id."""
    item = session.get(Item, item_id) if 0 < item_id < 2**31 else None
    if item is None:
        raise NotFoundError(N_("There is no such entry in the inbox."))
    return item


def told_of(session: Session, item: Item) -> wire.Finding:
    """What the agent last told of an entry's address."""
    finding = session.get_one(Finding, item.finding_id)
    return msgspec.convert(finding.told, wire.Finding)


def agent_of(session: Session, item: Item) -> Agent:
    """The agent that found it."""
    return session.get_one(Agent, item.agent_id)


def alike(session: Session, item: Item) -> list[Item]:
    """Other open entries of devices that say the same of themselves."""
    if not item.shape:
        return []
    query = (
        select(Item)
        .where(Item.shape == item.shape, Item.id != item.id, Item.state.in_(OPEN))
        .order_by(Item.address)
        .limit(500)
    )
    return list(session.scalars(query))
