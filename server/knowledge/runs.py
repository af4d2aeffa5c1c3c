"""Long work on many documents or articles: it goes on without its page, and tells what became of each.

A run is worked off by a background job, a portion at a time, so that nobody who writes meanwhile waits for
all of it. A portion, its lines and how far the run is are one transaction: after a crash it goes on there.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, delete, func, select
from sqlalchemy.orm import Session

from server.kernel.call import Actor
from server.kernel.errors import DeskError, NotFoundError
from server.kernel.events import emit
from server.kernel.i18n import N_
from server.kernel.jobs import enqueue
from server.knowledge.models import Fate, Run, RunKind, RunLine

JOB = "knowledge.run"
PORTION = 50  # documents or articles of one transaction
KEPT = timedelta(days=90)
Hold: TypeAlias = Callable[[Session], None]  # raises where another server has taken the run over


def begin(
    session: Session,
    kind: RunKind,
    given: Mapping[str, Any],
    *,
    by: int,
    now: datetime,
    name: str = "",
    content: bytes | None = None,
    total: int | None = None,
) -> Run:
    """Queue a run; it begins after this transaction."""
    run = Run(kind=kind, name=name, content=content, given=dict(given), by_id=by, at=now, total=total)
    session.add(run)
    session.flush()
    enqueue(session, JOB, {"run": run.id}, now=now)
    return run


def visible_to(actor: Actor) -> ColumnElement[bool]:
    """Everybody sees the own ones, reviewers all."""
    return Run.id.is_not(None) if actor.may("knowledge.publish") else Run.by_id == actor.id


def visible(session: Session, run_id: int, actor: Actor) -> Run:
    """One run.

    Raises:
        NotFoundError: there is none, or it is somebody else's.
    """
    found = session.scalar(select(Run).where(Run.id == run_id, visible_to(actor)))
    if found is None:
        raise NotFoundError(N_("There is no run {n}; it may be forgotten after 90 days."), n=run_id)
    return found


def latest(session: Session, actor: Actor, *, limit: int) -> Sequence[Run]:
    """The latest runs, the newest first."""
    query = select(Run).where(visible_to(actor)).order_by(Run.at.desc(), Run.id.desc()).limit(limit)
    return list(session.scalars(query))


def counts(session: Session, run_ids: Sequence[int]) -> dict[int, dict[Fate, int]]:
    """How many met which fate, by run."""
    rows = session.execute(
        select(RunLine.run_id, RunLine.fate, func.count())
        .where(RunLine.run_id.in_(run_ids))
        .group_by(RunLine.run_id, RunLine.fate)
    )
    found: dict[int, dict[Fate, int]] = {number: {} for number in run_ids}
    for number, fate, count in rows:
        found[number][fate] = int(count)
    return found


def lines(
    session: Session, run: Run, fate: Fate | None, *, limit: int, offset: int
) -> tuple[Sequence[RunLine], int]:
    """A part of what became of each, and how many there are of this fate; in the order given."""
    chosen: Select[Any] = select(RunLine).where(RunLine.run_id == run.id)
    if fate is not None:
        chosen = chosen.where(RunLine.fate == fate)
    total = session.scalar(select(func.count()).select_from(chosen.subquery())) or 0
    return list(session.scalars(chosen.order_by(RunLine.place).limit(limit).offset(offset))), total


def goes_on(session: Session, run_id: int, *, hold: Hold) -> Run:
    """The run, for the transaction of one more portion."""
    hold(session)
    return session.get_one(Run, run_id)


def told(session: Session, run: Run, new: Sequence[RunLine]) -> None:
    """A portion is done: keep its lines and let the page show them."""
    session.add_all(new)
    run.done += len(new)
    emit(session, "knowledge", {})


def refused(run: Run, place: int, source: str, error: DeskError, title: str = "") -> RunLine:
    """The line of what could not be done."""
    said = {"limit": error.limit, **error.places}
    return RunLine(
        run_id=run.id,
        place=place,
        fate=Fate.REFUSED,
        source=source,
        title=title,
        reason=error.msgid,
        places=said,
    )


def end(session: Session, run_id: int, *, hold: Hold, now: datetime, error: DeskError | None = None) -> None:
    """The run is over; the upload that it read is forgotten."""
    run = goes_on(session, run_id, hold=hold)
    run.ended_at, run.content = now, None
    if error is not None:
        run.error, run.places = error.msgid, {"limit": error.limit, **error.places}
    emit(session, "knowledge", {})


def forget(session: Session, *, now: datetime) -> None:
    """Delete the runs that ended long ago."""
    old = select(Run.id).where(Run.at < now - KEPT, Run.ended_at.is_not(None))
    session.execute(delete(RunLine).where(RunLine.run_id.in_(old)))
    session.execute(delete(Run).where(Run.at < now - KEPT, Run.ended_at.is_not(None)))
