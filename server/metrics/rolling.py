"""Roll-ups of finished days, computed from their chunks as often as these change."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from server.kernel.db import Database
from server.metrics import codec
from server.metrics.models import Chunk, ChunkTimes, Rollup, Slot
from server.metrics.rollup import RESOLUTIONS, fold, roll
from server.metrics.samples import Points, Times

AT_ONCE = 2000  # series of one transaction


def due(session: Session, *, before: int, oldest: int) -> list[int]:
    """Days in `oldest <= day < before` that changed since they were rolled up.

    Of an older day the samples are gone in part, its roll-up stays as it is.
    """
    query = (
        select(Slot.slot)
        .where(Slot.slot >= oldest, Slot.slot < before, Slot.rolled_at.is_(None))
        .order_by(Slot.slot)
    )
    return list(session.scalars(query))


def roll_day(db: Database, slot: int, *, now: datetime) -> None:
    """Make the day's buckets anew; doing it twice changes nothing."""
    packed_at = db.read_now(_packed_at, slot)
    after: int | None = -1
    while after is not None:
        last, rows = db.read_now(_rows, slot, after)
        db.run_now(_replace, slot, after, last, rows)
        after = last
    db.run_now(_done, slot, packed_at, now=now)


def _packed_at(session: Session, slot: int) -> datetime | None:
    return session.scalar(select(Slot.packed_at).where(Slot.slot == slot))


def _rows(session: Session, slot: int, after: int) -> tuple[int | None, list[dict[str, Any]]]:
    """Roll-up rows of the next series of a day, and the last of these series; None at the end."""
    query = (
        select(Chunk.series_id, Chunk.times, Chunk.body, ChunkTimes.body)
        .join(ChunkTimes, (ChunkTimes.slot == Chunk.slot) & (ChunkTimes.digest == Chunk.times))
        .where(Chunk.slot == slot, Chunk.series_id > after)
        .order_by(Chunk.series_id)
        .limit(AT_ONCE)
    )
    known: dict[int, Times] = {}
    rows: list[dict[str, Any]] = []
    stored = session.execute(query).all()
    for series, digest, body, times_body in stored:
        if digest not in known:
            known[digest] = codec.decode_times(times_body, slot)
        fine = roll(Points(known[digest], codec.decode_values(body)), RESOLUTIONS[0] * 1000)
        if len(fine.at) == 0:
            continue  # a day of nulls
        for resolution in RESOLUTIONS:
            rolled = fine if resolution == RESOLUTIONS[0] else fold(fine, resolution * 1000)
            rows.append(
                {
                    "resolution_s": resolution,
                    "slot": slot,
                    "series_id": series,
                    "body": codec.encode_rolled(rolled, slot, resolution),
                }
            )
    return (stored[-1].series_id if stored else None), rows


def _replace(session: Session, slot: int, after: int, last: int | None, rows: list[dict[str, Any]]) -> None:
    """Put the rows in the place of what the series in `after < id <= last` had; None: to the end."""
    old = delete(Rollup).where(
        Rollup.resolution_s.in_(RESOLUTIONS), Rollup.slot == slot, Rollup.series_id > after
    )
    session.execute(old if last is None else old.where(Rollup.series_id <= last))
    if rows:
        session.execute(insert(Rollup), rows)


def _done(session: Session, slot: int, packed_at: datetime | None, *, now: datetime) -> None:
    """Mark the day, unless it was packed again meanwhile."""
    unchanged = update(Slot).where(Slot.slot == slot, Slot.packed_at == packed_at)
    session.execute(unchanged.values(rolled_at=now))
