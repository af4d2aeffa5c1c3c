"""The site's own rules for traps and syslog: kept as their forms, told to agents, tried on what was heard."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rules import catalog, heard, heard_reading
from rules.heard import HeardRule, judge_line, judge_trap
from rules.message import fill
from rules.syslog import told as line_told
from server.agents.generation import touch
from server.agents.models import Agent, Target
from server.cmdb import service as cmdb
from server.cmdb.models import Ci
from server.discovery import messages
from server.discovery.jobs import TOPIC
from server.discovery.messages import HOST, Message
from server.discovery.models import OwnHeardRule
from server.discovery.rule_form import RuleForm, read, text_of
from server.kernel.errors import ConflictError, InvalidError, NotFoundError
from server.kernel.events import emit
from server.kernel.i18n import N_

MOST = 500
TRIED = 300  # messages
OWN_LINES = 50
_NAME = re.compile(r"[A-Z][A-Za-z0-9]{2,79}")


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


def checked(session: Session, form: RuleForm, row: OwnHeardRule | None = None) -> HeardRule:
    """The rule of a form; raises InvalidError naming the field of what cannot be taken."""
    _check_name(session, form, row)
    return read(form)


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
    if form.name in heard_reading.packaged() or form.name in catalog.packaged():
        raise InvalidError(
            N_("A built-in rule is called {name}; choose another name."), field="/name", name=form.name
        )
    other = session.scalar(select(OwnHeardRule.id).where(OwnHeardRule.name == form.name))
    if other is not None and (row is None or other != row.id):
        raise InvalidError(N_("Another own rule has this name."), field="/name")


def _tell(session: Session) -> None:
    """Every agent gets the rules."""
    for agent in session.scalars(select(Agent)):
        touch(agent)
    emit(session, TOPIC, {"heard": True})
