"""The site's own rules for traps and syslog: made of a form, kept, told to agents as YAML, tried on messages.

What a form says becomes the YAML that `rules.heard` reads: one way for rules that came along, that stand in a
folder of an agent, and that people write here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rules import catalog, heard
from rules.document import DocumentError, seconds, written
from rules.heard import HeardRule, judge_line, judge_trap
from rules.message import fill
from rules.pattern import Pattern
from rules.syslog import told as line_told
from server.agents.generation import touch
from server.agents.models import Agent, Target
from server.cmdb import service as cmdb
from server.cmdb.models import Ci
from server.discovery import messages
from server.discovery.jobs import TOPIC
from server.discovery.messages import HOST, Message
from server.discovery.models import OwnHeardRule
from server.kernel.errors import ConflictError, InvalidError, NotFoundError
from server.kernel.events import emit
from server.kernel.i18n import N_

FILE = "rule.yaml"
MOST = 500
TRIED = 300  # messages
OWN_LINES = 50
_PARTS = re.compile(r"[\s,;，；]+")
_NAME = re.compile(r"[A-Z][A-Za-z0-9]{2,79}")
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


@dataclass(frozen=True)
class Tried:
    """What a rule makes of a message. `status`: firing, resolved, noted.

    `hindrance`: why no alert comes of it all the same: "" none, stranger, other_ci.
    """

    line: str
    message: Message | None
    status: str
    severity: str
    summary: Mapping[str, str]
    key: Mapping[str, str]
    hindrance: str = ""


@dataclass(frozen=True)
class Trial:
    """What a rule makes of the messages that were heard lately, and of lines of one's own."""

    hits: Sequence[Tried] = ()
    asked: int = 0
    yaml: str = ""


@dataclass(frozen=True)
class Row:
    """A rule with the item it is about and who wrote it last."""

    row: OwnHeardRule
    ci: Ci | None
    form: RuleForm = field(default_factory=lambda: RuleForm("", ""))


def rules(session: Session) -> list[Row]:
    """All own rules by name."""
    rows = session.scalars(select(OwnHeardRule).order_by(OwnHeardRule.name)).all()
    cis = cmdb.cis(session, {row.ci_id for row in rows if row.ci_id is not None})
    return [Row(row, cis.get(row.ci_id) if row.ci_id is not None else None, form_of(row)) for row in rows]


def rule_of(session: Session, rule_id: int) -> OwnHeardRule:
    """The rule of an id."""
    row = session.get(OwnHeardRule, rule_id) if 0 < rule_id < 2**31 else None
    if row is None:
        raise NotFoundError(N_("There is no such rule."))
    return row


def ci_name(session: Session, number: str) -> str:
    """What the form shows for the number of an item; the number itself where there is none."""
    known = cmdb.find_ci(session, number) if number else None
    return f"{known.number} · {known.name}" if known is not None else number


def form_of(row: OwnHeardRule) -> RuleForm:
    """A kept rule as its form shows it."""
    return RuleForm(**row.form)


def save(
    session: Session,
    form: RuleForm,
    *,
    rule_id: int | None = None,
    version: int | None = None,
    by: int | None,
    now: datetime,
) -> OwnHeardRule:
    """Keep a rule; agents judge by it from then on.

    Raises:
        InvalidError: with the field that cannot be taken.
        ConflictError: somebody changed it meanwhile, or there are too many.
    """
    row = rule_of(session, rule_id) if rule_id is not None else None
    if row is not None and version is not None and version != row.version:
        raise ConflictError(N_("Somebody changed this rule meanwhile. Look at it again, then change it."))
    checked(session, form, row)
    ci_id = cmdb.ci(session, form.ci).id if form.ci else None
    if row is None:
        if (session.scalar(select(func.count()).select_from(OwnHeardRule)) or 0) >= MOST:
            raise ConflictError(N_("There are {limit} own rules; that is the limit."), limit=MOST)
        row = OwnHeardRule(name=form.name, kind=form.kind)
        session.add(row)
    row.name, row.kind, row.form, row.ci_id = form.name, form.kind, asdict(form), ci_id
    row.by_id, row.changed_at = by, now
    session.flush()
    _tell(session)
    return row


def enable(session: Session, rule_id: int, *, enabled: bool, by: int | None, now: datetime) -> OwnHeardRule:
    """Have agents judge by a rule, or leave it out."""
    row = rule_of(session, rule_id)
    row.enabled, row.by_id, row.changed_at = enabled, by, now
    _tell(session)
    return row


def remove(session: Session, rule_id: int) -> OwnHeardRule:
    """Delete a rule; what it told stands until it expires."""
    row = rule_of(session, rule_id)
    session.delete(row)
    _tell(session)
    return row


def told(session: Session, agent_id: int) -> dict[str, str]:
    """The rules of an agent as YAML by name: those of every device, and those of items it asks."""
    own = session.scalars(select(OwnHeardRule).where(OwnHeardRule.enabled).order_by(OwnHeardRule.id)).all()
    bound = {one.ci_id for one in own if one.ci_id is not None}
    devices: dict[int, list[str]] = {}
    if bound:
        query = select(Target.id, Target.ci_id).where(Target.agent_id == agent_id, Target.ci_id.in_(bound))
        for number, ci_id in session.execute(query.order_by(Target.id)):
            if ci_id is not None:
                devices.setdefault(ci_id, []).append(f"t{number}")
        host = session.scalar(select(Agent.host_ci_id).where(Agent.id == agent_id))
        if host is not None and host in bound:
            devices.setdefault(host, []).append(HOST)
    return {
        f"heard/own-{one.id}": text_of(form_of(one), devices.get(one.ci_id, []) if one.ci_id else [])
        for one in own
        if one.ci_id is None or one.ci_id in devices
    }


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


def checked(session: Session, form: RuleForm, row: OwnHeardRule | None = None) -> HeardRule:
    """The rule of a form; raises InvalidError naming the field of what cannot be taken."""
    _check_name(session, form, row)
    _check_parts(form)
    _check_whole(form)
    text = text_of(form)
    try:
        (rule,) = heard.read(text, FILE)
    except DocumentError as error:
        raise InvalidError(
            N_("Agents cannot use this: {reason}"), field=f"/{_field(text, error)}", reason=error.message
        ) from None
    return rule


def tried(session: Session, form: RuleForm, lines: str = "", row: OwnHeardRule | None = None) -> Trial:
    """What a rule would make of what was heard lately, and of lines of one's own; raises InvalidError."""
    rule = checked(session, form, row)
    ci_id = cmdb.ci(session, form.ci).id if form.ci else None
    heard_lately = messages.newest(session, form.kind, limit=TRIED)
    hits = [hit for one in heard_lately for hit in _of_message(rule, one, ci_id)]
    own = [one for one in lines.splitlines() if one.strip()][:OWN_LINES] if form.kind == "syslog" else []
    hits = [hit for one in own for hit in _of_line(rule, one)] + hits
    return Trial(hits, len(heard_lately) + len(own), text_of(form))


def _of_message(rule: HeardRule, one: Message, ci_id: int | None) -> list[Tried]:
    if one.row.kind == "trap":
        found = judge_trap([rule], one.row.what, one.values)
    else:
        found = judge_line(((rule, True), (rule, False)), one.line)
    name = one.ci.name if one.ci is not None else one.target or one.row.source
    hindrance = "stranger" if not one.row.device else ""
    if not hindrance and ci_id is not None and (one.ci is None or one.ci.id != ci_id):
        hindrance = "other_ci"
    return [_tried(each, name, "", one, hindrance) for each in found]


def _of_line(rule: HeardRule, text: str) -> list[Tried]:
    line = line_told(text)
    found = judge_line(((rule, True), (rule, False)), line)
    return [_tried(each, line.host or "…", text, None, "") for each in found]


def _tried(found: heard.Finding, name: str, line: str, message: Message | None, hindrance: str) -> Tried:
    rule = found.rule
    status = "noted" if not rule.lasting else "resolved" if found.ended else "firing"
    said = fill(rule.summary, {**dict(found.says), **dict(found.key), "ci": name})
    return Tried(
        line, message, status, found.severity, {str(key): text for key, text in said.items()},
        dict(found.key), hindrance,
    )  # fmt: skip


def _check_name(session: Session, form: RuleForm, row: OwnHeardRule | None) -> None:
    if not _NAME.fullmatch(form.name):
        raise InvalidError(
            N_("A name begins with a capital and has letters and digits only, as DoorOpened."), field="/name"
        )
    if form.name in heard.packaged() or form.name in catalog.packaged():
        raise InvalidError(
            N_("A built-in rule is called {name}; choose another name."), field="/name", name=form.name
        )
    other = session.scalar(select(OwnHeardRule.id).where(OwnHeardRule.name == form.name))
    if other is not None and (row is None or other != row.id):
        raise InvalidError(N_("Another own rule has this name."), field="/name")


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


def _tell(session: Session) -> None:
    """Every agent gets the rules."""
    for agent in session.scalars(select(Agent)):
        touch(agent)
    emit(session, TOPIC, {"heard": True})
