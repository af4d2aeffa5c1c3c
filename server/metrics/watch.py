"""Server rules over columns: thresholds that hold for a while, judged for thousands of series at once.

What one device can tell is judged by its agent, also while the server is away. Here stand the rules
over what the server itself knows: the state of polling and of agents, and whatever the site writes
into `rules.yaml` of the data folder. The steps are those of `rules.hold` and `rules.condition`, on
arrays: a property test holds the two together.

What fires is written into `metric_firing` with the samples, so a restart neither repeats nor forgets
it; what is only on its way to fire is timed anew.
"""

import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.orm import Session

from rules import catalog
from rules.alert_rule import Rule
from rules.condition import Threshold
from server.kernel.db import after_commit
from server.metrics.models import Firing, Series
from server.metrics.samples import Block, Ids, Values

IDLE, PENDING, FIRES, LEAVING = 0, 1, 2, 3
Turn = Literal["firing", "resolved"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """News of a rule on a series."""

    series_id: int
    ci_id: int
    rule: Rule
    labels: Mapping[str, str]
    unit: str
    turn: Turn
    severity: str
    value: float
    at: datetime
    held_s: float  # how long the condition held


@dataclass(slots=True)
class _Standing:
    """The standing of all conditions, in columns; times in seconds."""

    phase: NDArray[np.int8]
    met: NDArray[np.bool_]
    critical: NDArray[np.bool_]  # the second limit is met
    told: NDArray[np.bool_]  # the severity last told was critical
    since: Values
    started: Values
    last_at: Values

    def copy(self) -> "_Standing":
        return _Standing(
            self.phase.copy(),
            self.met.copy(),
            self.critical.copy(),
            self.told.copy(),
            self.since.copy(),
            self.started.copy(),
            self.last_at.copy(),
        )


@dataclass(slots=True)
class _Compiled:
    """Conditions in order of their series; series `s` has those from first[s] to first[s + 1]."""

    known: int  # series ids below this are compiled
    first: NDArray[np.int64]
    rule: NDArray[np.int64]
    series: list[tuple[int, int, Mapping[str, str], str]]  # of each condition: id, CI, labels, unit
    limit: Values
    clear: Values
    above: NDArray[np.bool_]
    critical: Values  # NaN: none
    critical_clear: Values
    for_s: Values
    keep_s: Values


class ColumnWatch:
    """Judges samples as they come in. One for each database and process.

    Args:
        rules: those with a threshold; others are not for columns.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = [rule for rule in rules if rule.limit is not None]
        self._by_metric: dict[str, list[int]] = {}
        for index, rule in enumerate(self.rules):
            self._by_metric.setdefault(rule.metric, []).append(index)
        self._compiled: _Compiled | None = None
        self._standing = _empty_standing(0)
        self._lock = threading.Lock()

    def step(self, session: Session, blocks: Sequence[Block], *, now: datetime) -> list[Verdict]:
        """Take samples; the news they make. The standing moves on when the transaction is committed."""
        highest = max((int(block.ids.max()) for block in blocks if len(block)), default=-1)
        if not self.rules or highest < 0:
            return []
        with self._lock:
            compiled = self._prepared(session, highest)
            standing: _Standing | None = None
            verdicts: list[Verdict] = []
            for samples in _rounds(blocks, compiled.first):
                standing = standing or self._standing.copy()
                verdicts += _judge(self.rules, compiled, standing, samples)
        if standing is not None:
            moved = standing
            after_commit(session, lambda: self._settle(compiled, moved))
        if verdicts:
            _remember(session, verdicts, now=now)
        return verdicts

    def forget(self) -> None:
        """Series changed hands: compile anew with the next samples."""
        with self._lock:
            self._compiled = None

    def _settle(self, compiled: _Compiled, standing: _Standing) -> None:
        with self._lock:
            if self._compiled is compiled:
                self._standing = standing

    def _prepared(self, session: Session, highest: int) -> _Compiled:
        """The compiled rules, which know the series up to `highest`."""
        compiled = self._compiled
        if compiled is not None and highest < compiled.known:
            return compiled
        rows = session.execute(
            select(Series.id, Series.ci_id, Series.metric, Series.labels, Series.unit)
            .where(Series.metric.in_(list(self._by_metric)))
            .order_by(Series.id)
        ).all()
        highest = max(highest, max((row.id for row in rows), default=0))
        pairs = [(row, index) for row in rows for index in self._by_metric[row.metric]]
        old = (
            {
                (one[0], self.rules[index].name): place
                for place, (one, index) in enumerate(zip(compiled.series, compiled.rule, strict=True))
            }
            if compiled
            else {}
        )
        self._compiled = fresh = _compile(self.rules, pairs, highest + 1)
        standing = _empty_standing(len(pairs))
        fires = {(row.series_id, row.rule): row for row in session.scalars(select(Firing))}
        for place, (row, index) in enumerate(pairs):
            key = (row.id, self.rules[index].name)
            if key in old:
                _carry(self._standing, old[key], standing, place)
            elif key in fires:
                _restore(fires[key], standing, place)
        self._standing = standing
        return fresh


def shipped_rules() -> list[Rule]:
    """The rules of the server itself."""
    text = resources.files("server.metrics").joinpath("rules.yaml").read_text("utf-8")
    return catalog.read(text, "server/metrics/rules.yaml")


_watches: "weakref.WeakKeyDictionary[Engine, ColumnWatch]" = weakref.WeakKeyDictionary()


def step(session: Session, blocks: Sequence[Block], *, now: datetime) -> list[Verdict]:
    """Judge samples by the server's rules, in the transaction that keeps them."""
    return watch_of(session).step(session, blocks, now=now)


def watch_of(session: Session) -> ColumnWatch:
    """The watch of the session's database in this process."""
    engine = cast("Engine", session.get_bind())
    found = _watches.get(engine)
    if found is None:
        found = _watches[engine] = ColumnWatch(shipped_rules())
    return found


def _rounds(blocks: Sequence[Block], first: NDArray[np.int64]) -> Iterable[tuple[Ids, Values, Values]]:
    """The samples that a rule looks at, each series at most once a round, in order of time."""
    picked = []
    for block in blocks:
        if len(block):
            watched = (first[block.ids + 1] > first[block.ids]) & ~np.isnan(block.values)
            if watched.any():
                picked.append((block.ids[watched], block.at[watched], block.values[watched]))
    if not picked:
        return
    ids, at, values = (np.concatenate(column) for column in zip(*picked, strict=True))
    order = np.lexsort((at, ids))
    ids, at, values = ids[order], at[order], values[order]
    starts = np.flatnonzero(np.concatenate(([True], ids[1:] != ids[:-1])))
    lengths = np.diff(np.concatenate((starts, [len(ids)])))
    for turn in range(int(lengths.max())):
        here = starts[lengths > turn] + turn
        yield ids[here], at[here] / 1000.0, values[here]


def _judge(
    rules: list[Rule], compiled: _Compiled, standing: _Standing, samples: tuple[Ids, Values, Values]
) -> list[Verdict]:
    """One sample of each series through all its conditions."""
    ids, at, values = samples
    begin, count = compiled.first[ids], compiled.first[ids + 1] - compiled.first[ids]
    repeat = np.repeat(np.arange(len(ids)), count)
    within = np.arange(len(repeat)) - np.repeat(np.cumsum(count) - count, count)
    place = begin[repeat] + within
    at, values = at[repeat], values[repeat]
    newer = at > standing.last_at[place]
    place, at, values = place[newer], at[newer], values[newer]
    standing.last_at[place] = at
    above = compiled.above[place]
    met = _met(values, above, compiled.limit[place], compiled.clear[place], standing.met[place])
    second = _met(
        values, above, compiled.critical[place], compiled.critical_clear[place], standing.critical[place]
    )
    second &= ~np.isnan(compiled.critical[place])
    standing.met[place], standing.critical[place] = met, second
    fired, over = _hold(compiled, standing, place, met, at)
    still = standing.phase[place] == FIRES
    changed = still & ~fired & (standing.told[place] != second)
    standing.told[place] = np.where(fired | changed, second, standing.told[place])
    verdicts = []
    for index in np.flatnonzero(fired | over | changed).tolist():
        one = int(place[index])
        rule = rules[int(compiled.rule[one])]
        series, ci_id, labels, unit = compiled.series[one]
        verdicts.append(
            Verdict(
                series,
                ci_id,
                rule,
                labels,
                unit,
                "resolved" if over[index] else "firing",
                "critical" if second[index] else rule.severity,
                float(values[index]),
                datetime.fromtimestamp(float(at[index]), UTC),
                0.0 if over[index] else float(at[index] - standing.started[one]),
            )
        )
    return verdicts


def _met(
    values: Values, above: NDArray[np.bool_], limit: Values, clear: Values, before: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """`rules.condition.Threshold.met` on columns."""
    high = (values > limit) | (before & (values > clear))
    low = (values < limit) | (before & (values < clear))
    return np.where(above, high, low)


def _hold(
    compiled: _Compiled, standing: _Standing, place: NDArray[np.int64], met: NDArray[np.bool_], at: Values
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """`rules.hold.step` on columns; which conditions began to fire and which are over."""
    phase, since = standing.phase[place], standing.since[place]
    waits = met & (phase <= PENDING)
    began = np.where((phase == IDLE) | (at < since), at, since)
    fired = waits & (at - np.where(phase == IDLE, at, since) >= compiled.for_s[place])
    back = met & (phase == LEAVING)
    dropped = ~met & (phase == PENDING)
    gone = ~met & (phase >= FIRES)
    left = np.where((phase == FIRES) | (at < since), at, since)
    over = gone & (at - np.where(phase == FIRES, at, since) >= compiled.keep_s[place])
    standing.started[place] = np.where(
        fired, np.where(phase == IDLE, at, since), np.where(over, 0.0, standing.started[place])
    )
    phase = np.select(
        [fired | back, waits, dropped | over, gone], [FIRES, PENDING, IDLE, LEAVING], phase
    ).astype(np.int8)
    since = np.select([fired | back, waits, dropped | over, gone], [at, began, 0.0, left], since)
    standing.phase[place], standing.since[place] = phase, since
    return fired, over


def _remember(session: Session, verdicts: list[Verdict], *, now: datetime) -> None:
    """Write what fires now, forget what is over."""
    for one in verdicts:
        where = (Firing.series_id == one.series_id, Firing.rule == one.rule.name)
        session.execute(delete(Firing).where(*where))
        if one.turn == "firing":
            row = {
                "series_id": one.series_id,
                "rule": one.rule.name,
                "severity": one.severity,
                "started_at": one.at,
                "told_at": now,
            }
            session.execute(insert(Firing), row)


def _compile(rules: list[Rule], pairs: Sequence[tuple[Any, int]], known: int) -> _Compiled:
    ids = np.array([row.id for row, _ in pairs], np.int64)
    first = np.searchsorted(ids, np.arange(known + 1))
    limits = [cast("Threshold", rules[index].limit) for _, index in pairs]
    seconds = [rules[index].critical for _, index in pairs]

    def column(numbers: Iterable[float]) -> Values:
        return np.array(list(numbers), np.float64)

    return _Compiled(
        known,
        first.astype(np.int64),
        np.array([index for _, index in pairs], np.int64),
        [(row.id, row.ci_id, row.labels, row.unit) for row, _ in pairs],
        column(one.limit for one in limits),
        column(one.clear for one in limits),
        np.array([one.above for one in limits], bool),
        column(np.nan if one is None else one.limit for one in seconds),
        column(np.nan if one is None else one.clear for one in seconds),
        column(rules[index].for_s for _, index in pairs),
        column(rules[index].keep_s for _, index in pairs),
    )


def _empty_standing(size: int) -> _Standing:
    def no() -> NDArray[np.bool_]:
        return np.zeros(size, bool)

    return _Standing(
        np.zeros(size, np.int8), no(), no(), no(), np.zeros(size), np.zeros(size), np.full(size, -np.inf)
    )


def _carry(old: _Standing, place: int, new: _Standing, to: int) -> None:
    for name in ("phase", "met", "critical", "told", "since", "started", "last_at"):
        getattr(new, name)[to] = getattr(old, name)[place]


def _restore(row: Firing, standing: _Standing, place: int) -> None:
    standing.phase[place] = FIRES
    standing.met[place] = True
    standing.critical[place] = standing.told[place] = row.severity == "critical"
    standing.since[place] = standing.started[place] = row.started_at.timestamp()
