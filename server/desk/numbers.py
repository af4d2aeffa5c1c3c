"""The five numbers of home: what waits for me and how well my lines do, each with its target."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, true
from sqlalchemy.orm import Session

from server.incidents.models import OPEN_STATES, Incident
from server.kernel.call import Actor
from server.kernel.i18n import _, format_duration, format_number, local, ngettext
from server.sla.models import ClockKind, SlaClock

TARGET_PERCENT = 95.0  # of tickets in time; what most agreements ask for
SOON = timedelta(minutes=30)
MONTH = timedelta(days=30)
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


def numbers(session: Session, actor: Actor, now: datetime) -> list[Number]:
    """The numbers, in three queries."""
    waiting, late, soon = session.execute(_waiting(actor, now)).one()
    clocks = {kind: (met, missed) for kind, met, missed in session.execute(_in_time(actor, now))}
    resolved = list(session.execute(_resolved(actor, now)))
    return [
        _queue(waiting, late, soon),
        _share(_("Response in time"), *clocks.get(ClockKind.RESPONSE, (0, 0))),
        _share(_("Resolution in time"), *clocks.get(ClockKind.RESOLUTION, (0, 0))),
        _week(resolved, actor, now),
        _restore(resolved, now),
    ]


def _waiting(actor: Actor, now: datetime) -> Select[Any]:
    due = next_due
    return select(
        func.count(),
        func.coalesce(func.sum(case((due < now, 1), else_=0)), 0),
        func.coalesce(func.sum(case((and_(due >= now, due < now + SOON), 1), else_=0)), 0),
    ).where(mine(actor), Incident.state.in_(OPEN_STATES))


def _in_time(actor: Actor, now: datetime) -> Select[Any]:
    met = SlaClock.stopped_at <= SlaClock.due_at
    return (
        select(
            SlaClock.kind,
            func.coalesce(func.sum(case((met, 1), else_=0)), 0),
            func.coalesce(func.sum(case((met, 0), else_=1)), 0),
        )
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
    own = [row.resolved_at for row in resolved if lead or row.assignee_id == actor.id]
    this = sum(at >= monday for at in own)
    before = sum(monday - week <= at < now - week for at in own)
    label = _("Resolved this week") if lead else _("Resolved by me this week")
    return Number(label, format_number(this), note=_("{n} by this day last week").format(n=before))


def _restore(resolved: Sequence[Any], now: datetime) -> Number:
    label = _("Median time to restore")
    spans = sorted(row.resolved_at - row.opened_at for row in resolved if row.resolved_at >= now - MONTH)
    if not spans:
        return Number(label, "–", note=_("none in 30 days"))
    middle = spans[len(spans) // 2]
    said = ngettext("one resolved in 30 days", "{n} resolved in 30 days", len(spans))
    return Number(label, format_duration(middle), note=said.format(n=format_number(len(spans))))
