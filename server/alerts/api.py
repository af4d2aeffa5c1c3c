"""Alerts over the REST API."""

from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.alerts import service
from server.alerts.models import Alert, AlertGroup, AlertState, Severity, Stage
from server.alerts.words import cause_view
from server.cmdb import service as cmdb
from server.kernel.api import Api, ApiModel, Id, Moment, Page, PageQuery
from server.kernel.call import Call
from server.kernel.i18n import N_, loc

api = Api("alerts")


class AlertOut(ApiModel):
    """An alert."""

    id: int
    fingerprint: str
    rule: str
    symptom: str
    severity: str
    state: str
    ci: str | None
    group_id: int | None
    summary: str
    value: float | None
    unit: str
    metric: str
    labels: dict[str, Any]
    evidence: dict[str, Any]
    source: str
    started_at: Moment
    last_at: Moment
    resolved_at: Moment | None
    count: int
    flaps: int
    trace_id: str


class AlertQuery(PageQuery):
    """Filters; all that are given must hold."""

    state: AlertState | None = None
    severity: Severity | None = None
    open: bool | None = None
    ci: Annotated[str, Field(max_length=20)] | None = None
    rule: Annotated[str, Field(max_length=200)] | None = None
    group_id: Id | None = None


class EventOut(ApiModel):
    """One raw piece of news."""

    id: int
    at: Moment
    received_at: Moment
    status: str
    severity: str
    value: float | None
    source: str
    sequence: int
    outcome: str
    trace_id: str


class GroupOut(ApiModel):
    """A group of alerts with its probable cause."""

    id: int
    state: str
    ci: str | None
    sentence: str
    confidence: float
    size: int
    opened_at: Moment
    told_at: Moment | None
    ended_at: Moment | None
    merged_into_id: int | None
    explanation: dict[str, Any]


class GroupQuery(PageQuery):
    """Filters."""

    state: Stage | None = None
    told: bool | None = None


class MuteIn(ApiModel):
    """What is muted, why, and until when."""

    ci: Annotated[str, Field(max_length=20)] | None = None
    rule: Annotated[str, Field(max_length=200)] = ""
    reason: Annotated[str, Field(min_length=1, max_length=400)]
    until: Moment


class MuteOut(ApiModel):
    """A mute."""

    id: int
    ci_id: int | None
    rule: str
    reason: str
    owner_id: int
    created_at: Moment
    until: Moment
    ended_at: Moment | None


class MoveIn(ApiModel):
    """The group to move into; none: one of its own."""

    group_id: Id | None = None


def _out(session: Session, rows: list[Alert]) -> list[AlertOut]:
    cis = cmdb.cis(session, {row.ci_id for row in rows if row.ci_id is not None})
    plain = set(AlertOut.model_fields) - {"ci", "summary"}
    return [
        AlertOut(
            **{name: getattr(value := getattr(row, name), "value", value) for name in plain},
            ci=cis[row.ci_id].number if row.ci_id in cis else None,
            summary=loc(row.summary) or row.rule,
        )
        for row in rows
    ]


def _list(session: Session, query: AlertQuery) -> Page[AlertOut]:
    found = select(Alert)
    if query.state is not None:
        found = found.where(Alert.state == query.state)
    if query.severity is not None:
        found = found.where(Alert.severity == query.severity)
    if query.open is not None:
        over = Alert.resolved_at.is_not(None)
        found = found.where(~over if query.open else over)
    if query.ci is not None:
        ci = cmdb.find_ci(session, query.ci)
        found = found.where(Alert.ci_id == (ci.id if ci is not None else 0))
    if query.rule is not None:
        found = found.where(Alert.rule == query.rule)
    if query.group_id is not None:
        found = found.where(Alert.group_id == query.group_id)
    total = session.scalar(select(func.count()).select_from(found.subquery())) or 0
    rows = session.scalars(found.order_by(Alert.id.desc()).limit(query.limit).offset(query.offset))
    return Page[AlertOut](
        items=_out(session, list(rows)), total=total, limit=query.limit, offset=query.offset
    )


def _group_out(session: Session, group: AlertGroup) -> GroupOut:
    cause = cause_view(session, group)
    ci = cmdb.find_ci(session, group.root_ci_id) if group.root_ci_id is not None else None
    return GroupOut(
        id=group.id,
        state=group.state.value,
        ci=ci.number if ci is not None else None,
        sentence=cause.sentence if cause is not None else "",
        confidence=round(group.confidence, 4),
        size=group.size,
        opened_at=group.opened_at,
        told_at=group.told_at,
        ended_at=group.ended_at,
        merged_into_id=group.merged_into_id,
        explanation=group.explanation,
    )


@api.get(
    "/alerts", permission="alert.read", query=AlertQuery, answer=Page[AlertOut], summary=N_("List alerts")
)
async def list_alerts(call: Call, query: AlertQuery) -> Page[AlertOut]:
    """Newest first."""
    return await call.db.read(_list, query)


@api.get("/alerts/{number}", permission="alert.read", answer=AlertOut, summary=N_("Show an alert"))
async def show(call: Call, number: int) -> AlertOut:
    """One alert."""
    return await call.db.read(lambda session: _out(session, [service.alert(session, number)])[0])


@api.get(
    "/alerts/{number}/events",
    permission="alert.read",
    answer=list[EventOut],
    summary=N_("List an alert's raw events"),
)
async def list_events(call: Call, number: int) -> list[EventOut]:
    """Newest first, at most 200."""

    def read(session: Session) -> list[EventOut]:
        service.alert(session, number)
        return [EventOut.model_validate(row) for row in service.events(session, number)]

    return await call.db.read(read)


@api.post(
    "/alerts/{number}/acknowledge",
    permission="alert.acknowledge",
    answer=AlertOut,
    summary=N_("Acknowledge an alert"),
    errors={409: N_("The alert is over or muted.")},
)
async def acknowledge(call: Call, number: int) -> AlertOut:
    """Twice is once."""

    def do(session: Session) -> AlertOut:
        return _out(session, [service.acknowledge(session, number, actor=call.actor, now=call.now)])[0]

    return await call.db.run(do)


@api.post(
    "/alerts/{number}/move",
    permission="alert.move",
    body=MoveIn,
    answer=GroupOut,
    summary=N_("Move an alert to another group"),
)
async def move(call: Call, number: int, body: MoveIn) -> GroupOut:
    """It stays where it was put."""

    def do(session: Session) -> GroupOut:
        group = service.move(session, number, body.group_id, actor=call.actor, now=call.now)
        return _group_out(session, group)

    return await call.db.run(do)


@api.get(
    "/alert-groups",
    permission="alert.read",
    query=GroupQuery,
    answer=Page[GroupOut],
    summary=N_("List alert groups"),
)
async def list_groups(call: Call, query: GroupQuery) -> Page[GroupOut]:
    """Newest first."""

    def read(session: Session) -> Page[GroupOut]:
        found = select(AlertGroup)
        if query.state is not None:
            found = found.where(AlertGroup.state == query.state)
        if query.told is not None:
            told = AlertGroup.told_at.is_not(None)
            found = found.where(told if query.told else ~told)
        total = session.scalar(select(func.count()).select_from(found.subquery())) or 0
        rows = session.scalars(found.order_by(AlertGroup.id.desc()).limit(query.limit).offset(query.offset))
        items = [_group_out(session, group) for group in rows.all()]
        return Page[GroupOut](items=items, total=total, limit=query.limit, offset=query.offset)

    return await call.db.read(read)


@api.get("/mutes", permission="alert.read", answer=list[MuteOut], summary=N_("List mutes"))
async def list_mutes(call: Call) -> list[MuteOut]:
    """Those that live."""
    return [MuteOut.model_validate(row) for row in await call.db.read(service.mutes, now=call.now)]


@api.post(
    "/mutes",
    permission="alert.mute",
    body=MuteIn,
    answer=MuteOut,
    status=201,
    summary=N_("Mute a CI or a rule"),
)
async def mute(call: Call, body: MuteIn) -> MuteOut:
    """With reason and end."""

    def do(session: Session) -> MuteOut:
        ci_id = cmdb.ci(session, body.ci).id if body.ci else None
        made = service.mute(
            session,
            ci_id=ci_id,
            rule=body.rule,
            reason=body.reason,
            until=body.until,
            actor=call.actor,
            now=call.now,
        )
        return MuteOut.model_validate(made)

    return await call.db.run(do)


@api.delete("/mutes/{number}", permission="alert.mute", summary=N_("Take a mute back"))
async def end_mute(call: Call, number: int) -> None:
    """What it held and still fires is told once."""
    await call.db.run(service.end_mute, number, actor=call.actor, now=call.now)
