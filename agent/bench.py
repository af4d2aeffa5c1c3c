"""`watchdesk-agent bench poll`: what a poll costs, on the way that production goes.

A target's poll is asked, decoded, made into values by its profile, judged by the alert rules with their
holds, packed into columns and put into an outbox on disk (synced after each round); only the schedule is
left out. Items are varbinds that were kept; what a device sends beyond its table is not counted.

    watchdesk-agent bench poll --targets T.jsonl [--rounds N]
    watchdesk-agent bench poll --targets T.jsonl --every 60 --devices 500 --minutes 3

A target is one line `{"address", "port", "community", "version"[, "profile"]}`; the profile is
`if-mib-switch` where none is named. `--warm` rounds (3: until answers are learned) are not measured; use
`--warm 0 --rounds 1` for the cost of first contact. The last line is one JSON object: items, cpu_s,
per_cpu_s, wall_s, peak_mb, cpu_ms_device.

Beside Prometheus' snmp_exporter, in one run (`peers` is a folder with a responder and the script that
measures the exporter; twenty 48-port switches on loopback):

    gcc -O2 -o /tmp/responder peers/snmp_responder.c
    /tmp/responder 1161 peers/switch48.snmprec &
    for i in $(seq 20); do echo '{"address":"127.1.0.'$i'","port":1161}'; done > /tmp/T.jsonl
    python peers/snmp_exporter_go.py --targets 20 --rounds 5
    watchdesk-agent bench poll --targets /tmp/T.jsonl --rounds 20

Five such pairs on two shared cores gave 2.97, 3.27, 3.55 (least, median, most) times the exporter's varbinds
per CPU-second; 2.77, 2.93, 3.55 with a responder whose counters move with every answer. Five hundred devices
of 46 varbinds every 60 s took 1.0 % of a core and 91 MiB.
"""

import asyncio
import gc
import json
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from agent.collect import Collector
from agent.outbox import STREAMS, Outbox
from agent.parcel import Parcel
from agent.poll import Poller
from agent.reading import Target
from agent.registry import Registry
from agent.watch import Watch
from rules import catalog, profile
from rules.plan import Plan, plan
from rules.wire import Gap

PROFILE = "if-mib-switch"
MEGABYTE = 1024 * 1024


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """One line of the targets' file."""

    address: str
    port: int = 161
    community: str = "public"
    version: str = "2c"
    profile: str = PROFILE
    recording: str = ""


@dataclass(slots=True)
class Totals:
    """What was done since the last look."""

    values: int = 0
    news: int = 0
    failed: int = 0


class Bench:
    """The agent's own way from a target to the outbox, for a fixed set of targets."""

    def __init__(self, lines: list[Line], folder: Path) -> None:
        profiles = profile.packaged()
        plans = {name: plan(profiles[name]) for name in {line.profile for line in lines}}
        self.targets: list[tuple[Target, Plan]] = []
        self.watch, self.poller = Watch(), Poller()
        self.collector = Collector(Registry(folder / "series.log"))
        self.outbox = Outbox(folder / "outbox", gap_body=_gap, now=time.time)
        self.totals = Totals()
        rules = list(catalog.packaged().values())
        for number, line in enumerate(lines, 1):
            credential = {"community": line.community, "version": line.version}
            one = Target(f"t{number}", line.address, line.address, line.port, dict(credential))
            self.targets.append((one, plans[line.profile]))
            self.watch.put(one.key, one.name, plans[line.profile], rules, at=time.monotonic())

    async def close(self) -> None:
        """Let go of everything."""
        await self.poller.close()
        self.outbox.close()

    async def ask(self, target: Target, asked: Plan) -> None:
        """One device: poll, pack, judge."""
        reading = await self.poller.poll(target, asked)
        at, wall = time.monotonic(), time.time()
        self.collector.take(target.key, asked, reading, wall=wall)
        news = self.watch.take(target.key, reading, at=at, wall=wall, trace="")
        self.collector.tell(news)
        self.totals.news += len(news)
        self.totals.values += len(reading.values)
        self.totals.failed += not reading.up

    def flush(self) -> None:
        """Put what was gathered into the outbox, to the disk, and let it go as if it were delivered."""
        self.collector.put_news(self.outbox)
        self.collector.put_samples(self.outbox)
        self.outbox.sync()
        self.outbox.release()
        for stream in STREAMS:
            self.outbox.acknowledge(stream, self.outbox.last(stream))

    async def round(self) -> None:
        """All devices at once."""
        await asyncio.gather(*(self.ask(*one) for one in self.targets))
        self.flush()


def _gap(gap: Gap) -> bytes:
    return msgspec.msgpack.encode(Parcel(gaps=[gap]))


def cpu_s() -> float:
    """CPU seconds of this process, and of the children it has waited for."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def peak_mb() -> float:
    """The largest resident size so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def rss_mb() -> float:
    """The resident size now, in MiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / MEGABYTE


def lines_of(path: Path) -> list[Line]:
    """The targets of a file; raises ValueError naming the line that is wrong."""
    found = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if text.strip():
            try:
                found.append(msgspec.json.decode(text, type=Line))
            except msgspec.MsgspecError as error:
                raise ValueError(f"{path}, line {number}: {error}") from None
    if not found:
        raise ValueError(f"{path} names no target.")
    return found


def many(lines: list[Line], devices: int) -> list[Line]:
    """As many devices as wanted: a file's lines, or neighbours of its first one on loopback."""
    first = lines[0]
    addresses = [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(devices)]
    return lines[:devices] if len(lines) >= devices else [
        msgspec.structs.replace(first, address=address) for address in addresses
    ]  # fmt: skip


async def burst(lines: list[Line], rounds: int, warm: int) -> dict[str, float | int]:
    """All targets at once, `rounds` times; the figures of the measured rounds together."""
    with tempfile.TemporaryDirectory(prefix="watchdesk-bench-") as folder:
        bench = Bench(lines, Path(folder))
        for _ in range(warm):
            await bench.round()
        gc.collect()
        before, kept, values = cpu_s(), bench.poller.snmp.kept, bench.totals.values
        begun = time.perf_counter()
        for _ in range(rounds):
            await bench.round()
        wall, cpu = time.perf_counter() - begun, cpu_s() - before
        items = bench.poller.snmp.kept - kept
        totals = bench.totals
        await bench.close()
    return {
        "items": items,
        "values": totals.values - values,
        "alerts": totals.news,
        "failed": totals.failed,
        "devices": len(lines),
        "rounds": rounds,
        "cpu_s": round(cpu, 4),
        "per_cpu_s": round(items / max(cpu, 1e-9)),
        "wall_s": round(wall, 4),
        "peak_mb": round(peak_mb(), 1),
        "cpu_ms_device": round(1_000 * cpu / (rounds * len(lines)), 4),
    }


async def steady(lines: list[Line], every_s: float, minutes: float) -> dict[str, float | int]:
    """Each target every so many seconds, spread over the interval, as the schedule does."""
    with tempfile.TemporaryDirectory(prefix="watchdesk-bench-") as folder:
        bench = Bench(lines, Path(folder))
        gap = every_s / len(lines)
        begun, before = time.monotonic(), cpu_s()
        measured, kept = begun, 0
        running: set[asyncio.Task[None]] = set()
        rounds = max(1, round(minutes * 60 / every_s))
        for turn in range(rounds * len(lines)):
            await asyncio.sleep(max(0.0, begun + turn * gap - time.monotonic()))
            if turn == len(lines) and rounds > 1:  # the first round is first contact
                measured, before, kept = time.monotonic(), cpu_s(), bench.poller.snmp.kept
            task = asyncio.create_task(bench.ask(*bench.targets[turn % len(lines)]))
            running.add(task)
            task.add_done_callback(running.discard)
            if turn % max(1, int(10 / gap)) == 0:
                bench.flush()
        await asyncio.gather(*running)
        bench.flush()
        wall, cpu = time.monotonic() - measured, cpu_s() - before
        items, failed = bench.poller.snmp.kept - kept, bench.totals.failed
        resident = rss_mb()
        await bench.close()
    return {
        "items": items,
        "failed": failed,
        "devices": len(lines),
        "every_s": every_s,
        "cpu_s": round(cpu, 4),
        "per_cpu_s": round(items / max(cpu, 1e-9)),
        "core_share": round(cpu / wall, 4),
        "wall_s": round(wall, 2),
        "rss_mb": round(resident, 1),
        "peak_mb": round(peak_mb(), 1),
        "cpu_ms_device": round(1_000 * cpu / max(1, wall / every_s * len(lines)), 4),
    }


def poll(
    targets: Path,
    *,
    rounds: int = 5,
    warm: int = 3,
    every: float = 0.0,
    devices: int = 0,
    minutes: float = 3.0,
) -> int:
    """Run the bench and print its JSON line; 2 with a sentence on stderr where the file is no good."""
    try:
        lines = lines_of(targets)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if devices:
        lines = many(lines, devices)
    work = steady(lines, every, minutes) if every > 0 else burst(lines, rounds, warm)
    sys.stdout.write(json.dumps(asyncio.run(work)) + "\n")
    return 0
