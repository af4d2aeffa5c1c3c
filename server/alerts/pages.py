"""Alerts: the live list, the storm view by groups, one alert with its evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts import service as accounts
from server.alerts import service
from server.alerts.models import Alert, AlertGroup, AlertState, Mute, Severity, Stage
from server.alerts.sections import sections
from server.alerts.service import Funnel
from server.alerts.words import CauseView, cause_view, joined_words
from server.cmdb import service as cmdb
from server.cmdb.models import Ci
from server.kernel.call import Actor, Call
from server.kernel.errors import InvalidError
from server.kernel.i18n import N_, _, loc
from server.kernel.listing import Choice, Column, Filter, Listing, View, show
from server.kernel.web import Pages

pages = Pages("alerts")
STORM_SINCE = timedelta(hours=24)
GROUPS_SHOWN = 30
ALERTS_SHOWN = 12

STATES = {
    AlertState.FIRING: N_("Firing"),
    AlertState.ACKNOWLEDGED: N_("Acknowledged"),
    AlertState.SUPPRESSED: N_("Suppressed"),
    AlertState.RESOLVED: N_("Over"),
}
SEVERITIES = {
    Severity.CRITICAL: N_("Critical"),
    Severity.MAJOR: N_("Major"),
    Severity.MINOR: N_("Minor"),
    Severity.INFO: N_("Info"),
}
STAGES = {
    Stage.PENDING: N_("Waits before it is told"),
    Stage.OPEN: N_("Firing"),
    Stage.RECOVERING: N_("Recovering"),
    Stage.ENDED: N_("Over"),
    Stage.MERGED: N_("Merged"),
}
OUTCOMES = {
    "opened": N_("opened the alert"),
    "repeated": N_("repeated"),
    "changed": N_("changed the severity"),
    "resolved": N_("over"),
    "held": N_("over, kept open because it flaps"),
    "reopened": N_("came back"),
    "stale": N_("came late, changed nothing"),
    "noted": N_("noted"),
    "unknown": N_("end without a beginning"),
}


@dataclass(frozen=True)
class GroupView:
    """A group with its alerts, as the storm view shows it."""

    group: AlertGroup
    title: str
    severity: str
    stage: str
    ci: Ci | None
    cause: CauseView | None
    alerts: Sequence[Mapping[str, Any]]
    more: int


def _rows(session: Session, rows: Sequence[Alert], actor: Actor, now: datetime) -> list[dict[str, Any]]:
    del actor, now
    cis = cmdb.cis(session, {row.ci_id for row in rows if row.ci_id is not None})
    groups = _groups(session, {row.group_id for row in rows if row.group_id is not None})
    return [_row(row, cis.get(row.ci_id or 0), groups.get(row.group_id or 0)) for row in rows]


def _groups(session: Session, ids: set[int]) -> dict[int, AlertGroup]:
    if not ids:
        return {}
    return {group.id: group for group in session.scalars(select(AlertGroup).where(AlertGroup.id.in_(ids)))}


def _row(row: Alert, ci: Ci | None, group: AlertGroup | None) -> dict[str, Any]:
    return {
        "id": row.id,
        "url": f"/alerts/{row.id}",
        "severity": row.severity.value,
        "summary": loc(row.summary) or row.rule,
        "ci": ci,
        "ci_name": ci.name if ci is not None else row.device,
        "ci_icon": cmdb.icon(ci.class_code) if ci is not None else "help-circle",
        "ci_url": f"/cis/{ci.number}" if ci is not None else "",
        "state": _(STATES[row.state]),
        "state_code": row.state.value,
        "flapping": row.held_until is not None,
        "count": row.count,
        "flaps": row.flaps,
        "started_at": row.started_at,
        "resolved_at": row.resolved_at,
        "last_at": row.last_at,
        "ticket": group.ticket if group is not None else "",
        "joined": joined_words(row.joined) if row.joined else "",
        "rule": row.rule,
    }


LIST = Listing(
    name="alerts",
    url="/alerts",
    title=N_("Alerts"),
    statement=lambda actor: select(Alert),  # noqa: ARG005  the page's right decides
    key=Alert.id,
    sort="-started_at",
    search=(Alert.rule, Alert.device, Alert.metric),
    columns=(
        Column("severity", N_("Severity"), kind="sev", sort=Alert.severity, phone="mark"),
        Column("summary", N_("Alert"), phone="title", href=lambda row: row["url"]),
        Column("ci_name", N_("Item"), kind="custom", phone="meta"),
        Column("state", N_("State"), kind="custom", sort=Alert.state, phone="meta"),
        Column("count", N_("Count"), kind="number", sort=Alert.count),
        Column("started_at", N_("Began"), kind="ago", sort=Alert.started_at, phone="end"),
        Column("ticket", N_("Incident"), kind="custom"),
    ),
    filters=(
        Filter(
            "state",
            N_("State"),
            "choice",
            Alert.state,
            choices=(
                Choice("open", N_("Not over"), Alert.resolved_at.is_(None)),
                *(Choice(state.value, label) for state, label in STATES.items()),
            ),
        ),
        Filter(
            "severity",
            N_("Severity"),
            "choice",
            Alert.severity,
            choices=tuple(Choice(severity.value, label) for severity, label in SEVERITIES.items()),
        ),
        Filter("rule", N_("Rule"), "text", Alert.rule),
        Filter("source", N_("Source"), "text", Alert.source),
        Filter("began", N_("Began"), "date", Alert.started_at),
    ),
    views=(
        View("open", N_("Not over"), "state:open", sort="-started_at"),
        View("critical", N_("Critical"), "state:open severity:critical", sort="-started_at"),
        View("muted", N_("Suppressed"), "state:suppressed"),
        View("all", N_("All"), ""),
    ),
    prepare=_rows,
    row_id=lambda row: str(row["id"]),
    row_url=lambda row: str(row["url"]),
    topic="alerts",
)


@pages.get("/alerts", permission="alert.read")
async def alerts(call: Call) -> web.StreamResponse:
    """The list, or by groups."""
    if call.request.query.get("view") == "groups":
        funnel, groups = await call.db.read(storm, since=call.now - STORM_SINCE)
        return call.render("alerts/groups.html", funnel=funnel, groups=groups, topics=("alerts",))
    return await show(call, LIST, "alerts/list.html")


def storm(session: Session, *, since: datetime) -> tuple[Funnel, list[GroupView]]:
    """Where the events of a time went, and the groups that live or ended in it: open ones first."""
    living = AlertGroup.state.in_((Stage.OPEN, Stage.RECOVERING, Stage.PENDING))
    rows = session.scalars(
        select(AlertGroup)
        .where(AlertGroup.state != Stage.MERGED, living | (AlertGroup.ended_at >= since))
        .order_by(AlertGroup.ended_at.is_not(None), AlertGroup.told_at.is_(None), AlertGroup.opened_at.desc())
        .limit(GROUPS_SHOWN)
    ).all()
    members: dict[int, list[Alert]] = {}
    ids = [row.id for row in rows]
    for alert in session.scalars(select(Alert).where(Alert.group_id.in_(ids)).order_by(Alert.started_at)):
        members.setdefault(alert.group_id or 0, []).append(alert)
    cis = cmdb.cis(
        session,
        {a.ci_id for found in members.values() for a in found if a.ci_id is not None}
        | {row.root_ci_id for row in rows if row.root_ci_id is not None},
    )
    shown = [_group(session, row, members.get(row.id, []), cis) for row in rows]
    ranks = [severity.value for severity in Severity]
    shown.sort(
        key=lambda view: (
            view.group.ended_at is not None,
            view.group.told_at is None,
            ranks.index(view.severity),
            -view.group.opened_at.timestamp(),
        )
    )
    return service.funnel(session, since=since), shown


def _group(session: Session, row: AlertGroup, alerts: Sequence[Alert], cis: Mapping[int, Ci]) -> GroupView:
    order = sorted(alerts, key=lambda a: (a.id != row.root_alert_id, a.resolved_at is not None, a.started_at))
    root = order[0] if order else None
    ranks = list(Severity)
    worst = min((a.severity for a in alerts), key=ranks.index, default=Severity.INFO)
    return GroupView(
        row,
        (loc(root.summary) or root.rule) if root is not None else "",
        worst.value,
        _(STAGES[row.state]),
        cis.get(row.root_ci_id or 0),
        cause_view(session, row),
        [_row(a, cis.get(a.ci_id or 0), row) for a in order[:ALERTS_SHOWN]],
        max(len(order) - ALERTS_SHOWN, 0),
    )


@pages.get("/alerts/{number}", permission="alert.read")
async def record(call: Call, number: int) -> web.StreamResponse:
    """One alert: what the device said, each raw event, how it joined."""
    view = await call.db.read(detail, number, call.actor)
    return call.render("alerts/record.html", topics=("alerts",), **view)


def detail(session: Session, number: int, actor: Actor) -> dict[str, Any]:
    """All that the page of one alert shows."""
    alert = service.alert(session, number)
    ci = cmdb.find_ci(session, alert.ci_id) if alert.ci_id is not None else None
    group = session.get(AlertGroup, alert.group_id) if alert.group_id is not None else None
    mute = session.get(Mute, alert.mute_id) if alert.mute_id is not None else None
    people = accounts.people_by_ids(
        session, {alert.acknowledged_by_id, mute.owner_id if mute is not None else None}
    )
    return {
        "alert": alert,
        "row": _row(alert, ci, group),
        "group": group,
        "sections": sections(session, alert, group.ticket if group is not None else "", actor),
        "cause": cause_view(session, group) if group is not None else None,
        "events": [
            (event, _(OUTCOMES.get(event.outcome, N_("noted")))) for event in service.events(session, number)
        ],
        "mute": mute,
        "mute_owner": people.get(mute.owner_id) if mute is not None else None,
        "seen_by": people.get(alert.acknowledged_by_id or 0),
        "reason": loc(alert.hints.get("cause")),
    }


@pages.post("/alerts/{number}/acknowledge", permission="alert.acknowledge")
async def acknowledge(call: Call, number: int) -> web.StreamResponse:
    """Say that somebody has seen it."""
    await call.db.run(service.acknowledge, number, actor=call.actor, now=call.now)
    return call.redirect(f"/alerts/{number}", toast=N_("Acknowledged"))


@pages.post("/alerts/{number}/mute", permission="alert.mute")
async def mute(call: Call, number: int) -> web.StreamResponse:
    """Mute this rule on this item."""
    hours = str(call.form.get("hours", ""))
    if hours not in {"1", "4", "24", "168"}:
        raise InvalidError(N_("Choose how long."), field="/hours")

    def do(session: Session) -> None:
        alert = service.alert(session, number)
        service.mute(
            session,
            ci_id=alert.ci_id,
            rule=alert.rule,
            reason=str(call.form.get("reason", "")),
            until=call.now + timedelta(hours=int(hours)),
            actor=call.actor,
            now=call.now,
        )

    await call.db.run(do)
    return call.redirect(f"/alerts/{number}", toast=N_("Muted"))


@pages.post("/mutes/{number}/end", permission="alert.mute")
async def end_mute(call: Call, number: int) -> web.StreamResponse:
    """Take a mute back."""
    await call.db.run(service.end_mute, number, actor=call.actor, now=call.now)
    return call.redirect("/alerts", toast=N_("The mute is over"))
