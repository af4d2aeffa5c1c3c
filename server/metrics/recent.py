"""The heads in memory: what has arrived since the last packing, decoded once for each process.

Nothing is told to it: each reading asks the database which heads are new, so it is right with
several servers, after a crash and after a packing elsewhere. New heads wait in a short list; when
that grows they are sorted into a run by series, and runs of like size are merged, so one series of
600,000 waiting samples is found in microseconds.
"""

import threading
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, Row, Select, func, literal, select, true
from sqlalchemy.orm import Session

from server.metrics import codec
from server.metrics.models import Head, StoreState
from server.metrics.samples import Block, Ids, Points, Times, Values, ordered

LARGEST = 4_000_000  # samples held, 80 MB; beyond that readings go to the heads themselves
RUN = 32_768  # samples waiting unsorted before they become a run
LATE_COMMITS = 256  # PostgreSQL may commit head 7 after head 8: so many numbers are looked at again


class Recent:
    """Decoded heads of one database, for readers in several threads."""

    _seen: set[int]  # heads taken in, of the newest numbers
    _last: int  # highest number taken in
    _floor: int  # heads up to this one are not held
    _held: int  # samples in memory
    _unsorted: int  # samples in `_waiting`
    _runs: list[Block]
    _waiting: list[Block]
    _latest_at: Times
    _latest: Values

    def __init__(self, largest: int = LARGEST) -> None:
        self._largest = largest
        self._lock = threading.Lock()
        self._forget(None)

    def read(self, session: Session, ids: list[int], from_ms: int, to_ms: int) -> dict[int, list[Points]]:
        """The waiting samples of the series in `from_ms <= at < to_ms`, as stretches in order."""
        with self._lock:
            self._sync(session)
            runs, waiting, floor = list(self._runs), list(self._waiting), self._floor
        found: dict[int, list[Points]] = {series: [] for series in ids}
        for run in runs:
            bounds = np.searchsorted(run.ids, np.array([ids, [series + 1 for series in ids]]))
            for series, low, high in zip(ids, *bounds.tolist(), strict=True):
                _add(found[series], run.at[low:high], run.values[low:high], from_ms, to_ms)
        blocks = waiting + ([] if floor == 0 else _stored(session, floor, from_ms, to_ms))
        if blocks:
            wanted = np.array(ids, np.uint32)
            tail = [_only(block, wanted) for block in blocks]
            all_ids, at, values = ordered(*(np.concatenate(column) for column in zip(*tail, strict=True)))
            for series in ids:
                low, high = np.searchsorted(all_ids, [series, series + 1])
                _add(found[series], at[low:high], values[low:high], from_ms, to_ms)
        return found

    def latest(self, session: Session) -> tuple[Times, Values]:
        """By series id: time (0: none) and value of the newest waiting sample. Not to be altered."""
        with self._lock:
            self._sync(session)
            return self._latest_at, self._latest

    def _sync(self, session: Session) -> None:
        """Take in the heads that are new; forget all when they were packed."""
        late = LATE_COMMITS if session.get_bind().dialect.name == "postgresql" else 0
        seen, rows = _state_and_heads(session, max(self._last - late, self._floor))
        if seen != self._state:
            self._forget(seen)
            _, rows = _state_and_heads(session, 0)
        fresh = [row for row in rows if row.id not in self._seen]
        if not fresh:
            return
        self._last = max(self._last, fresh[-1].id)
        if self._held + sum(row.n for row in fresh) > self._largest:
            self._runs, self._waiting, self._held, self._unsorted = [], [], 0, 0
            self._floor = self._last
        self._seen = {head for head in self._seen if head > self._last - LATE_COMMITS}
        for begin in range(0, len(fresh), 500):
            self._take(session, [row.id for row in fresh[begin : begin + 500]])

    def _take(self, session: Session, heads: list[int]) -> None:
        between = Head.id.between(heads[0], heads[-1])
        query = select(Head.id, Head.body).where(between).order_by(Head.id)
        for head, body in session.execute(query):
            if head in self._seen:
                continue
            block = codec.decode_head(body)
            self._seen.add(head)
            self._note_latest(block)
            if head > self._floor:
                self._waiting.append(block)
                self._held += len(block)
                self._unsorted += len(block)
        if self._unsorted > RUN:
            self._runs.append(_run(self._waiting))
            self._waiting, self._unsorted = [], 0
            while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
                self._runs[-2:] = [_run(self._runs[-2:])]

    def _note_latest(self, block: Block) -> None:
        if len(block) == 0:
            return
        highest = int(block.ids.max())
        if highest >= len(self._latest):
            size = max(1024, 2 * highest)
            grown_at, grown = np.zeros(size, np.int64), np.full(size, np.nan)
            grown_at[: len(self._latest)], grown[: len(self._latest)] = self._latest_at, self._latest
            self._latest_at, self._latest = grown_at, grown
        ids, at, values = block.ids, block.at, block.values
        if len(ids) > 1 and not (at == at[0]).all():
            ids, at, values = ordered(ids, at, values)  # the last of each series stands
        newer = at >= self._latest_at[ids]
        self._latest_at[ids[newer]] = at[newer]
        self._latest[ids[newer]] = values[newer]

    def _forget(self, state: tuple[str, int] | None) -> None:
        self._state = state
        self._seen = set()
        self._last = self._floor = self._held = self._unsorted = 0
        self._runs, self._waiting = [], []
        self._latest_at, self._latest = np.zeros(0, np.int64), np.zeros(0)


def _state_and_heads(session: Session, after: int) -> tuple[tuple[str, int], list[Row[Any]]]:
    """The store's token and generation, and the heads after a number, in one question."""
    one = select(literal(1)).subquery()  # so that a row comes before the first packing as well
    asked: Select[Any] = select(StoreState.token, StoreState.generation, Head.id, Head.n)  # type: ignore[assignment]  # each may be None
    query = asked.select_from(one).outerjoin(StoreState, true()).outerjoin(Head, Head.id > after)
    rows = session.execute(query.order_by(Head.id)).all()
    return (rows[0].token or "", rows[0].generation or 0), [row for row in rows if row.id is not None]


_by_engine: weakref.WeakKeyDictionary[Engine, Recent] = weakref.WeakKeyDictionary()


def recent_of(session: Session) -> Recent:
    """The process' decoded heads of this session's database.

    A transaction that appended heads itself gets a view of its own: what it may still roll back
    must not be remembered.
    """
    engine = session.get_bind()
    if session.info.get("metric_heads_appended") or not isinstance(engine, Engine):
        return Recent()
    return _by_engine.setdefault(engine, Recent())


def waiting_samples(session: Session) -> int:
    """How many samples wait to be packed."""
    return int(session.scalar(select(func.coalesce(func.sum(Head.n), 0))) or 0)


def _run(blocks: list[Block]) -> Block:
    columns: Any = zip(*((block.ids, block.at, block.values) for block in blocks), strict=True)
    return Block(*ordered(*(np.concatenate(column) for column in columns)))


def _only(block: Block, wanted: Ids) -> tuple[Ids, Times, Values]:
    mask: NDArray[np.bool_] = block.ids == wanted[0] if len(wanted) == 1 else np.isin(block.ids, wanted)
    return block.ids[mask], block.at[mask], block.values[mask]


def _add(parts: list[Points], at: Times, values: Values, from_ms: int, to_ms: int) -> None:
    low, high = np.searchsorted(at, [from_ms, to_ms])
    if high > low:
        parts.append(Points(at[low:high], values[low:high]))


def _stored(session: Session, floor: int, from_ms: int, to_ms: int) -> list[Block]:
    """Heads too many to hold, straight from the table."""
    query = select(Head.body).where(Head.id <= floor, Head.to_ms >= from_ms, Head.from_ms < to_ms)
    return [codec.decode_head(body) for body in session.scalars(query)]
