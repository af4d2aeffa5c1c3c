"""What others ask of the measurements: register a series, append samples, read them.

`store` is the sample store of this installation; whoever has another one puts it there at start.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.kernel.db import insert_missing
from server.kernel.remembered import by_ids, keep, once
from server.metrics import ranges
from server.metrics.chunks import ChunkStore
from server.metrics.models import Kind, Series
from server.metrics.ranges import Curve
from server.metrics.samples import Block, reason
from server.metrics.store import SampleStore

LONGEST_KEY = 400

store: SampleStore = ChunkStore()


@dataclass(frozen=True)
class NewSeries:
    """A series to be registered."""

    ci_id: int
    metric: str
    labels: Mapping[str, str]
    unit: str
    kind: Kind
    states: Mapping[str, str]


@dataclass(frozen=True)
class Latest:
    """The newest value of a series, ready to be shown."""

    series: Series
    at: datetime | None  # None: nothing was ever measured
    value: float | None
    reason: str | None  # why `value` is None
    word: str | None  # of a state


def register(
    session: Session,
    ci_id: int,
    metric: str,
    labels: Mapping[str, str],
    *,
    unit: str = "",
    kind: Kind = Kind.GAUGE,
    states: Mapping[str, str] | None = None,
    now: datetime,
) -> int:
    """The id of the one series of this CI, metric and labels; made if it is new."""
    return register_all(session, [NewSeries(ci_id, metric, labels, unit, kind, states or {})], now=now)[0]


def register_all(session: Session, wanted: Sequence[NewSeries], *, now: datetime) -> list[int]:
    """The ids in the order asked; unit, kind and states follow what was said last."""
    keys = [(new.ci_id, new.metric, labels_key(new.labels)) for new in wanted]
    known = _known(session, keys)
    fresh = {key: new for key, new in zip(keys, wanted, strict=True) if key not in known}
    rows = [
        {
            "ci_id": key[0],
            "metric": key[1],
            "labels": dict(new.labels),
            "labels_key": key[2],
            "unit": new.unit,
            "kind": new.kind,
            "states": dict(new.states),
            "created_at": now,
        }
        for key, new in fresh.items()
    ]
    for begin in range(0, len(rows), 500):
        insert_missing(session, Series, *rows[begin : begin + 500])
    if rows:
        known = _known(session, keys)
    for key, new in zip(keys, wanted, strict=True):
        series = known[key]
        if (series.unit, series.kind, series.states) != (new.unit, new.kind, dict(new.states)):
            series.unit, series.kind, series.states = new.unit, new.kind, dict(new.states)
    return [known[key].id for key in keys]


def labels_key(labels: Mapping[str, str]) -> str:
    """One text for equal labels, whatever their order; long ones by their digest."""
    text = json.dumps(dict(labels), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if len(text) <= LONGEST_KEY:
        return text
    return hashlib.sha256(text.encode()).hexdigest()


def append(session: Session, blocks: Sequence[Block], received_at: datetime) -> None:
    """Keep samples of registered series, in the caller's transaction."""
    store.append(session, blocks, received_at=received_at)


def query(
    session: Session,
    series_ids: Sequence[int],
    from_at: datetime,
    to_at: datetime,
    step_s: float | None = None,
    *,
    now: datetime,
) -> dict[int, Curve]:
    """Curves of those of the series that exist; see `ranges.query`."""
    known = session.execute(select(Series.id, Series.kind).where(Series.id.in_(list(series_ids))))
    kinds = {series: Kind(kind) for series, kind in known}
    if not kinds:
        return {}
    return ranges.query(session, store, kinds, from_at=from_at, to_at=to_at, step_s=step_s, now=now)


def series_of(session: Session, ci_id: int) -> list[Series]:
    """All series of a CI, by metric and labels."""

    def asked() -> list[Series]:
        query = select(Series).where(Series.ci_id == ci_id).order_by(Series.metric, Series.labels_key)
        found = list(session.scalars(query))
        keep(session, found)
        return found

    return once(session, f"series of {ci_id}", asked)


def latest(session: Session, ci_id: int) -> list[Latest]:
    """The newest value of each series of a CI."""
    series = series_of(session, ci_id)
    newest = store.latest(session, [one.id for one in series]) if series else {}
    return [_latest(one, newest.get(one.id)) for one in series]


def latest_by_ids(session: Session, series_ids: Sequence[int]) -> dict[int, Latest]:
    """The newest value of the series that exist."""
    found = by_ids(session, Series, series_ids)
    newest = store.latest(session, series_ids) if found else {}
    return {number: _latest(one, newest.get(number)) for number, one in found.items()}


def move_ci(session: Session, from_ci: int, to_ci: int) -> int:
    """Give a CI's series to another CI that turned out to be the same; returns how many moved.

    A series that the other one has already stays where it is: its past remains readable there.
    """
    taken = {(one.metric, one.labels_key) for one in series_of(session, to_ci)}
    moving = [one.id for one in series_of(session, from_ci) if (one.metric, one.labels_key) not in taken]
    if moving:
        session.execute(update(Series).where(Series.id.in_(moving)).values(ci_id=to_ci))
    return len(moving)


def _known(session: Session, keys: Sequence[tuple[int, str, str]]) -> dict[tuple[int, str, str], Series]:
    wanted = set(keys)
    cis = sorted({key[0] for key in wanted})
    found = {}
    for begin in range(0, len(cis), 500):
        rows = session.scalars(select(Series).where(Series.ci_id.in_(cis[begin : begin + 500])))
        found.update({(one.ci_id, one.metric, one.labels_key): one for one in rows})
    return {key: series for key, series in found.items() if key in wanted}


def _latest(series: Series, newest: tuple[int, float] | None) -> Latest:
    if newest is None:
        return Latest(series, None, None, None, None)
    at, value = newest
    why = reason(value)
    word = None
    if series.kind is Kind.STATE and why is None:
        word = series.states.get(str(int(value)) if value == int(value) else str(value))
    moment = datetime.fromtimestamp(at / 1000, UTC)
    return Latest(series, moment, None if why else value, why, word)
