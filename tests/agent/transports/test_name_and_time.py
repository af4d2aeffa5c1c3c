"""Name servers and clocks asked over UDP; peers are made up and answer on loopback."""

import asyncio
import struct
from collections.abc import Callable
from typing import cast

import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.reading import Target
from agent.transports import dns as name_service
from agent.transports import ntp
from agent.transports.trouble import TroubleError

NOON = 1_795_000_000.0
Answer = Callable[[bytes], bytes | None]


class Peer(asyncio.DatagramProtocol):
    """Answers each datagram with what a function makes of it."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if (said := self.answer(data)) is not None:
            self.transport.sendto(said, addr)


async def udp(answer: Answer) -> tuple[asyncio.DatagramTransport, int]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Peer(answer), local_addr=("127.0.0.1", 0))
    return transport, int(transport.get_extra_info("sockname")[1])


def target(port: int = 0, **params: str) -> Target:
    return Target("t1", "one", "127.0.0.1", port, {"user": "alice", "password": "canary"}, {**params})


# DNS


def zone(data: bytes) -> bytes:
    """A name server that knows one name."""
    question = dns.message.from_wire(data)
    answer = dns.message.make_response(question)
    name = question.question[0].name
    if name.to_text() == "www.example.org.":
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "192.0.2.7"))
    else:
        answer.set_rcode(dns.rcode.NXDOMAIN)
    return answer.to_wire()


async def test_a_name_server_is_judged_by_its_answer() -> None:
    peer, port = await udp(zone)
    right = await name_service.fetch(target(port, query="www.example.org", expect="192.0.2.7"))
    other = await name_service.fetch(target(port, query="www.example.org", expect="192.0.2.8"))
    none = await name_service.fetch(target(port, query="nothing.example.org"))
    peer.close()
    assert (right.readings["rcode"], right.readings["answers"], right.readings["answer_matches"]) == (0, 1, 1)
    assert other.readings["answer_matches"] == 0
    assert (none.readings["rcode"], none.readings["answers"]) == (3, 0)


@pytest.mark.parametrize("params", [{}, {"query": "a", "type": "NO-SUCH"}, {"query": "x" * 70}])
async def test_a_question_that_is_none_is_the_configurations_fault(params: dict[str, str]) -> None:
    with pytest.raises(TroubleError) as caught:
        await name_service.fetch(target(1, **params))
    assert caught.value.reason == "configuration"


async def test_a_name_server_that_says_nonsense_or_nothing_is_a_reading() -> None:
    peer, port = await udp(lambda data: data[:2] + b"\xff" * 9)
    with pytest.raises(TroubleError) as nonsense:
        await name_service.fetch(target(port, query="www.example.org"), timeout_s=0.5)
    peer.close()
    silent, port = await udp(lambda _: None)
    with pytest.raises(TroubleError) as nothing:
        await name_service.fetch(target(port, query="www.example.org"), timeout_s=0.3)
    silent.close()
    assert nonsense.value.reason in {"bad_response", "no_answer"}
    assert nothing.value.reason == "no_answer"


# NTP


def clock_that_is(ahead_s: float, *, stratum: int = 2, leap: int = 0) -> Answer:
    def answer(data: bytes) -> bytes:
        sent = data[40:48]
        moment = ntp._moment(sent) + ahead_s
        head = bytes([leap << 6 | 4 << 3 | 4, stratum, 6, 0xEC]) + bytes(8) + b"RATE"
        return head + bytes(8) + sent + ntp._stamp(moment) * 2

    return answer


@pytest.mark.parametrize("ahead_s", [0.0, 12.5, -3_600.0])
async def test_a_clock_tells_how_far_it_is_from_ours(ahead_s: float) -> None:
    peer, port = await udp(clock_that_is(ahead_s))
    facts = await ntp.fetch(target(port), clock=lambda: NOON, timeout_s=10.0)
    peer.close()
    assert facts.readings["offset_seconds"] == pytest.approx(ahead_s, abs=1e-6)
    assert facts.readings["stratum"] == 2


async def test_a_clock_that_refuses_or_is_none_is_said_so() -> None:
    peer, port = await udp(clock_that_is(0, stratum=0))
    with pytest.raises(TroubleError, match="RATE") as refused:
        await ntp.fetch(target(port), clock=lambda: NOON, timeout_s=10.0)
    peer.close()
    short, port = await udp(lambda _: b"no time")
    with pytest.raises(TroubleError) as none:
        await ntp.fetch(target(port), clock=lambda: NOON, timeout_s=10.0)
    short.close()
    assert (refused.value.reason, none.value.reason) == ("refused", "bad_response")


async def test_an_answer_to_somebody_elses_question_is_not_believed() -> None:
    def replayed(data: bytes) -> bytes:
        other = bytearray(clock_that_is(99)(data) or b"")
        other[24:32] = struct.pack(">Q", 1)
        return bytes(other)

    peer, port = await udp(replayed)
    with pytest.raises(TroubleError) as caught:
        await ntp.fetch(target(port), clock=lambda: NOON, timeout_s=0.3)
    peer.close()
    assert caught.value.reason == "no_answer"


@given(st.floats(0, 4_000_000_000))
def test_a_moment_survives_the_wire_also_in_the_next_era(moment: float) -> None:
    assert ntp._moment(ntp._stamp(moment)) == pytest.approx(moment, abs=1e-6)


# Pages: exporters and Redfish
