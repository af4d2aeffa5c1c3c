"""Many articles at once: submit, review, publish, confirm, retire. What is left out is named."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from server.kernel.i18n import N_, ngettext
from server.kernel.listing import Bulk
from server.kernel.listing.many import Chosen, Skipped, each, why
from server.kernel.web import Call, Pages, web
from server.knowledge import finding, service, words
from server.knowledge.models import Article, State

bulk = Pages("knowledge")
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


def _moved(session: Session, call: Call, form: Chosen, key: str) -> tuple[int, Skipped]:
    def one(number: str) -> Article:
        article = finding.visible(session, number, call.actor)
        if key == "confirm":
            return service.confirm(session, number, by=call.actor.id, now=call.now)
        if article.state not in FROM[key]:
            raise service.IllegalStepError(article, TO[key])
        service.may_move(call.actor, article, TO[key])
        own_review = call.settings.knowledge_own_review
        return service.move(session, number, TO[key], by=call.actor.id, now=call.now, own_review=own_review)

    return each(session, form.id, one)


async def _done(call: Call, key: str) -> web.Response:
    done, skipped = await call.db.run(_moved, call, call.form_as(Chosen), key)
    text = ngettext("{n} article done.", "{n} articles done.", done).format(n=done)
    if not skipped:
        return call.redirect(_back(call), N_("{text}"), text=text)
    toast = N_("{text} Left out {k}: {why}")
    return call.redirect(_back(call), toast, text=text, k=len(skipped), why=why(skipped))


def _back(call: Call) -> str:
    """The page of knowledge where the rows were ticked, with its filters."""
    came = urlsplit(call.request.headers.get("Referer", ""))
    if came.netloc != call.request.host or came.path not in {HOME, f"{HOME}/review"}:
        return HOME
    return f"{came.path}?{came.query}" if came.query else came.path


@bulk.post("/knowledge/bulk/submit", permission="knowledge.write")
async def submit(call: Call) -> web.Response:
    """Hand the drafts among the ticked to the reviewer."""
    return await _done(call, "submit")


@bulk.post("/knowledge/bulk/review", permission="knowledge.publish")
async def review(call: Call) -> web.Response:
    """The submitted ones among the ticked are right, and are published later."""
    return await _done(call, "review")


@bulk.post("/knowledge/bulk/publish", permission="knowledge.publish")
async def publish(call: Call) -> web.Response:
    """Publish those of the ticked that wait for it."""
    return await _done(call, "publish")


@bulk.post("/knowledge/bulk/confirm", permission="knowledge.publish")
async def confirm(call: Call) -> web.Response:
    """The published ones among the ticked are still right."""
    return await _done(call, "confirm")


@bulk.post("/knowledge/bulk/retire", permission="knowledge.publish")
async def retire(call: Call) -> web.Response:
    """Retire the ticked ones."""
    return await _done(call, "retire")
