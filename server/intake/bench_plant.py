"""What the benches of the intake share: agents with devices in a database of their own, and the clock."""

import resource
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy.orm import Session

from rules import wire
from server.agents import service as agents
from server.intake import registering, taking
from server.intake.items import Delivery
from server.intake.scope import Scopes
from server.kernel.db import Base, Database

AGENTS = 10
DEVICES = 500  # of each agent
SERIES = 10  # of each device
TOGETHER = 8  # reports of one commit, as they meet under load


@dataclass
class Plant:
    """Agents with devices and numbered series, in a database of its own."""

    db: Database
    ids: dict[int, list[np.ndarray[tuple[int], np.dtype[np.uint32]]]] = field(default_factory=dict)
    devices: dict[int, list[str]] = field(default_factory=dict)
    scopes: Scopes = field(default_factory=Scopes)
    begun_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def built(cls, db: Database, *, devices: int = DEVICES) -> "Plant":
        """Let agents join and register what they measure."""
        Base.metadata.create_all(db.engine)
        plant = cls(db)
        now = datetime.now(UTC)
        for number in range(AGENTS):
            joined, targets = db.run_now(join, f"bench-{number}", devices, now=now)
            names = [f"t{target}" for target in targets]
            wanted = [
                wire.SeriesDef(name, f"metric_{index}_value", unit="W")
                for name in names
                for index in range(SERIES)
            ]
            wanted += [
                wire.SeriesDef(name, "device_up", kind="state", states={0: "down", 1: "up"}) for name in names
            ]
            ids = np.array(db.run_now(registering.register, joined.agent_id, wanted, now=now), np.uint32)
            plain = ids[: len(names) * SERIES].reshape(len(names), SERIES)
            ups = ids[len(names) * SERIES :].reshape(len(names), 1)
            agent_id = joined.agent_id
            plant.ids[agent_id] = list(np.hstack((plain, ups)))
            plant.devices[agent_id] = names
            seen = [seen_first(name, f"{number}-{name}", now) for name in names]
            report = wire.Report(
                agent=agent_id, stream="events", sequence=1, sent_at=now.timestamp(), observations=seen
            )
            db.run_now(taking.take, [Delivery(report, now)], plant.scopes, now=now)
        return plant


class Start:
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


class TemporaryDatabase:
    """A fresh SQLite database, synced as in production, gone afterwards."""

    def __enter__(self) -> Database:
        self._folder = tempfile.TemporaryDirectory(prefix="watchdesk-bench-")
        self._db = Database(f"sqlite:///{Path(self._folder.name) / 'bench.db'}")
        return self._db

    def __exit__(self, *_failure: object) -> None:
        self._db.close()
        self._folder.cleanup()


def join(session: Session, name: str, devices: int, *, now: datetime) -> tuple[wire.Enrolled, list[int]]:
    """An agent that has joined, and its targets."""
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
    return joined, targets


def seen_first(device: str, serial: str, now: datetime) -> wire.Observation:
    """What a device says it is."""
    return wire.Observation(device, now.timestamp(), "ups", f"UPS {serial}", {"serial": [f"SN{serial}"]})
