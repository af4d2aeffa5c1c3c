"""Rules for what is heard, read from YAML and checked; every refusal names its place."""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

from rules.document import Document, DocumentError, Path, seconds
from rules.heard import INDEX, HeardRule, LineMatch, TrapMatch, without_zero
from rules.heard_form import LEVELS, HeardForm, Matching, Places, When, Words
from rules.message import places
from rules.pattern import Pattern

_NAME = re.compile(r"^[A-Z][A-Za-z0-9]{2,79}$")
_OID = re.compile(r"^[0-2](?:\.(?:0|[1-9]\d{0,9})){1,127}$")
_LABEL = re.compile(r"^[a-z_][a-z0-9_]{0,39}$")
BELOW = ".*"
MAX_SENTENCE = 300
MAX_EXPIRY_S = 30 * 86_400.0
EXPIRY_S, EVENT_S = 86_400.0, 60.0


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
