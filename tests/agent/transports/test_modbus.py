import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.transports import modbus
from agent.transports.trouble import TroubleError
from rules.profile_form import Register

Server = Callable[[Callable[[bytes], bytes]], Awaitable[int]]


@pytest.fixture
async def device() -> AsyncIterator[int]:
    """A real Modbus server of pymodbus: holding registers 0 to 99 hold ten times their address."""
    from pymodbus.server import ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    blocks = (
        [SimData(0, values=[0, 1, 0, 1, 1, 0, 0, 1], datatype=DataType.BITS)],
        [SimData(0, values=[1, 0, 0, 0, 0, 0, 0, 1], datatype=DataType.BITS)],
        [SimData(0, values=[10 * number for number in range(100)], datatype=DataType.REGISTERS)],
        [SimData(0, values=[7, 8, 65_535, 0x41BC, 0x0000], datatype=DataType.REGISTERS)],
    )
    server = ModbusTcpServer(SimDevice(id=1, simdata=blocks), address=("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve_forever(background=True))
    await serving
    listening = cast("asyncio.Server", server.transport)
    yield listening.sockets[0].getsockname()[1]
    await server.shutdown()  # type: ignore[no-untyped-call]


@pytest.fixture
async def odd() -> AsyncIterator[Server]:
    """Starts servers that answer each question (12 bytes) with whatever a function makes of it."""
    servers: list[asyncio.Server] = []

    async def start(answer: Callable[[bytes], bytes]) -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    writer.write(answer(await reader.readexactly(12)))
                    await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    yield start
    for server in servers:
        server.close()


REGISTER = Register(address=5)


async def read_one(port: int, register: Register = REGISTER, timeout_s: float = 5.0) -> object:
    words, _ = await modbus.fetch("127.0.0.1", port, 1, [register], timeout_s=timeout_s)
    return modbus.value_of(register, words)


async def test_a_real_server_is_read_in_blocks(device: int) -> None:
    registers = [Register(address=number) for number in (1, 3, 40, 41)]
    registers += [Register(address=2, kind="input"), Register(address=3, kind="input", type="float32")]
    words, took = await modbus.fetch("127.0.0.1", device, 1, registers, timeout_s=3.0)
    assert [modbus.value_of(one, words) for one in registers] == [10, 30, 400, 410, 65_535, 23.5]
    assert 0 < took < 3


async def test_what_a_device_refuses_is_left_out_and_the_rest_is_read(device: int) -> None:
    registers = [Register(address=98), Register(address=102)]
    words, _ = await modbus.fetch("127.0.0.1", device, 1, registers, timeout_s=3.0)
    assert [modbus.value_of(one, words) for one in registers] == [980, None]


async def test_a_device_that_refuses_everything_gives_a_bad_response(odd: Server) -> None:
    port = await odd(lambda q: q[:4] + b"\x00\x03" + q[6:7] + bytes((q[7] | 0x80, 2)))
    with pytest.raises(TroubleError) as caught:
        await read_one(port)
    assert (caught.value.reason, caught.value.place) == ("bad_response", "exception")


def good(question: bytes) -> bytes:
    return question[:4] + b"\x00\x05" + question[6:8] + b"\x02\x00\x2a"


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        (lambda q: b"\xff\xff" + good(q)[2:], "transaction"),
        (lambda q: good(q)[:6] + b"\x09" + good(q)[7:], "unit"),
        (lambda q: good(q)[:2] + b"\x00\x01" + good(q)[4:], "header"),
        (lambda q: good(q)[:4] + b"\xff\xff" + good(q)[6:], "header"),
        (lambda q: q[:4] + b"\x00\x04" + q[6:8] + b"\x02\x00", "length"),
        (lambda q: q[:4] + b"\x00\x05" + q[6:7] + b"\x06\x02\x00\x2a", "length"),
        (lambda q: q[:4] + b"\x00\x05" + q[6:8] + b"\x40\x00\x2a", "length"),
    ],
)
async def test_wrong_ids_and_lengths_are_bad_responses(
    odd: Server, answer: Callable[[bytes], bytes], place: str
) -> None:
    port = await odd(answer)
    with pytest.raises(TroubleError) as caught:
        await read_one(port)
    assert (caught.value.reason, caught.value.place) == ("bad_response", place)
    assert caught.value.evidence


async def test_a_good_answer_is_read(odd: Server) -> None:
    assert await read_one(await odd(good)) == 42


async def test_silence_and_a_closed_port_are_told_apart(odd: Server, unused_tcp_port: int) -> None:
    silent = await odd(lambda _: b"")
    with pytest.raises(TroubleError) as caught:
        await read_one(silent, timeout_s=0.3)
    assert caught.value.reason == "no_answer"
    with pytest.raises(TroubleError) as caught:
        await read_one(unused_tcp_port)
    assert caught.value.reason == "refused"


async def test_only_reading_functions_ever_leave(odd: Server) -> None:
    asked: list[bytes] = []

    def note(question: bytes) -> bytes:
        asked.append(question)
        return question[:4] + b"\x00\x03" + question[6:7] + bytes((question[7] | 0x80, 1))

    port = await odd(note)
    for kind in ("coil", "discrete", "holding", "input"):
        with contextlib.suppress(TroubleError):
            await read_one(port, Register(address=1, kind=kind))
    assert {question[7] for question in asked} == {1, 2, 3, 4}


@given(st.integers(-(2**31), 2**31 - 1), st.sampled_from(["big", "little"]))
def test_two_word_numbers_are_read_in_both_orders(number: int, order: str) -> None:
    high, low = struct.unpack(">HH", struct.pack(">i", number))
    words = (high, low) if order == "big" else (low, high)
    register = Register(address=7, type="int32", order="big" if order == "big" else "little")
    assert modbus.value_of(register, {("holding", 7): words[0], ("holding", 8): words[1]}) == number


@given(st.lists(st.integers(0, 65_000), min_size=1, max_size=60))
def test_every_register_lies_inside_its_block(addresses: list[int]) -> None:
    registers = [Register(address=one, type="uint32") for one in addresses]
    for kind, first, count, inside in modbus.blocks(registers):
        assert kind == "holding"
        assert count <= modbus.MAX_WORDS
        assert all(first <= one.address and one.address + 2 <= first + count for one in inside)
    assert sum(len(block[3]) for block in modbus.blocks(registers)) == len(registers)
