"""The sample store in the system of record: heads, day chunks, roll-ups."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from server.kernel.db import Database
from server.kernel.remembered import READING, by_ids
from server.metrics import codec, packing, rolling
from server.metrics.models import Chunk, ChunkTimes, Head, Rollup, Series, Slot
from server.metrics.recent import recent_of
from server.metrics.rollup import joined
from server.metrics.samples import DAY_MS, Block, Points, Rolled, Times, merged
from server.metrics.store import Retention

AT_ONCE = 500  # parameters of one IN list


class ChunkStore:
    """Heads and chunks in the database of the session; the same on SQLite and PostgreSQL."""

    def __init__(self, retention: Retention | None = None) -> None:
        self.retention = retention or Retention()

    def append(self, session: Session, blocks: Sequence[Block], *, received_at: datetime) -> None:
        """Keep the samples as one head row."""
        full = [block for block in blocks if len(block)]
        if not full:
            return
        session.info["metric_heads_appended"] = True
        session.execute(
            insert(Head),
            {
                "received_at": received_at,
                "from_ms": min(int(block.at.min()) for block in full),
                "to_ms": max(int(block.at.max()) for block in full),
                "n": sum(len(block) for block in full),
                "body": codec.encode_head(full),
            },
        )

    def read(self, session: Session, ids: Sequence[int], from_ms: int, to_ms: int) -> dict[int, Points]:
        """Samples of the range: heads first, so that a packing in between doubles but never hides."""
        wanted = list(ids)
        parts = recent_of(session).read(session, wanted, from_ms, to_ms)
        slots = range(from_ms // DAY_MS, (to_ms - 1) // DAY_MS + 1)
        for begin in range(0, len(wanted), AT_ONCE):
            for series, points in _chunks(session, wanted[begin : begin + AT_ONCE], slots):
                low, high = np.searchsorted(points.at, [from_ms, to_ms])
                if high > low:
                    parts[series].insert(0, Points(points.at[low:high], points.values[low:high]))
        return {series: merged(found) for series, found in parts.items()}

    def read_rolled(
        self, session: Session, ids: Sequence[int], resolution_s: int, from_ms: int, to_ms: int
    ) -> dict[int, Rolled]:
        """Buckets of the range, of the days that are rolled up."""
        found: dict[int, list[Rolled]] = {series: [] for series in ids}
        query = (
            select(Rollup.slot, Rollup.series_id, Rollup.body)
            .where(
                Rollup.resolution_s == resolution_s,
                Rollup.slot.between(from_ms // DAY_MS, (to_ms - 1) // DAY_MS),
                Rollup.series_id.in_(list(ids)),
            )
            .order_by(Rollup.slot)
        )
        for slot, series, body in session.execute(query):
            rolled = codec.decode_rolled(body, slot, resolution_s)
            low, high = np.searchsorted(rolled.at, [from_ms, to_ms])
            found[series].append(rolled.part(slice(low, high)))
        return {series: joined(parts) for series, parts in found.items()}

    def latest(self, session: Session, ids: Sequence[int]) -> dict[int, tuple[int, float]]:
        """The newest sample of each: of those that wait, else as of the last packing."""
        latest_at, latest = recent_of(session).latest(session)
        newest = {}
        for series, packed_at, packed in _packed(session, ids):
            at = int(latest_at[series]) if series < len(latest_at) else 0
            packed_ms = round(packed_at.timestamp() * 1000) if packed_at else 0
            if at and at >= packed_ms:
                newest[series] = (at, float(latest[series]))
            elif packed_at:
                newest[series] = (packed_ms, float("nan") if packed is None else packed)
        return newest

    def raw_from(self, session: Session, now: datetime) -> int:  # noqa: ARG002  a seam
        """The begin of the first day whose samples are kept as they came."""
        return _slot(now - self.retention.raw) * DAY_MS

    def pack(self, db: Database, *, now: datetime) -> int:
        """Merge all heads into the chunks of their days."""
        total = 0
        while plan := db.read_now(packing.prepare):
            if not db.run_now(packing.apply, plan, now=now):
                break  # another server packs
            total += plan.samples
        return total

    def roll(self, db: Database, *, now: datetime) -> int:
        """Make the buckets of days that ended and changed since they were rolled up."""
        today = _slot(now)
        oldest = _slot(now - self.retention.raw)
        slots = db.read_now(rolling.due, before=today, oldest=oldest)
        for slot in slots:
            rolling.roll_day(db, slot, now=now)
        return len(slots)

    def retire(self, db: Database, *, now: datetime) -> int:
        """Delete days past their retention; a day is kept as it came until it is rolled up."""
        return db.run_now(self._retire, now=now)

    def _retire(self, session: Session, *, now: datetime) -> int:
        raw = _slot(now - self.retention.raw)
        waiting = select(Slot.slot).where(Slot.rolled_at.is_(None), Slot.slot >= raw - 2)
        gone = 0
        for table in (Chunk, ChunkTimes, Slot):
            old = delete(table).where(table.slot < raw, table.slot.not_in(waiting))
            gone += session.execute(old).rowcount  # type: ignore[attr-defined]  # a CursorResult
        for resolution_s, kept in ((300, self.retention.five_minutes), (3600, self.retention.hour)):
            old = delete(Rollup).where(Rollup.resolution_s == resolution_s, Rollup.slot < _slot(now - kept))
            gone += session.execute(old).rowcount  # type: ignore[attr-defined]  # a CursorResult
        return int(gone)


def _packed(session: Session, ids: Sequence[int]) -> Iterable[tuple[int, datetime | None, float | None]]:
    """Series with their newest sample as of the last packing."""
    if session.info.get(READING):
        return ((one.id, one.last_at, one.last_value) for one in by_ids(session, Series, ids).values())
    query = select(Series.id, Series.last_at, Series.last_value).where(Series.id.in_(list(ids)))
    return session.execute(query).all()


def _chunks(session: Session, ids: list[int], slots: range) -> list[tuple[int, Points]]:
    times: dict[tuple[int, int], Times] = {}
    query = (
        select(Chunk.slot, Chunk.series_id, Chunk.times, Chunk.body, ChunkTimes.body)
        .join(ChunkTimes, (ChunkTimes.slot == Chunk.slot) & (ChunkTimes.digest == Chunk.times))
        .where(Chunk.slot.between(slots.start, slots.stop - 1), Chunk.series_id.in_(ids))
        .order_by(Chunk.slot)
    )
    found = []
    for slot, series, digest, body, times_body in session.execute(query):
        at = times.get((slot, digest))
        if at is None:
            at = times[slot, digest] = codec.decode_times(times_body, slot)
        found.append((series, Points(at, codec.decode_values(body))))
    return found


def _slot(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(days=1)
