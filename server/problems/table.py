"""The list of problems."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from server.accounts.service import people_by_ids
from server.kernel.call import Actor
from server.kernel.i18n import N_
from server.kernel.listing import Choice, Column, Filter, Listing, View
from server.knowledge.table import name_of
from server.problems import words
from server.problems.models import Problem, ProblemIncident, State
from server.problems.service import visible_to


@dataclass(frozen=True)
class Row:
    """A line of the list, ready to be shown."""

    id: int
    number: str
    title: str
    state: str
    glyph: str
    incidents: int
    assignee: Any
    opened_at: datetime
    changed_at: datetime


def rows(session: Session, problems: Sequence[Problem], _actor: Actor, _now: datetime) -> list[Row]:
    """What the cells show; two queries however many rows."""
    people = people_by_ids(session, {one.assignee_id for one in problems})
    counts = counted(session, [one.id for one in problems])
    return [
        Row(
            id=one.id,
            number=one.number,
            title=one.title,
            state=words.state(one.state),
            glyph=words.GLYPHS[one.state],
            incidents=counts.get(one.id, 0),
            assignee=name_of(people, one.assignee_id),
            opened_at=one.opened_at,
            changed_at=one.changed_at,
        )
        for one in problems
    ]


def counted(session: Session, ids: Sequence[int]) -> Mapping[int, int]:
    """How many incidents each problem explains."""
    found = session.execute(
        select(ProblemIncident.problem_id, func.count())
        .where(ProblemIncident.problem_id.in_(ids))
        .group_by(ProblemIncident.problem_id)
    )
    return dict(found.all())


def _statement(actor: Actor) -> Select[Any]:
    return select(Problem).where(visible_to(actor))


PROBLEMS = Listing(
    name="problems",
    url="/problems",
    title=N_("Problems"),
    statement=_statement,
    key=Problem.id,
    sort="-changed",
    search=(Problem.number, Problem.title, Problem.description, Problem.root_cause, Problem.workaround),
    columns=(
        Column("number", N_("Number"), kind="id", sort=Problem.number, width="narrow", phone="meta"),
        Column("title", N_("Title"), sort=Problem.title, width="wide", phone="title"),
        Column("state", N_("State"), kind="custom", sort=Problem.state, width="middle", phone="end"),
        Column("incidents", N_("Incidents"), kind="number", width="narrow"),
        Column("assignee", N_("Assigned to"), kind="person", width="middle"),
        Column("opened", N_("Opened"), kind="ago", sort=Problem.opened_at, value=lambda row: row.opened_at),
        Column(
            "changed",
            N_("Changed"),
            kind="ago",
            sort=Problem.changed_at,
            value=lambda row: row.changed_at,
            phone="meta",
        ),
    ),
    filters=(
        Filter(
            "state",
            N_("State"),
            "choice",
            Problem.state,
            choices=tuple(Choice(key.value, label) for key, label in words.STATES.items()),
        ),
        Filter("assignee", N_("Assigned to"), "person", Problem.assignee_id),
        Filter("opened", N_("Opened"), "date", Problem.opened_at),
    ),
    views=(
        View("open", N_("Open and known"), f"state:{State.OPEN.value},{State.KNOWN_ERROR.value}"),
        View("known", N_("Known errors"), f"state:{State.KNOWN_ERROR.value}"),
        View("mine", N_("Assigned to me"), "assignee:me"),
        View("resolved", N_("Resolved"), f"state:{State.RESOLVED.value},{State.CLOSED.value}"),
    ),
    prepare=rows,
    row_url=lambda row: f"/problems/{row.number}",
    topic="problems",
)
