"""Problems: the causes behind incidents, found by hand or by what comes again and again."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.kernel.call import Actor
from server.kernel.i18n import N_
from server.kernel.practice import NavItem, PaletteEntry, Permission, Practice
from server.problems import service
from server.problems.api import api
from server.problems.models import Problem
from server.problems.pages import pages
from server.problems.patterns import JOBS, SCHEDULES

WORKS_INCIDENTS = ("first_line", "second_line", "third_line", "incident_supervisor", "incident_manager")
MOST_FOUND = 5


def _waiting(session: Session, actor: Actor, _now: datetime) -> tuple[int, bool]:
    """How many patterns wait for a decision."""
    return (service.count_open(session), False) if actor.may("problem.manage") else (0, False)


def _search(session: Session, actor: Actor, text: str) -> list[PaletteEntry]:
    """Problems that have the words in number or title."""
    query = select(Problem).where(service.visible_to(actor))
    for word in text.split()[:6]:
        query = query.where(
            Problem.number.icontains(word, autoescape=True) | Problem.title.icontains(word, autoescape=True)
        )
    found = session.scalars(query.order_by(Problem.changed_at.desc()).limit(MOST_FOUND))
    return [
        PaletteEntry(one.title, f"/problems/{one.number}", one.number, "zoom-question", 0.6) for one in found
    ]


PRACTICE = Practice(
    name="problems",
    title=N_("Problems"),
    topics={"problems": "problem.read"},
    routes=(pages, api),
    jobs=JOBS,
    schedules=SCHEDULES,
    navigation=(
        NavItem(
            key="problems",
            group="desk",
            label=N_("Problems"),
            icon="zoom-question",
            url="/problems",
            permission="problem.read",
            order=40,
            count=_waiting,
        ),
    ),
    palette=_search,
    permissions=(
        Permission(
            "problem.read",
            N_("See problems and patterns among incidents"),
            roles=(*WORKS_INCIDENTS, "problem_manager", "knowledge_manager"),
        ),
        Permission(
            "problem.manage",
            N_("Open problems, decide on patterns, publish known errors"),
            roles=("problem_manager", "incident_manager", "third_line"),
        ),
    ),
)
