"""Gaps that an article fills which was written for something else: each night they are asked once more.

Only an article counts; the ticket's own case says how it ended, which helps nobody who does not know it yet.
"""

from collections.abc import Mapping

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.kernel.jobs import Work
from server.kernel.practice import Job, Schedule
from server.knowledge.models import Gap
from server.knowledge.suggesting.learned import Question
from server.knowledge.suggesting.suggest import Query, suggest

JOB = "knowledge.gaps"
MOST = 500  # gaps a night, the latest first
FACETS = ("alert", "ci", "ci_class", "model", "vendor", "service")


def answered(session: Session) -> dict[str, str]:
    """The tickets of open gaps for which an article is suggested by now, and its number."""
    rows = session.execute(
        select(Gap.ticket, Gap.title, Gap.facets, Question.text)
        .outerjoin(Question, Question.ticket == Gap.ticket)
        .where(Gap.closed_by.is_(None))
        .order_by(Gap.at.desc(), Gap.id.desc())
        .limit(MOST)
    )
    found = {}
    for ticket, title, facets, text in rows.all():
        known = {name: str(facets[name]) for name in FACETS if facets.get(name)}
        for one in suggest(session, Query(text or title, **known, language="")):
            if one.kind == "article":
                found[ticket] = one.number
                break
    return found


def close(session: Session, by_ticket: Mapping[str, str]) -> None:
    """These gaps are filled by these articles."""
    for ticket, number in by_ticket.items():
        session.execute(
            update(Gap).where(Gap.ticket == ticket, Gap.closed_by.is_(None)).values(closed_by=number)
        )


async def ask_again(work: Work) -> None:
    """The nightly job."""
    found = await work.db.read(answered)
    if found:
        await work.db.run(close, found)


JOBS = (Job(JOB, ask_again, width=1),)
SCHEDULES = (Schedule(JOB, JOB, cron="7 3 * * *"),)
