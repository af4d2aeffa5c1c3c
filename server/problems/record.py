"""What the page of one problem shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts.service import people_by_ids
from server.incidents import views
from server.incidents.models import Incident
from server.kernel.call import Actor
from server.kernel.i18n import N_, _
from server.kernel.prose import html
from server.knowledge.gaps import weekly
from server.knowledge.table import name_of
from server.problems import service, words
from server.problems.models import Problem, ProblemIncident, State
from server.problems.service import STEPS

SHOWN = 100
PARTS = (
    ("description", N_("What comes again")),
    ("root_cause", N_("Root cause")),
    ("workaround", N_("Workaround")),
    ("solution", N_("Lasting solution")),
)


@dataclass(frozen=True)
class Explained:
    """An incident that the problem explains; `after` marks one that came although it was resolved."""

    number: str
    title: str
    state: str
    opened_at: datetime
    hours: float | None
    found: bool  # by its likeness, not by a person
    after: bool


@dataclass(frozen=True)
class View:
    """The problem as its page shows it."""

    problem: Problem
    assignee: Any
    author: Any
    parts: Sequence[tuple[str, Any]]
    incidents: Sequence[Explained]
    count: int
    hours: float
    weekly: Sequence[int]
    trend: tuple[str, int, int]
    recurred: int
    shared: Sequence[str]
    steps: Sequence[State]


def view(session: Session, number: str, *, actor: Actor, now: datetime) -> View:
    """One problem with the incidents behind it."""
    problem = service.get(session, number, actor)
    people = people_by_ids(session, {problem.assignee_id, problem.created_by_id})
    rows = session.execute(
        select(ProblemIncident, Incident)
        .join(Incident, Incident.number == ProblemIncident.incident)
        .where(ProblemIncident.problem_id == problem.id)
        .order_by(Incident.opened_at.desc(), Incident.id.desc())
    ).all()
    found = [_explained(problem, link, incident) for link, incident in rows]
    weeks = weekly([one.opened_at for one in found], now)
    return View(
        problem=problem,
        assignee=name_of(people, problem.assignee_id),
        author=name_of(people, problem.created_by_id),
        parts=[(_(label), html(getattr(problem, name))) for name, label in PARTS if getattr(problem, name)],
        incidents=found[:SHOWN],
        count=len(found),
        hours=sum(one.hours or 0.0 for one in found),
        weekly=weeks,
        trend=words.trend(weeks),
        recurred=sum(one.after for one in found),
        shared=words.shared(problem.facets),
        steps=sorted(STEPS[problem.state]),
    )


def _explained(problem: Problem, link: ProblemIncident, incident: Incident) -> Explained:
    ended = incident.resolved_at
    hours = (ended - incident.opened_at).total_seconds() / 3600 if ended is not None else None
    resolved = problem.resolved_at
    return Explained(
        number=incident.number,
        title=views.title(incident),
        state=incident.state.value,
        opened_at=incident.opened_at,
        hours=hours,
        found=link.by_id is None,
        after=resolved is not None and incident.opened_at > resolved,
    )
