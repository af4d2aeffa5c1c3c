"""The pages of the knowledge manager: what waits, what is missing, how good it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from server.accounts.service import people_by_ids
from server.kernel.i18n import N_, _
from server.kernel.web import Call, Pages, web
from server.knowledge import gaps, portal, quality, service, tending, words
from server.knowledge.bulk import ACTIONS
from server.knowledge.models import State
from server.knowledge.quality import Week
from server.knowledge.suggesting import learning, silence
from server.knowledge.table import name_of
from server.knowledge.tending import Wanted

manager = Pages("knowledge")
GAPS_SHOWN = 100
CONTRIBUTED = timedelta(days=365)
ORDER = tuple(words.REASONS)
OFFERED = frozenset({"review", "publish", "confirm", "retire"})
HINTS = {
    "submitted": N_("read it, then publish it or send it back"),
    "reviewed": N_("found right; publish it when its time has come"),
    "proposed": N_("the published text stays until you decide"),
    "reported": N_("settle each report on the article"),
    "failing": N_("did not hold at least half of the times since it was last confirmed"),
    "due": N_("expires on that day unless it is confirmed; what held lately is renewed by its use"),
    "unused": N_("neither opened nor applied for 180 days"),
}
LISTED = {"submitted": State.SUBMITTED, "reviewed": State.REVIEWED}


@dataclass(frozen=True)
class Line:
    """A line of the review page."""

    reason: str
    place: int
    wanted: Wanted
    by: Any

    @property
    def state_key(self) -> str:
        """The article's state, for the actions on ticked lines."""
        return self.wanted.article.state.value


def _queue(session: Session, call: Call) -> list[Line]:
    found = tending.queue(session, now=call.now)
    people = people_by_ids(session, {one.by_id for one in found if one.by_id is not None})
    return [Line(one.reason, ORDER.index(one.reason), one, name_of(people, one.by_id)) for one in found]


@manager.get("/knowledge/review", permission="knowledge.publish")
async def review(call: Call) -> web.Response:
    """Everything that waits for the reviewer."""
    wanted = await call.db.read(_queue, call)
    call.topics = ("knowledge",)
    hints = {reason: _(hint) for reason, hint in HINTS.items()}
    if limit := tending.idle_limit(call.settings.knowledge_unused_days):
        hints["unused"] = _("neither opened nor applied for 180 days; expires after {n} days").format(
            n=limit.days
        )
    return call.render(
        "knowledge/review.html",
        wanted=wanted,
        words=words,
        hints=hints,
        actions=[one for one in ACTIONS if one.key in OFFERED],
        most=tending.MOST_SHOWN,
        listed=LISTED,
    )


@manager.get("/knowledge/gaps", permission="knowledge.publish")
async def missing(call: Call) -> web.Response:
    """The articles that are missing."""
    found = await call.db.read(gaps.missing, now=call.now)
    vain = await call.db.read(portal.in_vain, now=call.now)
    return call.render("knowledge/gaps.html", found=found, most=GAPS_SHOWN, things=_things, vain=vain)


def _things(facets: dict[str, str]) -> Sequence[str]:
    """What the tickets of a gap have in common, in words."""
    return list(words.applies({name: [value] for name, value in facets.items() if name != "ci"}))


@manager.post("/knowledge/gaps/{ticket}/dismiss", permission="knowledge.publish")
async def dismiss(call: Call, ticket: str) -> web.Response:
    """No article is wanted for tickets like this."""
    await call.db.run(gaps.dismiss, ticket, now=call.now)
    return call.redirect(
        "/knowledge/gaps", N_("No article is wanted for {ticket} and its like."), ticket=ticket
    )


@manager.get("/knowledge/quality", permission="knowledge.read")
async def shown(call: Call) -> web.Response:
    """Suggestions and portal over time, and who contributes."""

    def read(session: Session) -> tuple[list[Week], list[tuple[Any, int, int]], silence.Measured]:
        rows = service.contributions(session, since=call.now - CONTRIBUTED)
        people = people_by_ids(session, {person for person, _w, _c in rows})
        named = [(name_of(people, person), wrote, altered) for person, wrote, altered in rows]
        known = [one for one in named if one[0] is not None]
        return quality.weeks(session, now=call.now), known, silence.measured(session)

    weeks, people, quiet = await call.db.read(read)
    return call.render(
        "knowledge/quality.html",
        weeks=weeks,
        all=quality.together(weeks),
        people=people,
        quiet=quiet,
        percents=[(str(n), f"{n} %") for n in (round(one * 100) for one in silence.POINTS)],
        fewest=learning.FEWEST_IN_TURN,
    )


@manager.post("/knowledge/quality/silence", permission="knowledge.publish")
async def set_silence(call: Call) -> web.Response:
    """From which probability on fixes are suggested."""
    said = str(call.form.get("least", ""))
    percent = int(said) if said.isascii() and said.isdigit() else 0
    await call.db.run(silence.set_least, percent / 100)
    return call.redirect(
        "/knowledge/quality#silence",
        N_("Fixes are suggested from {percent} % on."),
        percent=str(percent),
    )


@manager.get("/knowledge/quality/chart.json", permission="knowledge.read")
async def chart(call: Call) -> web.Response:
    """The curves of the quality page: shares, or counts for `what=counts`."""
    weeks = await call.db.read(quality.weeks, now=call.now)
    counts = call.request.query.get("what") == "counts"
    series = _counts(weeks) if counts else _shares(weeks)
    first = weeks[0].at - timedelta(days=7)
    drawn = {"series": series, "marks": [], "thresholds": [], "from": _ms(first), "to": _ms(call.now)}
    return web.json_response(drawn, headers={"Cache-Control": "no-store"})


def _shares(weeks: Sequence[Week]) -> list[dict[str, Any]]:
    lines: tuple[tuple[str, Callable[[Week], float | None]], ...] = (
        (_("right at the first"), lambda one: one.first_right),
        (_("right among five"), lambda one: one.five_right),
        (_("answered"), lambda one: one.answered),
        (_("held"), lambda one: one.held_share),
        (_("solved in the portal"), lambda one: one.deflected),
    )
    return [
        {
            "name": name,
            "unit": "%",
            "points": [
                [_ms(one.at), None if (value := of(one)) is None else round(value * 100, 1)] for one in weeks
            ],
        }
        for name, of in lines
    ]


def _counts(weeks: Sequence[Week]) -> list[dict[str, Any]]:
    lines: tuple[tuple[str, Callable[[Week], int]], ...] = (
        (_("applied"), lambda one: one.applied),
        (_("held"), lambda one: one.held),
        (_("searches"), lambda one: one.searches),
        (_("solved in the portal"), lambda one: one.solved),
    )
    return [
        {"name": name, "unit": "", "points": [[_ms(one.at), of(one)] for one in weeks]} for name, of in lines
    ]


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
