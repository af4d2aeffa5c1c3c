"""News of alert groups becomes incidents: opened, grown, re-rooted, merged, resolved, without typing."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from server.alerts.models import Alert, AlertGroup
from server.alerts.news import GroupNews
from server.cmdb import service as cmdb
from server.cmdb.models import Ci
from server.incidents import facts, learning
from server.incidents.models import (
    Incident,
    Kind,
    State,
)
from server.incidents.moves import close_into, reopened, resolved, set_deadlines
from server.incidents.opening import cause_ci, cause_name, ci_of, open_for, titles_of, touch_cis
from server.incidents.telling import say
from server.incidents.timeline import last_known, tell, tell_folded
from server.kernel.i18n import N_
from server.sla import service as sla

REOPEN_WITHIN = timedelta(minutes=20)
ALERTS_MATTER = {"opened", "joined", "rerooted", "merged", "reopened", "ended"}  # kinds of news
OF_GROUPS = (
    select(Incident)
    .where(Incident.alert_group_id.in_(bindparam("ids", expanding=True)))
    .order_by(Incident.id)
)


def on_group_news(session: Session, *, news: Sequence[GroupNews], now: datetime) -> None:
    """What the desk makes of news from the alerts; see `alerts.news.GROUP_NEWS`."""
    groups = {one.group.id for one in news} | {one.other.id for one in news if one.other is not None}
    incidents = of_groups(session, groups)
    talked_of = {one.group.id: one.group for one in news if one.kind in ALERTS_MATTER}
    roots = {group.root_ci_id for group in talked_of.values()}
    items = roots | {incidents[number].ci_id for number in talked_of.keys() & incidents.keys()}
    with last_known(session, incidents.values()), facts.at_hand(session, talked_of, items):
        for one in news:
            incident = _made_of(session, one, incidents, now=now)
            if incident is not None:
                incidents[one.group.id] = incident


def _made_of(
    session: Session, news: GroupNews, incidents: Mapping[int, Incident], *, now: datetime
) -> Incident | None:
    """Take one piece of news; the group's incident, if it has one now."""
    group, kind = news.group, news.kind
    incident = incidents.get(group.id)
    if kind == "merged" and news.other is not None:
        return _merged(session, incident, group, incidents.get(news.other.id), now=now)
    if kind == "reopened":
        return _again(session, incident, group, now=now)
    if incident is None:
        return open_for(session, group, now=now) if kind in {"opened", "joined", "rerooted"} else None
    if kind in {"opened", "joined"}:
        return _joined(session, incident, group, news.alerts, now=now)
    if kind == "rerooted":
        _rerooted(session, incident, group, now=now)
    elif kind == "alert_resolved" and incident.is_open:
        tell_folded(session, incident, Kind.ALERT, N_("Over: {alert}"), now=now, each=_named(news.alerts))
    elif kind == "ended":
        _ended(session, incident, group, now=now)
    return incident


def of_groups(session: Session, group_ids: Collection[int]) -> dict[int, Incident]:
    """The incidents of groups: of each the open one, else the newest."""
    found: dict[int, Incident] = {}
    for row in session.scalars(OF_GROUPS, {"ids": sorted(group_ids)}):
        known = found.get(row.alert_group_id or 0)
        if known is None or row.is_open or not known.is_open:
            found[row.alert_group_id or 0] = row
    return found


def _named(alerts: Sequence[Alert]) -> list[dict[str, Any]]:
    """What the timeline calls alerts."""
    return [{"alert": alert.summary or alert.rule} for alert in alerts]


def _joined(
    session: Session, incident: Incident, group: AlertGroup, joined: Sequence[Alert], *, now: datetime
) -> Incident:
    """Alerts joined the group, all those of a transaction at once."""
    if not incident.is_open:
        return _again(session, incident, group, now=now) if incident.state is State.RESOLVED else incident
    alerts = facts.alerts_of(session, group.id)
    ci = cmdb.find_ci(session, incident.ci_id) if incident.ci_id is not None else None
    touch_cis(session, incident, alerts, ci)
    tell_folded(session, incident, Kind.CORRELATION, N_("Joined: {alert}"), now=now, each=_named(joined))
    _follow(session, incident, group, alerts, now=now)
    _graver(session, incident, cause_ci(session, group) or ci, alerts, now=now)
    return incident


def _follow(
    session: Session, incident: Incident, group: AlertGroup, alerts: list[Alert], *, now: datetime
) -> None:
    """Move item and title along when a graver alert has joined, or the cause's own of equal gravity.

    What a person has set stays (`context["set"]`); a lesser alert never takes the name away.
    """
    first = facts.gravest(alerts, group)
    named = incident.context.get("named_by") or {}
    if first is None or first.id == named.get("alert"):
        return
    ranks = facts.GRAVITY
    was = ranks.index(named["severity"]) if named.get("severity") in ranks else len(ranks)
    present = next((alert for alert in alerts if alert.id == named.get("alert")), None)
    of_cause = facts.gravity(first, group)[1] is False
    was_cause = present is not None and facts.gravity(present, group)[1] is False
    grave = ranks.index(first.severity.value)
    if grave > was or (grave == was and (was_cause or not of_cause)):
        return
    incident.context = {
        **incident.context,
        "named_by": {"alert": first.id, "severity": first.severity.value},
    }
    by_person = set(incident.context.get("set", ()))
    ci = ci_of(session, first, group)
    moved = False
    if "ci" not in by_person and ci is not None and ci.id != incident.ci_id:
        incident.ci_id, incident.location_id = ci.id, ci.location_id
        touch_cis(session, incident, alerts, ci)
        moved = True
    if "summary" not in by_person and incident.summary_by_lang != (titles := titles_of(first, ci, group)):
        incident.summary_by_lang, incident.summary = titles, titles["en"]
        moved = True
    if moved:
        msgid = N_("Item and title follow the gravest alert: {alert}")
        payload = {"severity": first.severity.value, "alert": first.id}
        tell(
            session,
            incident,
            Kind.MACHINE,
            msgid,
            now=now,
            payload=payload,
            alert=first.summary or first.rule,
        )


def _graver(
    session: Session, incident: Incident, ci: Ci | None, alerts: list[Alert], *, now: datetime
) -> None:
    """Raise the priority when what joined asks for it; never lower it, never against a person."""
    if incident.priority_set:
        return
    weighed = facts.weigh_machine(session, ci, alerts)
    if weighed.priority >= incident.priority:
        return
    was = incident.priority
    incident.impact, incident.urgency, incident.priority = weighed.impact, weighed.urgency, weighed.priority
    incident.priority_why = facts.why(weighed)
    sla.reprioritise(session, incident.number, incident.priority, now=now)
    set_deadlines(session, incident, now=now)
    tell(
        session,
        incident,
        Kind.MACHINE,
        N_("Raised from P{was} to P{priority}"),
        now=now,
        was=was,
        priority=incident.priority,
    )


def _rerooted(session: Session, incident: Incident, group: AlertGroup, *, now: datetime) -> None:
    if not incident.is_open:
        return
    alerts = facts.alerts_of(session, group.id)
    root = facts.root_alert(alerts, group)
    cause = cause_ci(session, group)
    ci = cmdb.find_ci(session, incident.ci_id) if incident.ci_id is not None else cause
    cause_id = cause.id if cause is not None else None
    if incident.context.get("cause_ci") != cause_id:
        kept = {name: value for name, value in incident.context.items() if name in {"named_by", "set"}}
        incident.context = {**facts.context(session, ci, alerts, group, now=now), **kept}
        touch_cis(session, incident, alerts, ci)
        tell(
            session,
            incident,
            Kind.CORRELATION,
            N_("Another probable cause: {cause}"),
            now=now,
            payload={"group": group.id},
            cause=cause_name(session, group, root),
        )
    _follow(session, incident, group, alerts, now=now)
    _graver(session, incident, cause or ci, alerts, now=now)


def _merged(
    session: Session, incident: Incident | None, group: AlertGroup, child: Incident | None, *, now: datetime
) -> Incident:
    """A group went into another; `child` is the incident that it had."""
    if incident is None:
        incident = open_for(session, group, now=now)
    if child is not None and child.is_open and child.id != incident.id:
        close_into(session, child, incident, by=None, now=now)
    return _joined(session, incident, group, (), now=now)


def _again(session: Session, incident: Incident | None, group: AlertGroup, *, now: datetime) -> Incident:
    """A group that had ended fires again: the same incident, unless a person has closed it."""
    if incident is None:
        return open_for(session, group, now=now)
    if incident.is_open:
        return incident
    resolved_at = incident.resolved_at
    if incident.state is State.RESOLVED and resolved_at is not None and now - resolved_at <= REOPEN_WITHIN:
        reopened(session, incident, by=None, now=now)
        tell(session, incident, Kind.ALERT, N_("The alerts are back; reopened"), now=now)
        say(session, incident, "incident.reopened", now=now)
        return incident
    return open_for(session, group, now=now, after=incident)


def _ended(session: Session, incident: Incident, group: AlertGroup, *, now: datetime) -> None:
    if not incident.is_open:
        return
    alerts = facts.alerts_of(session, group.id)
    items = [
        {
            "alert": alert.id,
            "summary": alert.summary,
            "ci": alert.ci_id,
            "from": alert.started_at.isoformat(),
            "to": alert.resolved_at.isoformat() if alert.resolved_at else None,
            "value": alert.value,
            "unit": alert.unit,
            "count": alert.count,
        }
        for alert in alerts[: facts.SHOWN_ALERTS]
    ]
    tell(
        session,
        incident,
        Kind.EVIDENCE,
        N_("All {n} alerts are over; their times and last values are attached"),
        now=now,
        payload={"alerts": items},
        n=len(alerts),
    )
    resolved(
        session,
        incident,
        by=None,
        now=now,
        cause_code=learning.RECOVERED,
        resolution=N_("All alerts are over; the condition is gone."),
    )
    say(session, incident, "incident.resolved", now=now)
