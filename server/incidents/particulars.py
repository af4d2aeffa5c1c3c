"""One incident with all that stands around it, in the reader's language, loaded in a few queries."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, String, bindparam, cast, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from server.accounts import service as accounts
from server.accounts.models import Group, Person
from server.alerts.models import Alert, AlertGroup
from server.alerts.words import CauseView, cause_view, joined_words, named_nodes
from server.cmdb import places
from server.cmdb import service as cmdb
from server.cmdb.marks import STAMP, know_stamp
from server.cmdb.models import Ci
from server.incidents import facts
from server.incidents.models import Incident, IncidentCi, IncidentTask, Watch, WorkLog
from server.incidents.service import visible
from server.incidents.states import STEPS, Step, allowed
from server.incidents.timeline import Entry, entries
from server.incidents.views import priority_words, title, visible_statement
from server.kernel.call import Actor
from server.kernel.errors import NotFoundError
from server.kernel.i18n import N_, _, current_language, loc
from server.kernel.remembered import keep
from server.kernel.ticket import Link, TicketLink, links
from server.knowledge.finding import suggested
from server.knowledge.suggesting.suggest import Suggestion
from server.sla import service as sla
from server.sla.clocks import ClockView


@dataclass(frozen=True)
class AlertRow:
    """An alert inside of an incident, and how it joined."""

    id: int
    summary: str
    severity: str
    state: str
    ci: Ci | None
    started_at: datetime
    resolved_at: datetime | None
    value: float | None
    unit: str
    count: int
    joined: str
    evidence: Mapping[str, Any]
    root: bool


@dataclass(frozen=True)
class PathStep:
    """One item on the way of a failure; `on` is the item it hangs on."""

    id: int
    name: str
    class_code: str
    icon: str
    kind: str
    on: int
    alerted: bool


@dataclass(frozen=True)
class Parties:
    """Who has to do with it. `people`: all of them by id."""

    group: Group | None
    owner_group: Group | None
    assignee: Person | None
    contact: Person | None
    affected: Person | None
    watching: bool
    watchers: Sequence[Person]
    people: Mapping[int, Person]


@dataclass(frozen=True)
class Findings:
    """What the machine knows of it."""

    cause: CauseView | None
    alerts: Sequence[AlertRow]
    path: Sequence[PathStep]
    changes: Sequence[Mapping[str, Any]]
    graphs: Sequence[Mapping[str, Any]]
    suggestions: Sequence[Suggestion]


@dataclass(frozen=True)
class Effort:
    """What people put into it."""

    work: Sequence[WorkLog]
    minutes: int
    tasks: Sequence[IncidentTask]


@dataclass(frozen=True)
class RecordView:
    """An incident as its page shows it."""

    incident: Incident
    title: str
    why_priority: str
    ci: Ci | None
    ci_icon: str
    cis: Sequence[Ci]
    place: str
    clocks: Sequence[ClockView]
    steps: Sequence[Step]  # what this person may do now
    reasons: Mapping[str, str]  # for each other step, why not
    who: Parties
    known: Findings
    effort: Effort
    timeline: Sequence[Entry]
    links: Sequence[Link]
    children: Sequence[Incident]


@dataclass(frozen=True)
class _Heart:
    """An incident with what stands around it, and which of its lists hold anything."""

    incident: Incident
    ci: Ci | None
    group: AlertGroup | None
    touched: Sequence[int]  # ids of items
    watchers: Sequence[int]  # ids of people
    worked: bool
    tasked: bool
    linked: bool
    parent: bool  # others were merged into it


def _heart(session: Session, number: str, actor: Actor) -> _Heart:
    """In one question; NotFoundError where this person may not see the incident."""
    found = session.execute(_heart_query(), {"number": number}).one_or_none()
    if found is None or not visible(found[0], actor):
        raise NotFoundError(N_("There is no incident {number}."), number=number)
    incident, ci, group, stamp, touched, watchers, worked, tasked, linked, parent, *beside = found
    know_stamp(session, stamp)
    keep(session, [ci, *beside])
    return _Heart(incident, ci, group, _listed(touched), _listed(watchers), worked, tasked, linked, parent)


@functools.cache
def _heart_query() -> Select[Any]:
    """The incident of `:number` with all that there is one of; made once, for it is a large one."""
    mine, link = aliased(Incident), TicketLink
    query: Select[Any] = (
        select(
            mine,
            Ci,
            AlertGroup,
            STAMP,
            _numbers(IncidentCi.ci_id, IncidentCi.incident_id == mine.id),
            _numbers(Watch.person_id, Watch.incident_id == mine.id),
            exists().where(WorkLog.incident_id == mine.id),
            exists().where(IncidentTask.incident_id == mine.id),
            exists().where(or_(link.a == mine.number, link.b == mine.number)),
            exists().where(Incident.parent_id == mine.id),
        )
        .outerjoin(Ci, Ci.id == mine.ci_id)
        .outerjoin(AlertGroup, AlertGroup.id == mine.alert_group_id)
        .where(mine.number == bindparam("number"))
    )
    groups: list[Any] = [mine.group_id, mine.owner_group_id]
    people: list[Any] = [mine.assignee_id, mine.contact_id, mine.affected_id]
    for model, columns in ((Group, groups), (Person, people)):
        for column in columns:
            joined: Any = aliased(model)
            query = query.add_columns(joined).outerjoin(joined, joined.id == column)
    return query


def _numbers(column: Any, where: Any) -> Any:
    """A column of ids as one text, `3,7,9`; it comes with the row it belongs to."""
    return select(func.aggregate_strings(cast(column, String), ",")).where(where).scalar_subquery()


def _listed(numbers: str | None) -> list[int]:
    return sorted(int(one) for one in numbers.split(",")) if numbers else []


def _mentioned(heart: _Heart, alerts: Sequence[Alert]) -> set[int]:
    """The items that any part of the page names, to be read together."""
    ids = {*heart.touched, *(alert.ci_id for alert in alerts if alert.ci_id is not None)}
    ids |= {step["ci"] for step in heart.incident.context.get("path", [])}
    return ids | named_nodes(heart.group) if heart.group is not None else ids


def record(session: Session, number: str, *, actor: Actor, now: datetime) -> RecordView:
    """The whole of an incident; NotFoundError where this person may not see it."""
    heart = _heart(session, number, actor)
    incident, ci = heart.incident, heart.ci
    desk = actor.may("incident.read")
    alerts = facts.alerts_of(session, heart.group.id) if heart.group is not None else []
    cis = cmdb.cis(session, _mentioned(heart, alerts))
    steps = allowed(incident, actor)
    effort = _effort(session, heart)
    return RecordView(
        incident=incident,
        title=title(incident),
        why_priority=priority_words(incident),
        ci=ci,
        ci_icon=cmdb.icon(ci.class_code) if ci is not None else "",
        cis=[cis[number] for number in heart.touched if number in cis],
        place=" / ".join(loc(place.name) for place in places.path(session, incident.location_id)),
        clocks=sla.views(session, [number], now=now).get(number, []),
        steps=steps,
        reasons=_reasons(incident, steps, actor),
        who=_parties(session, heart, effort.work, actor),
        known=_findings(session, heart, alerts, cis, actor),
        effort=effort,
        timeline=entries(session, incident, public_only=not desk),
        links=links(session, number) if desk and heart.linked else [],
        children=_children(session, incident, actor) if heart.parent else [],
    )


def _parties(session: Session, heart: _Heart, work: Sequence[WorkLog], actor: Actor) -> Parties:
    one = heart.incident
    ids = {
        one.assignee_id,
        one.contact_id,
        one.affected_id,
        *heart.watchers,
        *(row.person_id for row in work),
    }
    people = accounts.people_by_ids(session, ids)
    groups = accounts.groups_by_ids(session, {one.group_id, one.owner_group_id})
    return Parties(
        group=groups.get(one.group_id or 0),
        owner_group=groups.get(one.owner_group_id or 0),
        assignee=people.get(one.assignee_id or 0),
        contact=people.get(one.contact_id or 0),
        affected=people.get(one.affected_id or 0),
        watching=actor.id in heart.watchers,
        watchers=[people[number] for number in heart.watchers if number in people],
        people=people,
    )


def _findings(
    session: Session, heart: _Heart, alerts: Sequence[Alert], cis: Mapping[int, Ci], actor: Actor
) -> Findings:
    """All for the desk; who only reported it sees the way of the failure."""
    incident, group, desk = heart.incident, heart.group, actor.may("incident.read")
    return Findings(
        cause=cause_view(session, group) if group is not None and desk else None,
        alerts=_alert_rows(alerts, cis, group) if desk else [],
        path=_path(incident, alerts),
        changes=incident.context.get("changes", []) if desk else [],
        graphs=incident.context.get("graphs", []) if desk else [],
        suggestions=fixes(session, incident, heart.ci, facts.gravest(alerts, group), actor),
    )


def _effort(session: Session, heart: _Heart) -> Effort:
    worked = select(WorkLog).where(WorkLog.incident_id == heart.incident.id).order_by(WorkLog.id)
    tasks = (
        select(IncidentTask).where(IncidentTask.incident_id == heart.incident.id).order_by(IncidentTask.id)
    )
    work = session.scalars(worked).all() if heart.worked else []
    return Effort(
        work, sum(one.minutes for one in work), session.scalars(tasks).all() if heart.tasked else []
    )


def _children(session: Session, incident: Incident, actor: Actor) -> Sequence[Incident]:
    return session.scalars(visible_statement(actor).where(Incident.parent_id == incident.id)).all()


def fixes(
    session: Session,
    incident: Incident,
    ci: Ci | None,
    first: Alert | None,
    actor: Actor,
) -> Sequence[Suggestion]:
    """What fixed this before, for the reader's language; empty is "nothing known", or not for this reader."""
    if not actor.may("knowledge.read"):
        return []
    language = current_language()
    query = facts.query(ci, first, facts.words_of(incident, language), language)
    return suggested(session, query, actor, limit=3)


def _reasons(incident: Incident, steps: Sequence[Step], actor: Actor) -> dict[str, str]:
    can = {step.name for step in steps}
    reasons = {}
    for step in STEPS.values():
        if step.name in can:
            continue
        if not actor.may(step.permission):
            reasons[step.name] = _("Your roles do not include this step.")
        elif step.name in {"start", "resolve", "hold"} and incident.state.value in {"new", "assigned"}:
            reasons[step.name] = _("Accept it first.")
        else:
            reasons[step.name] = _("Its state does not allow this now.")
    return reasons


def _alert_rows(alerts: Sequence[Alert], cis: Mapping[int, Ci], group: AlertGroup | None) -> list[AlertRow]:
    return [
        AlertRow(
            alert.id,
            loc(alert.summary) or alert.rule,
            alert.severity.value,
            alert.state.value,
            cis.get(alert.ci_id or 0),
            alert.started_at,
            alert.resolved_at,
            alert.value,
            alert.unit,
            alert.count,
            joined_words(alert.joined),
            alert.evidence,
            group is not None and alert.id == group.root_alert_id,
        )
        for alert in alerts
    ]


def _path(incident: Incident, alerts: Sequence[Alert]) -> list[PathStep]:
    alerted = {alert.ci_id for alert in alerts}
    return [
        PathStep(
            step["ci"],
            step["name"],
            step["class"],
            cmdb.icon(step["class"]),
            step["kind"],
            step["on"],
            step["ci"] in alerted,
        )
        for step in incident.context.get("path", [])
    ]
