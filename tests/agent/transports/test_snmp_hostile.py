import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Protocol

import pytest

from agent.reading import Target
from agent.transports import ber
from agent.transports.snmp import Ask, Device, Snmp, walk
from agent.transports.trouble import TroubleError
from tests.pace import pace

IF_DESCR, IF_IN = "1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.2.2.1.10"


class Hostile(Protocol):
    """The UDP responder of conftest."""

    answer: Callable[[bytes], list[bytes]]
    asked: list[bytes]
    port: int
    from_elsewhere: bool


@pytest.fixture
async def snmp() -> AsyncIterator[Snmp]:
    one = Snmp()
    yield one
    one.close()


def target(port: int, **credential: str) -> Target:
    return Target("t1", "device", "127.0.0.1", port, {"community": "public", **credential})


def request_id(question: bytes) -> int:
    at = ber.request_id_at(question)
    return int.from_bytes(question[at : at + 4], "big")


def answer(question: bytes, varbinds: list[tuple[str, bytes]], *, status: int = 0, shift: int = 0) -> bytes:
    body = b"".join(ber.tlv(0x30, ber.tlv(6, ber.encode_oid(oid)) + value) for oid, value in varbinds)
    pdu = (
        ber.integer(request_id(question) + shift) + ber.integer(status) + ber.integer(0) + ber.tlv(0x30, body)
    )
    return ber.tlv(0x30, ber.integer(1) + ber.tlv(4, b"public") + ber.tlv(0xA2, pdu))


async def ask(snmp: Snmp, port: int, *, timeout_s: float = 5.0) -> list[ber.Raw]:
    device = Device(target(port), Ask.of(["1.3.6.1.2.1.1.5.0"], []))
    return (await snmp.fetch(device, timeout_s=timeout_s)).values


async def test_an_answer_with_a_wrong_id_is_ignored_and_counted(snmp: Snmp, hostile: Hostile) -> None:
    name = [("1.3.6.1.2.1.1.5.0", ber.tlv(4, b"right"))]
    wrong = [("1.3.6.1.2.1.1.5.0", ber.tlv(4, b"wrong"))]
    hostile.answer = lambda q: [answer(q, wrong, shift=1), answer(q, name)]
    assert await ask(snmp, hostile.port) == [b"right"]
    assert snmp.strange == 1


async def test_a_device_that_only_answers_with_wrong_ids_gives_a_bad_response(
    snmp: Snmp, hostile: Hostile
) -> None:
    hostile.answer = lambda q: [answer(q, [("1.3.6.1.2.1.1.5.0", ber.tlv(4, b"x"))], shift=7)]
    with pytest.raises(TroubleError) as caught:
        await ask(snmp, hostile.port, timeout_s=0.6)
    assert (caught.value.reason, caught.value.place) == ("bad_response", "request-id")


async def test_an_answer_from_another_address_is_ignored_and_counted(snmp: Snmp, hostile: Hostile) -> None:
    hostile.from_elsewhere = True
    hostile.answer = lambda q: [answer(q, [("1.3.6.1.2.1.1.5.0", ber.tlv(4, b"forged"))])]
    with pytest.raises(TroubleError) as caught:
        await ask(snmp, hostile.port, timeout_s=0.6)
    assert caught.value.reason == "no_answer"
    assert snmp.strange >= 1


@pytest.mark.parametrize(
    "bytes_", [b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x80" * 700, b"\x00" * 1400, b"HTTP/1.1 400"]
)
async def test_a_broken_encoding_is_a_bad_response_with_evidence(
    snmp: Snmp, hostile: Hostile, bytes_: bytes
) -> None:
    hostile.answer = lambda _: [bytes_]
    with pytest.raises(TroubleError) as caught:
        await ask(snmp, hostile.port)
    assert caught.value.reason == "bad_response"
    assert caught.value.evidence == bytes_[:256].hex()


async def test_a_truncated_answer_is_a_bad_response(snmp: Snmp, hostile: Hostile) -> None:
    hostile.answer = lambda q: [answer(q, [("1.3.6.1.2.1.1.5.0", ber.tlv(4, b"x" * 100))])[:-20]]
    with pytest.raises(TroubleError) as caught:
        await ask(snmp, hostile.port)
    assert caught.value.reason == "bad_response"


async def test_silence_ends_at_the_deadline_after_retries(snmp: Snmp, hostile: Hostile) -> None:
    begun = time.monotonic()
    async with pace() as taken:
        with pytest.raises(TroubleError) as caught:
            await ask(snmp, hostile.port, timeout_s=0.6)
    assert caught.value.reason == "no_answer"
    assert time.monotonic() - begun > 0.5
    assert taken.seconds < 1.5
    assert len(hostile.asked) >= 2


async def test_a_lost_datagram_is_asked_for_again(snmp: Snmp, hostile: Hostile) -> None:
    def second_time(question: bytes) -> list[bytes]:
        if len(hostile.asked) < 2:
            return []
        return [answer(question, [("1.3.6.1.2.1.1.5.0", ber.tlv(4, b"late"))])]

    hostile.answer = second_time
    assert await ask(snmp, hostile.port) == [b"late"]


def endless() -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"{IF_DESCR}.{number}"


async def test_a_walk_that_does_not_progress_stops_with_partial_data(snmp: Snmp, hostile: Hostile) -> None:
    rows = [(f"{IF_DESCR}.{number}", ber.tlv(4, b"eth")) for number in (1, 2, 3)]
    hostile.answer = lambda q: [answer(q, rows)]
    found = await walk(snmp, target(hostile.port), [IF_DESCR], timeout_s=3.0)
    assert found.truncated
    assert list(found.values) == [f"{IF_DESCR}.1", f"{IF_DESCR}.2", f"{IF_DESCR}.3"]
    assert len(hostile.asked) == 2


async def test_a_walk_without_end_stops_at_its_bound(snmp: Snmp, hostile: Hostile) -> None:
    names = endless()
    hostile.answer = lambda q: [answer(q, [(next(names), ber.tlv(4, b"x" * 20)) for _ in range(30)])]
    device = Device(target(hostile.port), Ask.of([], [[IF_DESCR]], max_rows=500))
    found = await snmp.fetch(device, timeout_s=5.0)
    assert found.truncated
    assert 500 <= len(found.values) <= 530


async def test_ten_megabytes_of_rows_are_cut(snmp: Snmp, hostile: Hostile) -> None:
    names = endless()
    hostile.answer = lambda q: [answer(q, [(next(names), ber.tlv(4, b"x" * 60_000))])]
    device = Device(target(hostile.port), Ask.of([], [[IF_DESCR]]))
    found = await snmp.fetch(device, timeout_s=20.0)
    assert found.truncated
    assert sum(len(value) for value in found.values if isinstance(value, bytes)) <= 9 * 1024 * 1024


async def test_varbinds_that_were_not_asked_for_are_left_out(snmp: Snmp, hostile: Hostile) -> None:
    hostile.answer = lambda q: [
        answer(q, [("1.3.6.1.4.1.666.1.0", ber.tlv(4, b"x")), ("1.3.6.1.2.1.1.5.0", ber.tlv(4, b"y"))])
    ]
    assert await ask(snmp, hostile.port) == [b"y"]


async def test_too_big_is_asked_for_in_smaller_parts(snmp: Snmp, hostile: Hostile) -> None:
    oids = [f"1.3.6.1.4.1.9.{number}.0" for number in range(8)]

    def small(question: bytes) -> list[bytes]:
        asked = [oid for oid in oids if ber.encode_oid(oid) in question]
        if len(asked) > 2:
            return [answer(question, [], status=1)]
        return [answer(question, [(oid, ber.tlv(2, b"\x05")) for oid in asked])]

    hostile.answer = small
    device = Device(target(hostile.port), Ask.of(oids, []))
    assert (await snmp.fetch(device, timeout_s=10.0)).values == [5] * 8


async def test_a_denied_access_is_told_as_such(snmp: Snmp, hostile: Hostile) -> None:
    hostile.answer = lambda q: [answer(q, [], status=16)]
    with pytest.raises(TroubleError) as caught:
        await ask(snmp, hostile.port)
    assert caught.value.reason == "auth"


async def test_p15_hanging_devices_delay_nobody(snmp: Snmp, hostile: Hostile) -> None:
    hostile.answer = lambda q: [answer(q, [("1.3.6.1.2.1.1.5.0", ber.tlv(4, b"here"))])]
    hanging = [Device(Target(f"h{n}", "h", f"127.77.1.{n + 1}", 9), Ask.of(["1.3.6.1.2.1.1.5.0"], []))
               for n in range(200)]  # fmt: skip
    silent = [asyncio.create_task(snmp.fetch(one, timeout_s=1.5)) for one in hanging]
    await asyncio.sleep(0)
    async with pace() as taken:
        for _ in range(5):
            assert await ask(snmp, hostile.port) == [b"here"]
    assert taken.seconds < 1.0
    results = await asyncio.gather(*silent, return_exceptions=True)
    assert all(isinstance(one, TroubleError) for one in results)


async def test_rows_that_come_and_go_are_seen_although_the_answer_was_learned(
    snmp: Snmp, hostile: Hostile
) -> None:
    table = {number: number * 1_000 for number in range(1, 6)}

    def serve(question: bytes) -> list[bytes]:
        at = question.rindex(ber.encode_oid(IF_IN)) + len(ber.encode_oid(IF_IN))
        last = question[at] if question[at : at + 2] != b"\x05\x00" else 0
        rows = [
            (f"{IF_IN}.{n}", ber.tlv(0x41, v.to_bytes(4, "big")))
            for n, v in sorted(table.items())
            if n > last
        ]
        return [answer(question, [*rows[:3], ("1.3.6.1.2.1.2.2.1.11.1", b"\x05\x00")][:3])]

    hostile.answer = serve
    device = Device(target(hostile.port), Ask.of([], [[IF_IN]]))
    for change in ({}, {}, {}, {6: 77}, {3: 9}, {}):
        table.update(change)
        found = await snmp.fetch(device, timeout_s=10.0)
        assert found.values == [value for _, value in sorted(table.items())]
    del table[2]
    found = await snmp.fetch(device, timeout_s=10.0)
    assert [suffix for _, suffix in found.shape.keys] == [bytes([n]) for n in sorted(table)]
