"""The agent's own poller at every door of the room: nothing unexplained, nothing wrong while all is well."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from agent.playback.describe import describe
from agent.poll import Poller
from agent.reading import Reading, Target
from rules import profile as profiles
from tests.playback.living_room import Listening, listening_room

# the HTTP transport hands a password to aiohttp in the old way
pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated and will be removed in (aiohttp 4|v4)")


@pytest.fixture
async def poller() -> AsyncIterator[Poller]:
    one = Poller()
    yield one
    await one.close()


def doors(listening: Listening) -> list[tuple[str, dict[str, Any]]]:
    told = describe(listening.stage.room.plant, listening.network)
    return [
        (device["name"], {"address": device["address"], **door})
        for device in told["devices"]
        for door in (device, *device["more_targets"])
    ]


def credentials(listening: Listening) -> dict[str, dict[str, Any]]:
    told = describe(listening.stage.room.plant, listening.network)["credentials"]
    return {
        one["code"]: {key: value for key, value in one.items() if key not in ("code", "kind")} for one in told
    }


async def ask(poller: Poller, listening: Listening, name: str, door: dict[str, Any]) -> Reading:
    plan = profiles.plan(profiles.packaged()[door["profile"]], identify=True)
    credential = credentials(listening)[door["credential"]]
    key = f"{name}/{door['transport']}"
    return await poller.poll(Target(key, name, door["address"], door["port"], credential), plan)


async def test_every_door_answers_the_agent_with_good_values(poller: Poller) -> None:
    async with listening_room() as listening:
        listening.stage.room.advance(10)
        for name, door in doors(listening):
            reading = await ask(poller, listening, name, door)
            assert reading.up, f"{name} {door['transport']}: {reading.detail}"
            good = [value for value in reading.values if value.value is not None]
            assert len(good) >= 3, f"{name}: {reading.values}"
            odd = [
                value for value in reading.values if value.reason in ("out_of_range", "unknown_state", "dead")
            ]
            assert not odd, f"{name}: {odd}"


async def test_no_state_is_bad_while_the_room_is_well(poller: Poller) -> None:
    library = profiles.packaged()
    async with listening_room() as listening:
        listening.stage.room.advance(10)
        for name, door in doors(listening):
            plan = profiles.plan(library[door["profile"]])
            for value in (await ask(poller, listening, name, door)).values:
                metric = plan.metric(value.metric)
                if metric is not None and metric.severity and value.value is not None:
                    word = metric.names[int(value.value)]
                    assert word not in metric.severity, f"{name}: {value.metric} is {word}"


async def test_the_agent_sees_the_battery_the_breaker_and_the_still_fan(poller: Poller) -> None:
    async with listening_room() as listening:
        listening.stage.start("mains_failure")
        listening.stage.room.advance(5)
        seen: dict[tuple[str, str], list[float | None]] = {}
        for name, door in doors(listening):
            if name in ("UPS-B1-A", "LV-2", "CRAC-B1-2"):
                for value in (await ask(poller, listening, name, door)).values:
                    seen.setdefault((name, value.metric), []).append(value.value)
        assert seen["UPS-B1-A", "ups_output_source"] == [5]
        assert seen["UPS-B1-A", "ups_input_volts"] == [0, 0, 0]
        assert 2 in seen["LV-2", "contact_alarm_state"]
        assert seen["CRAC-B1-2", "cooling_fan_speed_ratio"] == [0]


async def test_a_server_without_power_is_down_to_the_agent_over_each_transport(poller: Poller) -> None:
    async with listening_room() as listening:
        listening.stage.room.up["SRV-3"] = False
        for name, door in doors(listening):
            if name == "SRV-3":
                plan = profiles.plan(profiles.packaged()[door["profile"]])
                credential = credentials(listening)[door["credential"]]
                target = Target(name, name, door["address"], door["port"], credential, timeout_s=0.5)
                quick = profiles.Plan(
                    plan.profile, plan.transport, plan.ci_class, timeout_s=0.5, scalars=plan.scalars
                )
                reading = await poller.poll(target, quick)
                assert not reading.up
                assert not reading.values
