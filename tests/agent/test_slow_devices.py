"""P15: one slow device slows nobody: lateness of the others, in the agent's own loop."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from agent.config import Polling, Settings
from agent.reading import Reading
from agent.run import Agent
from agent.schedule import Schedule
from agent.vault import Identity
from rules.wire import Config, TargetConfig
from tests.pace import Pace

DEVICES = 1_000
HANGING = 5  # every fifth
SPEED = 20.0  # the agent's clock runs so much faster, so that minutes pass in seconds
ROUNDS = 5


class FastClock:
    """Seconds that pass twenty times as fast, and slower where the whole machine is slow."""

    def __init__(self, taken: Pace) -> None:
        self._taken = taken

    def wall(self) -> float:
        return 1_800_000_000.0 + self.steady()

    def steady(self) -> float:
        return self._taken.seconds * SPEED


class Noted(Schedule):
    """A schedule that notes how late each device was asked."""

    def __init__(self, seed: str) -> None:
        super().__init__(seed)
        self.late: dict[str, list[float]] = {}

    def take(self, now: float) -> str | None:
        key = super().take(now)
        if key is not None:
            self.late.setdefault(key, []).append(now - self._turns[key].due)
        return key


class Network:
    """Answers at once, or not at all until the poll's own deadline."""

    def __init__(self) -> None:
        self.open = self.most = 0

    async def poll(self, target: Any, _plan: object) -> Reading:
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            if int(target.key[1:]) % HANGING == 0:
                await asyncio.sleep(target.timeout_s / SPEED)
                return Reading(up=False, reason="no_answer")
            await asyncio.sleep(0.001)
            return Reading(up=True)
        finally:
            self.open -= 1


@pytest.mark.parametrize(
    ("every_s", "timeout_s"), [(60.0, 10.0), (60.0, 60.0)], ids=["usual", "as long as the interval"]
)
async def test_P15_with_a_fifth_of_a_thousand_hanging_the_others_are_asked_in_time(  # noqa: N802
    tmp_path: Path, every_s: float, timeout_s: float
) -> None:
    settings = Settings(data=str(tmp_path / "data"), poll=Polling(concurrency=200))
    clock = FastClock(taken := Pace())
    ticking = asyncio.create_task(taken.count())
    agent = Agent(settings, Identity("http://127.0.0.1:9", 7, "agent", "s3cret"), clock=clock)  # type: ignore[arg-type]
    network = Network()
    agent.polling.poller = network  # type: ignore[assignment]
    targets = [
        TargetConfig(
            n, f"d{n}", f"10.0.{n // 250}.{n % 250}", 161, "snmp", "ups-mib", every_s, timeout_s=timeout_s
        )
        for n in range(1, DEVICES + 1)
    ]
    agent.polling.schedule = noted = Noted("agent")
    agent.apply(Config(generation="1", targets=targets, host=False))
    polling = asyncio.create_task(agent.polling.run())
    while clock.steady() < ROUNDS * every_s:
        await asyncio.sleep(0.05)
    for task in (polling, ticking):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await agent.link.close()
    well = sorted(x for key, all_of in noted.late.items() if int(key[1:]) % HANGING for x in all_of)
    p99 = well[len(well) * 99 // 100]
    print(f"{len(well)} polls, p99 {p99:.1f} s late, worst {well[-1]:.1f} s, {network.most} open")
    assert len({key for key in noted.late if int(key[1:]) % HANGING}) == DEVICES * 4 // 5, (
        "everyone had a turn"
    )
    assert p99 <= every_s
    assert network.most <= 200


async def test_P15_those_that_did_not_answer_have_half_of_the_room(tmp_path: Path) -> None:  # noqa: N802
    """Three times as many hang for ever as there are places, all due before the one that answers."""
    settings = Settings(data=str(tmp_path / "data"), poll=Polling(concurrency=10))
    agent = Agent(settings, Identity("http://127.0.0.1:9", 7, "agent", "s3cret"))
    answered = asyncio.Event()
    hanging: set[str] = set()

    async def poll(target: Any, _plan: object) -> Reading:
        if target.key == "t31":
            answered.set()
            return Reading(up=True)
        hanging.add(target.key)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    agent.polling.poller.poll = poll  # type: ignore[method-assign, assignment]
    targets = [
        TargetConfig(n, f"d{n}", f"10.0.0.{n}", 161, "snmp", "ups-mib", 60.0, timeout_s=60.0)
        for n in range(1, 32)
    ]
    agent.apply(Config(generation="1", targets=targets, host=False))
    for place in range(1, 32):
        turn = agent.polling.schedule._turns[f"t{place}"]
        turn.failures = int(place < 31)
        agent.polling.schedule._at(turn, agent.clock.steady() - 1 / place)
    loop = asyncio.create_task(agent.polling.run())
    await asyncio.wait_for(answered.wait(), 20)
    loop.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await loop
    await agent.link.close()
    assert len(hanging) == 5
