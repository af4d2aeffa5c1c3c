"""How fast the intake is: the production path, decode to commit, on a database of its own.

Samples: reports of ten agents are decoded, entered into the ledger, written as heads and judged by
the server's rules, in batches as the committer makes them, each one synced commit; then packed.
Alerts: reports of alert news through deduplication and grouping. Latency: one report at a time
through the committer, from the moment its value is handed over until its alert is on disk and told.

The last line of output is one JSON object: items, cpu_s (all threads), per_cpu_s, wall_s, peak_mb.
"""

import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import typer
from sqlalchemy.orm import Session

from rules import wire
from server.agents import service as agents
from server.intake import registering, taking
from server.intake.committer import Committer
from server.intake.items import Delivery
from server.intake.scope import Scopes
from server.kernel.clock import SystemClock
from server.kernel.db import Base, Database
from server.metrics import service as metrics

AGENTS = 10
DEVICES = 500  # of each agent
SERIES = 10  # of each device
TOGETHER = 8  # reports of one commit, as they meet under load
COMMAND = typer.Typer(no_args_is_help=True)


@dataclass
class Plant:
    """Agents with devices and numbered series, in a database of its own."""

    db: Database
    ids: dict[int, list[np.ndarray[tuple[int], np.dtype[np.uint32]]]] = field(default_factory=dict)
    devices: dict[int, list[str]] = field(default_factory=dict)
    scopes: Scopes = field(default_factory=Scopes)

    @classmethod
    def built(cls, db: Database, *, devices: int = DEVICES) -> "Plant":
        """Let agents join and register what they measure."""
        Base.metadata.create_all(db.engine)
        plant = cls(db)
        now = datetime.now(UTC)
        for number in range(AGENTS):
            agent_id, targets = db.run_now(_join, f"bench-{number}", devices, now=now)
            names = [f"t{target}" for target in targets]
            wanted = [
                wire.SeriesDef(name, f"metric_{index}_value", unit="W")
                for name in names
                for index in range(SERIES)
            ]
            wanted += [
                wire.SeriesDef(name, "device_up", kind="state", states={0: "down", 1: "up"}) for name in names
            ]
            ids = np.array(db.run_now(registering.register, agent_id, wanted, now=now), np.uint32)
            plain = ids[: len(names) * SERIES].reshape(len(names), SERIES)
            ups = ids[len(names) * SERIES :].reshape(len(names), 1)
            plant.ids[agent_id] = list(np.hstack((plain, ups)))
            plant.devices[agent_id] = names
            seen = [_seen(name, f"{number}-{name}", now) for name in names]
            report = wire.Report(
                agent=agent_id, stream="events", sequence=1, sent_at=now.timestamp(), observations=seen
            )
            db.run_now(taking.take, [Delivery(report, now)], plant.scopes, now=now)
        return plant


def samples(total: int) -> dict[str, object]:
    """Take about `total` samples; five reports of each agent's devices a minute."""
    with _database() as db:
        plant = Plant.built(db)
        bodies = list(_sample_reports(plant, total))
        told = [len(body) for body in bodies]
        start = _Start()
        items = 0
        for begin in range(0, len(bodies), TOGETHER):
            now = datetime.now(UTC)
            deliveries = []
            for body in bodies[begin : begin + TOGETHER]:
                report, refused = wire.decode_report(body)
                items += sum(block.count() for block in report.samples)
                deliveries.append(Delivery(report, now, refused))
            answers = db.run_now(taking.take, deliveries, plant.scopes, now=now)
            assert all(answer.status == "accepted" and not answer.items for answer in answers)
        taken = start.told(items)
        metrics.store.pack(db, now=datetime.now(UTC))
        whole = start.told(items)
        return {
            **taken,
            "reports": len(bodies),
            "mean_report_bytes": round(sum(told) / len(told)),
            "per_cpu_s_with_packing": whole["per_cpu_s"],
        }


def alerts(total: int, batch: int) -> dict[str, object]:
    """Take `total` alert news in reports of `batch`, a third of them repeats."""
    with _database() as db:
        plant = Plant.built(db, devices=20)
        bodies = list(_alert_reports(plant, total, batch))
        start = _Start()
        items = 0
        for begin in range(0, len(bodies), TOGETHER):
            now = datetime.now(UTC)
            deliveries = []
            for body in bodies[begin : begin + TOGETHER]:
                report, refused = wire.decode_report(body)
                items += len(report.alerts)
                deliveries.append(Delivery(report, now, refused))
            db.run_now(taking.take, deliveries, plant.scopes, now=now)
        return start.told(items)


def latency(total: int) -> dict[str, object]:
    """From a value handed in to its alert told, through the committer, one after the other."""
    with _database() as db:
        plant = Plant.built(db, devices=20)
        start = _Start()
        took = asyncio.run(_latency(plant, total))
        told = {
            "median_s": round(float(np.median(took)), 4),
            "p95_s": round(float(np.quantile(took, 0.95)), 4),
            "worst_s": round(max(took), 4),
        }
        return {**start.told(total), **told}


@COMMAND.callback()
def _group() -> None:
    """Measure the production code."""


@COMMAND.command("ingest")
def ingest(
    alerts_: int = typer.Option(0, "--alerts", help="alert news to take"),
    batch: int = typer.Option(100, "--batch", help="alert news in a report"),
    samples_: int = typer.Option(0, "--samples", help="samples to take"),
    latency_: int = typer.Option(0, "--latency", help="values to time from hand-over to alert"),
) -> None:
    """Measure the intake; the last line is one JSON object."""
    if latency_:
        print_last(latency(latency_))
    if alerts_:
        print_last(alerts(alerts_, batch))
    if samples_ or not (alerts_ or latency_):
        print_last(samples(samples_ or 2_000_000))


def print_last(told: dict[str, object]) -> None:
    """One JSON object on a line of its own."""
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


class _Start:
    """Begin of a measurement."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def told(self, items: int) -> dict[str, object]:
        """What has been used since."""
        cpu, wall = time.process_time() - self._cpu, time.perf_counter() - self._wall
        return {
            "items": items,
            "cpu_s": round(cpu, 3),
            "per_cpu_s": round(items / cpu),
            "wall_s": round(wall, 3),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        }


class _database:  # noqa: N801  used as a function
    """A fresh SQLite database, synced as in production, gone afterwards."""

    def __enter__(self) -> Database:
        self._folder = tempfile.TemporaryDirectory(prefix="watchdesk-bench-")
        self._db = Database(f"sqlite:///{Path(self._folder.name) / 'bench.db'}")
        return self._db

    def __exit__(self, *_failure: object) -> None:
        self._db.close()
        self._folder.cleanup()


def _join(session: Session, name: str, devices: int, *, now: datetime) -> tuple[int, list[int]]:
    token = agents.create_token(session, name, now=now)
    joined = agents.enrol(session, wire.Enrol(token.token, name, name, "bench"), now=now)
    targets = [
        agents.add_target(
            session,
            joined.agent_id,
            agents.NewTarget(f"device-{number}", f"10.0.{number // 250}.{number % 250}"),
            now=now,
        ).id
        for number in range(devices)
    ]
    return joined.agent_id, targets


def _seen(device: str, serial: str, now: datetime) -> wire.Observation:
    return wire.Observation(device, now.timestamp(), "ups", f"UPS {serial}", {"serial": [f"SN{serial}"]})


def _sample_reports(plant: Plant, total: int) -> Iterable[bytes]:
    """Reports as agents send them: every twelve seconds a fifth of the devices, mixed kinds of values."""
    random = np.random.default_rng(7)
    begin = (datetime.now(UTC) - timedelta(hours=2)).timestamp()
    made, sequence = 0, count(2)
    levels = random.uniform(10, 300, (AGENTS, DEVICES, SERIES + 1))
    for step in sequence:
        at = begin + 12.0 * step
        for place, (agent_id, ids) in enumerate(plant.ids.items()):
            blocks = []
            for device in range(step % 5, DEVICES, 5):
                values = np.round(levels[place, device] + random.normal(0, 0.5, SERIES + 1), 1)
                values[-1] = 1.0
                blocks.append(wire.SampleBlock(at + device / 100, ids[device].tobytes(), values.tobytes()))
                made += SERIES + 1
            yield wire.encode(
                wire.Report(
                    agent=agent_id,
                    stream="samples",
                    sequence=step,
                    sent_at=at,
                    trace=f"b-{step}",
                    samples=blocks,
                )
            )
        if made >= total:
            return


def _alert_reports(plant: Plant, total: int, batch: int) -> Iterable[bytes]:
    """News of many conditions; every third report tells again what was told."""
    now = datetime.now(UTC).timestamp()
    places = list(plant.devices.items())
    told = 0
    for step in count(2):
        agent_id, devices = places[step % AGENTS]
        back = step - 3 * AGENTS if step % 3 == 0 and step > 3 * AGENTS else step
        news = [_alert(devices[i % len(devices)], i, back, now) for i in range(batch)]
        yield wire.encode(
            wire.Report(
                agent=agent_id, stream="events", sequence=step, sent_at=now, trace=f"b-{step}", alerts=news
            )
        )
        told += batch
        if told >= total:
            return


def _alert(device: str, number: int, step: int, now: float) -> wire.AlertNews:
    return wire.AlertNews(
        device=device,
        rule=("LinkDown", "HighLoad", "DiskFills")[number % 3],
        status="firing",
        severity="minor",
        at=now + step / 1000,
        summary={"en": f"interface {number} of {device} is down", "zh": f"{device} 接口 {number} 断开"},
        key={"interface": f"{step // 30}-{number}"},
        value=float(number),
        evidence={"oid": "1.3.6.1.2.1.2.2.1.8", "raw": "2"},
    )


async def _latency(plant: Plant, total: int) -> list[float]:
    committer = Committer(plant.db, SystemClock())
    committer.scopes = plant.scopes
    committer.start()
    agent_id, devices = next(iter(plant.devices.items()))
    took = []
    for step in range(2, total + 2):
        now = time.time()
        news = [_alert(devices[step % len(devices)], step, step * 1000, now)]
        body = wire.encode(
            wire.Report(agent=agent_id, stream="events", sequence=step, sent_at=now, alerts=news)
        )
        begin = time.perf_counter()
        report, refused = wire.decode_report(body)
        await committer.submit(Delivery(report, datetime.now(UTC), refused), len(body))
        took.append(time.perf_counter() - begin)
    await committer.stop()
    return took
