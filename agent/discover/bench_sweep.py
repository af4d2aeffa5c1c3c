"""`watchdesk-agent bench sweep`: a range job over a /22 in which recorded devices answer.

    watchdesk-agent bench sweep --devices-dir DIR --replayer FILE [--rate N]

DIR holds `recordings.tar.xz`; FILE is a Python program that gives each of them an address of loopback when
it is called as `FILE serve DIR/recordings.tar.xz --sweep FIRST ...`, and says `ready` then. The range is
asked over SNMP alone, for on loopback every address answers a ping; where no device is, nobody answers.
Findings go through the agent's outbox on the disk. The rate is a job's usual one where none is given.

The last line is one JSON object: addresses, alive, findings; sweep_s and sweep_cpu_s until it was known of
every address whether somebody is there; job_s and job_cpu_s until each was asked, recognised and told;
round_trips_median and round_trips_most of a device; peak_mb.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from agent.bench import peak_mb
from agent.clock import Clock
from agent.collect import Collector
from agent.devices import library
from agent.discover.runs import Run, Runs
from agent.listeners.bench import free_port, own_cpu_s
from agent.outbox import STREAMS, Outbox
from agent.parcel import Parcel
from agent.registry import Registry
from rules.wire import Config, Finding, Gap, RangeCredential, RangeJob

FIRST, BITS = "127.61.0.0", 22
LOOK_S = 0.25
READY_S = 300.0
USUAL = 50.0  # addresses a second


@dataclass
class Measured:
    """The moments of a job, in seconds of wall and of CPU since its beginning."""

    wall: float = field(default_factory=time.perf_counter)
    cpu: float = field(default_factory=own_cpu_s)

    def lap(self) -> tuple[float, float]:
        """Both until now."""
        return time.perf_counter() - self.wall, own_cpu_s() - self.cpu


@dataclass
class Told(Collector):
    """A collector that keeps how many round trips each finding took."""

    round_trips: list[int] = field(default_factory=list)

    def find(self, finding: Finding) -> None:
        """Gather a finding."""
        self.round_trips.append(finding.round_trips)
        super().find(finding)


@asynccontextmanager
async def devices(recordings: Path, replayer: Path, port: int) -> AsyncIterator[None]:
    """The recorded devices, each at an address of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(replayer), "serve", str(recordings), "--sweep", FIRST, "--sweep-port", str(port),
        "--listen", f"127.0.0.1:{free_port()}", "--preload", stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_S):
            while b"ready" not in (line := await process.stdout.readline()):
                if not line:
                    raise OSError(f"{replayer} ended before it was ready.")
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def measure(recordings: Path, replayer: Path, folder: Path, rate: float) -> dict[str, float]:
    """One job; what is printed."""
    port = free_port()
    collector = Told(Registry(folder / "series.log"))
    outbox = Outbox(folder / "outbox", gap_body=_gap, now=time.time)
    runs = Runs(folder, collector, Clock(), lambda: None, library(None))
    job = RangeJob(
        1, 1, [f"{FIRST}/{BITS}"], ways=["snmp"], ports={"snmp": [port]},
        credentials=[RangeCredential(1, "snmp", {"community": "public", "version": "2c"})],
        rate=rate or USUAL,
    )  # fmt: skip
    async with devices(recordings, replayer, port):
        measured = Measured()
        runs.follow(Config("bench", jobs=[job]), runs.library)
        run = runs.runs[1]
        swept = await _watch(run, collector, outbox, measured)
        whole = measured.lap()
    await runs.close()
    outbox.close()
    trips = collector.round_trips
    return {
        "addresses": len(run.addresses),
        "alive": run.journal.alive,
        "findings": len(trips),
        "sweep_s": round(swept[0], 2),
        "sweep_cpu_s": round(swept[1], 2),
        "job_s": round(whole[0], 2),
        "job_cpu_s": round(whole[1], 2),
        "round_trips_median": statistics.median(trips) if trips else 0,
        "round_trips_most": max(trips, default=0),
        "peak_mb": round(peak_mb(), 1),
    }


async def _watch(run: Run, collector: Collector, outbox: Outbox, measured: Measured) -> tuple[float, float]:
    """Put what is told on the disk until the run has ended; when all had been knocked at."""
    swept: tuple[float, float] | None = None
    assert run.task is not None
    while True:
        ended = run.task.done()
        if swept is None and run.knocked == len(run.addresses):
            swept = measured.lap()
        if collector.put_news(outbox):
            outbox.sync()
            outbox.release()
            for stream in STREAMS:
                outbox.acknowledge(stream, outbox.last(stream))
        if ended:
            return swept or measured.lap()
        await asyncio.wait([run.task], timeout=LOOK_S)


def _gap(gap: Gap) -> bytes:
    return msgspec.msgpack.encode(Parcel(gaps=[gap]))


def bench(folder: Path, replayer: Path, rate: float) -> int:
    """Run the job once and print its JSON line."""
    with tempfile.TemporaryDirectory(prefix="watchdesk-bench-") as scratch:
        told = asyncio.run(measure(folder / "recordings.tar.xz", replayer, Path(scratch), rate))
    sys.stdout.write(json.dumps(told) + "\n")
    return 0
