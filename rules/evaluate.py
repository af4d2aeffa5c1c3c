"""The alert rules of one device, evaluated poll by poll. Pure: news come out, nothing is sent.

An instance is one rule on one set of labels. Its standing (`Hold`) is what must survive a restart; what
rates, changes and drops remember is learned anew within a poll or two.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rules.alert_form import Severity
from rules.alert_rule import Rule
from rules.condition import Changes, rate
from rules.hold import IDLE, Hold, Turn, step
from rules.numbers import whole

Labels = tuple[tuple[str, str], ...]
States = Mapping[str, Mapping[int, str]]
Key = tuple[str, Labels]  # rule, labels
Raw = str | float | bool | None  # what the device said
Others = Mapping[tuple[str, Labels], float]  # the values of one poll by metric and labels
FORGET_S = 3_600.0  # an instance that a device that answers has not told for so long is gone
WRAP_S = 4_000_000.0  # a time since start that fell from above this has wrapped (497 days in 0.01 s)
UPTIME = "device_uptime_seconds"


class Sample(NamedTuple):
    """One value of a poll; `raw` is what the device said, counted for rates, read for texts."""

    metric: str
    labels: Labels
    value: float | None
    raw: Raw = None


class Verdict(NamedTuple):
    """News: an instance fires (or fires with another severity), or is over."""

    rule: Rule
    labels: Labels
    turn: Turn
    severity: Severity
    value: float | None
    raw: Raw
    hold: Hold
    why: str = ""  # `not_reported`, `rule_removed`: why it is over, beyond the value


@dataclass(slots=True)
class Instance:
    """What is remembered of one rule on one set of labels. Hold, severity and `armed` outlive a restart."""

    hold: Hold = IDLE
    met: bool = False
    severity: Severity = "info"
    seen_at: float = 0.0
    before: tuple[float, float] | None = None  # raw value and moment of the last sample
    changes: Changes | None = None
    critical: bool = False
    armed: bool = False  # has been in the state that the rule's `after` names


@dataclass(slots=True)
class _Bound:
    """A rule with its words as the codes of this device."""

    rule: Rule
    codes: frozenset[float]
    where: dict[str, frozenset[float]]
    after: frozenset[float]
    plain: bool  # a threshold or a state of the value itself, without guard: the usual, fast way


@dataclass(slots=True)
class Evaluator:
    """Holds the standing of every instance of one device.

    Args:
        rules: those for the device's class; rules that the server judges are left out.
        states: state words of the device's metrics, by metric and code.
        scalars: metrics without labels that are expected from the beginning (for rules about absence).
    """

    rules: Sequence[Rule]
    states: States
    scalars: frozenset[str] = frozenset()
    instances: dict[Key, Instance] = field(default_factory=dict)
    _bound: dict[str, list[_Bound]] = field(default_factory=dict)
    _uptime: float | None = None
    _wanted: set[str] = field(default_factory=lambda: {UPTIME})

    def __post_init__(self) -> None:
        if self._bound:
            return
        for rule in self.rules:
            if rule.forecast is None:
                self._bound.setdefault(rule.metric, []).append(self._bind(rule))
                self._wanted |= {rule.metric, *rule.where, *([rule.over] if rule.over else ())}

    def another(self) -> "Evaluator":
        """An evaluator for another device of the same plan: what is bound to it is shared, nothing stands."""
        return Evaluator(self.rules, self.states, self.scalars, _bound=self._bound, _wanted=self._wanted)

    def wants(self, metric: str) -> bool:
        """Whether a rule looks at the metric, so that others need not be handed in."""
        return metric in self._wanted

    def step(self, samples: Iterable[Sample], *, at: float, answered: bool = True) -> list[Verdict]:
        """Take one poll; `at` in seconds, on a clock that does not run back.

        A device that did not answer has told nothing: what stands, stands; only absence goes on counting.
        """
        news: list[Verdict] = []
        samples = list(samples)
        self._begun_anew(samples)
        others: Others | None = None
        for sample in samples:
            bound = self._bound.get(sample[0])
            if bound is None or (sample[2] is None and sample[3] is None):
                continue
            for one in bound:
                if not one.plain and others is None:
                    others = {(s.metric, s.labels): s.value for s in samples if s.value is not None}
                verdict = self._take(one, sample, others, at)
                if verdict is not None:
                    news.append(verdict)
        news.extend(self._missing(at, answered=answered))
        return news

    def standing(self) -> dict[Key, Instance]:
        """The instances that a restart must know."""
        return {key: one for key, one in self.instances.items() if one.armed or one.hold.phase != "idle"}

    def restore(self, key: Key, hold: Hold, severity: Severity, *, armed: bool, at: float) -> None:
        """Put back what `standing` gave, before the first step."""
        self.instances[key] = Instance(
            hold=hold,
            met=hold.phase in {"pending", "firing"},
            severity=severity,
            seen_at=at,
            critical=severity == "critical",
            armed=armed,
        )

    def dropped(self) -> list[tuple[Key, Instance]]:
        """Forget the instances of rules that are not here any more; those that fired have to be ended."""
        known = {one.rule.name for bounds in self._bound.values() for one in bounds}
        gone = [(key, one) for key, one in self.instances.items() if key[0] not in known]
        for key, _one in gone:
            del self.instances[key]
        return [(key, one) for key, one in gone if one.hold.fires]

    def _bind(self, rule: Rule) -> _Bound:
        plain = not (
            rule.where or rule.over or rule.rate or rule.drops or rule.changes or rule.text or rule.after
        )
        return _Bound(
            rule,
            self._codes(rule.metric, rule.words),
            {metric: self._codes(metric, words) for metric, words in rule.where.items()},
            self._codes(rule.metric, rule.after),
            plain and rule.absent_s is None,
        )

    def _codes(self, metric: str, words: frozenset[str] | None) -> frozenset[float]:
        if words is None:
            return frozenset()
        named = {float(code) for code, word in self.states.get(metric, {}).items() if word in words}
        return frozenset(named | {float(code) for word in words if (code := whole(word)) is not None})

    def _begun_anew(self, samples: Sequence[Sample]) -> None:
        """A device that started again counts from zero: what its counters showed before is a gap."""
        for sample in samples:
            if sample.metric == UPTIME and sample.value is not None:
                if self._uptime is not None and sample.value < self._uptime < WRAP_S:
                    rated = {
                        one.rule.name for bounds in self._bound.values() for one in bounds if one.rule.rate
                    }
                    for key, instance in self.instances.items():
                        if key[0] in rated:
                            instance.before = None
                self._uptime = sample.value
                return

    def _take(self, one: _Bound, sample: Sample, others: Others | None, at: float) -> Verdict | None:
        rule = one.rule
        key = (rule.name, sample[1])
        instance = self.instances.get(key)
        value = sample[2]
        if one.plain:
            if value is None:
                return None
            if instance is None:
                if not _met(one, value, before=False):
                    return None
                instance = self.instances[key] = Instance()
            instance.seen_at = at
            met: bool | None = _met(one, value, before=instance.met)
        else:
            if instance is None:
                instance = self.instances[key] = Instance()
            instance.seen_at = at
            value = _derived(one, instance, sample, others or {}, at)
            instance.armed = instance.armed or value in one.after
            met = _guarded(one, sample, others or {})
            if met:
                met = _judge(one, instance, sample.raw, value, at)
        if met is None:
            return None
        return self._advance(one, key, instance, met=met, value=value, raw=sample[3], at=at)

    def _advance(
        self,
        one: _Bound,
        key: Key,
        instance: Instance,
        *,
        met: bool,
        value: float | None,
        raw: Raw,
        at: float,
        why: str = "",
    ) -> Verdict | None:
        rule = one.rule
        instance.met = met
        hold, turn = step(instance.hold, met=met, at=at, for_s=rule.for_s, keep_s=rule.keep_s)
        if hold is instance.hold and rule.critical is None:
            return None
        told = instance.hold
        instance.hold = hold
        severity = rule.severity
        if rule.critical is not None and value is not None and met:
            instance.critical = rule.critical.met(value, before=instance.critical)
            severity = "critical" if instance.critical else severity
        elif rule.critical is not None and hold.fires:
            severity = instance.severity
        if turn is None and hold.phase == "firing" and severity != instance.severity:
            turn = "firing"
        if hold.phase == "idle" and one.plain:
            del self.instances[key]
        if turn is None:
            return None
        instance.severity = severity if turn == "firing" else instance.severity
        shown = hold if turn == "firing" else told
        return Verdict(rule, key[1], turn, instance.severity, value, raw, shown, why)

    def _missing(self, at: float, *, answered: bool) -> list[Verdict]:
        """What silence says: values absent for long enough, instances that the device no longer has."""
        news = []
        for bounds in self._bound.values():
            for one in bounds:
                if one.rule.absent_s is not None and one.rule.metric in self.scalars:
                    self.instances.setdefault((one.rule.name, ()), Instance(seen_at=at))
        names = {one.rule.name: one for bounds in self._bound.values() for one in bounds}
        for key, instance in list(self.instances.items()):
            if key[0] not in names or instance.seen_at == at:
                continue
            one = names[key[0]]
            absent = one.rule.absent_s
            if absent is not None:
                met = at - instance.seen_at >= absent
                verdict = self._advance(one, key, instance, met=met, value=None, raw=None, at=at)
            elif answered and at - instance.seen_at >= FORGET_S:
                verdict = self._forget(one, key, instance)
            else:
                continue
            if verdict is not None:
                news.append(verdict)
        return news

    def _forget(self, one: _Bound, key: Key, instance: Instance) -> Verdict | None:
        del self.instances[key]
        if not instance.hold.fires:
            return None
        return Verdict(
            one.rule, key[1], "resolved", instance.severity, None, None, instance.hold, "not_reported"
        )


def _guarded(one: _Bound, sample: Sample, others: Others) -> bool | None:
    """Whether the rule's `where` holds: None where what it asks for was not told in this poll."""
    for metric, codes in one.where.items():
        guard = others.get((metric, sample.labels), others.get((metric, ())))
        if guard is None:
            return None
        if guard not in codes:
            return False
    return True


def _judge(one: _Bound, instance: Instance, raw: Raw, value: float | None, at: float) -> bool | None:
    """Whether a rule that is not plain is met; None where the sample cannot tell."""
    rule = one.rule
    met: bool | None
    if rule.absent_s is not None or (rule.after and not instance.armed):
        met = False
    elif rule.text is not None:
        met = rule.text.found(str(raw))
    elif value is None:
        met = None
    elif rule.changes is not None:
        if instance.changes is None:
            instance.changes = Changes(rule.changes[1])
        met = instance.changes.count(value, at) >= rule.changes[0]
    elif rule.drops:
        before, instance.before = instance.before, (value, at)
        met = before is not None and value < before[0] < WRAP_S
    else:
        met = _met(one, value, before=instance.met)
    return met


def _met(one: _Bound, value: float, *, before: bool) -> bool:
    """Whether a threshold or a set of states is met."""
    limit = one.rule.limit
    if limit is None:
        return (value in one.codes) is not one.rule.inverted
    return limit.met(value, before=before)


def _derived(one: _Bound, instance: Instance, sample: Sample, others: Others, at: float) -> float | None:
    """The value that the rule judges: the rate of a counter, scaled, as a share of another metric."""
    rule = one.rule
    value = sample.value
    if rule.rate:
        count = (
            sample.raw if isinstance(sample.raw, int | float) and not isinstance(sample.raw, bool) else value
        )
        if count is None:
            return None
        before, instance.before = instance.before, (float(count), at)
        unit = value / count if value and count else 1.0  # what the profile's scale makes of one count
        risen = None if before is None else rate(before[0], float(count), at - before[1])
        value = None if risen is None else risen * unit
    if value is None:
        return None
    value *= rule.scale
    if rule.over is not None:
        whole = others.get((rule.over, sample.labels), others.get((rule.over, ())))
        value = value / whole if whole else None
    return value
