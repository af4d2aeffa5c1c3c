"""The form of a rule for traps and syslog: what it holds, what is wrong in it, and the YAML it becomes.

That YAML is what `rules.heard` reads: one way for rules that came along, that stand in a folder of an agent,
and that people write here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rules import heard, heard_reading
from rules.document import DocumentError, seconds, written
from rules.heard import HeardRule
from rules.pattern import Pattern
from server.kernel.errors import InvalidError
from server.kernel.i18n import N_

FILE = "rule.yaml"
_PARTS = re.compile(r"[\s,;，；]+")
_OID = re.compile(r"\.?[0-2](\.(0|[1-9]\d{0,9})){1,127}(\.\*)?")
MATCHES = "~"  # behind an equals sign: a pattern follows, as in `OID =~ pattern`
EVERY_LINE = N_("The pattern is found in every line, also in an empty one.")
EVERY_VALUE = N_("The pattern is found in every value, also in an empty one.")
# A refused line of the YAML, and the field of the form that it was made of.
_FIELDS = {
    "alert": "name",
    "syslog": "pattern",
    "summary": "summary_en",
    "ends": "ends",
    "says": "values",
}


@dataclass(frozen=True)
class RuleForm:
    """What the form of a rule holds.

    Args:
        trap: OIDs; `when`, `ends_when`: lines as `OID = value, value` or `OID =~ pattern`.
        values: lines as `label = OID`.
        program: one or several; `facility`, `level`: "" for all.
        key: labels that tell instances apart.
        ci: the number of the only item it is about, "" for all.
        expires: as 10m or 1d, "" for the usual.
    """

    name: str
    kind: str
    severity: str = "major"
    summary_en: str = ""
    summary_zh: str = ""
    trap: str = ""
    when: str = ""
    values: str = ""
    program: str = ""
    facility: str = ""
    level: str = ""
    pattern: str = ""
    key: str = ""
    ends_trap: str = ""
    ends_when: str = ""
    ends_pattern: str = ""
    expires: str = ""
    ci: str = ""


def text_of(form: RuleForm, devices: Sequence[str] = ()) -> str:
    """The YAML of a rule, for some devices only where they are named."""
    whole: dict[str, Any] = {"alert": form.name}
    if form.kind == "trap":
        whole |= {"trap": _oids(form.trap), "when": _when(form.when), "says": _labels(form.values)}
        ends = {"trap": _oids(form.ends_trap), "when": _when(form.ends_when)} if form.ends_trap else {}
        whole["key"] = {one: whole["says"].get(one, "") for one in _words(form.key)}
        whole["says"] = {name: oid for name, oid in whole["says"].items() if name not in whole["key"]}
    else:
        whole |= {"syslog": form.pattern, "program": _words(form.program)}
        whole |= {"facility": form.facility, "level": form.level}
        ends = {"syslog": form.ends_pattern} if form.ends_pattern else {}
        whole["key"] = {one: one for one in _words(form.key)}
    whole |= {"ends": ends, "expires": form.expires, "severity": form.severity, "devices": list(devices)}
    whole["summary"] = {
        language: text for language, text in (("en", form.summary_en), ("zh", form.summary_zh)) if text
    }
    said = {name: value for name, value in whole.items() if value or name in {"trap", "syslog"}}
    return written([said])


def read(form: RuleForm) -> HeardRule:
    """The rule of a form; raises InvalidError naming the field of what cannot be taken."""
    _check_parts(form)
    _check_whole(form)
    text = text_of(form)
    try:
        (rule,) = heard_reading.read(text, FILE)
    except DocumentError as error:
        raise InvalidError(
            N_("Agents cannot use this: {reason}"), field=f"/{_field(text, error)}", reason=error.message
        ) from None
    return rule


def _check_parts(form: RuleForm) -> None:
    """Each field for itself."""
    for name in ("trap", "ends_trap"):
        _check_oids(getattr(form, name), name)
    _check_labels(form.values)
    for name in ("when", "ends_when"):
        _check_when(getattr(form, name), name)
    for name in ("pattern", "ends_pattern"):
        _check_pattern(getattr(form, name), name)
    try:
        seconds(form.expires or "1m")
    except ValueError:
        raise InvalidError(N_("Write a time as 90s, 10m, 2h or 1d."), field="/expires") from None


def _check_whole(form: RuleForm) -> None:
    """What is missing, and what does not go together."""
    if form.kind == "trap" and not form.trap:
        raise InvalidError(N_("Say which trap it matches."), field="/trap")
    if form.kind != "trap" and not form.pattern:
        raise InvalidError(N_("Say which lines it matches."), field="/pattern")
    if not (form.summary_en or form.summary_zh):
        raise InvalidError(N_("Say in one language at least what the alert tells."), field="/summary_en")
    labels = _labels(form.values)
    for one in _words(form.key) if form.kind == "trap" else ():
        if one not in labels:
            raise InvalidError(N_("{label} is none of the values above."), field="/key", label=one[:60])


def _check_oids(text: str, name: str) -> None:
    for one in _PARTS.split(text):
        if one and not _OID.fullmatch(one):
            raise InvalidError(
                N_("{text} is no OID; write it in numbers, as 1.3.6.1.4.1.32473.0.5."),
                field=f"/{name}",
                text=one[:60],
            )


def _check_labels(text: str) -> None:
    for line in _lines(text):
        _, oid = _sides(line, "values")
        _check_oids(oid.removesuffix(heard.INDEX), "values")


def _check_when(text: str, name: str) -> None:
    for line in _lines(text):
        oid, wanted = _sides(line, name)
        _check_oids(oid, name)
        if wanted.startswith(MATCHES):
            _check_pattern(wanted.removeprefix(MATCHES).strip(), name, EVERY_VALUE)


def _sides(line: str, name: str) -> tuple[str, str]:
    """What stands before and behind the equals sign; raises InvalidError where a side is empty."""
    left, _equals, right = line.partition("=")
    if not left.strip() or not right.removeprefix(MATCHES).strip():
        raise InvalidError(
            N_("“{text}” lacks an equals sign with something on both sides."),
            field=f"/{name}",
            text=line[:60],
        )
    return left.strip(), right if right.startswith(MATCHES) else right.strip()


def _check_pattern(text: str, name: str, every: str = EVERY_LINE) -> None:
    if not text:
        return
    try:
        pattern = Pattern(text)
    except ValueError as error:
        raise InvalidError(
            N_("The pattern cannot be used: {reason}"), field=f"/{name}", reason=str(error)
        ) from None
    if pattern.found(""):
        raise InvalidError(every, field=f"/{name}")


def _field(text: str, error: DocumentError) -> str:
    """The field of the form that a line of its YAML was made of."""
    for line in reversed(text.splitlines()[: error.line]):
        found = re.match(r"[- ] (\w+):", line)
        if found is not None:
            key = found[1]
            inside = "ends_trap" if "trap:" in text.partition("\n  ends:")[2] else "ends_pattern"
            return inside if key == "ends" else _FIELDS.get(key, key)
    return "name"


def _words(text: str) -> list[str]:
    return [one for one in _PARTS.split(text) if one]


def _oids(text: str) -> list[str]:
    return [one.lstrip(".") for one in _words(text)]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _when(text: str) -> dict[str, list[str] | dict[str, str]]:
    pairs = (_sides(line, "when") for line in _lines(text))
    return {oid.lstrip("."): _wanted(said) for oid, said in pairs}


def _wanted(said: str) -> list[str] | dict[str, str]:
    if said.startswith(MATCHES):
        return {"matches": said.removeprefix(MATCHES).strip()}
    return [one.strip() for one in said.split(",") if one.strip()]


def _labels(text: str) -> dict[str, str]:
    pairs = (_sides(line, "values") for line in _lines(text))
    return {label: oid.lstrip(".") for label, oid in pairs}
