"""A load that keeps its own ledger: agents that send reports over /agent/v1 and note what was acknowledged.

The oracle of flow tests: the server's own counters prove nothing. A report that was sent and not
acknowledged (the server was killed, the link broke, it answered 5xx) is sent again, unchanged, until
it is; sometimes one that was acknowledged is sent again on purpose. At the end `faults` compares the
ledger with what the database holds: every sample and every piece of alert news once, nothing else.

    load = await Load.enrolled(url, [("load-0", token), ...], [[target, ...], ...])
    await load.run(rate=200, seconds=30)
    assert load.faults(database) == []

Each device has `len(RULES)` conditions that begin and end by chance; the last report of a run leaves
half of them firing.

On the command line: `python -m tests.flows.loadgen --url URL --agents FILE.json --rate N --seconds N`
with FILE.json `[{"name", "token", "targets": [id, ...]}]`; prints one JSON object.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from random import Random

import aiohttp
import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rules import codec, wire
from server.alerts.models import Alert, AlertEvent
from server.incidents.models import OPEN_STATES, Incident
from server.intake.models import TakenReport
from server.kernel.db import Database
from server.metrics import service as metrics
from server.metrics.models import Chunk, Head

TIMEOUT = aiohttp.ClientTimeout(total=10)
PAUSE_S = 0.2  # before a report is tried again
NEWS_EVERY = 4  # reports with news are one in so many
TWICE = 0.02  # share of acknowledged reports that are sent again
BACKLOG_S = 1.0  # what an agent sends faster than its rate after the server was away
RULES: dict[str, tuple[wire.Severity, str]] = {  # with the class of symptom
    "OnBattery": ("critical", "power"),
    "DoorOpen": ("major", "security"),
    "LoadHigh": ("minor", "other"),
}
Condition = tuple[str, str]  # device, rule


@dataclass
class Entry:
    """A report that was acknowledged."""

    agent: int
    sequence: int
    samples: list[tuple[int, int, float]]  # series, milliseconds, value
    news: list[tuple[Condition, str]]  # what was told of which condition
    trace: str


@dataclass
class LoadAgent:
    """One agent of the load, with its numbered series by device."""

    id: int
    name: str
    proof: str
    devices: list[str]
    series: dict[str, int] = field(default_factory=dict)
    sequence: int = 0
    at_ms: int = 0
    firing: set[Condition] = field(default_factory=set)

    @property
    def conditions(self) -> list[Condition]:
        """All that may be wrong at it."""
        return list(product(self.devices, RULES))


@dataclass
class Load:
    """Agents and the ledger of what they were told is kept."""

    url: str
    agents: list[LoadAgent]
    ledger: list[Entry] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)  # how often: accepted, duplicate, 503, lost ...
    random: Random = field(default_factory=lambda: Random(7))
    _end: float | None = None

    @classmethod
    async def enrolled(
        cls, url: str, tokens: Sequence[tuple[str, str]], targets: Sequence[Sequence[int]]
    ) -> "Load":
        """Let an agent join for each token, with its target ids, and number its series."""
        load = cls(url, [])
        async with aiohttp.ClientSession(timeout=TIMEOUT) as http:
            for (name, token), mine in zip(tokens, targets, strict=True):
                ask = wire.Enrol(token, name, "load", "load")
                joined = codec.decode(await load._ask(http, "enrol", codec.encode(ask)), wire.Enrolled)
                proof = f"Agent {joined.agent_id}:{joined.secret}"
                agent = LoadAgent(joined.agent_id, name, proof, [f"t{target}" for target in mine])
                wanted = [wire.SeriesDef(device, "load_value", unit="W") for device in agent.devices]
                body = await load._ask(http, "series", codec.encode(wire.SeriesRequest(wanted)), agent)
                ids = codec.decode(body, wire.SeriesAnswer).ids
                agent.series = dict(zip(agent.devices, ids, strict=True))
                load.agents.append(agent)
        return load

    async def run(self, *, rate: float, seconds: float | None = None) -> None:
        """Send about `rate` reports a second in all; returns once each one is acknowledged.

        With `seconds` None until `stop` is called.
        """
        self._end = None if seconds is None else time.monotonic() + seconds
        async with aiohttp.ClientSession(timeout=TIMEOUT) as http:
            every = len(self.agents) / rate
            await asyncio.gather(*(self._send_all(http, agent, every) for agent in self.agents))

    def stop(self) -> None:
        """Let each agent send its last report."""
        self._end = time.monotonic()

    async def _send_all(self, http: aiohttp.ClientSession, agent: LoadAgent, every: float) -> None:
        await self._send(http, agent, self._observations(agent), [])
        next_at = time.monotonic() + self.random.random() * every
        while self._end is None or time.monotonic() < self._end:
            await asyncio.sleep(max(0.0, next_at - time.monotonic()))
            next_at = max(next_at + every, time.monotonic() - BACKLOG_S)
            await self._send(http, agent, [], self._news(agent) if agent.sequence % NEWS_EVERY == 0 else [])
        await self._send(http, agent, [], self._last_news(agent))

    async def _send(
        self,
        http: aiohttp.ClientSession,
        agent: LoadAgent,
        seen: list[wire.Observation],
        news: list[wire.AlertNews],
    ) -> None:
        """Send one report until it is acknowledged; then note it down."""
        report, entry = self._report(agent, seen, news)
        body = codec.encode(report)
        while not await self._acknowledged(http, agent, body):
            await asyncio.sleep(PAUSE_S * (1 + self.random.random()))
        self.ledger.append(entry)
        if self.random.random() < TWICE:
            await self._acknowledged(http, agent, body)

    def _report(
        self, agent: LoadAgent, seen: list[wire.Observation], news: list[wire.AlertNews]
    ) -> tuple[wire.Report, Entry]:
        agent.sequence += 1
        agent.at_ms = max(agent.at_ms + 1, round(time.time() * 1000))  # each moment once
        values = [round(self.random.uniform(0, 100), 2) for _ in agent.devices]
        ids = [agent.series[device] for device in agent.devices]
        trace = f"load-{agent.id}-{agent.sequence}"
        block = wire.SampleBlock(
            agent.at_ms / 1000, np.array(ids, "<u4").tobytes(), np.array(values, "<f8").tobytes()
        )
        report = wire.Report(
            agent=agent.id,
            stream="events",
            sequence=agent.sequence,
            sent_at=time.time(),
            trace=trace,
            samples=[block],
            alerts=news,
            observations=seen,
        )
        samples = [(series, agent.at_ms, value) for series, value in zip(ids, values, strict=True)]
        told = [((one.device, one.rule), str(one.status)) for one in news]
        return report, Entry(agent.id, agent.sequence, samples, told, trace)

    def _observations(self, agent: LoadAgent) -> list[wire.Observation]:
        """What the devices are, so that their alerts have configuration items."""
        return [
            wire.Observation(
                device, time.time(), "ups", f"{agent.name}/{device}", {"serial": [f"{agent.name}{device}"]}
            )
            for device in agent.devices
        ]

    def _news(self, agent: LoadAgent) -> list[wire.AlertNews]:
        """One condition begins or ends, by chance."""
        return [self._turn(agent, self.random.choice(agent.conditions))]

    def _last_news(self, agent: LoadAgent) -> list[wire.AlertNews]:
        """The first half of the conditions fires, the other does not."""
        conditions = agent.conditions
        half = set(conditions[: len(conditions) // 2])
        return [self._turn(agent, one) for one in conditions if (one in half) != (one in agent.firing)]

    def _turn(self, agent: LoadAgent, condition: Condition) -> wire.AlertNews:
        device, rule = condition
        agent.firing ^= {condition}
        severity, symptom = RULES[rule]
        status: wire.Status = "firing" if condition in agent.firing else "resolved"
        summary: wire.Localized = {"en": f"{rule} of {device}"}
        return wire.AlertNews(device, rule, status, severity, time.time(), summary, symptom=symptom)

    async def _acknowledged(self, http: aiohttp.ClientSession, agent: LoadAgent, body: bytes) -> bool:
        try:
            answer = codec.decode(await self._ask(http, "reports", body, agent), wire.Answer)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.answers[str(getattr(error, "status", "") or "lost")] += 1
            return False
        self.answers[answer.status] += 1
        self.answers["refused items"] += len(answer.items)
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

    def faults(self, db: Database, *, alone: bool = True) -> list[str]:
        """What was acknowledged and is not there, or is there twice, or was never sent; empty if all is well.

        Call it after `run` has returned. `alone`: nobody else sent samples to this database, so that all
        that are kept can be counted.
        """
        checks = [self._reports, self._values, self._events, self._alerts, doubled_incidents]
        if alone:
            checks.append(self._count)
        return [fault for check in checks for fault in db.read_now(check)]

    def _reports(self, session: Session) -> list[str]:
        rows = session.execute(
            select(TakenReport.agent_id, TakenReport.sequence, TakenReport.trace).where(
                TakenReport.agent_id.in_([agent.id for agent in self.agents])
            )
        )
        kept = {(agent, sequence): trace for agent, sequence, trace in rows}
        told = {(entry.agent, entry.sequence): entry.trace for entry in self.ledger}
        lost = [key for key in told if kept.get(key) != told[key]]
        strange = kept.keys() - told.keys()
        return [f"report {key} is lost" for key in lost] + [f"report {key} was never sent" for key in strange]

    def _values(self, session: Session) -> list[str]:
        faults = []
        wanted: dict[int, dict[int, float]] = {}
        for entry in self.ledger:
            for series, at, value in entry.samples:
                wanted.setdefault(series, {})[at] = value
        for series, values in wanted.items():
            points = metrics.store.read(session, [series], 0, 10**14)[series]
            stored = dict(zip(points.at.tolist(), points.values.tolist(), strict=True))
            if stored != values:
                lost = [at for at, value in values.items() if stored.get(at) != value]
                strange = len(stored.keys() - values.keys())
                faults.append(f"series {series}: {len(lost)} samples lost, {strange} never sent")
        return faults

    def _count(self, session: Session) -> list[str]:
        """A sample that was written twice is seen by the counts of the rows."""
        kept = sum(
            session.scalar(select(func.coalesce(func.sum(table.n), 0))) or 0 for table in (Head, Chunk)
        )
        sent = sum(len(entry.samples) for entry in self.ledger)
        return [] if kept == sent else [f"{kept} samples are kept of {sent}"]

    def _events(self, session: Session) -> list[str]:
        told = Counter((entry.trace, status) for entry in self.ledger for _condition, status in entry.news)
        mine = AlertEvent.source.in_([f"agent:{agent.name}" for agent in self.agents])
        rows = session.execute(select(AlertEvent.trace_id, AlertEvent.status).where(mine))
        kept = Counter((trace, status) for trace, status in rows)
        return [
            f"news {key}: told {told[key]}, kept {kept[key]}" for key in told | kept if told[key] != kept[key]
        ]

    def _alerts(self, session: Session) -> list[str]:
        """A condition that fires has one open alert; one that ended has none, unless it flaps."""
        faults = []
        names = {agent.id: f"agent:{agent.name}" for agent in self.agents}
        standing: dict[tuple[str, str, str], str] = {}
        for entry in sorted(self.ledger, key=lambda one: one.sequence):
            for (device, rule), status in entry.news:
                standing[names[entry.agent], device, rule] = status
        rows = session.execute(
            select(Alert.source, Alert.device, Alert.rule, Alert.held_until).where(
                Alert.resolved_at.is_(None), Alert.source.in_(names.values())
            )
        )
        still: Counter[tuple[str, str, str]] = Counter()
        for source, device, rule, held_until in rows:
            key = (source, device, rule)
            still[key] += 1
            if standing.get(key) != "firing" and held_until is None:
                faults.append(f"{key} is over and stands open")
        for key, status in standing.items():
            if still[key] > 1 or (status == "firing" and still[key] == 0):
                faults.append(f"{key}: {status}, {still[key]} open alerts")
        return faults


def doubled_incidents(session: Session) -> list[str]:
    """Conditions that stand in two open incidents; empty if each stands in one at most."""
    rows = session.execute(
        select(Alert.fingerprint, Incident.number)
        .join(Incident, Incident.alert_group_id == Alert.group_id)
        .where(Incident.state.in_(OPEN_STATES))
        .distinct()
    ).all()
    several: dict[str, set[str]] = {}
    for fingerprint, number in rows:
        several.setdefault(fingerprint, set()).add(number)
    return [f"{key} stands in {sorted(numbers)}" for key, numbers in several.items() if len(numbers) > 1]


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
