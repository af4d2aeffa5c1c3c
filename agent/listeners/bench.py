"""`watchdesk-agent bench traps|syslog`: what a message costs that is heard, on the way that production goes.

    watchdesk-agent bench traps [--count N] [--rate R] [--rounds N] [--sources N] [--wide] [--peer]

Another process sends N datagrams from as many loopback addresses, R a second (0: flat out). This one
receives, decodes, limits, judges by the packaged rules, makes news and puts them into an outbox on disk.
`--wide` makes every message another condition; else a thousand repeat. `--peer` measures the usual receiver
of this machine, snmptrapd or rsyslogd, with the same datagrams in turn with each round.

The last line is one JSON object: items (received), lost, cpu_s, per_cpu_s (median of the rounds), wall_s,
peak_mb, news; with `--peer` peer_items, peer_per_cpu_s and ratio.
"""

import asyncio
import json
import os
import resource
import shutil
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from agent.bench import peak_mb
from agent.collect import Collector
from agent.config import SyslogSettings, TrapSettings
from agent.knowledge import packaged as packaged_knowledge
from agent.listeners.blast import addresses
from agent.listeners.names import Names
from agent.listeners.standing import Standing
from agent.listeners.station import Station
from agent.outbox import STREAMS, Outbox
from agent.parcel import Parcel
from agent.reading import Target
from agent.registry import Registry
from agent.texts import _
from rules import heard_reading
from rules.wire import Gap

FLUSH_S = 0.2
QUIET_S = 0.6
NO_LIMIT = 1_000_000.0
PEERS = {"traps": "snmptrapd", "syslog": "rsyslogd"}


def own_cpu_s() -> float:
    """CPU seconds of this process, all its threads, without its children."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def free_port() -> int:
    """A UDP port of loopback that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Round:
    """The agent's own way from a socket to the outbox."""

    def __init__(self, kind: str, folder: Path, sources: int) -> None:
        self.kind = kind
        self.port = free_port()
        self.collector = Collector(Registry(folder / "series.log"))
        self.outbox = Outbox(folder / "outbox", gap_body=_gap, now=time.time)
        self.targets = [Target(f"t{number}", one, one) for number, one in enumerate(addresses(sources), 1)]
        names = {one.key: one.name for one in self.targets}
        self.standing = Standing(
            Names(packaged_knowledge),
            name_of=names.get,
            polled=lambda _key, _rule: False,
            hasten=lambda _key: None,
        )
        traps = TrapSettings(port=self.port if kind == "traps" else 0, per_source=NO_LIMIT, in_all=NO_LIMIT)
        lines = SyslogSettings(udp=self.port if kind == "syslog" else 0, per_source=NO_LIMIT, in_all=NO_LIMIT)
        self.news = 0
        self.station = Station(
            traps,
            lines,
            folder,
            standing=self.standing,
            tell=self.collector.tell,
            show=self.collector.hear,
            wall=time.time,
        )
        self.station.know(heard_reading.packaged().values())
        self.station.heed(self.targets, host=False)

    @property
    def received(self) -> int:
        """Datagrams that were taken in, whatever became of them."""
        (ear,) = self.station.ears
        counted = ("taken", "repeated", "malformed", "security") if self.kind == "traps" else ("taken",)
        return sum(ear.counts[name] for name in counted)

    def flush(self) -> None:
        """News into the outbox and to the disk, and let go as if they were delivered."""
        if self.collector.put_news(self.outbox):
            self.outbox.sync()
            self.outbox.release()
            for stream in STREAMS:
                self.outbox.acknowledge(stream, self.outbox.last(stream))

    async def run(self, count: int, rate: float, sources: int, *, wide: bool) -> dict[str, float]:
        """Send and receive once; the figures of it."""
        await self.station.open()
        running = asyncio.create_task(self.station.run())
        await asyncio.sleep(QUIET_S)
        before, begun = own_cpu_s(), time.perf_counter()
        sender = await _send(self.kind, self.port, count, rate, sources, wide=wide)
        last, seen, quiet = -1, 0, 0.0
        while sender.returncode is None or quiet < QUIET_S:
            await asyncio.sleep(FLUSH_S)
            self.news += self.collector.waiting
            self.flush()
            seen = self.received
            quiet = quiet + FLUSH_S if seen == last else 0.0
            last = seen
        cpu, wall = own_cpu_s() - before, time.perf_counter() - begun - quiet
        figures = {
            "items": float(seen), "cpu_s": cpu, "wall_s": wall, "news": float(self.news),
            "lost": float(count - seen),
        }  # fmt: skip
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        self.outbox.close()
        return figures


async def _send(
    kind: str, port: int, count: int, rate: float, sources: int, *, wide: bool
) -> asyncio.subprocess.Process:
    arguments = (kind, port, count, rate, sources, int(wide))
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agent.listeners.blast", *map(str, arguments), stdout=asyncio.subprocess.DEVNULL
    )


def _gap(gap: Gap) -> bytes:
    return msgspec.msgpack.encode(Parcel(gaps=[gap]))


def peer_command(kind: str, folder: Path, port: int) -> list[str]:
    """How the usual receiver is started: it writes each message into `folder`/log, and names nothing."""
    config, log = folder / "peer.conf", folder / "log"
    if kind == "traps":
        config.write_text("disableAuthorization yes\n", encoding="ascii")
        options = ["-f", "-n", "-m", "", "-On", "-C", "-c", str(config), "-Lf", str(log)]
        return ["snmptrapd", *options, f"udp:127.0.0.1:{port}"]
    config.write_text(
        'module(load="imudp")\n'
        f'input(type="imudp" address="127.0.0.1" port="{port}" ruleset="r" rcvbufSize="16m")\n'
        f'ruleset(name="r"){{action(type="omfile" file="{log}")}}\n',
        encoding="ascii",
    )
    return ["rsyslogd", "-n", "-f", str(config), "-i", str(folder / "pid")]


def process_cpu_s(pid: int) -> float:
    """CPU seconds of another process, by the scheduler's clock of its threads."""
    total = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text(encoding="ascii").split()[0]) / 1e9
    return total


async def peer_round(
    kind: str, folder: Path, count: int, rate: float, sources: int, *, wide: bool
) -> dict[str, float]:
    """The same for the usual receiver; what it took is what stands in its log."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *peer_command(kind, folder, port),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "MIBS": ""},
    )
    try:
        await asyncio.sleep(1.0)
        before = process_cpu_s(process.pid)
        sender = await _send(kind, port, count, rate, sources, wide=wide)
        await sender.wait()
        last = -1.0
        while (used := process_cpu_s(process.pid)) != last:
            last = used
            await asyncio.sleep(QUIET_S)
    finally:
        process.terminate()
        await process.wait()
    mark = b"1.3.6.1.6.3.1.1.5.3" if kind == "traps" else b"LINK-3-UPDOWN"
    told = (folder / "log").read_bytes() if (folder / "log").exists() else b""
    found = sum(mark in one or b"Accepted publickey" in one for one in told.splitlines())
    return {"items": float(found), "cpu_s": last - before}


async def measure(
    kind: str, *, count: int, rate: float, rounds: int, sources: int, wide: bool, peer: bool
) -> dict[str, float | int | str]:
    """All rounds; what is printed."""
    own: list[dict[str, float]] = []
    others: list[dict[str, float]] = []
    for _number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="watchdesk-bench-") as folder:
            own.append(await Round(kind, Path(folder), sources).run(count, rate, sources, wide=wide))
        if peer:
            with tempfile.TemporaryDirectory(prefix="watchdesk-bench-") as folder:
                others.append(await peer_round(kind, Path(folder), count, rate, sources, wide=wide))
    told: dict[str, float | int | str] = {
        "items": int(sum(one["items"] for one in own)),
        "lost": int(sum(one["lost"] for one in own)),
        "news": int(sum(one["news"] for one in own)),
        "rounds": rounds,
        "cpu_s": round(sum(one["cpu_s"] for one in own), 4),
        "per_cpu_s": round(_speed(own)),
        "wall_s": round(sum(one["wall_s"] for one in own), 3),
        "peak_mb": round(peak_mb(), 1),
    }
    if others:
        told |= {
            "peer": PEERS[kind],
            "peer_items": int(sum(one["items"] for one in others)),
            "peer_lost": int(count * rounds - sum(one["items"] for one in others)),
            "peer_per_cpu_s": round(_speed(others)),
            "ratio": round(_speed(own) / max(_speed(others), 1e-9), 3),
        }
    return told


def _speed(rounds: list[dict[str, float]]) -> float:
    return statistics.median(one["items"] / max(one["cpu_s"], 1e-3) for one in rounds)


def bench(kind: str, *, count: int, rate: float, rounds: int, sources: int, wide: bool, peer: bool) -> int:
    """Run the bench and print its JSON line; 2 with a sentence where the peer is not there."""
    if peer and shutil.which(PEERS[kind]) is None:
        sys.stderr.write(_("There is no {program} on this machine.").format(program=PEERS[kind]) + "\n")
        return 2
    told = asyncio.run(
        measure(kind, count=count, rate=rate, rounds=rounds, sources=sources, wide=wide, peer=peer)
    )
    sys.stdout.write(json.dumps(told) + "\n")
    return 0
