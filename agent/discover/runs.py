"""The range jobs and trials of an agent: begun as the configuration says, told, ended, gone on with.

A run that stands in the configuration is worked off once. One that is gone from it is given up; one that
was under way when the agent ended goes on where it was. Each address is a task of its own, so a device
that hangs holds up nobody: it is met, which frees its place for the next address, and then asked.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent.clock import Clock
from agent.collect import Collector
from agent.devices import Library
from agent.discover.guard import Guard
from agent.discover.journal import Journal
from agent.discover.opened import Opened
from agent.discover.sweep import Pace
from agent.discover.trial import attempt
from rules import ranges
from rules.numbers import whole
from rules.wire import Config, Progress, RangeJob, RunState, Trial

if TYPE_CHECKING:
    from agent.discover.scout import Scout

log = logging.getLogger("watchdesk.agent")
AT_ONCE = 256  # addresses at which somebody is looked for
MET = 4_096  # addresses that are met or wait to be asked
PROGRESS_S = 2.0
FOLDER = "discover"
KEPT_TRIALS = 200


@dataclass
class Run:
    """One run of a range job, as far as it is."""

    job: RangeJob
    journal: Journal
    addresses: ranges.Addresses
    guard: Guard
    task: "asyncio.Task[None] | None" = None
    knocked: int = 0  # addresses of which it is known whether somebody is there
    met: int = 0  # who is there and has not been asked yet
    cut: bool = False  # the time was over before all was done

    def progress(self, at: float, state: RunState, detail: str = "") -> Progress:
        """Where it stands."""
        return Progress(
            job=self.job.id,
            run=self.job.run,
            at=at,
            state=state,
            total=len(self.addresses),
            asked=len(self.journal.done),
            alive=self.journal.alive + self.met,
            detail=detail,
            held_back=self.guard.held_back,
        )


@dataclass
class Runs:
    """All runs of an agent. `told` is called when something waits to be sent."""

    folder: Path
    collector: Collector
    clock: Clock
    told: Callable[[], None]
    library: Library
    scout: "Scout | None" = None
    runs: dict[int, Run] = field(default_factory=dict)
    trials: "dict[int, asyncio.Task[None]]" = field(default_factory=dict)
    _learned: dict[str, dict[str, str]] = field(default_factory=dict)

    def follow(self, config: Config, library: Library) -> None:
        """Begin what is new in a configuration, give up what is gone from it."""
        self.library, self._learned = library, dict(config.learned)
        if self.scout is not None:
            self.scout.learn(library, self._learned)
        wanted = {job.run: job for job in config.jobs}
        for number in self.runs.keys() - wanted.keys():
            self._give_up(self.runs.pop(number))
        self._forget_files(set(wanted))
        for number, job in wanted.items():
            if number not in self.runs:
                self._begin(job)
        for trial in config.trials:
            if trial.id not in self.trials:
                self.trials[trial.id] = asyncio.create_task(self._try(trial), name=f"trial {trial.id}")
        for number in sorted(self.trials)[:-KEPT_TRIALS]:
            if self.trials[number].done():
                del self.trials[number]

    def settle(self) -> None:
        """All that was told is in the outbox."""
        for run in self.runs.values():
            run.journal.settle()

    async def close(self) -> None:
        """Stop, to go on at the next start."""
        tasks = [run.task for run in self.runs.values() if run.task is not None] + list(self.trials.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for run in self.runs.values():
            run.journal.close()
        if self.scout is not None:
            self.scout.opened.save()
            await self.scout.close()

    def _begin(self, job: RangeJob) -> None:
        journal = Journal(self.folder / FOLDER / f"run-{job.run}.log")
        guard = Guard(journal.trying, journal.opened, journal.tried)
        addresses = ranges.addresses(job.ranges, job.exclusions)  # found good with the configuration
        run = self.runs[job.run] = Run(job, journal, addresses, guard)
        if not journal.ended:
            run.task = asyncio.create_task(self._live(run), name=f"run {job.run}")

    def _give_up(self, run: Run) -> None:
        if run.task is not None:
            run.task.cancel()
        run.journal.close()

    def _forget_files(self, wanted: set[int]) -> None:
        for path in (self.folder / FOLDER).glob("run-*.log"):
            number = whole(path.stem.removeprefix("run-"))
            if number is not None and number not in wanted:
                path.unlink(missing_ok=True)

    async def _live(self, run: Run) -> None:
        """Work a run off; tells its end whatever it is, unless the agent itself ends."""
        state: RunState
        detail = ""
        ticking = asyncio.create_task(self._tick(run))
        try:
            scout = self._scout()
            await self._sweep(run, scout)
            scout.opened.save()
            state = "cut" if run.cut else "done"
        except OSError as error:  # the journal cannot be written: what was tried would not be known
            log.exception("run %s failed", run.job.run)
            state, detail = "failed", str(error)[:300]
        finally:
            ticking.cancel()
        run.journal.end()
        self._tell(run.progress(self.clock.wall(), state, detail))

    async def _sweep(self, run: Run, scout: "Scout") -> None:
        """All addresses that are left, as long as there is time."""
        pace = Pace(run.job.rate)
        room, met = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(MET)
        async with asyncio.TaskGroup() as group:
            for place in range(len(run.addresses)):
                if place in run.journal.done:
                    continue
                await met.acquire()
                await room.acquire()
                await pace.take()
                if self._over(run):
                    return
                task = group.create_task(self._look(run, scout, place, room))
                task.add_done_callback(lambda _: met.release())

    def _over(self, run: Run) -> bool:
        """Whether the time of a run is over; then it ends incomplete."""
        run.cut |= bool(run.job.until) and self.clock.wall() >= run.job.until
        return run.cut

    async def _look(self, run: Run, scout: "Scout", place: int, room: asyncio.Semaphore) -> None:
        try:
            met = await scout.meet(run.job, run.addresses[place], run.guard)
        finally:
            room.release()
        run.knocked += 1
        if met is None:
            run.journal.looked(place, alive=False)
            return
        from agent.discover.tell import finding  # noqa: PLC0415 - as the scout

        run.met += 1
        seen = await scout.ask(run.job, met, run.guard, over=partial(self._over, run))
        if seen is not None:
            self.collector.find(finding(run.job, seen, self.library.profiles, at=self.clock.wall()))
            run.journal.looked(place, alive=True)
            run.met -= 1

    async def _tick(self, run: Run) -> None:
        while True:
            self._tell(run.progress(self.clock.wall(), "running"))
            await asyncio.sleep(PROGRESS_S)

    def _tell(self, progress: Progress) -> None:
        self.collector.progress(progress)
        self.told()

    async def _try(self, trial: Trial) -> None:
        result = await attempt(trial, self.library, at=self.clock.wall())
        self.collector.tried(result)
        self.told()

    def _scout(self) -> "Scout":
        if self.scout is None:
            # What recognises devices is read when the first job comes: most agents start without one.
            from agent.discover.scout import Scout  # noqa: PLC0415

            self.scout = Scout(self.library, self._learned, Opened.load(self.folder / FOLDER))
        return self.scout
