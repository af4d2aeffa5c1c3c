import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from server.kernel import jobs
from server.kernel.clock import ManualClock
from server.kernel.db import Database
from server.kernel.jobrunner import JobRunner
from server.kernel.jobs import JobRow, JobState
from server.kernel.practice import Job, Schedule

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _put(session: Session, /, **how: Any) -> None:
    jobs.enqueue(session, "mail", {"n": 1}, now=NOON, **how)


def _claim(session: Session, room: int = 10) -> list[tuple[int, int]]:
    return [(row.id, row.fence) for row in jobs.claim(session, {"mail": room}, now=NOON)]


def _states(session: Session) -> list[JobState]:
    return list(session.scalars(select(JobRow.state).order_by(JobRow.id)))


def _end_leases(session: Session) -> None:
    session.execute(update(JobRow).values(lease_until=datetime(2000, 1, 1, tzinfo=UTC)))


def test_the_same_work_waits_once(db: Database) -> None:
    for _ in range(3):
        db.run_now(_put, key="digest of alice")
    assert db.read_now(_states) == [JobState.WAITING]


def test_work_that_is_claimed_is_not_claimed_again(db: Database) -> None:
    db.run_now(_put)
    assert len(db.run_now(_claim)) == 1
    assert db.run_now(_claim) == []


def test_a_lease_that_ended_is_claimed_under_a_higher_fence(db: Database) -> None:
    db.run_now(_put)
    ((number, first),) = db.run_now(_claim)
    db.run_now(_end_leases)
    ((again, second),) = db.run_now(_claim)
    assert (again, second) == (number, first + 1)
    assert not db.run_now(jobs.renew, number, first)
    assert not db.run_now(jobs.finish, number, first)
    assert db.run_now(jobs.finish, number, second)


def test_servers_side_by_side_claim_each_job_once(db: Database) -> None:
    from concurrent.futures import ThreadPoolExecutor

    for _ in range(30):
        db.run_now(_put)
    with ThreadPoolExecutor(4) as pool:
        claimed = [pair for found in pool.map(lambda _: db.run_now(_claim, 5), range(12)) for pair in found]
    assert len(claimed) == len(set(claimed)) == 30


def test_a_failing_job_waits_longer_each_time_and_then_rests_among_the_dead(db: Database) -> None:
    db.run_now(_put)
    for expected in (5, 15):
        ((number, fence),) = [
            (row.id, row.fence)
            for row in db.run_now(
                lambda session: jobs.claim(session, {"mail": 1}, now=NOON + timedelta(days=1))
            )
        ]
        db.run_now(jobs.fail, number, fence, "no answer", tries=3, now=NOON, jitter=0)
        due = db.read_now(lambda session: session.scalar(select(JobRow.run_at)))
        assert due == NOON + timedelta(seconds=expected)
    ((number, fence),) = [
        (row.id, row.fence)
        for row in db.run_now(lambda session: jobs.claim(session, {"mail": 1}, now=NOON + timedelta(days=1)))
    ]
    assert db.run_now(jobs.fail, number, fence, "no answer", tries=3, now=NOON, jitter=0) is JobState.DEAD


EVERY = Schedule("pack", job="mail", every=timedelta(minutes=10))


def _plan(session: Session, now: datetime) -> int:
    return jobs.plan(session, {"pack": EVERY}, now=now)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.integers(-90_000, 90_000), max_size=12))
def test_P8_whatever_the_clock_does_missed_runs_are_one_and_the_schedule_lives(  # noqa: N802
    sqlite_db: Database, steps: list[int]
) -> None:
    def wipe(session: Session) -> None:
        for table in ("job", "schedule", "schedule_run"):
            session.execute(text(f"DELETE FROM {table}"))

    sqlite_db.run_now(wipe)
    clock = ManualClock(NOON)
    sqlite_db.run_now(_plan, clock.now())
    for step in steps:
        now = clock.forward(timedelta(seconds=step))
        assert sqlite_db.run_now(_plan, now) <= 1
        assert (
            sqlite_db.read_now(lambda session: session.scalar(select(func.count()).select_from(JobRow)) or 0)
            <= 1
        )
        due = sqlite_db.read_now(jobs.next_due)
        assert due is not None
        assert due <= now + timedelta(minutes=10)


def test_two_servers_plan_a_time_once(db: Database) -> None:
    from concurrent.futures import ThreadPoolExecutor

    db.run_now(_plan, NOON)
    with ThreadPoolExecutor(4) as pool:
        planned = list(pool.map(lambda _: db.run_now(_plan, NOON + timedelta(minutes=10)), range(4)))
    assert sum(planned) == 1


def test_cron_counts_in_utc() -> None:
    nightly = Schedule("nightly", job="mail", cron="30 2 * * *")
    assert jobs.next_time(nightly, NOON) == datetime(2026, 11, 21, 2, 30, tzinfo=UTC)


def test_a_schedule_names_every_or_cron() -> None:
    with pytest.raises(ValueError, match="either"):
        Schedule("odd", job="mail")


async def _until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_work_queued_in_a_transaction_runs_after_it(db: Database) -> None:
    seen: list[int] = []

    async def handle(work: jobs.Work) -> None:
        await work.db.run(work.hold)
        seen.append(work.payload["n"])

    runner = JobRunner(web.Application(), db, ManualClock(NOON), {"mail": Job("mail", handle)}, {})
    runner.start()
    await db.run(_put)
    await _until(lambda: seen)
    await runner.stop()
    assert seen == [1]
    assert db.read_now(_states) == []


async def test_P13_a_job_whose_server_froze_writes_nothing_when_it_wakes(db: Database) -> None:  # noqa: N802
    told: list[str] = []

    async def handle(work: jobs.Work) -> None:
        if work.attempt == 1:
            await work.db.run(_end_leases)
            ((_, fence),) = await work.db.run(_claim)
            assert fence == 2
            try:
                await work.db.run(work.hold)
            except jobs.LeaseLostError:
                told.append("lost")
                raise
        told.append("wrote")

    runner = JobRunner(web.Application(), db, ManualClock(NOON), {"mail": Job("mail", handle)}, {})
    await db.run(_put)
    await runner.drain()
    assert told == ["lost"]
    assert db.read_now(_states) == [JobState.RUNNING]


async def test_a_job_that_fails_leaves_its_reason(db: Database) -> None:
    async def handle(_work: jobs.Work) -> None:
        raise RuntimeError("the printer burns")

    runner = JobRunner(web.Application(), db, ManualClock(NOON), {"mail": Job("mail", handle)}, {})
    await db.run(_put)
    await runner.drain()
    reason = db.read_now(lambda session: session.scalar(select(JobRow.error)))
    assert reason == "RuntimeError: the printer burns"


async def test_one_hanging_job_delays_no_other(db: Database) -> None:
    seen: list[str] = []
    hang = asyncio.Event()

    async def stuck(_work: jobs.Work) -> None:
        await hang.wait()

    async def quick(_work: jobs.Work) -> None:
        seen.append("quick")

    known = {"stuck": Job("stuck", stuck, width=1), "quick": Job("quick", quick)}
    runner = JobRunner(web.Application(), db, ManualClock(NOON), known, {})
    runner.start()
    for name in ("stuck", "stuck", "quick"):
        await db.run(jobs.enqueue, name, {}, now=NOON)
    await _until(lambda: seen)
    hang.set()
    await runner.stop()
