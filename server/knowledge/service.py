"""The life of an article, what resolved cases teach, and what came of suggestions."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.kernel.call import Actor
from server.kernel.errors import ConflictError, InvalidError, NotFoundError
from server.kernel.events import emit
from server.kernel.i18n import N_
from server.kernel.ticket import next_number
from server.knowledge.models import Article, ArticleVersion, Case, Outcome, State, Verdict
from server.knowledge.suggest import changed

REVIEW_EVERY = timedelta(days=365)
TEXTS = ("title", "symptom", "cause", "solution", "applies_to", "language")

# From where an article may go where. Publishing is the reviewer's; the rest is the author's.
STEPS: Mapping[State, frozenset[State]] = {
    State.DRAFT: frozenset({State.SUBMITTED, State.RETIRED}),
    State.SUBMITTED: frozenset({State.PUBLISHED, State.DRAFT}),
    State.PUBLISHED: frozenset({State.EXPIRED, State.RETIRED, State.DRAFT}),
    State.EXPIRED: frozenset({State.PUBLISHED, State.DRAFT, State.RETIRED}),
    State.RETIRED: frozenset({State.DRAFT}),
}


class IllegalStepError(ConflictError):
    """The article's state does not allow the step."""

    code = "illegal_transition"

    def __init__(self, article: Article, wanted: State) -> None:
        super().__init__(
            N_("{number} is {state} and cannot become {wanted}. Possible now: {allowed}."),
            number=article.number,
            state=article.state.value,
            wanted=wanted.value,
            allowed=", ".join(sorted(state.value for state in STEPS[article.state])),
        )


def article(session: Session, number: str) -> Article:
    """The article of that number, in whatever state."""
    found = session.scalar(select(Article).where(Article.number == number))
    if found is None:
        raise NotFoundError(N_("There is no article {number}."), number=number)
    return found


def write(session: Session, texts: Mapping[str, Any], *, by: int | None, now: datetime) -> Article:
    """Begin an article as a draft."""
    if not str(texts.get("title", "")).strip():
        raise InvalidError(N_("Give the article a title that names the symptom."), field="/title")
    new = Article(
        number=next_number(session, "KB"),
        author_id=by,
        created_at=now,
        changed_at=now,
        source_ticket=texts.get("source_ticket"),
        translation_of=texts.get("translation_of"),
        **{name: texts[name] for name in TEXTS if name in texts},
    )
    session.add(new)
    session.flush()
    emit(session, "knowledge", {"number": new.number})
    return new


def revise(
    session: Session, number: str, texts: Mapping[str, Any], *, version: int, by: int | None, now: datetime
) -> Article:
    """Change an article's texts; the old ones stay as a version.

    Raises:
        ConflictError: somebody else changed it since `version` was read.
    """
    found = article(session, number)
    if found.version != version:
        raise ConflictError(
            N_("{number} was changed meanwhile: it is at version {current}. Reload it and change it again."),
            number=number,
            current=found.version,
        )
    before = {name: getattr(found, name) for name in TEXTS}
    if all(before[name] == value for name, value in texts.items() if name in TEXTS):
        return found
    session.add(ArticleVersion(article_id=found.id, version=found.version, at=now, by_id=by, texts=before))
    for name in TEXTS:
        if name in texts:
            setattr(found, name, texts[name])
    found.version += 1
    found.changed_at = now
    changed(session, number)
    emit(session, "knowledge", {"number": number})
    return found


def move(session: Session, number: str, to: State, *, by: int | None, now: datetime) -> Article:
    """Take an article to another state of its life.

    Raises:
        IllegalStepError: its state does not allow it; names the states it may go to.
        InvalidError: it is to be published without a solution.
    """
    found = article(session, number)
    if to not in STEPS[found.state]:
        raise IllegalStepError(found, to)
    if to in {State.SUBMITTED, State.PUBLISHED} and not found.solution.strip():
        raise InvalidError(
            N_("Write the solution first; an article without one helps nobody."), field="/solution"
        )
    found.state = to
    found.changed_at = now
    if to is State.PUBLISHED:
        found.reviewer_id = by
        found.published_at = now
        found.review_due_at = now + REVIEW_EVERY
    changed(session, number)
    emit(session, "knowledge", {"number": number})
    return found


def may_move(actor: Actor, to: State) -> None:
    """Raise ForbiddenError unless this person may take an article there: authors submit, reviewers decide."""
    actor.needs("knowledge.write" if to in {State.DRAFT, State.SUBMITTED} else "knowledge.publish")


def learn_case(
    session: Session,
    number: str,
    *,
    title: str,
    symptom: str,
    cause: str,
    solution: str,
    facets: Mapping[str, str],
    language: str,
    resolved_at: datetime,
) -> None:
    """Let later tickets find how this incident was resolved. Telling it again replaces it."""
    case = session.get(Case, number) or Case(number=number)
    case.title, case.symptom, case.cause, case.solution = title[:400], symptom, cause, solution
    case.facets, case.language, case.resolved_at = dict(facets), language, resolved_at
    session.add(case)
    changed(session, number)


def case(session: Session, number: str) -> Case:
    """The case that an incident left behind."""
    found = session.get(Case, number)
    if found is None:
        raise NotFoundError(
            N_("{number} is not resolved, so there is nothing to write down yet."), number=number
        )
    return found


def draft_of(found: Case) -> dict[str, str]:
    """The texts of an article as a case suggests them."""
    facets = {name: found.facets.get(name, "") for name in ("ci_class", "model", "alert", "service")}
    return {
        "title": found.title,
        "symptom": found.symptom,
        "cause": found.cause,
        "solution": found.solution,
        "language": found.language,
        **facets,
    }


def forget_case(session: Session, number: str) -> None:
    """An incident that was reopened was not resolved by what it says."""
    case = session.get(Case, number)
    if case is not None:
        session.delete(case)
        changed(session, number)


def record_outcome(
    session: Session,
    suggestion: str,
    ticket: str,
    verdict: Verdict,
    *,
    by: int | None,
    now: datetime,
    facets: Mapping[str, str] | None = None,
    restored_s: int | None = None,
) -> Outcome:
    """Note what came of a suggestion on a ticket; one verdict each, the latest counts."""
    found = session.scalar(select(Outcome).where(Outcome.suggestion == suggestion, Outcome.ticket == ticket))
    if found is None:
        found = Outcome(suggestion=suggestion, ticket=ticket, facets=dict(facets or {}))
        session.add(found)
    if verdict is Verdict.OPENED and found.verdict is not None:
        return found
    found.verdict, found.by_id, found.at = verdict, by, now
    found.restored_s = restored_s if restored_s is not None else found.restored_s
    session.flush()
    return found


def applied_to(session: Session, ticket: str) -> list[Outcome]:
    """The suggestions that were applied on a ticket and whose outcome is not yet known, or is."""
    judged = (Verdict.APPLIED, Verdict.FIXED, Verdict.CAME_BACK)
    return list(session.scalars(select(Outcome).where(Outcome.ticket == ticket, Outcome.verdict.in_(judged))))


def outcome_of_ticket(
    session: Session, ticket: str, *, held: bool, restored_s: int | None, now: datetime
) -> None:
    """The alert stayed clear, or came back: what was applied on the ticket is judged by it."""
    for outcome in applied_to(session, ticket):
        outcome.verdict = Verdict.FIXED if held else Verdict.CAME_BACK
        outcome.restored_s = restored_s if restored_s is not None else outcome.restored_s
        outcome.at = now
