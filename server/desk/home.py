"""Home and My work: what is mine, by time left, and what happens now."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.cmdb.models import Ci
from server.desk import board, figures, first_steps, numbers
from server.desk.numbers import Number, mine, next_due
from server.incidents import views
from server.incidents.models import OPEN_STATES, Incident
from server.kernel.call import Actor, Call
from server.kernel.i18n import _, local
from server.kernel.web import Pages

pages = Pages("desk")
TOPICS = ("incidents", "alerts", "rooms")


@dataclass(frozen=True)
class Home:
    """Everything home shows this person; what a right is missing for stays empty."""

    numbers: list[Number] = field(default_factory=list)
    queue: Sequence[board.Line] = field(default_factory=list)
    waiting: int = 0
    major: Incident | None = None
    major_title: str = ""
    risk: Sequence[board.Line] = field(default_factory=list)
    loads: list[board.Load] = field(default_factory=list)
    firing: dict[str, int] = field(default_factory=dict)
    rooms: list[board.RoomState] = field(default_factory=list)
    items: list[tuple[Ci, str, str]] = field(default_factory=list)
    reported: list[board.Line] = field(default_factory=list)
    steward: tuple[int, int, int] | None = None
    steps: list[first_steps.Step] = field(default_factory=list)


def count_mine(session: Session, actor: Actor, now: datetime) -> tuple[int, bool]:
    """How many incidents wait for me, and whether one is late."""
    query = select(func.count(), func.min(next_due)).where(mine(actor), Incident.state.in_(OPEN_STATES))
    waiting, due = session.execute(query).one()
    return waiting, due is not None and due < now


def gather(session: Session, actor: Actor, now: datetime) -> Home:
    """Read what this person's home shows."""
    if not actor.may("incident.read"):
        return Home(reported=board.reported(session, actor, now))
    lead = board.leads(actor)
    urgent = board.urgent(session, actor, now)
    sums = figures.asked(
        session,
        [
            *numbers.figures(actor, now),
            *([board.load_figures(now)] if lead else []),
            *([board.steward_figures()] if actor.may("ci.edit") else []),
        ],
    )
    firing = board.alerts(session) if actor.may("alert.read") or actor.may("ci.read") else []
    return Home(
        numbers=numbers.numbers(session, sums, actor, now),
        queue=urgent.queue,
        waiting=numbers.waiting(sums),
        major=urgent.major,
        major_title=views.title(urgent.major) if urgent.major is not None else "",
        risk=urgent.risk,
        loads=board.loads(session, sums) if lead else [],
        firing=board.firing(firing) if actor.may("alert.read") else {},
        rooms=board.rooms(session, firing, now) if actor.may("ci.read") else [],
        items=board.own_items(session, actor) if actor.may("ci.read") and not lead else [],
        steward=board.stewardship(sums) if actor.may("ci.edit") else None,
        steps=first_steps.steps(session, actor),
    )


def greeting(now: datetime) -> str:
    """Good morning, afternoon or evening, by the reader's clock; `{name}` is to be filled in."""
    hour = local(now).hour
    if 5 <= hour < 12:
        return _("Good morning, {name}")
    if 12 <= hour < 18:
        return _("Good afternoon, {name}")
    return _("Good evening, {name}")


@pages.get("/", signed_in=True)
async def home(call: Call) -> web.Response:
    """The first page after signing in."""
    shown = await call.db.read(gather, call.actor, call.now)
    return call.render("desk/home.html", home=shown, greeting=greeting(call.now), topics=TOPICS)


@pages.get("/mine", signed_in=True)
async def my_work(call: Call) -> web.Response:
    """All that waits for me, that I watch, and that I reported."""

    def read(session: Session, actor: Actor, now: datetime) -> list[list[board.Line]]:
        return [
            board.queue(session, actor, now, limit=100),
            board.watched(session, actor, now),
            board.reported(session, actor, now),
        ]

    queue, watched, reported = await call.db.read(read, call.actor, call.now)
    return call.render(
        "desk/mine.html", queue=queue, watched=watched, reported=reported, topics=("incidents",)
    )
