"""Which articles a person may see, and finding them by words."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from server.kernel.call import Actor
from server.kernel.errors import NotFoundError
from server.kernel.i18n import N_
from server.knowledge import searching
from server.knowledge.models import Article, ArticleVersion, Audience, Case, Kind, Outcome, State, Verdict
from server.knowledge.suggesting.suggest import Query, Suggestion, suggest

FOR_EVERYBODY = and_(Article.state == State.PUBLISHED, Article.audience == Audience.EVERYBODY)
FOR_VENDORS = and_(
    Article.state == State.PUBLISHED, Article.audience.in_((Audience.PARTNERS, Audience.EVERYBODY))
)


def visible_to(actor: Actor) -> ColumnElement[bool]:
    """Published ones are for all who may read; the others for their author and the reviewers.

    People of outside companies see what is meant for them and what they wrote themselves. Who may not read
    knowledge sees what is meant for everybody, and nothing else.
    """
    if not actor.may("knowledge.read"):
        return FOR_EVERYBODY
    if actor.vendor:
        return or_(FOR_VENDORS, Article.author_id == actor.id)
    if actor.may("knowledge.publish"):
        return Article.id.is_not(None)
    return or_(Article.state == State.PUBLISHED, Article.author_id == actor.id)


def suggested(
    session: Session, query: Query, actor: Actor, *, limit: int, least: float | None = None
) -> Sequence[Suggestion]:
    """What fixed this before, as far as this person may see it.

    Past cases are other groups' incidents: people of outside companies are shown none.
    """
    if not actor.vendor:
        return suggest(session, query, limit=limit, least=least)

    def seen(numbers: Sequence[str]) -> set[str]:
        query = select(Article.number).where(Article.number.in_(numbers), visible_to(actor))
        return set(session.scalars(query))

    return suggest(session, query, limit=limit, least=least, seen=seen)


def visible(session: Session, number: str, actor: Actor) -> Article:
    """One article; one that is not for this person is as absent as one that is not there."""
    found = session.scalar(select(Article).where(Article.number == number, visible_to(actor)))
    if found is None:
        raise NotFoundError(N_("There is no article {number}."), number=number)
    return found


def suggestion(session: Session, number: str, actor: Actor) -> str:
    """The title of what may be suggested to this person: a published article or a past case.

    Raises:
        NotFoundError: there is none, or it is not for this person.
    """
    here = select(Article.title).where(Article.number == number, Article.state == State.PUBLISHED)
    found = session.scalar(here.where(visible_to(actor)) if actor.vendor else here)
    if found is None and not actor.vendor:
        found = session.scalar(select(Case.title).where(Case.number == number))
    if found is None:
        raise NotFoundError(N_("There is no suggestion {number}."), number=number)
    return found


def named(session: Session, text: str, actor: Actor, *, limit: int) -> list[tuple[str, str]]:
    """What may be suggested to this person and whose number or words hold what is typed: number and title."""
    rows = articles(session, actor, state=State.PUBLISHED, words=text, limit=limit, offset=0)[0]
    found = [(one.number, one.title) for one in rows]
    if not actor.vendor and len(found) < limit:
        cases = select(Case.number, Case.title)
        for word in text.split():
            cases = cases.where(
                or_(Case.number.icontains(word, autoescape=True), Case.title.icontains(word, autoescape=True))
            )
        rest = cases.order_by(Case.resolved_at.desc(), Case.number).limit(limit - len(found))
        found += [(number, title) for number, title in session.execute(rest)]
    return found


def articles(
    session: Session, actor: Actor, *, state: State | None, words: str | None, limit: int, offset: int
) -> tuple[Sequence[Article], int]:
    """A part of the list and its whole length: the best fit first, without words the latest change."""
    chosen = select(Article).where(visible_to(actor))
    if state is not None:
        chosen = chosen.where(Article.state == state)
    chosen = searching.ranked(chosen, words or "")
    total = session.scalar(select(func.count()).select_from(chosen.order_by(None).subquery())) or 0
    return list(session.scalars(chosen.offset(offset).limit(limit))), total


def known_errors(session: Session, numbers: Sequence[str]) -> frozenset[str]:
    """Which of these are known errors: what they tell is a workaround."""
    found = select(Article.number).where(Article.number.in_(numbers), Article.kind == Kind.KNOWN_ERROR)
    return frozenset(session.scalars(found)) if numbers else frozenset()


def versions(session: Session, article: Article) -> Sequence[ArticleVersion]:
    """Earlier versions, newest first."""
    return list(
        session.scalars(
            select(ArticleVersion)
            .where(ArticleVersion.article_id == article.id)
            .order_by(ArticleVersion.version.desc())
        )
    )


def outcomes(session: Session, number: str, *, limit: int = 20) -> Sequence[Outcome]:
    """What came of the article on the latest tickets; glances are left out."""
    return list(
        session.scalars(
            select(Outcome)
            .where(Outcome.suggestion == number, Outcome.verdict != Verdict.OPENED)
            .order_by(Outcome.at.desc())
            .limit(limit)
        )
    )


def translations(session: Session, article: Article, actor: Actor) -> Sequence[Article]:
    """The same topic in other languages, as far as this person may see it."""
    root = article.translation_of or article.number
    return list(
        session.scalars(
            select(Article).where(
                or_(Article.number == root, Article.translation_of == root),
                Article.id != article.id,
                visible_to(actor),
            )
        )
    )


def verdicts_on(session: Session, ticket: str) -> dict[str, Verdict]:
    """What was said on a ticket of each suggestion, and so of its topic: its translations share that."""
    rows = session.execute(
        select(Outcome.suggestion, Outcome.verdict, Article.translation_of)
        .outerjoin(Article, Article.number == Outcome.suggestion)
        .where(Outcome.ticket == ticket)
    )
    said = {row.suggestion: (row.verdict, row.translation_of) for row in rows}
    topics = {topic or number: verdict for number, (verdict, topic) in said.items()}
    return topics | {number: verdict for number, (verdict, _) in said.items()}
