"""The background job that works runs off."""

from datetime import timedelta

from sqlalchemy.orm import Session

from server.accounts import service as accounts
from server.kernel import audit, keys
from server.kernel.errors import DeskError
from server.kernel.i18n import N_
from server.kernel.jobs import LeaseLostError, Work
from server.kernel.practice import Job
from server.knowledge import bulk, entering, runs
from server.knowledge.models import Run, RunKind

TRIES = 3
GIVEN_UP = N_(
    "It broke off {n} times and was given up; the log of the server says why. What is listed here is done."
)


class BrokenOffError(DeskError):
    """A fault of the program ended a run."""

    def __init__(self) -> None:
        super().__init__(GIVEN_UP, n=TRIES)


def _found(session: Session, run_id: int) -> tuple[Run, str] | None:
    run = session.get(Run, run_id)
    if run is None or run.ended_at is not None:
        return None
    return run, accounts.person(session, run.by_id).username


async def work_off(work: Work) -> None:
    """Do what is left of a run; the audit log names who began it."""
    found = await work.db.read(_found, int(work.payload["run"]))
    if found is None:
        return
    run, username = found
    audit.origin.set(audit.Origin(username, f"run {run.id}", f"job-{work.id}"))
    error: DeskError | None = None
    try:
        if run.kind is RunKind.IMPORT:
            await entering.take_in(work.db, run.id, hold=work.hold, now=work.now)
        else:
            own_review = work.app[keys.SETTINGS].knowledge_own_review
            await bulk.take_all(work.db, run.id, hold=work.hold, own_review=own_review, now=work.now)
    except LeaseLostError:
        raise
    except DeskError as refused:
        error = refused
    except Exception:
        if work.attempt < TRIES:
            raise
        await work.db.run(runs.end, run.id, hold=work.hold, now=work.now, error=BrokenOffError())
        raise
    await work.db.run(runs.end, run.id, hold=work.hold, now=work.now, error=error)


JOBS = (Job(runs.JOB, work_off, timeout=timedelta(minutes=30), tries=TRIES, width=1),)
