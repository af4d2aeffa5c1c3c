"""Work in the background: rows of a table, claimed under a lease, at least once.

A server claims a job for a short lease in database time and renews it while the handler runs.
Each claim raises the job's fencing number; the handler's final transaction calls
`work.hold(session)`, which raises when another server has claimed the job meanwhile. There is
no leader: on PostgreSQL any number of servers claim side by side (SKIP LOCKED).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Index, String, and_, delete, func, or_, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.kernel.clock import Clock
from server.kernel.db import Base, Database, database_now, insert_missing
from server.kernel.practice import Schedule

if TYPE_CHECKING:
    from aiohttp import web

CHANNEL = "watchdesk_jobs"
LEASE = timedelta(seconds=12)
BACK_OFF = (5, 15, 60, 300, 900, 3600)  # seconds after the first, second ... failure


class JobState(StrEnum):
    """Done jobs are deleted."""

    WAITING = "waiting"
    RUNNING = "running"
    DEAD = "dead"


class JobRow(Base):
    """One piece of work."""

    __tablename__ = "job"
    __audited__ = False  # what the work changes is audited

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]]
    key: Mapped[str | None] = mapped_column(String(200))  # the same work is queued once
    state: Mapped[JobState] = mapped_column(default=JobState.WAITING)
    run_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]  # database time
    fence: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(String(2000))
    created_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_job_due", "state", "run_at"),
        Index(
            "uq_job_waiting_key",
            "name",
            "key",
            unique=True,
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
        {"sqlite_autoincrement": True},
    )


class ScheduleRow(Base):
    """When a schedule runs next."""

    __tablename__ = "schedule"
    __audited__ = False  # a clock's hand; the schedules themselves are code

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    spec: Mapped[str] = mapped_column(String(120))
    next_at: Mapped[datetime]


class ScheduleRun(Base):
    """A planned time that was turned into a job: once, whichever server was first."""

    __tablename__ = "schedule_run"
    __audited__ = False  # as above

    schedule: Mapped[str] = mapped_column(String(64), primary_key=True)
    planned_at: Mapped[datetime] = mapped_column(primary_key=True)


class LeaseLostError(Exception):
    """Another server has claimed the job since; what this one did is rolled back."""


@dataclass(frozen=True)
class Work:
    """One run of a job, as its handler sees it."""

    id: int
    name: str
    payload: dict[str, Any]
    fence: int
    attempt: int  # 1 is the first
    db: Database
    clock: Clock
    app: "web.Application"

    @property
    def now(self) -> datetime:
        """The present moment by the application's clock."""
        return self.clock.now()

    def hold(self, session: Session) -> None:
        """Make this transaction valid only while the lease is ours.

        Raises:
            LeaseLostError: another server has claimed the job.
        """
        mine = select(JobRow.id).where(JobRow.id == self.id, JobRow.fence == self.fence).with_for_update()
        if session.scalar(mine) is None:
            raise LeaseLostError(f"job {self.id} {self.name}")


def enqueue(
    session: Session,
    name: str,
    payload: dict[str, Any],
    *,
    now: datetime,
    run_at: datetime | None = None,
    key: str | None = None,
) -> None:
    """Queue work for after this transaction.

    Args:
        session: the running transaction; the work exists only if it is committed.
        name: of a `Job` in some PRACTICE.
        payload: JSON; ids rather than copies.
        now: the present moment.
        run_at: not before this moment; at once if None.
        key: while a job of this name and key waits, no second one is queued.
    """
    row = {
        "name": name,
        "payload": payload,
        "key": key,
        "state": JobState.WAITING,
        "run_at": run_at or now,
        "attempts": 0,
        "fence": 0,
        "created_at": now,
    }
    insert_missing(session, JobRow, row)
    database = session.info.get("database")
    if database is not None:
        database.after(session, CHANNEL)


def claim(
    session: Session, names: dict[str, int], *, now: datetime, lease: timedelta = LEASE
) -> list[JobRow]:
    """Take due work: at most `names[name]` of each name.

    Work is due when its time has come by `now`, or when the lease of the server that runs it
    has ended by the database's clock.
    """
    moment = database_now(session)
    due = or_(
        and_(JobRow.state == JobState.WAITING, JobRow.run_at <= now),
        and_(JobRow.state == JobState.RUNNING, JobRow.lease_until < moment),
    )
    taken: list[JobRow] = []
    for name, room in names.items():
        if room <= 0:
            continue
        query = select(JobRow).where(due, JobRow.name == name).order_by(JobRow.run_at, JobRow.id).limit(room)
        taken.extend(session.scalars(query.with_for_update(skip_locked=True)))
    for row in taken:
        row.state = JobState.RUNNING
        row.fence += 1
        row.attempts += 1
        row.lease_until = moment + lease
    session.flush()
    return taken


def renew(session: Session, job_id: int, fence: int, *, lease: timedelta = LEASE) -> bool:
    """Prolong a lease; false when it is no longer ours."""
    step = (
        update(JobRow)
        .where(JobRow.id == job_id, JobRow.fence == fence)
        .values(lease_until=database_now(session) + lease)
    )
    return _touched(session, step)


def finish(session: Session, job_id: int, fence: int) -> bool:
    """Delete a job that is done; false when the lease was lost."""
    return _touched(session, delete(JobRow).where(JobRow.id == job_id, JobRow.fence == fence))


def fail(
    session: Session, job_id: int, fence: int, reason: str, *, tries: int, now: datetime, jitter: float
) -> JobState | None:
    """Plan the next try, or lay the job to the dead letters after `tries` attempts.

    Args:
        session: the running transaction.
        job_id: the job.
        fence: the number under which it was claimed.
        reason: what went wrong, for the operator.
        tries: attempts in all.
        now: the present moment.
        jitter: 0 to 1; up to a quarter is added to the wait, so that failures spread.

    Returns:
        The job's new state, or None when the lease was lost.
    """
    row = session.scalar(select(JobRow).where(JobRow.id == job_id, JobRow.fence == fence).with_for_update())
    if row is None:
        return None
    row.error = reason[:2000]
    row.lease_until = None
    twin = row.key is not None and session.scalar(
        select(JobRow.id).where(
            JobRow.name == row.name, JobRow.key == row.key, JobRow.state == JobState.WAITING
        )
    )
    if twin:
        session.delete(row)  # the same work is queued anew already
        return JobState.WAITING
    if row.attempts >= tries:
        row.state = JobState.DEAD
    else:
        wait = BACK_OFF[min(row.attempts - 1, len(BACK_OFF) - 1)]
        row.state = JobState.WAITING
        row.run_at = now + timedelta(seconds=wait * (1 + jitter / 4))
    return row.state


def next_due(session: Session) -> datetime | None:
    """When the earliest waiting job or schedule is due."""
    job = session.scalar(select(func.min(JobRow.run_at)).where(JobRow.state == JobState.WAITING))
    planned = session.scalar(select(func.min(ScheduleRow.next_at)))
    leased = session.scalar(select(func.min(JobRow.lease_until)).where(JobRow.state == JobState.RUNNING))
    return min((moment for moment in (job, planned, leased) if moment is not None), default=None)


def counts(session: Session, *, now: datetime) -> tuple[int, int]:
    """How many jobs wait although their time has come, and how many are dead."""
    late: ColumnElement[bool] = and_(JobRow.state == JobState.WAITING, JobRow.run_at <= now)
    waiting = session.scalar(select(func.count()).select_from(JobRow).where(late)) or 0
    dead = session.scalar(select(func.count()).select_from(JobRow).where(JobRow.state == JobState.DEAD)) or 0
    return waiting, dead


def plan(session: Session, schedules: dict[str, Schedule], *, now: datetime) -> int:
    """Turn planned times that have come into jobs; returns how many.

    However many runs were missed, one job is queued, for the latest of them. A clock that was
    set back does not silence a schedule: its next time is never further off than one interval.
    """
    queued = 0
    rows = {row.name: row for row in session.scalars(select(ScheduleRow))}
    for schedule in schedules.values():
        following = next_time(schedule, now)
        row = rows.get(schedule.name)
        if row is None or row.spec != _spec(schedule):
            _remember(session, schedule, row, following)
            continue
        if row.next_at > now:
            row.next_at = min(row.next_at, following)
            continue
        planned_at = row.next_at
        row.next_at = following
        run = {"schedule": schedule.name, "planned_at": planned_at}
        if insert_missing(session, ScheduleRun, run):
            enqueue(session, schedule.job, {**schedule.payload}, now=now, key=f"schedule {schedule.name}")
            queued += 1
    return queued


def forget_runs(session: Session, *, now: datetime) -> None:
    """Delete the memory of planned times older than a week."""
    session.execute(delete(ScheduleRun).where(ScheduleRun.planned_at < now - timedelta(days=7)))


def next_time(schedule: Schedule, now: datetime) -> datetime:
    """The first planned time after `now`: multiples of `every` since 1970, or by cron, UTC."""
    if schedule.every is not None:
        step = schedule.every.total_seconds()
        return datetime.fromtimestamp((now.timestamp() // step + 1) * step, UTC)
    from cronsim import CronSim  # noqa: PLC0415  only for cron

    assert schedule.cron is not None
    following: datetime = next(CronSim(schedule.cron, now))
    return following


def _remember(session: Session, schedule: Schedule, row: ScheduleRow | None, following: datetime) -> None:
    if row is None:
        first = {"name": schedule.name, "spec": _spec(schedule), "next_at": following}
        insert_missing(session, ScheduleRow, first)
    else:
        row.spec, row.next_at = _spec(schedule), following


def _spec(schedule: Schedule) -> str:
    return schedule.cron or f"every {schedule.every}"


def _touched(session: Session, statement: Any) -> bool:
    touched: int = session.execute(statement.execution_options(synchronize_session=False)).rowcount  # type: ignore[attr-defined]
    return touched == 1
