"""Training in a process of its own: lessons and weights come on standard input, what was learned goes out.

The desk goes on answering meanwhile; whatever happens here cannot harm it.
"""

import asyncio
import sys
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from sqlalchemy.orm import Session

from ml import rerank
from server.kernel.db import Database
from server.kernel.jobs import Work
from server.kernel.practice import Job, Schedule
from server.knowledge.suggesting import learning, shelves

JOB = "knowledge.learn"
KEEP = "knowledge.keep"


class Task(msgspec.Struct):
    """What training needs."""

    lessons: list[learning.Lesson]
    old: rerank.Weights


class TrainingFailedError(Exception):
    """The process ended with an error; the text is the end of what it said."""


async def learn(work: Work) -> None:
    """The nightly job."""
    await relearn(work.db, now=work.now, hold=work.hold)


async def relearn(
    db: Database, *, now: datetime, hold: Callable[[Session], None] = lambda _session: None
) -> None:
    """Make a new ranker of what was judged; it goes live if it is better.

    `hold` is called in the transaction that keeps it, and may raise to undo that.
    """
    told = await db.read(learning.lessons)
    if len(told) < learning.FEWEST_HELD_OUT:
        return
    number, old = await db.read(learning.live)
    trained = await _in_process(Task(told, old))
    if trained is None:
        return

    def keep(session: Session) -> None:
        hold(session)
        if learning.live(session)[0] == number:  # nobody put another one back meanwhile
            learning.take(session, trained, now=now)

    await db.run(keep)


async def _in_process(task: Task) -> learning.Trained | None:
    words = (sys.executable, "-m", "server.knowledge.suggesting.training")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        said, complaint = await process.communicate(msgspec.msgpack.encode(task))
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise TrainingFailedError(complaint.decode(errors="replace")[-1_000:])
    return msgspec.msgpack.decode(said, type=learning.Trained | None)


async def keep(work: Work) -> None:
    """Write what was analysed to the data folder, so that the next start is quick."""
    await asyncio.to_thread(shelves.save, work.db)


def main() -> int:
    """Train once."""
    task = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Task)
    sys.stdout.buffer.write(msgspec.msgpack.encode(learning.train(task.lessons, task.old)))
    return 0


JOBS = (Job(JOB, learn, timeout=timedelta(minutes=20), tries=2, width=1), Job(KEEP, keep, width=1))
SCHEDULES = (Schedule(JOB, JOB, cron="23 2 * * *"), Schedule(KEEP, KEEP, cron="41 3 * * *"))

if __name__ == "__main__":
    sys.exit(main())
