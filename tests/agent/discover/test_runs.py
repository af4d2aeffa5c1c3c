"""Runs on the agent: worked off once, gone on with after a restart, given up when they are taken back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.clock import Clock
from agent.collect import Collector
from agent.devices import library
from agent.discover.found import Attempt, Found, Guess, Source
from agent.discover.guard import HELD_AFTER, Guard
from agent.discover.opened import Opened
from agent.discover.runs import Runs
from agent.discover.scout import Scout
from agent.discover.seen import Met, Seen
from agent.discover.sweep import Signs
from agent.discover.tell import class_of, finding
from agent.playback.describe import describe
from agent.playback.plant import load
from agent.registry import Registry
from rules.wire import Config, Finding, Progress, RangeCredential, RangeJob
from tests.playback.living_room import listening_room

LIBRARY = library(None)
RANGE = "10.0.0.1-40"


class Tame(Scout):
    """Finds something at even addresses; waits where it is told to."""

    def __init__(self, slow: Callable[[str], bool] = lambda _: False) -> None:
        self.looked: list[str] = []
        self.slow = slow
        self.opened = Opened()
        self._room = asyncio.Semaphore(4)

    def learn(self, *_: Any) -> None:
        return

    async def close(self) -> None:
        return

    async def meet(self, job: RangeJob, address: str, guard: Guard) -> Met | None:
        self.looked.append(address)
        if self.slow(address):
            await asyncio.sleep(3_600)
        await asyncio.sleep(0)
        if int(address.rpartition(".")[2]) % 2:
            return None
        found = Found(address, guesses={"name": Guess("n", 1.0, "sysName", "standard")})
        return Met(Seen(found, {"icmp": 0}), Signs(address, ping=True), None, 0.0)


async def look(scout: Scout, job: RangeJob, address: str, guard: Guard) -> Seen | None:
    """Meet and ask one device."""
    met = await scout.meet(job, address, guard)
    return None if met is None else await scout.ask(job, met, guard)


def runs_of(folder: Path, scout: Scout) -> Runs:
    collector = Collector(Registry(folder / "series.log"))
    return Runs(folder, collector, Clock(), lambda: None, LIBRARY, scout=scout)


def config(**how: Any) -> Config:
    return Config("g", jobs=[RangeJob(1, 7, [RANGE], ways=["icmp"], rate=1_000, **how)])


def told(runs: Runs) -> tuple[list[Finding], Progress]:
    return runs.collector._findings, runs.collector._progress[7]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_run_looks_at_every_address_once_and_tells_its_end(tmp_path: Path) -> None:
    scout = Tame()
    runs = runs_of(tmp_path, scout)
    runs.follow(config(exclusions=["10.0.0.3-4"]), LIBRARY)
    task = runs.runs[7].task
    assert task is not None
    await asyncio.wait_for(task, 20)
    runs.follow(config(exclusions=["10.0.0.3-4"]), LIBRARY)  # the same configuration begins nothing anew
    findings, progress = told(runs)
    assert sorted(scout.looked) == sorted(set(scout.looked))
    assert len(scout.looked) == 38
    assert (progress.state, progress.total, progress.asked, progress.alive) == ("done", 38, 38, 19)
    assert len(findings) == 19
    await runs.close()


async def test_a_run_goes_on_after_a_restart_with_what_was_not_told(tmp_path: Path) -> None:
    first = Tame(slow=lambda address: int(address.rpartition(".")[2]) > 20)
    runs = runs_of(tmp_path, first)
    runs.follow(config(), LIBRARY)
    await until(lambda: len(runs.runs[7].journal.done) == 20 and len(first.looked) == 40)
    runs.settle()
    await runs.close()
    second = Tame()
    again = runs_of(tmp_path, second)
    again.follow(config(), LIBRARY)
    task = again.runs[7].task
    assert task is not None
    await asyncio.wait_for(task, 20)
    assert {int(one.rpartition(".")[2]) for one in second.looked} == set(range(21, 41))
    progress = told(again)[1]
    assert (progress.state, progress.asked, progress.alive) == ("done", 40, 20)
    again.settle()
    await again.close()
    third = runs_of(tmp_path, Tame())
    third.follow(config(), LIBRARY)
    assert third.runs[7].task is None, "what has ended is not begun again while it still stands there"
    third.follow(Config("h"), LIBRARY)
    assert not list((tmp_path / "discover").glob("*")), "its journal goes with it"
    await third.close()


async def test_one_that_hangs_holds_up_nobody_and_a_run_taken_back_ends_at_once(tmp_path: Path) -> None:
    scout = Tame(slow=lambda address: address == "10.0.0.2")
    runs = runs_of(tmp_path, scout)
    runs.follow(config(), LIBRARY)
    await until(lambda: len(runs.runs[7].journal.done) == 39)
    task = runs.runs[7].task
    assert task is not None
    assert not task.done()
    runs.follow(Config("h"), LIBRARY)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    assert runs.runs == {}
    await runs.close()


async def test_no_address_is_begun_when_the_time_is_over(tmp_path: Path) -> None:
    scout = Tame()
    runs = runs_of(tmp_path, scout)
    runs.follow(config(until=Clock().wall() - 1), LIBRARY)
    task = runs.runs[7].task
    assert task is not None
    await asyncio.wait_for(task, 20)
    assert scout.looked == []
    assert told(runs)[1].state == "cut"
    await runs.close()


async def test_who_is_there_is_known_before_all_are_asked_and_none_is_asked_when_the_time_is_over(
    tmp_path: Path,
) -> None:
    class Reluctant(Tame):
        async def ask(
            self, job: RangeJob, met: Met, guard: Guard, *, over: Callable[[], bool] = lambda: False
        ) -> Seen | None:
            await until(lambda: runs.runs[7].knocked == 40)
            await until(over)
            return None

    runs = runs_of(tmp_path, Reluctant())
    runs.follow(config(until=Clock().wall() + 1.0), LIBRARY)
    task = runs.runs[7].task
    assert task is not None
    await asyncio.wait_for(task, 20)
    progress = told(runs)[1]
    assert (progress.state, progress.alive, progress.asked) == ("cut", 20, 20)
    assert told(runs)[0] == []
    await runs.close()


@pytest.fixture
async def room() -> AsyncIterator[dict[str, Any]]:
    """The machine room's devices by name as it describes them, on a network of its own."""
    async with listening_room() as living:
        told = describe(load(), living.network)
        kept = {one["code"]: one for one in told["credentials"]}
        yield {one["name"]: one for one in told["devices"]} | {"credentials": kept}


def sets(room: Any) -> Iterator[RangeCredential]:
    for number, (kind, code) in enumerate(
        (("snmp", "room-snmp"), ("snmp", "core-snmpv3"), ("http", "room-http"), ("ssh", "server-ssh")), 1
    ):
        words = {k: v for k, v in room["credentials"][code].items() if k not in {"code", "kind"}}
        yield RangeCredential(number, kind, words)


JOB = RangeJob(1, 1, ["127.0.0.0/24"], ways=["icmp", "snmp", "ssh", "http", "modbus"],
               ports={"snmp": [1161], "ssh": [2222], "http": [8081], "modbus": [1502]}, rate=100)  # fmt: skip


async def test_devices_are_recognised_by_every_way_over_real_sockets(room: Any) -> None:
    job = msgspec.structs.replace(JOB, credentials=list(sets(room)))
    scout, guard = Scout(LIBRARY, {}), Guard()
    wanted = {
        "UPS-B1-A": ("ups", {"snmp": 1}),
        "SW-CORE-1": ("switch", {"snmp": 2}),
        "ACS-B1": ("access_control", {"http": 3}),
        "CRAC-B1-2": ("air_conditioner", {}),
        "SRV-1": ("server", {"snmp": 1, "ssh": 4}),
    }
    seen = await asyncio.gather(*(look(scout, job, room[name]["address"], guard) for name in wanted))
    for (name, (kind, opened)), one in zip(wanted.items(), seen, strict=True):
        assert one is not None, name
        message = finding(job, one, LIBRARY.profiles, at=1.0)
        assert message.guesses["device_class"].value == kind, name
        assert message.guesses["device_class"].confidence >= 0.7
        assert message.credentials == opened, name
    assert seen[1] is not None
    told = finding(job, seen[1], LIBRARY.profiles, at=1.0).links
    assert any(one.kind == "lldp" and "SW-ACC-1" in one.keys.get("name", ()) for one in told)
    empty = await look(
        scout,
        msgspec.structs.replace(job, ways=["snmp"]),
        room["UPS-B1-A"]["address"].rpartition(".")[0] + ".250",
        guard,
    )
    assert empty is None
    await scout.close()


async def test_a_wrong_password_is_tried_at_three_machines_and_then_rests(room: Any) -> None:
    *_, good = sets(room)
    wrong = RangeCredential(9, "ssh", {**good.values, "password": "not-this"})
    job = msgspec.structs.replace(JOB, ways=["ssh"], credentials=[wrong])
    scout, guard = Scout(LIBRARY, {}), Guard()
    machines = [one["address"] for name, one in sorted(room.items()) if name.startswith("SRV-")]
    assert len(machines) >= HELD_AFTER
    tried: list[Attempt] = []
    for address in (*machines, *machines):
        one = await look(scout, job, address, guard)
        assert one is not None
        tried += [attempt for attempt in one.attempts if attempt.way == "ssh"]
    refused = [one for one in tried if one.outcome == "refused"]
    assert len(refused) == min(HELD_AFTER, len(machines))
    assert {one.outcome for one in tried} == {"refused", "held_back"}
    assert guard.held_back == [9]
    await scout.close()


async def test_no_password_leaves_for_a_machine_whose_key_is_not_pinned(room: Any) -> None:
    *_, good = sets(room)
    bare = RangeCredential(9, "ssh", {name: text for name, text in good.values.items() if name != "host_key"})
    job = msgspec.structs.replace(JOB, ways=["ssh"], credentials=[bare])
    scout = Scout(LIBRARY, {})
    one = await look(scout, job, room["SRV-1"]["address"], Guard())
    assert one is not None
    attempts = [attempt for attempt in one.attempts if attempt.way == "ssh"]
    assert [attempt.outcome for attempt in attempts] == ["held_back"]
    assert "SHA256:" in attempts[0].detail, "the key is shown, so that a person may pin it"
    await scout.close()


@pytest.mark.parametrize(
    ("guess", "source", "of_all", "wanted"),
    [
        ("router", "profile", "switch", "router"),  # by the model, of a maker of many kinds
        ("router", "operator", "switch", "router"),
        ("router", "learned", "switch", "switch"),
        ("environment_sensor", "profile", "environment_monitor", "environment_monitor"),  # the finer word
        ("router", "learned", None, "router"),
    ],
)
def test_what_a_profile_says_of_one_model_goes_before_what_it_says_of_all(
    guess: str, source: Source, of_all: str | None, wanted: str
) -> None:
    form = msgspec.structs.replace(LIBRARY.profiles["snmp-device"], profile="acme", ci_class=of_all)
    found = Found("192.0.2.1", profile="acme", guesses={"device_class": Guess(guess, 0.9, "", source)})
    told = class_of(found, {"acme": form})
    assert told is not None
    assert told.value == wanted
