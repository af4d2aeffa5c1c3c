"""Evaluates the alert rules of every device, poll by poll, and makes the news the server is told.

What stands survives a restart: `snapshot` is written after the news are safe in the outbox, and `replay`
brings back what was put there after the last snapshot, so nothing fires twice and nothing is lost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from agent.reading import Reading
from rules.alert_form import Severity
from rules.alert_rule import Rule
from rules.evaluate import Evaluator, Instance, Labels, Sample, Verdict
from rules.hold import Hold, Phase
from rules.message import Localized, fill, number
from rules.plan import Plan
from rules.wire import AlertNews

DEVICE_UP = "device_up"
UP, DOWN = 1, 0
UP_NAMES = {DOWN: "down", UP: "up"}
MAX_RAW = 200  # characters of evidence


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """One instance, as it is kept on disk."""

    device: str
    rule: str
    labels: dict[str, str]
    phase: Phase
    since: float
    started_at: float
    flips: int
    severity: Severity
    armed: bool


class Snapshot(msgspec.Struct, frozen=True):
    """All that stands, and the last record of events that it knows of."""

    version: Literal[1] = 1
    events: int = 0
    standing: list[Standing] = []


@dataclass(slots=True)
class Watched:
    """A device under watch. `name` is what people call it."""

    name: str
    plan: Plan
    evaluator: Evaluator


@dataclass(slots=True)
class Watch:
    """All devices of the agent."""

    devices: dict[str, Watched] = field(default_factory=dict)
    waiting: dict[str, list[Standing]] = field(default_factory=dict)  # of devices not configured yet
    _rules: Sequence[Rule] = ()
    _bound: dict[int, tuple[Plan, Evaluator]] = field(default_factory=dict)

    def put(self, key: str, name: str, plan: Plan, rules: Sequence[Rule], *, at: float) -> None:
        """Watch a device, or watch it by other rules; what stood stays, for rules that are still there.

        Args:
            key: the device's name on the wire.
            name: for people.
            plan: of its polls.
            rules: for its class.
            at: the steady clock, seconds.
        """
        before = self.devices.get(key)
        evaluator = self._evaluator(plan, rules)
        kept = self.waiting.pop(key, [])
        if before is not None:
            kept = kept or _standing_of(key, before.evaluator)
        for one in kept:
            hold = Hold(one.phase, min(one.since, at), min(one.started_at, at), one.flips)
            evaluator.restore((one.rule, _labels(one.labels)), hold, one.severity, armed=one.armed, at=at)
        self.devices[key] = Watched(name, plan, evaluator)

    def _evaluator(self, plan: Plan, rules: Sequence[Rule]) -> Evaluator:
        """An empty evaluator; devices of the same plan and rules share what is bound."""
        if self._rules is not rules:
            self._rules, self._bound = rules, {}
        known = self._bound.get(id(plan))
        if known is not None and known[0] is plan:
            return known[1].another()
        mine = [rule for rule in rules if rule.applies(plan.ci_class)]
        first = Evaluator(mine, states_of(plan), frozenset(one.name for one in plan.scalars))
        self._bound[id(plan)] = (plan, first)
        return first.another()

    def take(self, key: str, reading: Reading, *, at: float, wall: float, trace: str) -> list[AlertNews]:
        """One reading of a device; what the server has to know.

        Args:
            key: the device; nothing is said of one that is not watched.
            reading: of its poll.
            at: the steady clock, seconds: what durations are measured on.
            wall: seconds since 1970, UTC: what people see.
            trace: follows the poll to the incident.
        """
        device = self.devices.get(key)
        if device is None:
            return []
        evaluator = device.evaluator
        samples = [Sample(DEVICE_UP, (), float(UP if reading.up else DOWN), reading.reason)]
        samples += [
            Sample(one.metric, one.labels, one.value, one.raw)
            for one in reading.values
            if evaluator.wants(one.metric)
        ]
        verdicts = evaluator.step(samples, at=at, answered=reading.up)
        if not verdicts:
            return []
        return [_news(key, device, one, reading, at=at, wall=wall, trace=trace) for one in verdicts]

    def judges(self, key: str, rule: str) -> bool:
        """Whether polls of a device are judged by a rule: it is one of its class, and has its metric."""
        device = self.devices.get(key)
        return device is not None and any(
            one.name == rule and device.plan.metric(one.metric) is not None for one in device.evaluator.rules
        )

    def dropped(self, *, at: float, wall: float) -> list[AlertNews]:
        """The end of alerts whose rule is not there any more."""
        return [
            _ending(key, rule, labels, one, at=at, wall=wall, why="rule_removed")
            for key, device in self.devices.items()
            for (rule, labels), one in device.evaluator.dropped()
        ]

    def remove(self, key: str, *, at: float, wall: float) -> list[AlertNews]:
        """Stop watching a device; what fired is over."""
        device = self.devices.pop(key, None)
        standing = self.waiting.pop(key, [])
        if device is not None:
            standing = _standing_of(key, device.evaluator)
        return [
            _ending(
                key, one.rule, _labels(one.labels), _instance(one), at=at, wall=wall, why="device_removed"
            )
            for one in standing
            if one.phase in {"firing", "leaving"}
        ]

    def snapshot(self, events: int) -> bytes:
        """All that stands, for the disk. `events` is the number of the last record of events."""
        standing = [
            one for key, device in self.devices.items() for one in _standing_of(key, device.evaluator)
        ]
        standing += [one for kept in self.waiting.values() for one in kept]
        return msgspec.msgpack.encode(Snapshot(events=events, standing=standing))

    def load(self, content: bytes) -> int:
        """Take a snapshot back, before any device is put; the last record it knew, 0 for rubbish."""
        try:
            snapshot = msgspec.msgpack.decode(content, type=Snapshot)
        except msgspec.MsgspecError:
            return 0
        for one in snapshot.standing:
            self.waiting.setdefault(one.device, []).append(one)
        return snapshot.events

    def replay(self, news: AlertNews, *, at: float) -> None:
        """News that were told after the snapshot: they stand as told, from now on."""
        kept = self.waiting.setdefault(news.device, [])
        kept[:] = [one for one in kept if (one.rule, one.labels) != (news.rule, news.key)]
        if news.status == "firing":
            started = at - news.for_s
            kept.append(
                Standing(
                    news.device, news.rule, news.key, "firing", at, started, 0, news.severity, armed=True
                )
            )


def states_of(plan: Plan) -> dict[str, Mapping[int, str]]:
    """State words of a plan's metrics, and of the reachability that every device has."""
    metrics = (*plan.scalars, *(one for table in plan.tables for one in table.metrics))
    found: dict[str, Mapping[int, str]] = {one.name: one.names for one in metrics if one.names}
    found[DEVICE_UP] = UP_NAMES
    return found


def _news(
    key: str, device: Watched, verdict: Verdict, reading: Reading, *, at: float, wall: float, trace: str
) -> AlertNews:
    rule = verdict.rule
    metric = device.plan.metric(rule.metric)
    unit = metric.unit if metric is not None else ""
    labels = dict(verdict.labels)
    evidence: dict[str, str | int | float | bool | None] = {"profile": device.plan.profile}
    if metric is not None and metric.oids:
        evidence["oid"] = metric.oids[0]
    if verdict.raw not in {None, ""}:
        evidence["raw"] = verdict.raw[:MAX_RAW] if isinstance(verdict.raw, str) else verdict.raw
    if reading.detail:
        evidence["detail"] = reading.detail[:MAX_RAW]
    if verdict.why:
        evidence["why"] = verdict.why
    places = {**labels, "ci": device.name, "value": _shown(device, verdict, unit), "limit": ""}
    if rule.limit is not None:
        limit = rule.critical if verdict.severity == "critical" and rule.critical else rule.limit
        places["limit"] = number(limit.limit, rule.metric, unit)
    return AlertNews(
        device=key,
        rule=rule.name,
        status=verdict.turn,
        severity=verdict.severity,
        at=wall,
        summary=fill(rule.summary, places),
        key=labels,
        value=verdict.value,
        unit=unit,
        metric=rule.metric,
        evidence=evidence,
        for_s=max(0.0, at - verdict.hold.started_at),
        trace=trace,
        symptom=rule.symptom,
        impact=rule.impact,
        urgency=rule.urgency,
        category=rule.category,
        cause=rule.cause,
        flaps=verdict.hold.flips,
    )


def _shown(device: Watched, verdict: Verdict, unit: str) -> str:
    """The value in words: a state's name, else the number with its unit."""
    value = verdict.value
    if value is None:
        return str(verdict.raw)[:MAX_RAW] if isinstance(verdict.raw, str) else ""
    names = device.evaluator.states.get(verdict.rule.metric)
    if names is not None:
        return names.get(int(value), f"{value:g}")
    if verdict.rule.over is not None:
        return number(value, verdict.rule.metric if unit == "s" else "share_ratio", "")
    return number(value, verdict.rule.metric, "" if verdict.rule.rate else unit)


def _ending(
    key: str, rule: str, labels: Labels, one: Instance, *, at: float, wall: float, why: str
) -> AlertNews:
    words: dict[str, Localized] = {
        "rule_removed": {"en": "{rule}: the rule was removed", "zh": "{rule}：告警规则已删除"},
        "device_removed": {"en": "{rule}: the device is no longer watched", "zh": "{rule}：设备已不再监控"},
    }
    return AlertNews(
        device=key,
        rule=rule,
        status="resolved",
        severity=one.severity,
        at=wall,
        summary=fill(words[why], {"rule": rule}),
        key=dict(labels),
        evidence={"why": why},
        for_s=max(0.0, at - one.hold.started_at),
    )


def _standing_of(key: str, evaluator: Evaluator) -> list[Standing]:
    return [
        Standing(
            key, rule, dict(labels), one.hold.phase, one.hold.since, one.hold.started_at, one.hold.flips,
            one.severity, one.armed,
        )
        for (rule, labels), one in evaluator.standing().items()
    ]  # fmt: skip


def _instance(one: Standing) -> Instance:
    return Instance(Hold(one.phase, one.since, one.started_at, one.flips), severity=one.severity)


def _labels(labels: Mapping[str, str]) -> Labels:
    return tuple(sorted(labels.items()))
