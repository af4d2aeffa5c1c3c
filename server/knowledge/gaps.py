"""What is missing: tickets for which nothing was known, gathered by what they are about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ml import cluster
from ml.cluster import Said
from server.kernel.errors import NotFoundError
from server.kernel.i18n import N_
from server.knowledge.models import Article, Case, Gap

LOOKED_BACK = timedelta(days=180)
LATELY = timedelta(days=30)
NOT_WANTED = "-"  # in closed_by: somebody decided that no article is wanted
WEEKS = 12


@dataclass(frozen=True)
class Missing:
    """One article that is missing.

    Args:
        tickets: their numbers, the latest first.
        hours: from their opening until they were resolved, of those that are.
        weekly: how many in each of the last twelve weeks, oldest first.
    """

    key: str
    title: str
    tickets: Sequence[str]
    facets: dict[str, str]
    words: Sequence[str]
    lately: int
    hours: float
    first_at: datetime
    last_at: datetime
    weekly: Sequence[int]


def missing(session: Session, *, now: datetime) -> list[Missing]:
    """The missing articles, that first which would have saved most hours, then most tickets."""
    rows = _open_gaps(session, now)
    said = [_said(row) for row in rows]
    ended = _ended(session, [row.ticket for row in rows])
    found = [_missing([rows[place] for place in one], ended, now) for one in cluster.gathered(said, least=1)]
    return sorted(found, key=lambda one: (-one.hours, -len(one.tickets), one.key))


def count_open(session: Session) -> int:
    """How many tickets nothing was known for, and still is not."""
    return session.scalar(select(func.count()).where(Gap.closed_by.is_(None))) or 0


def of_ticket(session: Session, ticket: str) -> Gap:
    """The gap of a ticket."""
    found = session.scalar(select(Gap).where(Gap.ticket == ticket))
    if found is None:
        raise NotFoundError(N_("Nothing is noted as missing for {ticket}."), ticket=ticket)
    return found


def alike(session: Session, ticket: str, *, now: datetime) -> list[str]:
    """The tickets that miss the same article as this one, it among them."""
    of_ticket(session, ticket)
    for one in missing(session, now=now):
        if ticket in one.tickets:
            return list(one.tickets)
    return [ticket]


def dismiss(session: Session, ticket: str, *, now: datetime) -> int:
    """No article is wanted for this ticket and those like it; returns how many there were."""
    return _close(session, alike(session, ticket, now=now), NOT_WANTED)


def fill(session: Session, article: Article, *, now: datetime) -> int:
    """An article that was written for a ticket is published: its gap, and those like it, are closed."""
    ticket = article.source_ticket
    if ticket is None or session.scalar(select(Gap.id).where(Gap.ticket == ticket)) is None:
        return 0
    return _close(session, alike(session, ticket, now=now), article.number)


def _close(session: Session, tickets: Sequence[str], by: str) -> int:
    step = update(Gap).where(Gap.ticket.in_(tickets), Gap.closed_by.is_(None)).values(closed_by=by)
    touched: int = session.execute(step).rowcount  # type: ignore[attr-defined]
    return touched


def _open_gaps(session: Session, now: datetime) -> list[Gap]:
    rows = session.scalars(
        select(Gap)
        .where(Gap.closed_by.is_(None), Gap.at >= now - LOOKED_BACK)
        .order_by(Gap.at.desc(), Gap.id.desc())
        .limit(cluster.MOST)
    )
    return list(rows)


def _said(row: Gap) -> Said:
    """What gathers a ticket with others: not which item it was, but of what kind."""
    kept = {name: str(value) for name, value in row.facets.items() if name != "ci"}
    item = str(row.facets.get("ci", ""))
    return Said(row.ticket, row.title.replace(item, " ") if item else row.title, kept)


def _ended(session: Session, tickets: Sequence[str]) -> dict[str, datetime]:
    rows = session.execute(select(Case.number, Case.resolved_at).where(Case.number.in_(tickets)))
    return dict(rows.all())


def _missing(rows: Sequence[Gap], ended: dict[str, datetime], now: datetime) -> Missing:
    leader = rows[0]
    newest = sorted(rows, key=lambda row: (row.at, row.id), reverse=True)
    said = [_said(row) for row in rows]
    hours = sum((ended[row.ticket] - row.at).total_seconds() / 3600 for row in rows if row.ticket in ended)
    return Missing(
        key=leader.ticket,
        title=leader.title,
        tickets=[row.ticket for row in newest],
        facets=cluster.common(said),
        words=cluster.shared(said),
        lately=sum(row.at > now - LATELY for row in rows),
        hours=max(0.0, hours),
        first_at=newest[-1].at,
        last_at=newest[0].at,
        weekly=weekly([row.at for row in rows], now),
    )


def weekly(moments: Sequence[datetime], now: datetime, *, weeks: int = WEEKS) -> list[int]:
    """How many moments fall into each of the last weeks, the oldest first."""
    counted = [0] * weeks
    for at in moments:
        back = int((now - at).total_seconds() // (7 * 86_400))
        if 0 <= back < weeks:
            counted[weeks - 1 - back] += 1
    return counted
