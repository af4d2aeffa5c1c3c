"""Many articles at once: submit, review, publish, confirm, retire. What is left out is named."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from server.accounts import service as accounts
from server.accounts.sessions import actor_of
from server.kernel.call import Actor
from server.kernel.db import Database
from server.kernel.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from server.kernel.i18n import N_
from server.kernel.listing import Bulk
from server.knowledge import finding, runs, service, words
from server.knowledge.models import Article, Fate, Run, RunKind, RunLine, State
from server.knowledge.runs import PORTION, Hold

HOME = "/knowledge"
FROM: Mapping[str, frozenset[State]] = {
    "submit": frozenset({State.DRAFT}),
    "review": frozenset({State.SUBMITTED}),
    "publish": frozenset({State.SUBMITTED, State.REVIEWED, State.EXPIRED}),
    "confirm": frozenset({State.PUBLISHED}),
    "retire": frozenset(state for state, steps in service.STEPS.items() if State.RETIRED in steps),
}
TO = {
    "submit": State.SUBMITTED,
    "review": State.REVIEWED,
    "publish": State.PUBLISHED,
    "retire": State.RETIRED,
}


def skip(action: str) -> Callable[[Any], str | None]:
    """Why a row, which has the article's `state_key`, is left out of an action; None where it is not."""

    def of(row: Any) -> str | None:
        state = State(row.state_key)
        return None if state in FROM[action] else words.state(state)

    return of


def action(key: str, label: str, permission: str, *, danger: bool = False) -> Bulk:
    """An action on the ticked articles."""
    return Bulk(key, label, f"{HOME}/bulk/{key}", permission=permission, skip=skip(key), danger=danger)


ACTIONS = (
    action("submit", N_("Submit for review"), "knowledge.write"),
    action("review", N_("Mark as reviewed"), "knowledge.publish"),
    action("publish", N_("Publish"), "knowledge.publish"),
    action("confirm", N_("Still right"), "knowledge.publish"),
    action("retire", N_("Retire"), "knowledge.publish", danger=True),
)


PERMISSION = {one.key: one.permission or "" for one in ACTIONS}


def step(
    session: Session, number: str, key: str, actor: Actor, *, own_review: bool, now: datetime
) -> Article:
    """Take one article a step further, as far as this person may.

    Raises:
        NotFoundError: there is none that this person sees.
        ForbiddenError, ConflictError, InvalidError: a right, its state or its text forbids it.
    """
    article = finding.visible(session, number, actor)
    if key == "confirm":
        return service.confirm(session, number, by=actor.id, now=now)
    if article.state not in FROM[key]:
        raise service.IllegalStepError(article, TO[key])
    service.may_move(actor, article, TO[key])
    return service.move(session, number, TO[key], by=actor.id, now=now, own_review=own_review)


def begin(session: Session, key: str, numbers: Sequence[str], actor: Actor, *, now: datetime) -> Run:
    """Take many articles a step further, in the background, with the rights that this person has now."""
    actor.needs(PERMISSION[key])
    rights = sorted(right for right in actor.permissions if right.startswith("knowledge."))
    given = {"numbers": list(dict.fromkeys(numbers)), "rights": rights}
    total = len(given["numbers"])
    return runs.begin(session, RunKind(key), given, by=actor.id, now=now, total=total)


async def take_all(db: Database, run_id: int, *, hold: Hold, own_review: bool, now: datetime) -> None:
    """Take the step with each article of a run; what is not possible is left out and named."""
    run = await db.read(lambda session: session.get_one(Run, run_id))
    numbers = run.given["numbers"]
    for at in range(run.done, len(numbers), PORTION):
        part = numbers[at : at + PORTION]
        await db.run(_portion, run_id, at, part, hold=hold, own_review=own_review, now=now)


def _portion(
    session: Session,
    run_id: int,
    first: int,
    numbers: Sequence[str],
    *,
    hold: Hold,
    own_review: bool,
    now: datetime,
) -> None:
    run = runs.goes_on(session, run_id, hold=hold)
    person = accounts.person(session, run.by_id)
    rights = run.given["rights"] if person.active else ()
    actor = actor_of(session, person, via="session", scopes=rights)
    new = []
    for place, number in enumerate(numbers, first):
        try:
            with session.begin_nested():
                title = step(session, number, run.kind.value, actor, own_review=own_review, now=now).title
        except (ConflictError, ForbiddenError, InvalidError, NotFoundError) as error:
            new.append(runs.refused(run, place, number, error))
            continue
        new.append(
            RunLine(run_id=run_id, place=place, fate=Fate.DONE, source=number, title=title, number=number)
        )
    runs.told(session, run, new)
