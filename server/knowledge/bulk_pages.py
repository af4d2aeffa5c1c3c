"""Acting on many articles in the console: the ticked ones at once, all that match as a run."""

from urllib.parse import parse_qsl, urlsplit

from sqlalchemy.orm import Session

from server.kernel.i18n import N_, ngettext
from server.kernel.listing.many import ChosenOrAll, Skipped, each, matching, why
from server.kernel.web import Call, Pages, web
from server.knowledge import bulk
from server.knowledge.bulk import HOME
from server.knowledge.models import Article
from server.knowledge.table import ARTICLES

many = Pages("knowledge")


def _ticked(session: Session, call: Call, numbers: list[str], key: str) -> tuple[int, Skipped]:
    own_review = call.settings.knowledge_own_review
    return each(
        session,
        numbers,
        lambda number: bulk.step(session, number, key, call.actor, own_review=own_review, now=call.now),
    )


def _all(session: Session, call: Call, wish: str, key: str) -> int:
    pairs = parse_qsl(wish, keep_blank_values=True)
    numbers = matching(session, ARTICLES, pairs, Article.number, actor=call.actor, now=call.now)
    return bulk.begin(session, key, numbers, call.actor, now=call.now).id


async def _done(call: Call, key: str) -> web.Response:
    form = call.form_as(ChosenOrAll)
    if form.matching is not None:
        run = await call.db.run(_all, call, form.matching, key)
        return call.redirect(f"/knowledge/runs/{run}")
    done, skipped = await call.db.run(_ticked, call, form.id, key)
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


@many.post("/knowledge/bulk/submit", permission="knowledge.write")
async def submit(call: Call) -> web.Response:
    """Hand the drafts among the chosen to the reviewer."""
    return await _done(call, "submit")


@many.post("/knowledge/bulk/review", permission="knowledge.publish")
async def review(call: Call) -> web.Response:
    """The submitted ones among the chosen are right, and are published later."""
    return await _done(call, "review")


@many.post("/knowledge/bulk/publish", permission="knowledge.publish")
async def publish(call: Call) -> web.Response:
    """Publish those of the chosen that wait for it."""
    return await _done(call, "publish")


@many.post("/knowledge/bulk/confirm", permission="knowledge.publish")
async def confirm(call: Call) -> web.Response:
    """The published ones among the chosen are still right."""
    return await _done(call, "confirm")


@many.post("/knowledge/bulk/retire", permission="knowledge.publish")
async def retire(call: Call) -> web.Response:
    """Retire the chosen ones."""
    return await _done(call, "retire")
