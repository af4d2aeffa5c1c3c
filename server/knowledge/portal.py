"""The shelf for everybody: end users look here before they report, and say whether it helped."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from server.kernel.call import Actor
from server.kernel.errors import NotFoundError
from server.kernel.i18n import N_
from server.knowledge import searching, service
from server.knowledge.documents import PARTS
from server.knowledge.finding import FOR_EVERYBODY
from server.knowledge.models import Article, PortalSearch, Told, Verdict
from server.knowledge.references import Reference, led

HOME = "/portal/knowledge"
INSIDE = "/knowledge/"
MOST = 20
SAME_SEARCH = timedelta(hours=1)  # the same words again are one search
KEPT = timedelta(days=400)
ENOUGH = 3
VAIN_FOR = timedelta(days=90)
VAIN_SHOWN = 20


def words(said: str) -> str:
    """What is looked for, as it is kept: without NUL, single spaces, at most 200 characters."""
    return " ".join(said.replace("\x00", " ").split())[:200]


def look(session: Session, said: str, language: str) -> Sequence[Article]:
    """Published articles for everybody that fit, the best first.

    Without words the latest ones, those of the reader's language first. A topic in two languages is shown
    once, in the reader's.
    """
    shelf = select(Article).where(FOR_EVERYBODY)
    found = list(session.scalars(searching.ranked(shelf, said).limit(MOST)))
    if not said.strip():
        found.sort(key=lambda one: one.language != language)
    elif len(found) < ENOUGH:
        near = session.scalars(searching.loosely(shelf, said).limit(MOST))
        found += [one for one in near if one not in found]
    return _once(found, language)


def _once(found: Sequence[Article], language: str) -> list[Article]:
    """Each topic once, where its best text stood, in the reader's language if there is one."""
    topics: dict[str, Article] = {}
    for one in found:
        topic = one.translation_of or one.number
        known = topics.setdefault(topic, one)
        if known.language != language and one.language == language:
            topics[topic] = one
    return list(topics.values())[:MOST]


def article(session: Session, number: str) -> Article:
    """One article of the shelf."""
    found = session.scalar(select(Article).where(Article.number == number, FOR_EVERYBODY))
    if found is None:
        raise NotFoundError(N_("There is no article {number}."), number=number)
    return found


def told(texts: Mapping[str, Any]) -> dict[str, Any]:
    """An article's texts whose links to articles and pictures stay on the shelf."""

    def lead(one: Reference) -> str | None:
        rest = one.target.removeprefix(INSIDE)
        sign = "!" if one.picture else ""
        return f"{sign}[{one.label}]({HOME}/{rest})" if rest != one.target and rest[:3] == "KB-" else None

    return {name: led(str(value), lead) if name in PARTS else value for name, value in texts.items()}


def translations(session: Session, found: Article) -> list[Article]:
    """The same topic in other languages, as far as it is on the shelf."""
    root = found.translation_of or found.number
    same = or_(Article.number == root, Article.translation_of == root)
    return list(session.scalars(select(Article).where(FOR_EVERYBODY, same, Article.id != found.id)))


def searched(
    session: Session, said: str, *, actor: Actor, now: datetime, opened: str = ""
) -> PortalSearch | None:
    """Count a search; the same words of the same person within an hour are one.

    Args:
        session: the running transaction.
        said: what was looked for; nothing is no search.
        actor: who looked.
        now: the present moment.
        opened: the article that was opened from the results; "" for none yet.
    """
    said = words(said)
    if not said:
        return None
    known = session.scalar(
        select(PortalSearch)
        .where(
            PortalSearch.person_id == actor.id,
            PortalSearch.words == said,
            PortalSearch.at > now - SAME_SEARCH,
        )
        .order_by(PortalSearch.id.desc())
        .limit(1)
    )
    search = known or PortalSearch(person_id=actor.id, at=now, words=said, opened=None, told=Told.NOTHING)
    search.found = len(look(session, said, actor.language))
    if opened:
        search.opened = article(session, opened).number
    session.add(search)
    session.flush()
    return search


def tell(
    session: Session, said: str, told: Told, article_number: str, *, actor: Actor, now: datetime
) -> PortalSearch:
    """The person says what came of the search; what was reported is not solved any more.

    Args:
        session: the running transaction.
        said: what was looked for; "" where an article was opened without a search.
        told: solved, or on the way to a report.
        article_number: what helped or did not; "" where none was open.
        actor: who says it.
        now: the present moment.

    Raises:
        NotFoundError: neither words nor an article are named, or the article is not on the shelf.
    """
    found = article(session, article_number) if article_number else None
    said = words(said) or (found.title if found is not None else "")
    search = searched(session, said, actor=actor, now=now, opened=article_number)
    if search is None:
        raise NotFoundError(N_("There is no such search."))
    search.told = told
    if found is not None:
        verdict = Verdict.FIXED if told is Told.SOLVED else Verdict.NOT_HELPED
        reader = f"P-{actor.id}"  # counts once, as any reader does
        service.record_outcome(session, found.number, reader, verdict, by=actor.id, now=now)
    return search


def in_vain(session: Session, *, now: datetime) -> list[tuple[str, int, datetime]]:
    """What people looked for lately and found nothing: (words, people, last), the commonest first."""
    people = func.count(func.distinct(PortalSearch.person_id))
    last = func.max(PortalSearch.at)
    said = func.lower(PortalSearch.words)
    rows = session.execute(
        select(said, people, last)
        .where(PortalSearch.found == 0, PortalSearch.at > now - VAIN_FOR)
        .group_by(said)
        .order_by(people.desc(), last.desc())
        .limit(VAIN_SHOWN)
    )
    return [(text, int(count), at) for text, count, at in rows]


def forget(session: Session, *, now: datetime) -> None:
    """Delete searches that no figure counts any more."""
    session.execute(delete(PortalSearch).where(PortalSearch.at < now - KEPT))
