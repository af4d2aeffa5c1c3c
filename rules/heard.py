"""Rules for traps and syslog lines: read from YAML by `heard_form`, checked, and judged here.

What is judged is plain: a trap is its OID and its values by OID, as text; a line is its text behind the
priority with level and program. Decoding is the agent's.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from rules.alert_form import Severity, Symptom
from rules.document import Document, DocumentError, Path, seconds
from rules.heard_form import FACILITIES, LEVELS, Heard, HeardForm, HeardTest, Matching, Places, When, Words
from rules.message import Localized, places
from rules.pattern import Pattern
from rules.syslog import Line, told

_NAME = re.compile(r"^[A-Z][A-Za-z0-9]{2,79}$")
_OID = re.compile(r"^[0-2](?:\.(?:0|[1-9]\d{0,9})){1,127}$")
_LABEL = re.compile(r"^[a-z_][a-z0-9_]{0,39}$")
INDEX = " index"
BELOW = ".*"
MAX_SENTENCE = 300
MAX_VALUE = 200  # characters of one label
MAX_EXPIRY_S = 30 * 86_400.0
EXPIRY_S, EVENT_S = 86_400.0, 60.0


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


def read(text: str, file: str) -> list[HeardRule]:
    """The rules of a file; raises DocumentError naming line and column of what is wrong."""
    document = Document(text, file)
    forms = document.typed(list[HeardForm])
    rules = [_Reader(form, document, (index,)).rule() for index, form in enumerate(forms)]
    seen: set[str] = set()
    for index, rule in enumerate(rules):
        if rule.name in seen:
            raise document.error((index, "alert"), f"There is another rule '{rule.name}' in the file.")
        seen.add(rule.name)
    return rules


@cache
def packaged() -> Mapping[str, HeardRule]:
    """All rules of the package by name."""
    found: dict[str, HeardRule] = {}
    folder = resources.files("rules").joinpath("alerts", "heard")
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.name.endswith(".yaml"):
            for rule in read(entry.read_text(encoding="utf-8"), f"alerts/heard/{entry.name}"):
                if rule.name in found:
                    message = f"'{rule.name}' is in another file as well."
                    raise DocumentError(f"alerts/heard/{entry.name}", 1, 1, message)
                found[rule.name] = rule
    return found


class _Reader:
    """Checks one form; every refusal names its place."""

    def __init__(self, form: HeardForm, document: Document, at: Path) -> None:
        self.form = form
        self.document = document
        self.at = at

    def rule(self) -> HeardRule:
        """The checked rule."""
        form = self.form
        self._sentences()
        ends = form.ends
        traps = self._oids(form.trap, ("trap",))
        if bool(traps) == (form.syslog is not None):
            raise self._error((), f"{form.alert}: exactly one of trap and syslog.")
        if ends is not None and bool(ends.trap) == (ends.syslog is not None):
            raise self._error(("ends",), "ends: exactly one of trap and syslog.")
        if form.syslog is None and (form.program or form.level or form.facility):
            raise self._error((), f"{form.alert}: program, level and facility go with syslog.")
        if ends is not None and (ends.syslog is None) is not (form.syslog is None):
            raise self._error(("ends",), "ends: a trap is ended by a trap, a line by a line.")
        line = self._line(form.syslog, ("syslog",))
        ends_line = self._line(ends.syslog if ends else None, ("ends", "syslog"))
        of_oids = form.syslog is None
        key, says = self._places("key", form.key, of_oids), self._places("says", form.says, of_oids)
        for match in (line, ends_line):
            self._groups(match, key)
        self._named(line, key, says)
        return HeardRule(
            name=form.alert,
            severity=form.severity,
            summary=form.summary,
            cause=form.cause,
            trap=self._trap(traps, form.when, ("when",)) if traps else None,
            line=line,
            ends_trap=(
                self._trap(self._oids(ends.trap, ("ends", "trap")), ends.when, ("ends", "when"))
                if ends and ends.trap
                else None
            ),
            ends_line=ends_line,
            devices=frozenset(one.lower() for one in form.devices),
            key=key,
            says=says,
            polled=form.polled,
            severity_by=tuple(
                (self._oid(oid, ("severity_by",)), {str(value): one for value, one in by.items()})
                for oid, by in form.severity_by.items()
            ),
            expires_s=self._expiry(),
            impact=form.impact or 0,
            urgency=form.urgency or 0,
            symptom=form.symptom,
            category=form.category,
            tests=tuple(form.tests),
        )

    def _error(self, path: Path, message: str) -> DocumentError:
        return self.document.error((*self.at, *path), message)

    def _sentences(self) -> None:
        form = self.form
        if not _NAME.match(form.alert):
            raise self._error(
                ("alert",), f"'{form.alert}' is no name of an alert; write it as LinkDownHeard."
            )
        if not form.summary:
            raise self._error((), f"{form.alert}: a summary is needed, in en, zh or both.")
        for key in ("summary", "cause"):
            for text in getattr(form, key).values():
                if len(text) > MAX_SENTENCE or "\n" in text:
                    raise self._error((key,), f"{key}: one line of at most {MAX_SENTENCE} characters.")

    def _named(
        self,
        line: LineMatch | None,
        key: tuple[tuple[str, tuple[str, ...]], ...],
        says: tuple[tuple[str, tuple[str, ...]], ...],
    ) -> None:
        """Every place of the sentence is filled by something."""
        there = {"ci", *(name for name, _ in (*key, *says))}
        if line is not None:
            there |= line.pattern.groups
        for text in self.form.summary.values():
            for name in sorted(places(text) - there):
                raise self._error(("summary",), f"summary: nothing fills the place {{{name}}}.")

    def _groups(self, match: LineMatch | None, key: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
        """Every label of the key is a group of the pattern."""
        for name, sources in key if match is not None else ():
            assert match is not None
            if not match.pattern.groups.intersection(sources):
                raise self._error(("key", name), f"key: the pattern has no group for {name}.")

    def _oids(self, told: str | list[str], path: Path) -> list[str]:
        return [
            self._oid(one.removesuffix(BELOW), path) + (BELOW if one.endswith(BELOW) else "")
            for one in ([told] if isinstance(told, str) else told)
        ]

    def _oid(self, text: str, path: Path) -> str:
        if not _OID.match(text):
            raise self._error(path, f"'{text}' is no OID; write it in numbers.")
        return text

    def _trap(self, oids: list[str], when: When, path: Path) -> TrapMatch:
        whole = [one for one in oids if not one.endswith(BELOW)]
        conditions = tuple(
            (self._oid(oid, path), self._fits(wanted, (*path, oid))) for oid, wanted in when.items()
        )
        stems = tuple(one[: -len(BELOW)] + "." for one in oids if one.endswith(BELOW))
        return TrapMatch(frozenset((*whole, *map(without_zero, whole))), stems, conditions)

    def _fits(self, wanted: Words | Matching, path: Path) -> frozenset[str] | Pattern:
        if isinstance(wanted, Matching):
            return self._pattern(wanted.matches, (*path, "matches"), "value")
        return frozenset(str(one) for one in (wanted if isinstance(wanted, list) else [wanted]))

    def _pattern(self, text: str, path: Path, of: str) -> Pattern:
        try:
            compiled = Pattern(text)
        except ValueError as error:
            raise self._error(path, str(error)) from None
        if compiled.found(""):
            raise self._error(path, f"The pattern is found in every {of}, also in an empty one.")
        return compiled

    def _line(self, pattern: str | None, path: Path) -> LineMatch | None:
        if pattern is None:
            return None
        compiled = self._pattern(pattern, path, "line")
        programs = [self.form.program] if isinstance(self.form.program, str) else self.form.program
        # An end may be told at a lower level than what it ends.
        level = LEVELS.index(self.form.level) if self.form.level and path == ("syslog",) else len(LEVELS)
        facilities = [self.form.facility] if isinstance(self.form.facility, str) else self.form.facility
        return LineMatch(compiled, frozenset(one.lower() for one in programs), frozenset(facilities), level)

    def _places(self, word: str, told: Places, of_oids: bool) -> tuple[tuple[str, tuple[str, ...]], ...]:  # noqa: FBT001
        out = []
        for name, sources in told.items():
            if not _LABEL.match(name):
                raise self._error((word, name), f"{word}: '{name}' is no name of a label.")
            many = [sources] if isinstance(sources, str) else sources
            for one in many if of_oids else ():
                self._oid(one.removesuffix(INDEX), (word, name))
            out.append((name, tuple(many)))
        return tuple(sorted(out))

    def _expiry(self) -> float:
        given = self.form.expires
        if given is None:
            return EXPIRY_S if self.form.ends is not None else EVENT_S
        try:
            length = seconds(given)
        except ValueError as error:
            raise self._error(("expires",), str(error)) from None
        if not 1.0 <= length <= MAX_EXPIRY_S:
            raise self._error(("expires",), "expires: from 1 s up to 30 d.")
        return length


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
