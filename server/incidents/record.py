"""What the page of one incident, and its preview beside the queue, show beyond `particulars`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from server.accounts.models import Group, GroupMember, Person
from server.cmdb import providers
from server.cmdb import service as cmdb
from server.cmdb.classes import catalogue
from server.cmdb.readings import Reading
from server.incidents import facts, scene, views, words
from server.incidents.alike import Alike, alike
from server.incidents.models import Incident, State
from server.incidents.particulars import RecordView, record
from server.incidents.states import STEPS
from server.kernel.call import Actor
from server.kernel.i18n import N_, _, current_language, format_moment, loc
from server.knowledge.finding import known_errors, verdicts_on
from server.knowledge.models import Verdict
from server.knowledge.suggesting.reasons import Reasons, reasons
from server.knowledge.suggesting.suggest import Suggestion
from server.metrics.titles import title

LATEST = 4  # entries of the preview
NOW_SHOWN = 4  # values of the preview


@dataclass(frozen=True)
class Button:
    """A step as its button: `why` names what stands against it, "" where nothing does."""

    name: str
    label: str
    key: str
    dialog: str  # the dialog that asks for more, "" where the step needs no words
    why: str
    primary: bool


@dataclass(frozen=True)
class Fix:
    """A suggestion with what is known of it here."""

    suggestion: Suggestion
    url: str
    verdict: str
    why: Reasons
    known_error: bool  # what it tells is a workaround; the cause is still there


@dataclass(frozen=True)
class Team:
    """A group with its people, for passing on."""

    code: str
    name: str
    people: Sequence[tuple[int, str]]


@dataclass(frozen=True)
class Linked:
    """A record that is linked, in words."""

    number: str
    how: str
    title: str
    state: str
    url: str


@dataclass(frozen=True)
class Page:
    """All that the page of one incident shows."""

    base: RecordView
    tone: str  # the gravest living severity, "" where it is over or nothing is grave
    health: Mapping[int, str]
    clocks: Sequence[words.Left]
    buttons: Sequence[Button]
    more: Sequence[Button]
    headline: scene.Headline | None
    values: Sequence[Reading]
    at_risk: Sequence[str]
    path: scene.Path | None
    metrics: Sequence[str]  # titles of what the chart draws, empty where nothing is measured
    window: str
    finding: str
    fixes: Sequence[Fix]
    alike: Sequence[Alike]  # open ones that it may be, where a person reported it
    linked: Sequence[Linked]
    teams: Sequence[Team]
    resolution: str  # proposed in the dialog
    tried: tuple[str, str] | None  # number and title of what alone was tried
    cause_code: str
    owner_place: str
    cause_verdict: str


def page(session: Session, number: str, *, actor: Actor, now: datetime) -> Page:
    """The record of an incident; NotFoundError where this person may not see it."""
    desk = actor.may("incident.read")
    base = record(session, number, actor=actor, now=now)
    incident = base.incident
    cause = base.known.cause.ci if base.known.cause is not None else None
    shown = {one.id: one for one in (*base.cis, base.ci, cause) if one is not None}
    graph = cmdb.graph(session)
    extra = cmdb.cis(session, [n for n in _reach(base) if n not in shown])
    health = providers.health(session, [*shown.values(), *extra.values()])
    values = scene.readings(session, base.ci, now) if desk and actor.may("metric.read") else []
    headline = catalogue().of(base.ci.class_code).headline if base.ci is not None else ()
    fixes, tried = _fixes(session, base, actor)
    measured = scene.measured(session, incident)[1] if values else []
    return Page(
        base=base,
        tone=_tone(base),
        health=health,
        clocks=[left for clock in base.clocks if (left := words.left(clock)) is not None],
        buttons=buttons(base, actor),
        more=_more(base, actor),
        headline=scene.headline(values, now) if incident.is_open else None,
        values=[one for one in values if not one.labels or one.metric in headline][:NOW_SHOWN],
        at_risk=scene.at_risk(graph, incident.ci_id, cause.id if cause is not None else None)
        if desk and incident.is_open
        else [],
        path=scene.path(session, base, health) if desk else None,
        metrics=[title(one) for one in measured],
        window=_window(incident),
        finding=_finding(base, values, measured),
        fixes=fixes,
        alike=_alike(session, incident, actor),
        linked=_linked(session, base, actor),
        teams=teams(session) if desk and incident.is_open else [],
        resolution=_resolution(tried),
        tried=(tried[0].number, tried[0].title) if len(tried) == 1 else None,
        cause_code=words.CAUSE_OF_CATEGORY.get(incident.category, ""),
        owner_place=base.place,
        cause_verdict=str((incident.context.get("cause_verdict") or {}).get("verdict", "")),
    )


def _reach(base: RecordView) -> list[int]:
    return [step.id for step in base.known.path]


def _tone(base: RecordView) -> str:
    """The alarm's colour at the head of the page."""
    if not base.incident.is_open:
        return ""
    living = [row.severity for row in base.known.alerts if row.resolved_at is None]
    worst = min(living, key=facts.GRAVITY.index, default="")
    if not worst and base.incident.priority <= 2 and not base.known.alerts:
        worst = "critical" if base.incident.priority == 1 else "major"
    return worst if worst in {"critical", "major"} else ""


def _window(incident: Incident) -> str:
    begin, end = scene.window(incident, "1h")
    return f"{format_moment(begin, 'minute')}–{format_moment(end, 'minute')}"


def _finding(base: RecordView, values: Sequence[Reading], measured: Sequence[str]) -> str:
    """The chart in a sentence, for those who cannot see it."""
    said = [f"{one.title} {one.text}" for one in values if one.metric in measured][:3]
    name = base.ci.name if base.ci is not None else ""
    return _("Values of {ci} around the moment; now: {values}").format(ci=name, values=", ".join(said) or "–")


# -- steps ------------------------------------------------------------------------------------

KEYS = {"accept": "A", "assign": "T", "resolve": "R", "close": "", "reopen": "", "start": "B"}
LABELS = {"hold": N_("Set pending")}
DIALOGS = {"assign", "hold", "resolve", "reopen", "cancel"}
ORDER = {
    State.NEW: ("accept", "assign", "hold", "resolve"),
    State.ASSIGNED: ("accept", "assign", "hold", "resolve"),
    State.ACCEPTED: ("resolve", "start", "assign", "hold"),
    State.IN_PROGRESS: ("resolve", "assign", "hold"),
    State.PENDING: ("resume", "resolve", "assign"),
    State.RESOLVED: ("close", "reopen"),
}


def buttons(base: RecordView, actor: Actor) -> list[Button]:
    """The steps of this state in order, the first is the primary one."""
    del actor
    incident = base.incident
    can = {step.name for step in base.steps}
    return [
        Button(
            name,
            _(LABELS.get(name) or STEPS[name].label),
            KEYS.get(name, ""),
            name if name in DIALOGS else "",
            "" if name in can else base.reasons.get(name, ""),
            place == 0,
        )
        for place, name in enumerate(ORDER.get(incident.state, ()))
    ]


def _more(base: RecordView, actor: Actor) -> list[Button]:
    """What stands behind the three dots."""
    incident = base.incident
    found = []
    if incident.is_open and actor.may("incident.update"):
        found.append(Button("priority", _("Change priority"), "P", "priority", "", False))
        found.append(Button("edit", _("Edit"), "E", "edit", "", False))
        found.append(Button("link", _("Link"), "L", "link", "", False))
    if incident.is_open and actor.may("incident.merge"):
        found.append(Button("merge", _("Merge into another"), "", "merge", "", False))
    if incident.is_open and actor.may("incident.work"):
        found.append(Button("work", _("Log time"), "", "work", "", False))
        found.append(Button("task", _("Add a task"), "", "task", "", False))
    if any(step.name == "cancel" for step in base.steps):
        found.append(Button("cancel", _("Cancel the incident"), "", "cancel", "", False))
    return found


# -- suggestions ------------------------------------------------------------------------------


def _fixes(session: Session, base: RecordView, actor: Actor) -> tuple[list[Fix], list[Suggestion]]:
    """The suggestions that are not put aside, and of them those that are being tried."""
    if not actor.may("incident.read"):
        return [], []
    number = base.incident.number
    verdicts = verdicts_on(session, number) if base.known.suggestions else {}
    incident = base.incident
    said = "\n".join((base.title, incident.summary, *incident.summary_by_lang.values(), incident.description))
    known = known_errors(session, [one.number for one in base.known.suggestions if one.kind == "article"])
    found = []
    for one in base.known.suggestions:
        verdict = verdicts.get(one.number) or verdicts.get(one.topic)
        if verdict is Verdict.NOT_RELEVANT or one.number == number:
            continue
        url = f"/knowledge/{one.number}?for={number}" if one.kind == "article" else f"/incidents/{one.number}"
        found.append(
            Fix(
                one,
                url,
                verdict.value if verdict is not None else "",
                reasons(one, said),
                one.number in known,
            )
        )
    found.sort(key=lambda fix: fix.verdict != Verdict.APPLIED.value)
    return found, [fix.suggestion for fix in found if fix.verdict == Verdict.APPLIED.value]


def _alike(session: Session, incident: Incident, actor: Actor) -> list[Alike]:
    """Whether it is known already: what alerts opened is correlated by its alerts instead."""
    if not incident.is_open or incident.alert_group_id is not None or not actor.may("incident.merge"):
        return []
    said = facts.words_of(incident, current_language())
    return alike(session, said, incident.ci_id, actor, besides=incident.number)


def _resolution(tried: Sequence[Suggestion]) -> str:
    """The resolution that what was tried proposes."""
    return "\n\n".join(
        _("Applied {number}: {title}").format(number=one.number, title=one.title)
        + "".join(f"\n{place}. {step}" for place, step in enumerate(one.steps, 1))
        for one in tried
    )


# -- people and links -------------------------------------------------------------------------


def teams(session: Session) -> list[Team]:
    """Active groups with their active people, in one query."""
    rows = session.execute(
        select(Group.code, Group.name.label("group_name"), Person.id, Person.name)
        .outerjoin(GroupMember, GroupMember.group_id == Group.id)
        .outerjoin(Person, and_(Person.id == GroupMember.person_id, Person.active))
        .where(Group.active)
        .order_by(Group.line, Group.code, Person.username_key)
    )
    found: dict[str, Team] = {}
    members: dict[str, list[tuple[int, str]]] = {}
    for code, group_name, person_id, name in rows:
        found.setdefault(code, Team(code, loc(group_name), members.setdefault(code, [])))
        if person_id is not None:
            members[code].append((person_id, loc(name)))
    return list(found.values())


def _linked(session: Session, base: RecordView, actor: Actor) -> list[Linked]:
    numbers = [link.other for link in base.links if link.other.startswith("INC-")]
    known: dict[str, Incident] = {}
    if numbers:
        query = views.visible_statement(actor).where(Incident.number.in_(numbers))
        known = {one.number: one for one in session.scalars(query)}
    shown = []
    problems = actor.may("problem.read") and not actor.vendor
    for link in base.links:
        found = known.get(link.other)
        problem = link.other.startswith("PRB-")
        if problem and not problems:
            continue
        shown.append(
            Linked(
                link.other,
                words.linked(link.kind, forward=link.forward),
                views.title(found) if found is not None else "",
                found.state.value if found is not None else "",
                _address(link.other),
            )
        )
    return shown


def _address(number: str) -> str:
    room = {"PRB": "problems", "KB": "knowledge"}.get(number.partition("-")[0], "incidents")
    return f"/{room}/{number}"


def preview(session: Session, number: str, *, actor: Actor, now: datetime) -> Page:
    """As `page`, cut to what the pane beside the queue shows."""
    whole = page(session, number, actor=actor, now=now)
    base = replace(whole.base, timeline=whole.base.timeline[:LATEST])
    return replace(whole, base=base)
