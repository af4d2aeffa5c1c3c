"""Devices that answer endlessly, backwards, hugely or not at all: the probe ends, neighbours are known."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable

import pytest

from agent.discover.evidence import SYS_DESCR, SYS_OBJECT_ID
from agent.discover.found import Found
from agent.discover.probe import Known, probe
from agent.reading import Target
from agent.transports import ber
from agent.transports.snmp import Snmp
from rules import profile

MAKER = "1.3.6.1.4.1.64999"
HONEST = {
    SYS_DESCR: ber.tlv(4, b"Quellstrom box 7"),
    SYS_OBJECT_ID: ber.tlv(6, ber.encode_oid(f"{MAKER}.3")),
    f"{MAKER}.1.9.0": ber.tlv(4, b"SN0815"),
    f"{MAKER}.2.1.4.1": ber.tlv(2, b"\x17"),
    f"{MAKER}.2.1.4.2": ber.tlv(2, b"\x18"),
}
QUELLE = f"""profile: quellstrom
ci_class: pdu
vendor: Quellstrom
match: {{sysObjectID: [{MAKER}]}}
identity: {{serial: {{oid: {MAKER}.1.9.0}}}}
poll:
  tables:
    - {{name: t, labels: {{row: index}}, metrics: {{box_celsius: {{oid: {MAKER}.2.1.4}}}}}}
"""
Next = Callable[[str, int], tuple[str, bytes]]  # after this name, in this many steps


def key(oid: str) -> tuple[int, ...]:
    return tuple(map(int, oid.split(".")))


def honest(after: str, _step: int) -> tuple[str, bytes]:
    later = sorted((oid for oid in HONEST if key(oid) > key(after)), key=key)
    return (later[0], HONEST[later[0]]) if later else (after, b"\x82\x00")


def endless(after: str, step: int) -> tuple[str, bytes]:
    arcs = after.split(".")
    return ".".join([*arcs[:-1], str(int(arcs[-1]) + 1)] if step else [*arcs, "1"]), ber.tlv(2, b"\x01")


def backwards(after: str, _step: int) -> tuple[str, bytes]:
    return f"{MAKER}.1.1", ber.tlv(4, b"again")


def huge(after: str, step: int) -> tuple[str, bytes]:
    return endless(after, step)[0], ber.tlv(4, b"A" * 1_200)


class Box(asyncio.DatagramProtocol):
    """A device that answers GET honestly and GETBULK by a function; with none it says nothing to those."""

    def __init__(self, walk: Next | None) -> None:
        self.walk = walk
        self.port = 0
        self.asked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        at = ber.request_id_at(data)
        bulk = bytes((ber.GET_BULK,)) in data[:at]
        names: list[str] = []
        place = data.index(b"\x06", at + 10)
        while place < len(data):
            size = data[place + 1]
            names.append(ber.decode_oid(data[place + 2 : place + 2 + size]))
            place += 6 + size
        found: list[tuple[str, bytes]] = []
        if not bulk:
            found = [(oid, HONEST.get(oid, b"\x81\x00")) for oid in names]
        elif self.walk is None:
            return
        for step in range(data[at + 9] if bulk else 0):
            assert self.walk is not None
            row = [self.walk(name, step) for name in names]
            names = [oid for oid, _ in row]
            found += row
        body = b"".join(ber.tlv(0x30, ber.tlv(6, ber.encode_oid(oid)) + value) for oid, value in found)
        pdu = b"\x02\x04" + data[at : at + 4] + b"\x02\x01\x00\x02\x01\x00" + ber.tlv(0x30, body)
        message = ber.tlv(0x30, b"\x02\x01\x01\x04\x06public" + ber.tlv(0xA2, pdu))
        if len(message) < 60_000:
            self.transport.sendto(message, addr)  # type: ignore[attr-defined]


@pytest.fixture
async def snmp() -> AsyncIterator[Snmp]:
    one = Snmp()
    yield one
    one.close()


def known() -> Known:
    base = Known.packaged()
    return Known(base.knowledge, base.models, {"quellstrom": profile.read(QUELLE, "quellstrom.yaml")})


async def probed(snmp: Snmp, walk: Next | None) -> tuple[Found, Found, int]:
    """The probe of a box and, beside it, of an honest one; how often the box was asked."""
    loop = asyncio.get_running_loop()
    boxes = [
        await loop.create_datagram_endpoint(functools.partial(Box, one), local_addr=("127.0.0.1", 0))
        for one in (walk, honest)
    ]
    try:
        ends = [
            Target(f"t{number}", "box", "127.0.0.1", box.port, {"community": "public"}, timeout_s=5.0)
            for number, (_, box) in enumerate(boxes)
        ]
        one, other = await asyncio.gather(*(probe(snmp, end, known()) for end in ends))
        return one, other, boxes[0][1].asked
    finally:
        for transport, _ in boxes:
            transport.close()


def is_known(found: Found) -> bool:
    said = [found.value(name) for name in ("device_class", "vendor", "serial")]
    return said == ["pdu", "Quellstrom", "SN0815"]


async def test_what_a_profile_asks_for_is_read_and_told(snmp: Snmp) -> None:
    found, neighbour, _ = await probed(snmp, honest)
    assert is_known(found)
    assert is_known(neighbour)
    assert {(one.oid, one.value) for one in found.sensors if one.source == "profile"} == {
        (f"{MAKER}.2.1.4.1", 23),
        (f"{MAKER}.2.1.4.2", 24),
    }
    assert not found.truncated


@pytest.mark.parametrize("walk", [endless, backwards, huge], ids=lambda one: one.__name__)
async def test_a_hostile_walk_ends_and_leaves_the_neighbour_alone(
    snmp: Snmp, walk: Next, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.discover.probe.TABLE_ROWS", 200)
    monkeypatch.setattr("agent.discover.probe.PROFILED_VARBINDS", 300)
    monkeypatch.setattr("agent.discover.probe.REST_S", 4.0)
    monkeypatch.setattr("agent.discover.probe.LINKS_S", 4.0)
    found, neighbour, asked = await probed(snmp, walk)
    assert is_known(neighbour)
    assert found.value("vendor") == "Quellstrom"
    assert len(found.sensors) <= 2_000
    assert asked < 5_000


async def test_a_device_that_falls_silent_is_told_by_what_it_said_before(
    snmp: Snmp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.discover.probe.REST_S", 0.6)
    found, neighbour, _ = await probed(snmp, None)
    assert is_known(neighbour)
    assert (found.value("vendor"), found.truncated) == ("Quellstrom", True)
    assert found.attempts[0].outcome == "answered"
    assert found.attempts[0].detail
