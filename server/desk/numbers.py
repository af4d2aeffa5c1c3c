"""The five numbers of home: what waits for me and how well my lines do, each with its target."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, true
from sqlalchemy.orm import Session

from server.desk.figures import Sums, row
from server.incidents.models import OPEN_STATES, Incident
from server.kernel.call import Actor
from server.kernel.i18n import _, format_duration, format_number, local, ngettext
from server.sla.models import ClockKind, SlaClock

TARGET_PERCENT = 95.0  # of tickets in time; what most agreements ask for
SOON = timedelta(minutes=30)
MONTH = timedelta(days=30)
WAITING = "waiting"
HEADS = frozenset({"incident_supervisor", "incident_manager", "service_manager", "auditor", "administrator"})


@dataclass(frozen=True)
class Number:
    """One number. `tone` is good, bad or "" where there is no target to compare with."""

    label: str
    value: str
    unit: str = ""
    note: str = ""
    tone: str = ""
    url: str = ""


next_due = case(
    (and_(Incident.responded_at.is_(None), Incident.response_due_at.is_not(None)), Incident.response_due_at),
    else_=Incident.resolution_due_at,
)
"""The deadline that comes next: the answer first, then the solution."""


def mine(actor: Actor) -> ColumnElement[bool]:
    """Incidents that wait for this person: assigned, or nobody's yet in one of the groups."""
    unclaimed = and_(Incident.assignee_id.is_(None), Incident.group_id.in_(actor.groups or {0}))
    return or_(Incident.assignee_id == actor.id, unclaimed)


def answered_for(actor: Actor) -> ColumnElement[bool]:
    """Incidents this person answers for: all for those who lead, else those of the own groups."""
    if actor.roles & HEADS:
        return true()
    return or_(Incident.assignee_id == actor.id, Incident.group_id.in_(actor.groups or {0}))


def figures(actor: Actor, now: datetime) -> list[Select[Any]]:
    """What has to be asked for `numbers`."""
    return [_waiting(actor, now), _in_time(actor, now)]


def waiting(sums: Sums) -> int:
    """How many incidents wait for this person."""
    return sums[WAITING][0][1]


def numbers(session: Session, sums: Sums, actor: Actor, now: datetime) -> list[Number]:
    """The numbers; `sums` are the answers to `figures`."""
    resolved = list(session.execute(_resolved(actor, now)))
    clocks = {kind: sums[kind][0][1:3] for kind in ClockKind if kind in sums}
    return [
        _queue(*sums[WAITING][0][1:]),
        _share(_("Response in time"), *clocks.get(ClockKind.RESPONSE, (0, 0))),
        _share(_("Resolution in time"), *clocks.get(ClockKind.RESOLUTION, (0, 0))),
        _week(resolved, actor, now),
        _restore(resolved, now),
    ]


def _waiting(actor: Actor, now: datetime) -> Select[Any]:
    due = next_due
    late = func.sum(case((due < now, 1), else_=0))
    soon = func.sum(case((and_(due >= now, due < now + SOON), 1), else_=0))
    return row(WAITING, [func.count(Incident.id), late, soon]).where(
        mine(actor), Incident.state.in_(OPEN_STATES)
    )


def _in_time(actor: Actor, now: datetime) -> Select[Any]:
    met = SlaClock.stopped_at <= SlaClock.due_at
    both = [func.sum(case((met, 1), else_=0)), func.sum(case((met, 0), else_=1))]
    return (
        row(SlaClock.kind, both)
        .join(Incident, Incident.number == SlaClock.ticket)
        .where(
            SlaClock.stopped_at >= now - MONTH,
            SlaClock.due_at.is_not(None),
            Incident.opened_at >= now - 2 * MONTH,
            answered_for(actor),
        )
        .group_by(SlaClock.kind)
    )


def _resolved(actor: Actor, now: datetime) -> Select[datetime, datetime | None, int | None]:
    return (
        select(Incident.opened_at, Incident.resolved_at, Incident.assignee_id)
        .where(
            Incident.resolved_at >= now - MONTH, Incident.opened_at >= now - 2 * MONTH, answered_for(actor)
        )
        .order_by(Incident.resolved_at.desc())
        .limit(5000)
    )


def _queue(waiting: int, late: int, soon: int) -> Number:
    if late:
        note, tone = ngettext("one late", "{n} late", late).format(n=late), "bad"
    elif soon:
        said = ngettext("one due within 30 min", "{n} due within 30 min", soon)
        note, tone = said.format(n=soon), ""
    else:
        note, tone = _("none due within 30 min"), "good" if waiting == 0 else ""
    return Number(
        _("Waiting in my queue"), format_number(waiting), note=note, tone=tone, url="/incidents?view=mine"
    )


def _share(label: str, met: int, missed: int) -> Number:
    if met + missed == 0:
        return Number(label, "–", note=_("none in 30 days"))
    percent = 100 * met / (met + missed)
    places = {"missed": missed, "all": met + missed}
    note = _("{missed} of {all} late, target 95%").format(**places)
    return Number(label, format_number(percent, 1), "%", note, "good" if percent >= TARGET_PERCENT else "bad")


def _week(resolved: Sequence[Any], actor: Actor, now: datetime) -> Number:
    """Resolved since Monday, against the same span of the week before."""
    here = local(now)
    monday = (here - timedelta(days=here.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    week = timedelta(days=7)
    lead = bool(actor.roles & HEADS)
    own = [one.resolved_at for one in resolved if lead or one.assignee_id == actor.id]
    this = sum(at >= monday for at in own)
    before = sum(monday - week <= at < now - week for at in own)
    label = _("Resolved this week") if lead else _("Resolved by me this week")
    return Number(label, format_number(this), note=_("{n} by this day last week").format(n=before))


def _restore(resolved: Sequence[Any], now: datetime) -> Number:
    label = _("Median time to restore")
    spans = sorted(one.resolved_at - one.opened_at for one in resolved if one.resolved_at >= now - MONTH)
    if not spans:
        return Number(label, "–", note=_("none in 30 days"))
    middle = spans[len(spans) // 2]
    said = ngettext("one resolved in 30 days", "{n} resolved in 30 days", len(spans))
    return Number(label, format_duration(middle), note=said.format(n=format_number(len(spans))))
