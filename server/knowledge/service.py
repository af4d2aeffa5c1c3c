"""The life of an article, what resolved cases teach, and what came of suggestions."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.kernel.call import Actor
from server.kernel.errors import ConflictError, InvalidError, NotFoundError
from server.kernel.events import emit
from server.kernel.i18n import N_
from server.kernel.ticket import next_number
from server.knowledge import gaps, searching, telling
from server.knowledge.models import (
    Article,
    ArticleNote,
    ArticleVersion,
    Audience,
    Case,
    Kind,
    NoteKind,
    Outcome,
    State,
    Verdict,
)
from server.knowledge.suggesting.suggest import changed

REVIEW_EVERY = timedelta(days=365)
TEXTS = ("title", "symptom", "cause", "solution", "applies_to", "language", "kind", "audience")
LONGEST_NOTE = 4000

# From where an article may go where. Reviewing and publishing are the reviewer's; the rest is the author's.
UNPUBLISHED = frozenset({State.DRAFT, State.SUBMITTED, State.REVIEWED})
STEPS: Mapping[State, frozenset[State]] = {
    State.DRAFT: frozenset({State.SUBMITTED, State.RETIRED}),
    State.SUBMITTED: frozenset({State.REVIEWED, State.PUBLISHED, State.DRAFT}),
    State.REVIEWED: frozenset({State.PUBLISHED, State.DRAFT}),
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
        problem=texts.get("problem"),
        **_typed(texts),
    )
    session.add(new)
    searching.index(session, new)
    emit(session, "knowledge", {})
    return new


def revise(
    session: Session, number: str, texts: Mapping[str, Any], *, version: int, by: int | None, now: datetime
) -> Article:
    """Change an article's texts; the old ones stay as a version. What was reviewed waits for a review again.

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
    before = texts_of(found)
    after = _typed(texts)
    if all(before[name] == value for name, value in after.items()):
        return found
    if not str(after.get("title", found.title)).strip():
        raise InvalidError(N_("Give the article a title that names the symptom."), field="/title")
    session.add(ArticleVersion(article_id=found.id, version=found.version, at=now, by_id=by, texts=before))
    for name, value in after.items():
        setattr(found, name, value)
    found.version += 1
    found.changed_at = now
    if found.state is State.REVIEWED:
        found.state, found.reviewer_id = State.SUBMITTED, None
    searching.index(session, found)
    changed(session, number)
    emit(session, "knowledge", {})
    return found


def texts_of(found: Article) -> dict[str, Any]:
    """The texts of an article as a version keeps them."""
    return {name: getattr(found, name) for name in TEXTS}


def _typed(texts: Mapping[str, Any]) -> dict[str, Any]:
    """Texts as the columns want them; a version that was kept as JSON has words for its kinds."""
    found = {name: texts[name] for name in TEXTS if name in texts}
    if "kind" in found:
        found["kind"] = Kind(found["kind"])
    if "audience" in found:
        found["audience"] = Audience(found["audience"])
    return found


def revert(session: Session, number: str, to: int, *, version: int, by: int | None, now: datetime) -> Article:
    """Put the texts of an earlier version back, as a new version.

    Raises:
        NotFoundError: the article has no such version.
        ConflictError: somebody else changed it since `version` was read.
    """
    found = article(session, number)
    kept = earlier(session, found, to)
    return revise(session, number, kept.texts, version=version, by=by, now=now)


def earlier(session: Session, found: Article, version: int) -> ArticleVersion:
    """An earlier version of an article."""
    kept = session.scalar(
        select(ArticleVersion).where(ArticleVersion.article_id == found.id, ArticleVersion.version == version)
    )
    if kept is None:
        raise NotFoundError(N_("{number} has no version {version}."), number=found.number, version=version)
    return kept


class OwnReviewError(ConflictError):
    """Who alone wrote an article does not review it."""

    code = "own_review"

    def __init__(self, found: Article) -> None:
        super().__init__(
            N_("{number} is {state} and nobody but you has worked on it; let somebody else review it."),
            number=found.number,
            state=found.state.value,
        )


def _writers(session: Session, found: Article) -> set[int | None]:
    """Everybody whose words are in an article."""
    others = session.scalars(select(ArticleVersion.by_id).where(ArticleVersion.article_id == found.id))
    return {found.author_id, *others}


def move(
    session: Session,
    number: str,
    to: State,
    *,
    by: int | None,
    now: datetime,
    own_review: bool = True,
) -> Article:
    """Take an article to another state of its life.

    Args:
        session: the running transaction.
        number: of the article.
        to: the wanted state.
        by: who does it.
        now: the present moment.
        own_review: whether the only writer of an article may review it. Whoever may publish, its writer
            among them, publishes what somebody else has reviewed.

    Raises:
        IllegalStepError: its state does not allow it; names the states it may go to.
        OwnReviewError: the only writer wants to review or publish it, and the site asks for two persons.
        InvalidError: it is to be published without a solution.
    """
    found = article(session, number)
    if to not in STEPS[found.state]:
        raise IllegalStepError(found, to)
    reviewed = found.state is State.REVIEWED and to is State.PUBLISHED
    judged = to in {State.REVIEWED, State.PUBLISHED} and not reviewed
    if judged and not own_review and by is not None and _writers(session, found) == {by}:
        raise OwnReviewError(found)
    if to in {State.SUBMITTED, State.REVIEWED, State.PUBLISHED} and not found.solution.strip():
        raise InvalidError(
            N_("Write the solution first; an article without one helps nobody."), field="/solution"
        )
    found.state = to
    found.changed_at = now
    if judged:
        found.reviewer_id = by
    if to is State.PUBLISHED:
        found.published_at = now
        found.review_due_at = now + REVIEW_EVERY
        found.checked_at = now
        gaps.fill(session, found, now=now)
    changed(session, number)
    emit(session, "knowledge", {})
    return found


def send_back(session: Session, number: str, remark: str, *, by: int, now: datetime) -> Article:
    """Return a submitted or reviewed article to its author, with the reason.

    Raises:
        InvalidError: there is no reason.
        IllegalStepError: it waits neither for its review nor to be published.
    """
    found = article(session, number)
    if found.state not in {State.SUBMITTED, State.REVIEWED}:
        raise IllegalStepError(found, State.DRAFT)
    told = note(session, found, NoteKind.REMARK, remark, by=by, now=now)
    telling.returned(session, found, told, now=now)
    return move(session, number, State.DRAFT, by=by, now=now)


def confirm(session: Session, number: str, *, by: int, now: datetime) -> Article:
    """A reviewer says that a published article is still right: its next review is a year away.

    Raises:
        ConflictError: it is not published.
    """
    found = article(session, number)
    if found.state is not State.PUBLISHED:
        raise ConflictError(N_("{number} is not published, so there is nothing to confirm."), number=number)
    found.checked_at, found.review_due_at, found.reviewer_id = now, now + REVIEW_EVERY, by
    emit(session, "knowledge", {})
    return found


def note(
    session: Session, found: Article, kind: NoteKind, said: str, *, by: int | None, now: datetime
) -> ArticleNote:
    """Say something about an article: a remark, a report of an error, a comment."""
    said = said.strip()
    if not said:
        raise InvalidError(N_("Write what it is about; without words nobody can act on it."), field="/text")
    if len(said) > LONGEST_NOTE:
        raise InvalidError(
            N_("At most {limit} characters; this has {length}."),
            field="/text",
            limit=LONGEST_NOTE,
            length=len(said),
        )
    new = ArticleNote(
        article_id=found.id, kind=kind, version=found.version, by_id=by, at=now, text=said, done_at=None
    )
    session.add(new)
    session.flush()
    if kind is NoteKind.REPORT:
        telling.reported(session, found, new, now=now)
    emit(session, "knowledge", {})
    return new


def settle(
    session: Session, number: str, note_id: int, *, answer: str = "", by: int, now: datetime
) -> Article:
    """A report of an error was dealt with; doing it again changes nothing.

    Who made it is told, with the answer, which also stands as a comment.
    """
    found = article(session, number)
    told = session.get(ArticleNote, note_id)
    if told is None or told.article_id != found.id or told.kind is not NoteKind.REPORT:
        raise NotFoundError(N_("There is no such report on {number}."), number=number)
    if told.done_at is None:
        told.done_at, told.done_by_id = now, by
        if answer.strip():
            note(session, found, NoteKind.COMMENT, answer, by=by, now=now)
        telling.settled(session, found, told, answer.strip(), now=now)
        emit(session, "knowledge", {})
    return found


def may_edit(actor: Actor, found: Article) -> bool:
    """Whether this person may change the texts at once: who wrote what is not published, or a reviewer."""
    if actor.may("knowledge.publish"):
        return True
    own = found.author_id == actor.id and actor.may("knowledge.write")
    return own and found.state in UNPUBLISHED


def may_move(actor: Actor, found: Article, to: State) -> None:
    """Raise ForbiddenError unless this person may take the article there.

    Authors submit and take back what is theirs; reviewers decide.
    """
    own = found.author_id == actor.id and found.state in UNPUBLISHED
    authors = to in {State.DRAFT, State.SUBMITTED} and own
    actor.needs("knowledge.write" if authors else "knowledge.publish")


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


def contributions(session: Session, *, since: datetime) -> list[tuple[int, int, int]]:
    """Who wrote how much that was published since, and changed how often: (person, articles, changes)."""
    wrote = dict(
        session.execute(
            select(Article.author_id, func.count())
            .where(Article.published_at >= since, Article.author_id.is_not(None))
            .group_by(Article.author_id)
        ).all()
    )
    altered = dict(
        session.execute(
            select(ArticleVersion.by_id, func.count())
            .where(ArticleVersion.at >= since, ArticleVersion.by_id.is_not(None))
            .group_by(ArticleVersion.by_id)
        ).all()
    )
    people = {one for one in (*wrote, *altered) if one is not None}
    found = [(person, int(wrote.get(person, 0)), int(altered.get(person, 0))) for person in people]
    return sorted(found, key=lambda one: (-one[1], -one[2], one[0]))


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
    """The alert stayed clear, or came back: what was applied on the ticket is judged by it.

    Of several that were applied the last one before it cleared has held, unless somebody said which; of the
    others nothing is known. If it comes back, none of them held. What has not held once does not become right
    because something else helped in the end.
    """
    tried = [one for one in applied_to(session, ticket) if one.verdict is not Verdict.CAME_BACK]
    if held and tried:
        credited = [one for one in tried if one.verdict is Verdict.FIXED]
        tried = credited or [max(tried, key=lambda one: (one.at, one.id))]
    for outcome in tried:
        outcome.verdict = Verdict.FIXED if held else Verdict.CAME_BACK
        outcome.restored_s = restored_s if restored_s is not None else outcome.restored_s
        outcome.at = now
