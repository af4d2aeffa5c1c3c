"""The queue: incidents by the time that is left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, or_, select
from sqlalchemy.orm import Session

from rules.numbers import whole
from server.accounts import service as accounts
from server.cmdb import providers
from server.cmdb.models import Ci
from server.incidents import views, words
from server.incidents.models import OPEN_STATES, Incident, IncidentCi, State
from server.kernel.call import Actor
from server.kernel.i18n import N_, _
from server.kernel.listing import Bulk, Choice, Column, Filter, Listing, View
from server.kernel.listing.query import fold, folded

next_due = case(
    (and_(Incident.responded_at.is_(None), Incident.response_due_at.is_not(None)), Incident.response_due_at),
    else_=Incident.resolution_due_at,
)
"""The deadline that comes next: the answer first, then the solution."""

ENDED = (State.RESOLVED, State.CLOSED, State.CANCELLED)


@dataclass(frozen=True)
class Line:
    """A row of the queue: the incident as lists show it, the health of its item, its time left."""

    row: views.Row
    health: str
    left: words.Left | None

    @property
    def id(self) -> str:
        """What a tick and the preview name it by."""
        return self.row.number


def lines(session: Session, incidents: Sequence[Incident], actor: Actor, now: datetime) -> list[Line]:
    """What the cells show; seven queries however many rows."""
    rows = views.rows(session, incidents, actor, now)
    health = providers.health(session, [row.ci for row in rows if row.ci is not None])
    return [
        Line(row, health.get(row.ci.id, "") if row.ci is not None else "", words.left(row.clock))
        for row in rows
    ]


def _people(session: Session, values: Sequence[str]) -> Mapping[str, Any]:
    """The names of the persons with these numbers."""
    numbers = [number for one in values if (number := whole(one)) is not None]
    return {str(one.id): one.name for one in accounts.people_by_ids(session, numbers).values()}


def _groups(session: Session, actor: Actor) -> list[Choice]:
    """My groups as one choice, then each group; asked once for each page."""
    own = Choice("mine", N_("my groups"), Incident.group_id.in_(actor.groups or {0}))
    kept: list[Choice] | None = session.info.get("incident_groups")
    if kept is None:
        kept = [
            Choice(group.code, group.name, Incident.group_id == group.id)
            for group in accounts.groups(session)
        ]
        session.info["incident_groups"] = kept
    return [own, *kept]


def _of_ci(value: str) -> ColumnElement[bool]:
    """Whose items have a name or number with these letters; `*` stands for anything."""
    text = fold(value).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    pattern = text.replace("*", "%") if "*" in text else f"%{text}%"
    hit = or_(folded(Ci.name).like(pattern, escape="\\"), folded(Ci.number).like(pattern, escape="\\"))
    items = select(Ci.id).where(hit)
    touched = select(IncidentCi.incident_id).where(IncidentCi.ci_id.in_(items))
    return or_(Incident.ci_id.in_(items), Incident.id.in_(touched))


def _not_open(line: Line) -> str | None:
    return _("already over") if line.row.state in {one.value for one in ENDED} else None


def _not_resolved(line: Line) -> str | None:
    return None if line.row.state == State.RESOLVED.value else _("not resolved yet")


def _statement(actor: Actor) -> Select[Any]:
    return views.visible_statement(actor)


QUEUE = Listing(
    name="incidents",
    url="/incidents",
    title=N_("Incidents"),
    statement=_statement,
    key=Incident.id,
    sort="left",
    search=(Incident.number, Incident.summary, Incident.summary_by_lang, Incident.description),
    columns=(
        Column("priority", N_("Pr."), kind="custom", sort=Incident.priority, width="narrow", phone="mark"),
        Column("summary", N_("Summary"), kind="custom", sort=Incident.summary, width="wide", phone="title"),
        Column("state", N_("State"), kind="custom", sort=Incident.state, width="narrow"),
        Column("who", N_("Assigned to"), kind="custom", width="narrow"),
        Column("opened", N_("Opened"), kind="custom", sort=Incident.opened_at, width="narrow"),
        Column(
            "left",
            N_("Time left"),
            kind="custom",
            sort=(next_due, Incident.priority),
            width="narrow",
            phone="end",
        ),
    ),
    filters=(
        Filter(
            "state",
            N_("State"),
            "choice",
            Incident.state,
            choices=(
                Choice("open", N_("not closed"), Incident.state.in_(OPEN_STATES)),
                *(Choice(one.value, label) for one, label in words.STATES.items()),
            ),
        ),
        Filter(
            "priority",
            N_("Priority"),
            "choice",
            Incident.priority,
            choices=tuple(Choice(str(n), {"en": f"P{n}", "zh": f"P{n}"}) for n in range(1, 6)),
        ),
        Filter("group", N_("Group"), "choice", Incident.group_id, choices=_groups),
        Filter(
            "assignee",
            N_("Assigned to"),
            "person",
            Incident.assignee_id,
            labels=_people,
            lookup="/incidents/people",
        ),
        Filter(
            "ci", N_("Item"), "text", where=_of_ci, hint=N_("Name or number; UPS-* finds all that begin so")
        ),
        Filter(
            "category",
            N_("Category"),
            "choice",
            Incident.category,
            choices=tuple(Choice(code, label) for code, label in words.CATEGORIES.items()),
        ),
        Filter(
            "source",
            N_("Reported by"),
            "choice",
            Incident.source,
            choices=tuple(Choice(one.value, label) for one, label in words.SOURCES.items()),
        ),
        Filter("opened", N_("Opened"), "date", Incident.opened_at),
    ),
    views=(
        View("open", N_("Open, by time left"), "state:open", sort="left"),
        View("unassigned", N_("Unassigned"), "state:open assignee:none", sort="left"),
        View("groups", N_("My groups"), "state:open group:mine", sort="left"),
        View("mine", N_("Mine"), "state:open assignee:me", sort="left"),
        View("grave", N_("P1 and P2"), "state:open priority:1,2", sort="left"),
        View("resolved", N_("Resolved"), "state:resolved", sort="-opened"),
        View("all", N_("All"), "", sort="-opened"),
    ),
    bulk=(
        Bulk(
            "assign",
            N_("Pass on"),
            "/incidents/bulk/assign",
            permission="incident.assign",
            skip=_not_open,
            dialog="bulk-assign",
        ),
        Bulk(
            "merge",
            N_("Merge"),
            "/incidents/bulk/merge",
            permission="incident.merge",
            skip=_not_open,
            dialog="bulk-merge",
        ),
        Bulk("link", N_("Link"), "/incidents/bulk/link", permission="incident.update", dialog="bulk-link"),
        Bulk(
            "close",
            N_("Close"),
            "/incidents/bulk/close",
            permission="incident.close",
            skip=_not_resolved,
        ),
    ),
    prepare=lines,
    row_url=lambda line: f"/incidents/{line.row.number}",
    preview_url=lambda line: f"/incidents/{line.row.number}/preview",
    topic="incidents",
)


def _moment(name: str) -> Any:
    return lambda line: getattr(line.row, name)


FILE = replace(
    QUEUE,
    columns=(
        Column("number", N_("Number"), value=_moment("number")),
        Column(
            "priority", N_("Priority"), sort=Incident.priority, value=lambda line: f"P{line.row.priority}"
        ),
        Column("summary", N_("Summary"), sort=Incident.summary, value=_moment("summary")),
        Column(
            "state",
            N_("State"),
            sort=Incident.state,
            value=lambda line: _(words.STATES[State(line.row.state)]),
        ),
        Column("ci", N_("Item"), value=lambda line: line.row.ci.name if line.row.ci is not None else ""),
        Column("who", N_("Assigned to"), value=_moment("assignee")),
        Column("group", N_("Group"), value=_moment("group")),
        Column("category", N_("Category"), value=lambda line: words.category(line.row.category)),
        Column("opened", N_("Opened"), sort=Incident.opened_at, value=_moment("opened_at")),
        Column(
            "left",
            N_("Due"),
            sort=(next_due, Incident.priority),
            value=lambda line: line.left.due if line.left is not None else None,
        ),
    ),
)
"""The queue as a file: what the page puts into one cell stands in columns of its own."""
