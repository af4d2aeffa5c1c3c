"""Register maps of makers' manuals, asked as production asks, against a server that holds a recording."""

import asyncio
import contextlib
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.poll import Poller
from agent.poll_facts import reading_of_words
from agent.reading import Reading, Target
from agent.transports.modbus import Words
from rules.profile import packaged, plan

RECORDINGS = Path(__file__).parents[2] / "recordings"
KINDS = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
PROFILES = {name: one for name, one in packaged().items() if one.transport == "modbus"}
NAMES = sorted(set(PROFILES) - {"liebert-icom-modbus"})
Ask = Callable[[str, dict[str, dict[str, int]]], Awaitable[Reading]]


def recorded(name: str) -> dict[str, dict[str, int]]:
    told: Any = json.loads((RECORDINGS / f"{name}.json").read_text())
    registers: dict[str, dict[str, int]] = told["registers"]
    return registers


def answer(registers: dict[str, dict[str, int]], pdu: bytes) -> bytes:
    """As the protocol says: a block with a register that is not there is refused."""
    function, first, count = struct.unpack(">BHH", pdu)
    held = registers.get(KINDS[function], {})
    if any(str(one) not in held for one in range(first, first + count)):
        return bytes((function | 0x80, 2))
    words = [held[str(one)] for one in range(first, first + count)]
    if function < 3:
        bits = sum(word << place for place, word in enumerate(words)).to_bytes((count + 7) // 8, "little")
        return bytes((function, len(bits))) + bits
    return bytes((function, 2 * count)) + struct.pack(f">{count}H", *words)


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    servers: list[asyncio.Server] = []
    poller = Poller()

    async def asked(name: str, registers: dict[str, dict[str, int]]) -> Reading:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    question = await reader.readexactly(12)
                    said = answer(registers, question[7:])
                    writer.write(question[:4] + struct.pack(">H", len(said) + 1) + question[6:7] + said)
                    await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        servers.append(server)
        port = server.sockets[0].getsockname()[1]
        target = Target("t1", "Alice", "127.0.0.1", port, timeout_s=10.0)
        return await poller.poll(target, plan(PROFILES[name], identify=True))

    yield asked
    await poller.close()
    for server in servers:
        server.close()


@pytest.mark.parametrize("name", NAMES)
async def test_every_value_of_a_map_is_read_in_its_meaning(ask: Ask, name: str) -> None:
    reading = await ask(name, recorded(name))
    assert reading.up, reading.detail
    assert len(reading.values) == len(PROFILES[name].poll.metrics)
    assert {one.metric: one.reason for one in reading.values if one.value is None} == {}


async def test_the_scales_are_those_of_the_manuals(ask: Ask) -> None:
    smart = {"holding": {"130": 49_152, "131": 1_744, "135": 3_136, "142": 14_720, "128": 0, "129": 1_800}}
    got = {one.metric: one.value for one in (await ask("apc-smart-ups-modbus", smart)).values}
    assert got["ups_battery_charge_ratio"] == pytest.approx(0.96)  # 49152 / 512 %
    assert got["ups_battery_volts"] == 54.5  # 1744 / 32 V
    assert got["ups_battery_temperature_celsius"] == 24.5  # 3136 / 128 C
    assert got["ups_output_volts"] == 230  # 14720 / 64 V
    assert got["ups_battery_runtime_seconds"] == 1_800
    float_swapped = {"input": {"110": 0x0000, "111": 0x41BC}}
    got = {one.metric: one.value for one in (await ask("liebert-dcd-modbus", float_swapped)).values}
    assert got["cooling_cabinet_temperature_2_celsius"] == 23.5


async def test_a_serial_number_is_read_from_its_words(ask: Ask) -> None:
    reading = await ask("apc-smart-ups-modbus", recorded("apc-smart-ups-modbus"))
    assert reading.identity == {"vendor": "APC", "serial": "AS1234567890"}


@pytest.mark.parametrize("name", NAMES)
def test_a_dead_sensor_gives_no_measure_but_a_reason(name: str) -> None:
    form = plan(PROFILES[name])
    dead: Words = {
        (one.register.kind, one.register.address + place): (
            0x7FFF if place == 0 and one.register.type in {"int16", "int32"} else 0xFFFF
        )
        for one in form.scalars
        if one.register is not None and one.register.kind in {"holding", "input"} and not one.states
        for place in range(one.register.words)
    }
    measured = {one.name for one in form.scalars if not one.states}
    for value in reading_of_words(form, dead, 0.1).values:
        if value.metric not in measured:
            continue
        assert value.value is None, value
        assert value.reason
