"""What lists show of incidents, and how an incident is called, in the reader's language."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from server.accounts import service as accounts
from server.cmdb import service as cmdb
from server.cmdb.models import Ci
from server.incidents.models import Incident
from server.kernel.call import Actor
from server.kernel.i18n import _, loc
from server.sla import service as sla
from server.sla.clocks import ClockView


@dataclass(frozen=True)
class Row:
    """An incident in a list. `clock`: the one that is due next, or None."""

    id: str
    number: str
    url: str
    priority: int
    summary: str
    state: str
    pending_reason: str
    ci: Ci | None
    ci_icon: str
    assignee: str
    group: str
    source: str
    category: str
    opened_at: datetime
    due_at: datetime | None
    clock: ClockView | None
    version: int


def title(incident: Incident) -> str:
    """The summary in the reader's language, where the machine wrote it in both."""
    return loc(incident.summary_by_lang) if incident.summary_by_lang else incident.summary


def visible_statement(actor: Actor) -> Select[Any]:
    """The incidents this person may see; filters come on top of it."""
    query = select(Incident)
    if actor.may("incident.read") and not actor.vendor:
        return query
    mine = [
        column == actor.id for column in (Incident.contact_id, Incident.affected_id, Incident.created_by_id)
    ]
    if actor.may("incident.read"):
        mine.append(Incident.group_id.in_(actor.groups))
    return query.where(or_(*mine))


def rows(session: Session, incidents: Sequence[Incident], actor: Actor, now: datetime) -> list[Row]:
    """Incidents as lists show them; six queries however many they are."""
    del actor
    cis = cmdb.cis(session, {one.ci_id for one in incidents if one.ci_id is not None})
    people = accounts.people_by_ids(session, {one.assignee_id for one in incidents})
    groups = accounts.groups_by_ids(session, {one.group_id for one in incidents})
    clocks = sla.views(session, [one.number for one in incidents], now=now)
    shown = []
    for one in incidents:
        ci = cis.get(one.ci_id or 0)
        person, group = people.get(one.assignee_id or 0), groups.get(one.group_id or 0)
        shown.append(
            Row(
                one.number,
                one.number,
                f"/incidents/{one.number}",
                one.priority,
                title(one),
                one.state.value,
                one.pending_reason.value if one.pending_reason else "",
                ci,
                cmdb.icon(ci.class_code) if ci is not None else "",
                loc(person.name) if person is not None else "",
                loc(group.name) if group is not None else "",
                one.source.value,
                one.category,
                one.opened_at,
                one.resolution_due_at,
                next_clock(clocks.get(one.number, [])),
                one.version,
            )
        )
    return shown


def next_clock(clocks: Sequence[ClockView]) -> ClockView | None:
    """Of the clocks that run or wait, the one that is due first."""
    going = [clock for clock in clocks if clock.stopped_at is None]
    return min(going, key=lambda clock: clock.left, default=None)


def priority_words(incident: Incident) -> str:
    """Why it has its priority: "high impact × high urgency, raised by Billing (critical)"."""
    levels = {1: _("high"), 2: _("medium"), 3: _("low"), 4: _("very low")}
    text = _("{impact} impact × {urgency} urgency").format(
        impact=levels.get(incident.impact, ""), urgency=levels.get(incident.urgency, "")
    )
    for raised in incident.priority_why.get("raises", ()):
        if raised["reason"] == "service":
            text = _("{text}, raised by {service} (critical)").format(text=text, service=raised["name"])
        else:
            text = _("{text}, raised for {person}").format(text=text, person=loc(raised["name"]))
    return _("{text}, set by a person").format(text=text) if incident.priority_set else text


def resolution_text(incident: Incident) -> str:
    """The resolution; a machine's own in the reader's language."""
    return _(incident.resolution) if incident.cause_code == "recovered" else incident.resolution
