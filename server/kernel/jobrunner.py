"""The part of a server that runs jobs: waits cheaply, claims, renews leases, tells the outcome."""

import asyncio
import contextlib
import random
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from server.kernel import audit, jobs
from server.kernel.clock import Clock
from server.kernel.db import Database
from server.kernel.errors import DeskError
from server.kernel.practice import Job, Schedule
from server.kernel.telemetry import JOB_SECONDS, JOBS_DEAD, JOBS_WAITING

if TYPE_CHECKING:
    from aiohttp import web

log = structlog.get_logger(__name__)

POLL_POSTGRESQL_S = 1.0  # other servers queue work too; they also notify
POLL_SQLITE_S = 30.0  # one process: it wakes itself; commands of the same machine are seen by this
AWAY_S = 2.0  # between two tries while the database takes nothing


class JobRunner:
    """Runs the jobs of all practices in one server.

    Args:
        app: the application; handlers reach it as `work.app`.
        database: the system of record.
        clock: decides what is due.
        known: the jobs by name.
        schedules: the schedules by name.
    """

    def __init__(
        self,
        app: "web.Application",
        database: Database,
        clock: Clock,
        known: dict[str, Job],
        schedules: dict[str, Schedule],
    ) -> None:
        self._app = app
        self._db = database
        self._clock = clock
        self._known = known
        self._schedules = schedules
        self._running: dict[asyncio.Task[None], str] = {}
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._due: datetime | None = None
        self._main: asyncio.Task[None] | None = None
        database.on(jobs.CHANNEL, self._woken)

    def start(self) -> None:
        """Begin to run jobs."""
        self._main = asyncio.create_task(self._forever(), name="jobs")

    async def stop(self) -> None:
        """Stop claiming, give running jobs 5 s, then cut them; their leases end by themselves."""
        if self._main is not None:
            self._main.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._main
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=5)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def drain(self) -> None:
        """Run what is due until nothing is: for tests and commands."""
        while await self._step() or self._running:
            if self._running:
                await asyncio.wait(self._running)

    def _woken(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._wake.set)

    async def _forever(self) -> None:
        while True:
            try:
                await self._step()
            except (DBAPIError, DeskError) as error:
                log.warning("jobs wait for the database", error=str(error))
                await asyncio.sleep(AWAY_S)
                continue
            await self._pause()

    async def _pause(self) -> None:
        """Wait for news, for the next planned moment, or for the poll."""
        longest = POLL_SQLITE_S if self._db.is_sqlite else POLL_POSTGRESQL_S
        if self._due is not None:
            longest = min(longest, max(0.02, (self._due - self._clock.now()).total_seconds()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest):
                await self._wake.wait()
        self._wake.clear()

    async def _step(self) -> int:
        room = {name: job.width for name, job in self._known.items()}
        for name in self._running.values():
            room[name] -= 1
        taken, self._due, counts = await self._db.run(self._claim, room)
        JOBS_WAITING.set(counts[0])
        JOBS_DEAD.set(counts[1])
        for row in taken:
            task = asyncio.create_task(self._run(row), name=f"job {row.name} {row.id}")
            self._running[task] = row.name
            task.add_done_callback(self._ended)
        return len(taken)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._wake.set()

    def _claim(
        self, session: Session, room: dict[str, int]
    ) -> tuple[list[jobs.JobRow], datetime | None, tuple[int, int]]:
        now = self._clock.now()
        jobs.plan(session, self._schedules, now=now)
        taken = jobs.claim(session, room, now=now)
        full = any(left <= sum(row.name == name for row in taken) for name, left in room.items())
        due = jobs.next_due(session)
        if full and due is not None and due <= now:
            due = now + timedelta(seconds=1)  # an end of a run wakes us sooner
        return taken, due, jobs.counts(session, now=now)

    async def _run(self, row: jobs.JobRow) -> None:
        job = self._known[row.name]
        work = jobs.Work(
            row.id, row.name, row.payload, row.fence, row.attempts, self._db, self._clock, self._app
        )
        started = time.monotonic()
        outcome = "done"
        audit.origin.set(audit.Origin("system", f"job {row.name}", f"job-{row.id}"))
        structlog.contextvars.bind_contextvars(job=row.name, job_id=row.id)
        try:
            async with asyncio.timeout(job.timeout.total_seconds()):
                await self._leased(job, work)
            await self._db.run(jobs.finish, row.id, row.fence)
        except jobs.LeaseLostError:
            outcome = "lost"
            log.warning("job lost its lease")
        except Exception as error:  # outermost loop: a failing job is retried, with its reason kept
            outcome = "failed"
            log.exception("job failed", attempt=row.attempts)
            await self._failed(job, row, error)
        finally:
            JOB_SECONDS.labels(row.name, outcome).observe(time.monotonic() - started)

    async def _failed(self, job: Job, row: jobs.JobRow, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        try:
            await self._db.run(
                jobs.fail,
                row.id,
                row.fence,
                reason,
                tries=job.tries,
                now=self._clock.now(),
                jitter=random.random(),  # noqa: S311  spreads retries
            )
        except (DBAPIError, DeskError):
            log.warning("job outcome not written; its lease ends by itself")

    async def _leased(self, job: Job, work: jobs.Work) -> None:
        """Run the handler while another task renews its lease; the end of the lease cuts it."""
        handler = asyncio.ensure_future(job.handler(work))
        renewal = asyncio.create_task(self._renew(work))
        try:
            done, _ = await asyncio.wait({handler, renewal}, return_when=asyncio.FIRST_COMPLETED)
            if handler not in done:
                raise jobs.LeaseLostError(f"job {work.id} {work.name}")
            await handler
        finally:
            for task in (handler, renewal):
                task.cancel()
            await asyncio.gather(handler, renewal, return_exceptions=True)

    async def _renew(self, work: jobs.Work) -> None:
        while True:
            await asyncio.sleep(jobs.LEASE.total_seconds() / 3)
            try:
                if not await self._db.run(jobs.renew, work.id, work.fence):
                    return
            except (DBAPIError, DeskError):
                log.warning("lease not renewed: the database does not answer")
