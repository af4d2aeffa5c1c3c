"""Range queries: any stretch of time in any step, from samples as they came or from roll-ups.

The younger part of a range comes from samples, the part whose samples are gone from buckets of
five minutes, and of an hour before that. A step puts both into equal buckets with a band from
lowest to highest. Where data is missing longer than the series' own rhythm stands a null: a gap is
never joined.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from sqlalchemy.orm import Session

from server.kernel.errors import InvalidError
from server.kernel.i18n import N_
from server.metrics.models import Kind
from server.metrics.rates import rates
from server.metrics.rollup import fold, joined
from server.metrics.samples import DAY_MS, Points, Rolled, Times, Values
from server.metrics.store import Retention, SampleStore

MOST_POINTS = 11_000  # of one series in one answer
GAP = 2.5  # of a series' usual interval: longer is missing data
SHORTEST_GAP_MS = 1_000
LEAD_MS = 7_200_000  # read before the range, so that a counter's first rate in it is known


@dataclass(frozen=True)
class Curve:
    """One series over a range: `values` with a null (NaN) in each gap, the band where rolled up."""

    at: Times
    values: Values
    low: Values | None
    high: Values | None
    step_ms: int  # 0: samples as they came


def query(
    session: Session,
    store: SampleStore,
    kinds: Mapping[int, Kind],
    *,
    from_at: datetime,
    to_at: datetime,
    step_s: float | None,
    now: datetime,
) -> dict[int, Curve]:
    """Curves of the series in `from_at <= t < to_at`.

    Args:
        session: a reading session.
        store: where the samples are.
        kinds: of the series asked for; a counter is answered as a rate for each second.
        from_at: begin, UTC.
        to_at: end, UTC.
        step_s: width of the buckets; None: samples as they came where they still exist.
        now: decides what is still kept as it came.

    Raises:
        InvalidError: the range is empty, or has more than 11,000 buckets.
    """
    from_ms, to_ms = _ms(from_at), _ms(to_at)
    if to_ms <= from_ms:
        raise InvalidError(N_("The range ends before it begins."), field="/to")
    step_ms = round(step_s * 1000) if step_s else 0
    if step_ms and (to_ms - from_ms) / step_ms > MOST_POINTS:
        raise InvalidError(
            N_("That step gives more than {most} points. Choose a longer step or a shorter range."),
            field="/step",
            limit=MOST_POINTS,
            most=MOST_POINTS,
        )
    begin = from_ms - from_ms % step_ms if step_ms else from_ms
    raw_from = max(begin, min(to_ms, store.raw_from(session, now)))
    older = _older(session, store, list(kinds), begin, raw_from, now=now)
    # A counter needs the sample before the range for the first rate in it.
    lead = LEAD_MS if Kind.COUNTER in kinds.values() else 0
    raw = (
        store.read(session, list(kinds), max(begin - lead, raw_from - lead), to_ms)
        if raw_from < to_ms
        else {}
    )
    curves = {}
    for series, kind in kinds.items():
        samples = raw.get(series, Points(np.empty(0, np.int64), np.empty(0)))
        parts = [*older.get(series, []), _as_rolled(samples)]
        curves[series] = _curve(joined(parts), kind, begin, to_ms, step_ms, rolled=bool(older.get(series)))
    return curves


def comfortable_step(from_at: datetime, to_at: datetime, *, points: int) -> float | None:
    """The step in seconds that gives about `points` buckets, a round number; None below 30 s."""
    wanted = (to_at - from_at).total_seconds() / points
    steps = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 604_800)
    return None if wanted <= 30 else next((step for step in steps if step >= wanted), steps[-1])


def _older(
    session: Session, store: SampleStore, ids: Sequence[int], from_ms: int, to_ms: int, *, now: datetime
) -> dict[int, list[Rolled]]:
    """What is known of the time whose samples are gone: hours first, then five minutes."""
    if from_ms >= to_ms:
        return {}
    fine_from = _ms(now - Retention().five_minutes)
    fine_from = max(from_ms, min(to_ms, fine_from - fine_from % DAY_MS + DAY_MS))
    found: dict[int, list[Rolled]] = {series: [] for series in ids}
    for resolution_s, low, high in ((3600, from_ms, fine_from), (300, fine_from, to_ms)):
        if low < high:
            for series, rolled in store.read_rolled(session, ids, resolution_s, low, high).items():
                if len(rolled.at):
                    found[series].append(rolled)
    return found


def _curve(parts: Rolled, kind: Kind, from_ms: int, to_ms: int, step_ms: int, *, rolled: bool) -> Curve:
    usual = _usual_interval(parts.at)
    if kind is Kind.COUNTER:
        at, rate = rates(parts.at, parts.last)
        far = np.diff(parts.at) > _longest_step(usual)
        rate = np.where(far, np.nan, rate) if len(rate) else rate
        parts = Rolled(at, rate, rate, rate, rate, np.ones(len(at)))
        rolled = False
    first, end = np.searchsorted(parts.at, [from_ms, to_ms]).tolist()
    parts = parts.part(slice(first, end))
    if not step_ms:
        values = parts.last if kind is Kind.STATE else parts.mean
        band = (parts.low, parts.high) if rolled and kind is Kind.GAUGE else (None, None)
        return Curve(*_with_gaps(parts.at, values, *band, longest=_longest_step(usual)), 0)
    folded = fold(parts.part(~np.isnan(parts.last)), step_ms)
    values = folded.last if kind is Kind.STATE else folded.mean
    longest = max(_longest_step(usual), 1.5 * step_ms)
    return Curve(*_with_gaps(folded.at, values, folded.low, folded.high, longest=longest), step_ms)


def _as_rolled(points: Points) -> Rolled:
    values = points.values
    return Rolled(points.at, values, values, values, values, np.ones(len(values)))


def _usual_interval(at: Times) -> float:
    return float(np.median(np.diff(at))) if len(at) > 1 else 0.0


def _longest_step(usual: float) -> float:
    return max(GAP * usual, SHORTEST_GAP_MS)


def _with_gaps(
    at: Times, values: Values, low: Values | None, high: Values | None, *, longest: float
) -> tuple[Times, Values, Values | None, Values | None]:
    """The columns with a null put into each hole that is longer than `longest` milliseconds."""
    holes = np.flatnonzero(np.diff(at) > longest) + 1 if len(at) > 1 else np.empty(0, np.int64)
    if len(holes) == 0:
        return at, values, low, high
    middle = (at[holes - 1] + at[holes]) // 2

    def filled(column: Values | None) -> Values | None:
        return None if column is None else np.insert(column, holes, np.nan)

    return np.insert(at, holes, middle), np.insert(values, holes, np.nan), filled(low), filled(high)


def _ms(moment: datetime) -> int:
    return round(moment.astimezone(UTC).timestamp() * 1000)
