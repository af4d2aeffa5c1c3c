"""From heads to day chunks: read and compress outside the write lock, then one short transaction.

`prepare` takes all heads there are, merges each series' samples with what its day holds already
and compresses the result. `apply` writes that and deletes exactly those heads, if no other packing
came between (the store's generation says so); else it changes nothing. So a crash at any moment
leaves either the heads or the chunks, and two packers never store a sample twice.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from server.kernel.db import Base, insert_into, insert_missing
from server.metrics import codec
from server.metrics.models import Chunk, ChunkTimes, Head, Series, Slot, StoreState
from server.metrics.samples import DAY_MS, Ids, Points, Times, Values, merged, ordered

AT_ONCE = 1_000_000  # samples of one pass, about 60 MB while it runs
LOOKED_UP = 400  # series of one look-up of what a day holds already
ROWS = 500  # of one insert


@dataclass(frozen=True)
class Plan:
    """One packing, computed and not yet written."""

    generation: int
    heads: list[int]
    samples: int
    chunks: list[dict[str, Any]]
    times: list[dict[str, Any]]
    slots: set[int]
    latest: list[dict[str, Any]]


def prepare(session: Session) -> Plan | None:
    """Compute the packing of the oldest heads; None when nothing waits."""
    generation = session.scalar(select(StoreState.generation)) or 0
    heads, blocks, samples = [], [], 0
    query = select(Head.id, Head.body).order_by(Head.id).execution_options(yield_per=200)
    for head, body in session.execute(query):
        block = codec.decode_head(body)
        heads.append(head)
        blocks.append(block)
        samples += len(block)
        if samples >= AT_ONCE:
            break
    if not heads:
        return None
    ids = np.concatenate([block.ids for block in blocks])
    at = np.concatenate([block.at for block in blocks])
    values = np.concatenate([block.values for block in blocks])
    blocks.clear()
    chunks: list[dict[str, Any]] = []
    times: dict[tuple[int, int], bytes] = {}
    day = at // DAY_MS
    slots = {int(slot) for slot in np.unique(day)}
    for slot in sorted(slots):
        mine = day == slot
        new = (ids[mine], at[mine], values[mine])
        day_chunks, day_times = _day(session, slot, *ordered(*new))
        chunks += day_chunks
        times.update({(slot, digest): body for digest, body in day_times.items()})
    return Plan(
        generation,
        heads,
        samples,
        chunks,
        [{"slot": slot, "digest": digest, "body": body} for (slot, digest), body in times.items()],
        slots,
        _latest(*ordered(ids, at, values)),
    )


def apply(session: Session, plan: Plan, *, now: datetime) -> bool:
    """Write a packing; False, and nothing changed, when another came between."""
    insert_missing(session, StoreState, {"id": 1, "token": secrets.token_hex(16), "generation": 0})
    fence = (
        update(StoreState)
        .where(StoreState.id == 1, StoreState.generation == plan.generation)
        .values(generation=plan.generation + 1)
    )
    if session.execute(fence).rowcount != 1:  # type: ignore[attr-defined]  # a CursorResult
        return False
    for begin in range(0, len(plan.heads), ROWS):
        session.execute(delete(Head).where(Head.id.in_(plan.heads[begin : begin + ROWS])))
    _upsert(session, ChunkTimes, plan.times, ("slot", "digest"), ("body",))
    _upsert(session, Chunk, plan.chunks, ("slot", "series_id"), ("n", "times", "body"))
    slots = [{"slot": slot, "packed_at": now, "rolled_at": None} for slot in plan.slots]
    _upsert(session, Slot, slots, ("slot",), ("packed_at", "rolled_at"))
    for slot in plan.slots:
        used = select(Chunk.times).where(Chunk.slot == slot)
        session.execute(delete(ChunkTimes).where(ChunkTimes.slot == slot, ChunkTimes.digest.not_in(used)))
    _note_latest(session, plan.latest)
    return True


def _day(
    session: Session, slot: int, ids: Ids, at: Times, values: Values
) -> tuple[list[dict[str, Any]], dict[int, bytes]]:
    """Chunk rows of the series that have new samples in a day, and the times they use by digest.

    The columns are in order. Each series' new samples join those that its chunk holds already.
    """
    first = np.flatnonzero(np.concatenate(([True], ids[1:] != ids[:-1])))
    bounds = [*first.tolist(), len(ids)]
    series = ids[first].tolist()
    stretches = _Stretches(slot)
    rows = []
    for begin in range(0, len(series), LOOKED_UP):
        some = series[begin : begin + LOOKED_UP]
        stored = _stored(session, slot, some)
        for place, one in enumerate(some, begin):
            mine = slice(bounds[place], bounds[place + 1])
            digest, points = stretches.join(stored.get(one), Points(at[mine], values[mine]))
            rows.append(
                {
                    "slot": slot,
                    "series_id": one,
                    "n": len(points),
                    "times": digest,
                    "body": codec.encode_values(points.values),
                }
            )
    return rows, stretches.bodies


class _Stretches:
    """The times of one day's chunks: those that many series share are joined and written once."""

    def __init__(self, slot: int) -> None:
        self.bodies: dict[int, bytes] = {}
        self._slot = slot
        self._stored: dict[int, Times] = {}
        self._joined: dict[tuple[int | None, bytes], tuple[int, Times]] = {}

    def join(self, stored: "_Stored | None", new: Points) -> tuple[int, Points]:
        """A series' samples of the day, and the digest of their times."""
        key = (stored.times if stored else None, new.at.tobytes())
        if stored is None:
            digest, at = self._joined.get(key) or self._write(key, new.at)
            return digest, Points(at, new.values)
        before = self._stored.get(stored.times)
        if before is None:
            before = self._stored[stored.times] = codec.decode_times(stored.times_body, self._slot)
        values = codec.decode_values(stored.body)
        if before[-1] < new.at[0]:
            digest, at = self._joined.get(key) or self._write(key, np.concatenate((before, new.at)))
            return digest, Points(at, np.concatenate((values, new.values)))
        points = merged([Points(before, values), new])
        digest, body = codec.encode_times(points.at, self._slot)
        self.bodies[digest] = body
        return digest, points

    def _write(self, key: tuple[int | None, bytes], at: Times) -> tuple[int, Times]:
        digest, body = codec.encode_times(at, self._slot)
        self.bodies[digest] = body
        self._joined[key] = (digest, at)
        return digest, at


@dataclass(frozen=True, slots=True)
class _Stored:
    """A chunk as it is in the table."""

    times: int
    body: bytes
    times_body: bytes


def _stored(session: Session, slot: int, series: list[int]) -> dict[int, _Stored]:
    query = (
        select(Chunk.series_id, Chunk.times, Chunk.body, ChunkTimes.body)
        .join(ChunkTimes, (ChunkTimes.slot == Chunk.slot) & (ChunkTimes.digest == Chunk.times))
        .where(Chunk.slot == slot, Chunk.series_id.in_(series))
    )
    return {one: _Stored(times, body, times_body) for one, times, body, times_body in session.execute(query)}


def _latest(ids: Ids, at: Times, values: Values) -> list[dict[str, Any]]:
    last = np.flatnonzero(np.concatenate((ids[1:] != ids[:-1], [True])))
    return [
        {
            "series": int(ids[i]),
            "at": datetime.fromtimestamp(int(at[i]) / 1000, UTC),
            "value": None if np.isnan(values[i]) else float(values[i]),
        }
        for i in last
    ]


def _note_latest(session: Session, latest: list[dict[str, Any]]) -> None:
    """Keep the newest value with the series, unless it has a newer one."""
    table = Series.__table__
    newer = (table.c.last_at.is_(None)) | (table.c.last_at <= bindparam("at"))
    statement = (
        update(table)  # type: ignore[arg-type]  # a declarative table is a Table
        .where(table.c.id == bindparam("series"), newer)
        .values(last_at=bindparam("at"), last_value=bindparam("value"))
    )
    session.connection().execute(statement, latest)


def _upsert(
    session: Session,
    model: type[Base],
    rows: list[dict[str, Any]],
    keys: tuple[str, ...],
    changed: tuple[str, ...],
) -> None:
    if not rows:
        return
    statement = insert_into(session, model)
    statement = statement.on_conflict_do_update(
        index_elements=list(keys), set_={name: statement.excluded[name] for name in changed}
    )
    session.execute(statement, rows)
