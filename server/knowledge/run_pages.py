"""The pages of imports and of steps with many articles: how far they are, what became of each."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from server.accounts.service import people_by_ids
from server.kernel.errors import InvalidError
from server.kernel.i18n import N_
from server.kernel.web import Call, Pages, web
from server.knowledge import runs, words
from server.knowledge.models import Fate, Run, RunKind, RunLine
from server.knowledge.table import name_of

ran = Pages("knowledge")
SHOWN = 50
MOST_PAGES = 200
LEAST_TOLD = timedelta(seconds=3)  # before that nobody can say how long it takes


@dataclass(frozen=True)
class RunView:
    """A run as its pages show it."""

    run: Run
    by: Any
    counts: dict[Fate, int]

    @property
    def share(self) -> int:
        """How much of it is done, in per cent; the links of an import are as much work as its texts."""
        if self.run.ended_at is not None and not self.run.error:
            return 100
        steps, done = self.run.total or 0, self.run.done
        if self.run.kind is RunKind.IMPORT:
            steps, done = steps * 2, done + self.joined
        return min(99, done * 100 // steps) if steps else 0

    @property
    def joined(self) -> int:
        """Documents that are whole: what was not entered needs no links."""
        if self.run.done < (self.run.total or 0):
            return self.run.joined
        return self.run.joined + self.run.done - self.counts.get(Fate.DONE, 0)

    def left(self, now: datetime) -> timedelta | None:
        """How long it takes still, at the pace so far; None where that cannot be told."""
        passed = now - self.run.at
        if self.run.ended_at is not None or passed < LEAST_TOLD or not 0 < self.share < 99:
            return None
        return passed * (100 - self.share) / self.share


def views(session: Session, found: list[Run]) -> list[RunView]:
    """Runs with who began them and how many met which fate."""
    people = people_by_ids(session, {one.by_id for one in found})
    counts = runs.counts(session, [one.id for one in found])
    return [RunView(one, name_of(people, one.by_id), counts[one.id]) for one in found]


@ran.get("/knowledge/runs", permission="knowledge.write")
async def latest(call: Call) -> web.Response:
    """The latest runs."""

    def read(session: Session) -> list[RunView]:
        return views(session, list(runs.latest(session, call.actor, limit=SHOWN)))

    found = await call.db.read(read)
    call.topics = ("knowledge",)
    return call.render("knowledge/runs.html", found=found, words=words, Fate=Fate)


@ran.get("/knowledge/runs/{run_id}", permission="knowledge.write")
async def shown(call: Call, run_id: int) -> web.Response:
    """How far a run is, and what became of each document or article."""
    fate, page = _fate(call), _page(call)

    def read(session: Session) -> tuple[RunView, list[RunLine], int]:
        [view] = views(session, [runs.visible(session, run_id, call.actor)])
        lines, total = runs.lines(session, view.run, fate, limit=SHOWN, offset=(page - 1) * SHOWN)
        return view, list(lines), total

    view, lines, total = await call.db.read(read)
    call.topics = ("knowledge",)
    return call.render(
        "knowledge/run.html",
        view=view,
        lines=lines,
        fate=fate,
        page=page,
        pages=min(MOST_PAGES, max(1, -(-total // SHOWN))),
        words=words,
        Fate=Fate,
        left=view.left(call.now),
    )


def _fate(call: Call) -> Fate | None:
    asked = call.request.query.get("fate", "")
    if asked and asked not in set(Fate):
        raise InvalidError(N_("There is no such outcome of a run."), field="/fate")
    return Fate(asked) if asked else None


def _page(call: Call) -> int:
    asked = call.request.query.get("page", "1")
    if not (asked.isascii() and asked.isdigit() and len(asked) < 4 and 1 <= int(asked) <= MOST_PAGES):
        raise InvalidError(N_("Pages run from 1 to {limit}."), field="/page", limit=MOST_PAGES)
    return int(asked)
