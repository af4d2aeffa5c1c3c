"""Gathers what polls bring until it goes to the outbox: values by moment, news, observations."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from agent.outbox import Outbox
from agent.parcel import Block, Parcel, block, number
from agent.reading import Reading
from agent.registry import Registry
from agent.watch import DEVICE_UP, DOWN, UP, UP_NAMES
from rules.plan import Plan
from rules.wire import AlertNews, Finding, HeardSample, Observation, Progress, SeriesDef, Stream, TrialResult

RESPONSE = "device_response_seconds"
MAX_SERIES = 20_000  # of one device
BLOCKS_AT_ONCE = 500  # in one record of samples
HEARD_AT_ONCE = 200  # between two flushes
FINDINGS_AT_ONCE = 50  # in one record; each may be some kilobytes
VALUES_AT_ONCE = 100_000
Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Collector:
    """What was not put into the outbox yet."""

    registry: Registry
    values: int = 0  # taken since the start
    empty: int = 0  # asked for, but without a value
    _numbers: dict[str, dict[tuple[str, Labels], int]] = field(default_factory=dict)
    _fresh: list[SeriesDef] = field(default_factory=list)
    _blocks: list[Block] = field(default_factory=list)
    _news: list[AlertNews] = field(default_factory=list)
    _observations: list[Observation] = field(default_factory=list)
    _findings: list[Finding] = field(default_factory=list)
    _progress: dict[int, Progress] = field(default_factory=dict)  # the latest of each run
    _trials: list[TrialResult] = field(default_factory=list)
    _heard: list[HeardSample] = field(default_factory=list)

    @property
    def waiting(self) -> int:
        """How many pieces of alert news are not in the outbox yet."""
        return len(self._news)

    @property
    def has_news(self) -> bool:
        """Whether something waits that should not."""
        return bool(self._news or self._findings or self._progress or self._trials)

    def take(self, key: str, plan: Plan, reading: Reading, *, wall: float) -> None:
        """The values of one poll; whether the device answered is a value as well."""
        numbers = self._numbers.setdefault(key, {})
        found: dict[int, float] = {}
        up = float(UP if reading.up else DOWN)
        found[self._number(numbers, SeriesDef(key, DEVICE_UP, kind="state", states=UP_NAMES))] = up
        if reading.rtt_s is not None:
            found[self._number(numbers, SeriesDef(key, RESPONSE, unit="s"))] = reading.rtt_s
        for one in reading.values:
            if one.value is None:
                self.empty += 1
                continue
            known = numbers.get((one.metric, one.labels))
            if known is None:
                if len(numbers) >= MAX_SERIES:
                    self.empty += 1
                    continue
                known = self._number(numbers, _definition(key, plan, one.metric, one.labels), one.labels)
            found[known] = one.value
        self.values += len(found)
        self._blocks.append(block(wall, found))

    def own(
        self, key: str, metrics: Iterable[tuple[str, str, dict[str, str], float]], *, wall: float
    ) -> None:
        """The agent's own metrics: name, unit, labels, value."""
        numbers = self._numbers.setdefault(key, {})
        found = {
            self._number(
                numbers, SeriesDef(key, name, labels, unit, "counter" if name.endswith("_total") else "gauge")
            ): value
            for name, unit, labels, value in metrics
        }
        self._blocks.append(block(wall, found))

    def tell(self, news: Iterable[AlertNews]) -> None:
        """News of alerts."""
        self._news.extend(news)

    def observe(self, observation: Observation) -> None:
        """What a device says it is."""
        self._observations.append(observation)

    def find(self, finding: Finding) -> None:
        """What a range job found at an address."""
        self._findings.append(finding)

    def progress(self, progress: Progress) -> None:
        """How far a run is; only the latest word counts."""
        self._progress[progress.run] = progress

    def tried(self, result: TrialResult) -> None:
        """What came of a trial."""
        self._trials.append(result)

    def hear(self, sample: HeardSample) -> None:
        """A message that a listener heard, for people to look at; beyond the bound they are left."""
        if len(self._heard) < HEARD_AT_ONCE:
            self._heard.append(sample)

    def forget(self, key: str) -> None:
        """A device is gone."""
        self._numbers.pop(key, None)

    def put_news(self, outbox: Outbox) -> bool:
        """News into the outbox; whether there were any of alerts. What was found goes before its count."""
        self._put_findings(outbox)
        if not self._news:
            return False
        for start in range(0, len(self._news), BLOCKS_AT_ONCE):
            parcel = Parcel(alerts=self._news[start : start + BLOCKS_AT_ONCE])
            outbox.append("events", msgspec.msgpack.encode(parcel), items=parcel.items)
        self._news = []
        return True

    def _put_findings(self, outbox: Outbox) -> None:
        findings, self._findings = self._findings, []
        for start in range(0, len(findings), FINDINGS_AT_ONCE):
            _put(outbox, Parcel(findings=findings[start : start + FINDINGS_AT_ONCE]), "events")
        if self._progress or self._trials:
            told = Parcel(progress=list(self._progress.values()), trials=self._trials)
            self._progress, self._trials = {}, []
            _put(outbox, told, "events")
        if self._heard:
            heard, self._heard = self._heard, []
            _put(outbox, Parcel(heard=heard), "events")

    def put_samples(self, outbox: Outbox) -> bool:
        """Values and observations into the outbox; whether there were any."""
        if not self._blocks and not self._observations:
            return False
        self.registry.learn(self._fresh)
        self._fresh = []
        observations, self._observations = self._observations, []
        blocks, self._blocks = self._blocks, []
        some: list[Block] = []
        size = 0
        for one in blocks:
            some.append(one)
            size += len(one.values) // 8
            if len(some) >= BLOCKS_AT_ONCE or size >= VALUES_AT_ONCE:
                _put(outbox, Parcel(blocks=some))
                some, size = [], 0
        for start in range(0, len(observations), BLOCKS_AT_ONCE):
            _put(outbox, Parcel(observations=observations[start : start + BLOCKS_AT_ONCE]))
        if some:
            _put(outbox, Parcel(blocks=some))
        return True

    def _number(
        self, numbers: dict[tuple[str, Labels], int], one: SeriesDef, labels: Labels | None = None
    ) -> int:
        """The number of a series; a new one is put down for the registry. `labels`: as they are sorted."""
        place = (one.metric, tuple(sorted(one.labels.items())) if labels is None else labels)
        known = numbers.get(place)
        if known is None:
            known = numbers[place] = number(one)
            self._fresh.append(one)
        return known


def _definition(key: str, plan: Plan, metric: str, labels: Labels) -> SeriesDef:
    known = plan.metric(metric)
    if known is None:
        return SeriesDef(key, metric, dict(labels))
    return SeriesDef(key, metric, dict(labels), known.unit, known.kind, known.names)


def _put(outbox: Outbox, parcel: Parcel, stream: Stream = "samples") -> None:
    outbox.append(stream, msgspec.msgpack.encode(parcel), items=parcel.items)
