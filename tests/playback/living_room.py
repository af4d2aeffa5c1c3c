"""What the tests of the room share: a quiet room, and one that listens on a loopback network of its own."""

import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.playback.plant import load
from agent.playback.room import Room
from agent.playback.scenarios import Stage, all_scenarios
from agent.playback.serve import Service

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
_numbers = itertools.count(os.getpid() % 200)


def quiet_stage(seed: int = 1) -> Stage:
    room = Room(load(), seed=seed, start=NOON)
    stage = Stage(room, all_scenarios())
    room.on_step = stage.step
    return stage


@dataclass
class Listening:
    stage: Stage
    network: str
    control_port: int

    def address(self, name: str) -> str:
        return f"{self.network}.{self.stage.room.devices[name].address.rpartition('.')[2]}"


@asynccontextmanager
async def listening_room() -> AsyncIterator[Listening]:
    """A room on a free loopback network; its clock stands still unless the test moves it."""
    stage = quiet_stage()
    for number in itertools.islice(_numbers, 50):
        network = f"127.{30 + number % 200}.{os.getpid() % 250}"
        service = Service(stage, network)
        try:
            port = await service.open(0)
        except OSError:
            await service.close()
            continue
        try:
            yield Listening(stage, network, port)
        finally:
            await service.close()
        return
    raise OSError("no loopback network is free")
