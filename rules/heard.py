"""Rules for traps and syslog lines, and what they say of something heard; `heard_reading` reads them.

What is judged is plain: a trap is its OID and its values by OID, as text; a line is its text behind the
priority with level and program. Decoding is the agent's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rules.alert_form import Severity, Symptom
from rules.heard_form import FACILITIES, Heard, HeardTest
from rules.message import Localized
from rules.pattern import Pattern
from rules.syslog import Line, told

INDEX = " index"
MAX_VALUE = 200  # characters of one label


@dataclass(frozen=True, slots=True)
class TrapMatch:
    """Traps by OID: whole ones, and the stems of whole subtrees, each as its notation without `.*`.

    `when`: objects with the values that fit, or a pattern that is found in one that fits.
    """

    oids: frozenset[str]
    stems: tuple[str, ...]
    when: tuple[tuple[str, frozenset[str] | Pattern], ...]

    def names(self, oid: str) -> bool:
        """Whether it is one of these traps; v1's extra zero before the last number does not count."""
        return oid in self.oids or without_zero(oid) in self.oids or oid.startswith(self.stems)

    def met(self, values: Mapping[str, str]) -> bool:
        """Whether every object that is told has a value that fits."""
        for stem, wanted in self.when:
            told = value_at(values, stem)
            if told is None:
                continue
            if not (wanted.found(told) if isinstance(wanted, Pattern) else told in wanted):
                return False
        return True


@dataclass(frozen=True, slots=True)
class LineMatch:
    """Syslog lines: a pattern, of some programs and facilities (empty: of all), up to a level (0 gravest)."""

    pattern: Pattern
    programs: frozenset[str]
    facilities: frozenset[str]
    level: int

    def met(self, line: Line) -> bool:
        """Whether level, program and facility let a line in; the pattern is asked for itself."""
        return (
            line.level <= self.level
            and (not self.programs or line.program.lower() in self.programs)
            and (not self.facilities or FACILITIES[line.facility] in self.facilities)
        )


@dataclass(frozen=True, slots=True)
class HeardRule:
    """A checked rule. `trap` or `line` is what it is about; `ends_*` what ends it; no `devices`: of all."""

    name: str
    severity: Severity
    summary: Localized
    cause: Localized
    trap: TrapMatch | None
    line: LineMatch | None
    ends_trap: TrapMatch | None
    ends_line: LineMatch | None
    devices: frozenset[str]
    key: tuple[tuple[str, tuple[str, ...]], ...]
    says: tuple[tuple[str, tuple[str, ...]], ...]
    polled: str
    severity_by: tuple[tuple[str, dict[str, Severity]], ...]
    expires_s: float
    impact: int  # 0: the server decides
    urgency: int
    symptom: Symptom
    category: str
    tests: tuple[HeardTest, ...]

    @property
    def lasting(self) -> bool:
        """Whether it tells a condition; else an event."""
        return self.ends_trap is not None or self.ends_line is not None

    def hears(self, *names: str) -> bool:
        """Whether it is about a device of these names."""
        return not self.devices or not self.devices.isdisjoint(name.lower() for name in names)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule makes of something heard: which instance, begun or ended, how grave, words for people."""

    rule: HeardRule
    key: tuple[tuple[str, str], ...]
    ended: bool
    severity: Severity
    says: tuple[tuple[str, str], ...]


def judge_trap(rules: Iterable[HeardRule], oid: str, values: Mapping[str, str]) -> list[Finding]:
    """What rules say of a trap; `values` by whole OID, as text."""
    found = []
    for rule in rules:
        ended = rule.ends_trap is not None and rule.ends_trap.names(oid) and rule.ends_trap.met(values)
        begun = rule.trap is not None and rule.trap.names(oid) and rule.trap.met(values)
        if ended or begun:
            key = tuple((name, _told(values, sources)) for name, sources in rule.key)
            says = tuple((name, _told(values, sources)) for name, sources in rule.says)
            severity = rule.severity
            for stem, by in rule.severity_by:
                severity = by.get(value_at(values, stem) or "", severity)
            found.append(Finding(rule, key, ended, severity, says))
    return found


def judge_line(patterns: Iterable[tuple[HeardRule, bool]], line: Line) -> list[Finding]:
    """What rules say of a syslog line.

    Args:
        patterns: rules with whether their beginning (False) or their end (True) is asked for; of a rule that
            is there with both, the first that is found counts.
        line: patterns are searched in the whole of it.
    """
    found: dict[str, Finding] = {}
    for rule, ended in patterns:
        match = rule.ends_line if ended else rule.line
        if match is None or rule.name in found or not match.met(line):
            continue
        groups = match.pattern.named(line.whole)
        if groups is not None:
            key = tuple((name, _group(groups, sources)) for name, sources in rule.key)
            says = tuple((name, text[:MAX_VALUE]) for name, text in groups.items())
            found[rule.name] = Finding(rule, key, ended, rule.severity, says)
    return list(found.values())


def value_at(values: Mapping[str, str], stem: str) -> str | None:
    """The value of an object's first instance that is told."""
    exact = values.get(stem)
    if exact is not None:
        return exact
    below = stem + "."
    return next((value for oid, value in values.items() if oid.startswith(below)), None)


def _told(values: Mapping[str, str], sources: Sequence[str]) -> str:
    """The first of several objects that is told; of `OID index` the rest of its instance."""
    for source in sources:
        if source.endswith(INDEX):
            below = source.removesuffix(INDEX) + "."
            found = next((oid[len(below) :] for oid in values if oid.startswith(below)), None)
        else:
            found = value_at(values, source)
        if found:
            return found[:MAX_VALUE]
    return ""


def _group(groups: Mapping[str, str], sources: Sequence[str]) -> str:
    return next((groups[name][:MAX_VALUE] for name in sources if groups.get(name)), "")


def without_zero(oid: str) -> str:
    """The OID of a trap without the zero that v1 puts before its last number."""
    head, _, last = oid.rpartition(".")
    return f"{head[:-2]}.{last}" if head.endswith(".0") else oid


def trial(rule: HeardRule, test: HeardTest) -> str:
    """What the server has been told at the end of a test: nothing, noted, firing or resolved.

    Where the test names them, the severity and the key follow.
    """
    standing: set[tuple[tuple[str, str], ...]] = set()
    got, last = "nothing", None
    for one in test.heard:
        for finding in _judged(rule, one):
            if not rule.lasting:
                got, last = "noted", finding
            elif not finding.ended:
                standing.add(finding.key)
                got, last = "firing", finding
            elif finding.key in standing:
                standing.discard(finding.key)
                got, last = ("firing" if standing else "resolved"), finding
    if last is not None and test.severity:
        got = f"{got} {last.severity}"
    if last is not None and test.key is not None:
        got = f"{got} {dict(last.key)}"
    return got


def expected(test: HeardTest) -> str:
    """A test's expectation, written as `trial` writes what came."""
    told = f"{test.expect} {test.severity or ''}".strip()
    return told if test.key is None else f"{told} {test.key}"


def _judged(rule: HeardRule, one: Heard | str) -> list[Finding]:
    if isinstance(one, Heard):
        return judge_trap([rule], one.trap, {oid: str(value) for oid, value in one.with_.items()})
    return judge_line(((rule, True), (rule, False)), told(one))
