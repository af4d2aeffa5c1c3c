"""How fast alert news becomes alerts, groups and incidents: the production path, on its own database.

Throughput. Ten agents with twenty devices each watch four conditions of every device: 800 conditions.
Each agent sends a report of 100 news every ten seconds of the bench's own clock, eight reports meet in a
commit. Most news repeats a condition that fires, with a new value; one in five hundred ends it (so each
condition ends about every hour) and as many change its severity; what is over comes back later, so that
alerts, groups and incidents are eased and taken up again. The figure is of this running state. The storm
before it, in which all 800 conditions begin and 200 incidents are opened, is told as `storm_per_cpu_s`;
`all_new_per_cpu_s` is of conditions never heard of, 25 on each device in one incident: the worst storm.

Latency. `watchdesk-server serve` runs as a process of its own. A critical alert of a device that had none is
sent over HTTP, one device after the other; timed from before the value is put into its report until another
connection reads the incident's row, so until it is committed.
"""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from random import Random

import aiohttp
import msgspec
import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rules import codec, wire
from server.alerts.models import Alert
from server.incidents.models import Incident, IncidentEntry
from server.intake import taking
from server.intake.bench_plant import TOGETHER, Plant, Start, TemporaryDatabase, join, seen_first
from server.intake.items import Delivery
from server.intake.scope import Scopes
from server.kernel.db import Database
from server.kernel.migrate import migrate

DEVICES = 20  # of each agent
CONDITIONS: tuple[tuple[str, wire.Severity, str], ...] = (  # rule, severity, unit
    ("HighLoad", "minor", "%"),
    ("DiskFills", "major", "%"),
    ("LinkErrors", "minor", "1/s"),
    ("RoomWarm", "major", "°C"),
)
ENDS = 0.002  # of the news of a condition that fires
CHANGES = 0.002  # of the same: another severity
BACK = 0.05  # chance that a condition that is over is found again when its turn comes
STORM = 16_000  # news until every hold is over and every group told
ALL_NEW = 5_000
EVERY_S = 10.0  # between two reports of an agent
PATIENCE_S = 30.0  # for one incident
PAUSE_S = 0.02  # between two looks, and between two values


def alerts(total: int, batch: int) -> dict[str, object]:
    """Take `total` alert news in reports of `batch`, of known conditions after a storm, then new ones."""
    with TemporaryDatabase() as db:
        plant = Plant.built(db, devices=DEVICES)
        bodies = _reports(plant, STORM + total, batch, new=False)
        storm = _throughput(plant, islice(bodies, STORM // batch))
        begun = db.read_now(_count)
        taken = _throughput(plant, bodies, after=STORM // batch)
        ended = db.read_now(_count)
    with TemporaryDatabase() as db:
        plant = Plant.built(db, devices=DEVICES)
        all_new = _throughput(plant, _reports(plant, ALL_NEW, batch, new=True))
    return {
        **taken,
        "alerts": ended[0],
        "incidents": ended[1],
        "entries": ended[2] - begun[2],
        "storm_per_cpu_s": storm["per_cpu_s"],
        "all_new_per_cpu_s": all_new["per_cpu_s"],
    }


def _throughput(plant: Plant, reports: Iterable[bytes], *, after: int = 0) -> dict[str, object]:
    """Take the reports; `after` so many others, for the bench's clock."""
    bodies = list(reports)
    start = Start()
    items = 0
    for first in range(0, len(bodies), TOGETHER):
        now = plant.begun_at + timedelta(seconds=EVERY_S / len(plant.ids) * (after + first + TOGETHER))
        deliveries = []
        for body in bodies[first : first + TOGETHER]:
            report, refused = codec.decode_report(body)
            items += len(report.alerts)
            deliveries.append(Delivery(report, now, refused))
        answers = plant.db.run_now(taking.take, deliveries, plant.scopes, now=now)
        assert all(answer.status == "accepted" and not answer.items for answer in answers)
    return start.told(items)


def _count(session: Session) -> tuple[int, ...]:
    return tuple(
        session.scalar(select(func.count(model.id))) or 0 for model in (Alert, Incident, IncidentEntry)
    )


@dataclass(slots=True)
class _Condition:
    """One condition as its agent knows it."""

    device: str
    rule: str
    severity: wire.Severity
    unit: str
    firing: bool = False
    value: float = 50.0

    def turn(self, random: Random) -> wire.Status | None:
        """What there is to tell of it now; None: nothing, it is over."""
        if not self.firing:
            self.firing = self.value == 50.0 or random.random() < BACK
            status: wire.Status | None = "firing" if self.firing else None
        else:
            self.firing = random.random() >= ENDS
            status = "firing" if self.firing else "resolved"
        self.value = round(self.value + random.gauss(0, 2), 1) or 0.1
        if random.random() < CHANGES:
            self.severity = "major" if self.severity == "minor" else "minor"
        return status


def _reports(plant: Plant, total: int, batch: int, *, new: bool) -> Iterator[bytes]:
    """Bodies of reports, one agent after the other."""
    random = Random(7)  # noqa: S311  a bench, always the same
    watched = {
        agent_id: _news(
            [_Condition(name, *kind) for name in names for kind in CONDITIONS], random, forever_new=new
        )
        for agent_id, names in plant.devices.items()
    }
    told = 0
    for sequence in count(2):
        for place, (agent_id, source) in enumerate(watched.items()):
            if told >= total:
                return
            at = plant.begun_at.timestamp() + EVERY_S * (sequence - 2 + place / len(watched))
            news = [
                msgspec.structs.replace(one, at=at - 1 + step / batch)
                for step, one in enumerate(islice(source, batch))
            ]
            yield codec.encode(
                wire.Report(
                    agent=agent_id,
                    stream="events",
                    sequence=sequence,
                    sent_at=at,
                    trace=f"b-{sequence}",
                    alerts=news,
                )
            )
            told += len(news)


def _news(conditions: list[_Condition], random: Random, *, forever_new: bool) -> Iterator[wire.AlertNews]:
    for turn in count():
        for number, one in enumerate(conditions):
            if forever_new:
                yield _alert(one, "firing", f"{turn}-{number}")
            elif (status := one.turn(random)) is not None:
                yield _alert(one, status, str(number))


def _alert(one: _Condition, status: wire.Status, instance: str) -> wire.AlertNews:
    return wire.AlertNews(
        device=one.device,
        rule=one.rule,
        status=status,
        severity=one.severity,
        at=0.0,
        summary={"en": f"{one.rule} on {one.device}", "zh": f"{one.device} 的 {one.rule} 告警"},
        key={"instance": instance},
        value=one.value,
        unit=one.unit,
        evidence={"oid": "1.3.6.1.2.1.2.2.1.8", "raw": one.value},
    )


# -- latency ------------------------------------------------------------------------------------


def latency(total: int) -> dict[str, object]:
    """Seconds from a value to the committed incident that it opens, over HTTP to a served desk."""
    with tempfile.TemporaryDirectory(prefix="watchdesk-bench-") as folder:
        db = Database(f"sqlite:///{Path(folder) / 'watchdesk.db'}")
        try:
            migrate(db)
            told = asyncio.run(_latency(db, Path(folder), total))
        finally:
            db.close()
    return told


async def _latency(db: Database, folder: Path, total: int) -> dict[str, object]:
    agent, devices = _prepared(db, total)
    proof = {"Authorization": f"Agent {agent.agent_id}:{agent.secret}", "Content-Type": wire.MEDIA_TYPE}
    start = Start()
    took = []
    async with _served(folder) as url, aiohttp.ClientSession(url, headers=proof) as agent_http:
        for sequence, device in enumerate(devices, 2):
            begin = time.perf_counter()
            trace = f"latency-{sequence}"
            body = codec.encode(_critical(agent.agent_id, device, sequence, trace))
            async with agent_http.post("/agent/v1/reports", data=body) as answer:
                answer.raise_for_status()
            while not db.read_now(_has_incident, trace):
                if time.perf_counter() - begin > PATIENCE_S:
                    raise TimeoutError(f"no incident of {device} within {PATIENCE_S:g} s")
                await asyncio.sleep(PAUSE_S)
            took.append(time.perf_counter() - begin)
            await asyncio.sleep(PAUSE_S)
    return {
        **start.told(total),
        "median_s": round(float(np.median(took)), 4),
        "p95_s": round(float(np.quantile(took, 0.95)), 4),
        "worst_s": round(max(took), 4),
    }


def _prepared(db: Database, total: int) -> tuple[wire.Enrolled, list[str]]:
    """An agent that joined, with as many devices as there are values, each an item of its own."""
    now = datetime.now(UTC)
    agent, targets = db.run_now(join, "bench-latency", total, now=now)
    devices = [f"t{target}" for target in targets]
    seen = [seen_first(device, device, now) for device in devices]
    report = wire.Report(
        agent=agent.agent_id, stream="events", sequence=1, sent_at=now.timestamp(), observations=seen
    )
    db.run_now(taking.take, [Delivery(report, now)], Scopes(), now=now)
    return agent, devices


def _critical(agent_id: int, device: str, sequence: int, trace: str) -> wire.Report:
    now = time.time()
    news = wire.AlertNews(
        device=device,
        rule="UpsOnBattery",
        status="firing",
        severity="critical",
        at=now,
        summary={"en": "{ci} runs on battery", "zh": "{ci} 由电池供电"},
        value=5.0,
        symptom="power",
        evidence={"oid": "1.3.6.1.2.1.33.1.4.1.0", "raw": 5},
        trace=trace,
    )
    return wire.Report(agent=agent_id, stream="events", sequence=sequence, sent_at=now, alerts=[news])


def _has_incident(session: Session, trace: str) -> bool:
    return session.scalar(select(Incident.id).where(Incident.trace_id == trace)) is not None


@contextlib.asynccontextmanager
async def _served(folder: Path) -> AsyncIterator[str]:
    """A served desk over the folder's database, on a free port of this machine; its address."""
    desk = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server.cli", "serve", "--data", str(folder), "--port", "0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "WATCHDESK_DATABASE_URL": ""},
    )
    assert desk.stdout is not None
    try:
        async with asyncio.timeout(2 * PATIENCE_S):
            while b"is ready: " not in (line := await desk.stdout.readline()):
                if not line:
                    raise RuntimeError("the desk ended before it was ready")
        yield line.decode().rpartition(" ")[2].strip()
    finally:
        with contextlib.suppress(ProcessLookupError):
            desk.send_signal(signal.SIGTERM)
        await desk.wait()
