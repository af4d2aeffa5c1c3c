"""The shelf for everybody: end users look here before they report, and say whether it helped."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.kernel.call import Actor
from server.kernel.errors import NotFoundError
from server.kernel.i18n import N_
from server.knowledge import searching, service
from server.knowledge.finding import FOR_EVERYBODY
from server.knowledge.models import Article, PortalSearch, Told, Verdict

MOST = 20
SAME_SEARCH = timedelta(hours=1)  # the same words again are one search
ENOUGH = 3


def look(session: Session, said: str) -> Sequence[Article]:
    """Published articles for everybody that fit, the best first; without words the latest ones."""
    shelf = select(Article).where(FOR_EVERYBODY)

    def read(session: Session) -> Sequence[Article]:
        found = list(session.scalars(searching.ranked(shelf, said).limit(MOST)))
        if said.strip() and len(found) < ENOUGH:
            near = session.scalars(searching.loosely(shelf, said).limit(MOST))
            found += [one for one in near if one not in found]
        return found[:MOST]

    return searching.bounded(session, read)


def article(session: Session, number: str) -> Article:
    """One article of the shelf."""
    found = session.scalar(select(Article).where(Article.number == number, FOR_EVERYBODY))
    if found is None:
        raise NotFoundError(N_("There is no article {number}."), number=number)
    return found


def searched(session: Session, said: str, found: int, *, actor: Actor, now: datetime) -> PortalSearch:
    """Count a search; the same words of the same person within an hour are one."""
    words = " ".join(said.split())[:200]
    known = session.scalar(
        select(PortalSearch)
        .where(
            PortalSearch.person_id == actor.id,
            PortalSearch.words == words,
            PortalSearch.at > now - SAME_SEARCH,
        )
        .order_by(PortalSearch.id.desc())
        .limit(1)
    )
    search = known or PortalSearch(person_id=actor.id, at=now, words=words, opened=None, told=Told.NOTHING)
    search.found = found
    session.add(search)
    session.flush()
    return search


def own(session: Session, number: int, actor: Actor) -> PortalSearch:
    """A search of this person."""
    found = session.get(PortalSearch, number)
    if found is None or found.person_id != actor.id:
        raise NotFoundError(N_("There is no such search."))
    return found


def opened(session: Session, number: int, article_number: str, *, actor: Actor) -> None:
    """A result was opened."""
    own(session, number, actor).opened = article_number


def tell(
    session: Session, number: int, told: Told, article_number: str, *, actor: Actor, now: datetime
) -> PortalSearch:
    """The person says what came of the search; what was reported is not solved any more.

    Args:
        session: the running transaction.
        number: of the search.
        told: solved, or on the way to a report.
        article_number: what helped or did not; "" where none was open.
        actor: who says it.
        now: the present moment.
    """
    search = own(session, number, actor)
    search.told = told
    if article_number:
        found = article(session, article_number)
        verdict = Verdict.FIXED if told is Told.SOLVED else Verdict.NOT_HELPED
        reader = f"P-{actor.id}"  # counts once, as any reader does
        service.record_outcome(session, found.number, reader, verdict, by=actor.id, now=now)
    return search
