"""A load that keeps its own ledger: agents that send reports over /agent/v1 and note what was acknowledged.

The oracle of flow tests: the server's own counters prove nothing. A report that was sent and not
acknowledged (the server was killed, the link broke, it answered 5xx) is sent again, unchanged, until
it is; sometimes one that was acknowledged is sent again on purpose. At the end `missing` compares the
ledger with what the database holds.

    load = await Load.enrolled(url, [("load-0", token), ...], devices=[3, 3])
    await load.run(rate=200, seconds=30)
    assert load.missing(database) == []

On the command line: `python -m tests.flows.loadgen --url URL --agents FILE.json --rate N --seconds N`
with FILE.json `[{"name", "token", "targets": [id, ...]}]`; prints one JSON object.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import aiohttp
import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rules import wire
from server.alerts.models import Alert
from server.intake.models import TakenReport
from server.kernel.db import Database
from server.metrics import service as metrics

TIMEOUT = aiohttp.ClientTimeout(total=10)
PAUSE_S = 0.2  # before a report is tried again
ALERT_EVERY = 10  # reports between alert news of one agent


@dataclass
class Entry:
    """A report that was acknowledged."""

    agent: int
    stream: str
    sequence: int
    samples: list[tuple[int, int, float]]  # series, milliseconds, value
    alerts: list[tuple[str, str]]  # device and rule that fired
    trace: str


@dataclass
class LoadAgent:
    """One agent of the load, with its numbered series by device."""

    id: int
    proof: str
    devices: list[str]
    series: dict[str, int] = field(default_factory=dict)
    sequence: int = 0


@dataclass
class Load:
    """Agents and the ledger of what they were told is kept."""

    url: str
    agents: list[LoadAgent]
    ledger: list[Entry] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)  # how often: accepted, duplicate, 503, lost ...
    random: Random = field(default_factory=lambda: Random(7))

    @classmethod
    async def enrolled(
        cls, url: str, tokens: Sequence[tuple[str, str]], targets: Sequence[Sequence[int]]
    ) -> "Load":
        """Let an agent join for each token, with its target ids, and number its series."""
        load = cls(url, [])
        async with aiohttp.ClientSession(timeout=TIMEOUT) as http:
            for (name, token), mine in zip(tokens, targets, strict=True):
                ask = wire.Enrol(token, name, "load", "load")
                joined = wire.decode(await load._ask(http, "enrol", wire.encode(ask)), wire.Enrolled)
                proof = f"Agent {joined.agent_id}:{joined.secret}"
                agent = LoadAgent(joined.agent_id, proof, [f"t{target}" for target in mine])
                wanted = [wire.SeriesDef(device, "load_value", unit="W") for device in agent.devices]
                body = await load._ask(http, "series", wire.encode(wire.SeriesRequest(wanted)), agent)
                ids = wire.decode(body, wire.SeriesAnswer).ids
                agent.series = dict(zip(agent.devices, ids, strict=True))
                load.agents.append(agent)
        return load

    async def run(self, *, rate: float, seconds: float) -> None:
        """Send about `rate` reports a second in all; returns once each one is acknowledged."""
        async with aiohttp.ClientSession(timeout=TIMEOUT) as http:
            every = len(self.agents) / rate
            end = time.monotonic() + seconds
            await asyncio.gather(*(self._send_all(http, agent, every, end) for agent in self.agents))

    async def _send_all(
        self, http: aiohttp.ClientSession, agent: LoadAgent, every: float, end: float
    ) -> None:
        next_at = time.monotonic() + self.random.random() * every
        while time.monotonic() < end:
            await asyncio.sleep(max(0.0, next_at - time.monotonic()))
            next_at += every
            agent.sequence += 1
            report, entry = self._report(agent)
            body = wire.encode(report)
            while not await self._acknowledged(http, agent, body):
                await asyncio.sleep(PAUSE_S * (1 + self.random.random()))
            self.ledger.append(entry)
            if self.random.random() < 0.02:
                await self._acknowledged(http, agent, body)

    def _report(self, agent: LoadAgent) -> tuple[wire.Report, Entry]:
        now = time.time()
        at = round(now, 3)
        values = [round(self.random.uniform(0, 100), 2) for _ in agent.devices]
        ids = [agent.series[device] for device in agent.devices]
        trace = f"load-{agent.id}-{agent.sequence}"
        block = wire.SampleBlock(at, np.array(ids, "<u4").tobytes(), np.array(values, "<f8").tobytes())
        news = []
        if agent.sequence % ALERT_EVERY == 1:
            device = agent.devices[(agent.sequence // ALERT_EVERY) % len(agent.devices)]
            summary: dict[str, str] = {"en": f"{device} is loaded"}
            news = [wire.AlertNews(device, "LoadHigh", "firing", "minor", now, summary)]  # type: ignore[arg-type]
        report = wire.Report(
            agent=agent.id,
            stream="events",
            sequence=agent.sequence,
            sent_at=now,
            trace=trace,
            samples=[block],
            alerts=news,
        )
        samples = [(series, round(at * 1000), value) for series, value in zip(ids, values, strict=True)]
        alerts = [(one.device, one.rule) for one in news]
        return report, Entry(agent.id, "events", agent.sequence, samples, alerts, trace)

    async def _acknowledged(self, http: aiohttp.ClientSession, agent: LoadAgent, body: bytes) -> bool:
        try:
            answer = wire.decode(await self._ask(http, "reports", body, agent), wire.Answer)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            status = getattr(error, "status", None)
            self._count(str(status or "lost"))
            return False
        self._count(answer.status)
        if answer.items:
            self._count("refused items")
        return answer.status in {"accepted", "duplicate"}

    async def _ask(
        self, http: aiohttp.ClientSession, path: str, body: bytes, agent: LoadAgent | None = None
    ) -> bytes:
        headers = {"Content-Type": wire.MEDIA_TYPE}
        if agent is not None:
            headers["Authorization"] = agent.proof
        async with http.post(f"{self.url}/agent/v1/{path}", data=body, headers=headers) as response:
            response.raise_for_status()
            return await response.read()

    def _count(self, what: str) -> None:
        self.answers[what] = self.answers.get(what, 0) + 1

    def missing(self, db: Database) -> list[str]:
        """What was acknowledged and is not there, or is there twice; empty if all is well."""
        return db.read_now(self._missing)

    def _missing(self, session: Session) -> list[str]:
        faults = []
        kept = {
            (row.agent_id, row.stream, row.sequence): row.trace
            for row in session.scalars(select(TakenReport))
        }
        wanted: dict[int, dict[int, float]] = {}
        conditions: set[tuple[int, str, str]] = set()
        for entry in self.ledger:
            if kept.get((entry.agent, entry.stream, entry.sequence)) != entry.trace:
                faults.append(f"report {entry.trace} is not in the ledger of the server")
            for series, at, value in entry.samples:
                wanted.setdefault(series, {})[at] = value
            conditions |= {(entry.agent, *alert) for alert in entry.alerts}
        for series, values in wanted.items():
            points = metrics.store.read(session, [series], 0, 10**14)[series]
            stored = dict(zip(points.at.tolist(), points.values.tolist(), strict=True))
            lost = [at for at, value in values.items() if stored.get(at) != value]
            if lost:
                faults.append(f"{len(lost)} samples of series {series} are lost, the first at {lost[0]}")
        told = session.scalar(
            select(func.count()).where(Alert.rule == "LoadHigh", Alert.resolved_at.is_(None))
        )
        if told != len(conditions):
            faults.append(f"{told} alerts stand for {len(conditions)} conditions")
        return faults


async def _main(options: argparse.Namespace) -> None:
    known = json.loads(Path(options.agents).read_text("utf-8"))
    tokens = [(one["name"], one["token"]) for one in known]
    load = await Load.enrolled(options.url, tokens, [one["targets"] for one in known])
    begin = time.monotonic()
    await load.run(rate=options.rate, seconds=options.seconds)
    told = {"acknowledged": len(load.ledger), "wall_s": round(time.monotonic() - begin, 2), **load.answers}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--agents", required=True)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    asyncio.run(_main(parser.parse_args()))
