"""Items that are seen no more: active, then missing, then suspect. Nothing is deleted by itself."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.cmdb import claims, links
from server.cmdb.models import Ci, Presence
from server.kernel.jobs import Work

MISSING_AFTER = timedelta(days=1)
SUSPECT_AFTER = timedelta(days=14)
LINK_KEPT = timedelta(days=7)
BATCH = 500
SOURCE = "ageing"


def age(session: Session, *, now: datetime) -> int:
    """Move on what has not been seen for long and settle its claims anew; returns how many moved."""
    moved = 0
    steps = (
        (Presence.ACTIVE, MISSING_AFTER, Presence.MISSING),
        (Presence.MISSING, SUSPECT_AFTER, Presence.SUSPECT),
    )
    for present, after, then in steps:
        for ci in _unseen(session, present, now - after):
            before = claims.shown(ci)
            ci.presence = then
            origin = claims.Origin(SOURCE)
            claims.record(session, ci, before, origin, valid_at=now, now=now)
            claims.settle(session, ci, origin, valid_at=now, now=now)
            moved += 1
    links.end_unseen(session, now - LINK_KEPT, now=now)
    return moved


async def run(work: Work) -> None:
    """The hourly job."""
    await work.db.run(age, now=work.now)


def _unseen(session: Session, presence: Presence, before: datetime) -> Sequence[Ci]:
    return session.scalars(
        select(Ci).where(Ci.presence == presence, Ci.seen_at < before).order_by(Ci.id).limit(BATCH)
    ).all()
