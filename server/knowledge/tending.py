"""What keeps articles right: expiry by age and by use, a second look at what fails, lies idle, is reported.

An article is reviewed within a year. One that held in use lately needs no reviewer for that: it is renewed.
One that nobody opens or applies expires sooner, where the site says so (`knowledge_unused_days`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, Select, case, delete, func, not_, or_, select
from sqlalchemy.orm import Session

from server.kernel import keys
from server.kernel.events import emit
from server.kernel.jobs import Work
from server.kernel.practice import Job, Schedule
from server.knowledge import portal, proposals, runs, searching, service
from server.knowledge.models import (
    Article,
    ArticleNote,
    ArticleProposal,
    ImportUpload,
    NoteKind,
    Outcome,
    PortalSearch,
    ProposalState,
    State,
    Verdict,
)

DUE_SOON = timedelta(days=30)
UNUSED = timedelta(days=180)
LEAST_TRIED = 3
RENEWED_WITHIN = timedelta(days=180)  # an article that held so lately is renewed by its use
UPLOADS_KEPT = timedelta(days=1)
MOST_SHOWN = 100
JUDGED = (Verdict.FIXED, Verdict.CAME_BACK, Verdict.NOT_HELPED)
JOB = "knowledge.tend"

Reason = Literal["submitted", "reviewed", "proposed", "reported", "failing", "due", "unused"]


@dataclass(frozen=True)
class Wanted:
    """An article that needs its reviewer, and why; `count` is of reports or failures, `tried` of outcomes."""

    article: Article
    reason: Reason
    since: datetime | None
    by_id: int | None = None
    count: int = 0
    tried: int = 0
    said: str = ""


def expire_due(session: Session, *, now: datetime) -> int:
    """Take articles whose review is overdue out of the suggestions; returns how many.

    Those that held in use lately are renewed instead.
    """
    overdue = (Article.state == State.PUBLISHED, Article.review_due_at <= now)
    for one in session.scalars(select(Article).where(*overdue, _proven(now))).all():
        one.review_due_at = now + service.REVIEW_EVERY
        emit(session, "knowledge", {})
    return _expire(session, select(Article.number).where(*overdue, not_(_proven(now))), now)


def expire_unused(session: Session, *, after: timedelta, now: datetime) -> int:
    """Take articles that nobody has opened, applied or confirmed for so long out of the suggestions."""
    return _expire(session, select(Article.number).where(*_idle(now - after)), now)


def idle_limit(days: int) -> timedelta | None:
    """After how long an idle article expires: never before its reviewer was told of it for a month."""
    return max(timedelta(days=days), UNUSED + DUE_SOON) if days else None


def _expire(session: Session, chosen: Select[str], now: datetime) -> int:
    numbers = session.scalars(chosen).all()
    for number in numbers:
        service.move(session, number, State.EXPIRED, by=None, now=now)
    return len(numbers)


def _proven(now: datetime) -> ColumnElement[bool]:
    """Whether an article held at least three times, and three of four times, within the last half year."""
    held = func.sum(case((Outcome.verdict == Verdict.FIXED, 1), else_=0))
    good = (
        select(Outcome.suggestion)
        .where(Outcome.verdict.in_(JUDGED), Outcome.at > now - RENEWED_WITHIN)
        .group_by(Outcome.suggestion)
        .having(held >= LEAST_TRIED, held * 4 >= func.count() * 3)
    )
    return Article.number.in_(good)


def _idle(since: datetime) -> tuple[ColumnElement[bool], ...]:
    """Published before, and neither opened on a ticket or in the portal, applied nor confirmed since."""
    opened = select(PortalSearch.opened).where(PortalSearch.at > since, PortalSearch.opened.is_not(None))
    return (
        Article.state == State.PUBLISHED,
        Article.published_at <= since,
        or_(Article.checked_at.is_(None), Article.checked_at <= since),
        Article.number.not_in(select(Outcome.suggestion).where(Outcome.at > since)),
        Article.number.not_in(opened),
    )


def queue(session: Session, *, now: datetime) -> list[Wanted]:
    """Everything that waits for the reviewer, the most pressing kind first; each kind at most 100."""
    return [
        *_waiting(session, State.SUBMITTED, "submitted"),
        *_waiting(session, State.REVIEWED, "reviewed"),
        *_proposed(session),
        *_reported(session),
        *_failing(session),
        *_due(session, now),
        *_unused(session, now),
    ]


def count(session: Session) -> int:
    """How many articles, changes and reports wait; what merely grows old is not counted."""
    waiting = Article.state.in_((State.SUBMITTED, State.REVIEWED))
    submitted = session.scalar(select(func.count()).where(waiting)) or 0
    reports = select(func.count(func.distinct(ArticleNote.article_id))).where(*_OPEN_REPORT)
    return submitted + proposals.count_waiting(session) + (session.scalar(reports) or 0)


_OPEN_REPORT = (ArticleNote.kind == NoteKind.REPORT, ArticleNote.done_at.is_(None))


def _waiting(session: Session, state: State, reason: Reason) -> list[Wanted]:
    found = session.scalars(
        select(Article).where(Article.state == state).order_by(Article.changed_at).limit(MOST_SHOWN)
    )
    return [Wanted(one, reason, one.changed_at, one.author_id) for one in found]


def _proposed(session: Session) -> list[Wanted]:
    rows = session.execute(
        select(Article, ArticleProposal)
        .join(ArticleProposal, ArticleProposal.article_id == Article.id)
        .where(ArticleProposal.state == ProposalState.OPEN)
        .order_by(ArticleProposal.at)
        .limit(MOST_SHOWN)
    )
    return [Wanted(one, "proposed", wish.at, wish.by_id) for one, wish in rows]


def _reported(session: Session) -> list[Wanted]:
    rows = session.execute(
        select(Article, ArticleNote)
        .join(ArticleNote, ArticleNote.article_id == Article.id)
        .where(*_OPEN_REPORT)
        .order_by(ArticleNote.at)
        .limit(MOST_SHOWN * 3)
    )
    found: dict[int, Wanted] = {}
    for one, told in rows:
        before = found.get(one.id)
        found[one.id] = (
            Wanted(one, "reported", told.at, told.by_id, 1, said=told.text)
            if before is None
            else Wanted(one, "reported", before.since, before.by_id, before.count + 1, said=before.said)
        )
    return list(found.values())[:MOST_SHOWN]


def _failing(session: Session) -> list[Wanted]:
    """Published ones that did not hold at least half of the times since they were last looked at."""
    failed = func.sum(case((Outcome.verdict == Verdict.FIXED, 0), else_=1))
    tried = func.count()
    rows = session.execute(
        select(Article, failed, tried, func.max(Outcome.at))
        .join(Outcome, Outcome.suggestion == Article.number)
        .where(
            Article.state == State.PUBLISHED,
            Outcome.verdict.in_(JUDGED),
            or_(Article.checked_at.is_(None), Outcome.at > Article.checked_at),
        )
        .group_by(Article.id)
        .having(tried >= LEAST_TRIED, failed * 2 >= tried)
        .order_by(failed.desc(), Article.id)
        .limit(MOST_SHOWN)
    )
    return [Wanted(one, "failing", at, None, int(bad), int(all_)) for one, bad, all_, at in rows]


def _due(session: Session, now: datetime) -> list[Wanted]:
    found = session.scalars(
        select(Article)
        .where(
            Article.state == State.PUBLISHED,
            Article.review_due_at <= now + DUE_SOON,
            not_(_proven(now)),
        )
        .order_by(Article.review_due_at)
        .limit(MOST_SHOWN)
    )
    return [Wanted(one, "due", one.review_due_at) for one in found]


def _unused(session: Session, now: datetime) -> list[Wanted]:
    """Published long ago, and neither opened nor applied for half a year."""
    found = session.scalars(
        select(Article)
        .where(
            *_idle(now - UNUSED),
            Article.review_due_at > now + DUE_SOON,  # the others are told of already
        )
        .order_by(Article.published_at)
        .limit(MOST_SHOWN)
    )
    return [Wanted(one, "unused", one.checked_at or one.published_at) for one in found]


def forget_uploads(session: Session, *, now: datetime) -> None:
    """Delete tried imports that nobody took in within a day."""
    session.execute(delete(ImportUpload).where(ImportUpload.at < now - UPLOADS_KEPT))


async def tend(work: Work) -> None:
    """Expire what is due or idle, forget old uploads, runs and searches, make the words that are missing."""
    await work.db.run(expire_due, now=work.now)
    if after := idle_limit(work.app[keys.SETTINGS].knowledge_unused_days):
        await work.db.run(expire_unused, after=after, now=work.now)
    await work.db.run(forget_uploads, now=work.now)
    await work.db.run(portal.forget, now=work.now)
    await work.db.run(runs.forget, now=work.now)
    while await work.db.run(searching.index_stale):
        pass


JOBS: Sequence[Job] = (Job(JOB, tend),)
SCHEDULES: Sequence[Schedule] = (Schedule("knowledge.tend", JOB, every=timedelta(minutes=10)),)
