import asyncio
import shutil
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.playback import ber
from agent.playback.mib import Mib
from agent.playback.mibs import PARTS, build
from agent.playback.snmp import GET, GETBULK, GETNEXT, SET, Question, SnmpDevice, answer
from tests.playback.living_room import listening_room, quiet_stage

needs_net_snmp = pytest.mark.skipif(
    shutil.which("snmpbulkwalk") is None, reason="net-snmp's tools are absent"
)
_ROOM = quiet_stage().room
SMALL = build(_ROOM, _ROOM.devices["TH-B1-1"])
FACTS = Path(__file__).parents[3] / "shared/tools/facts.py"
SYNTAX = {
    ber.INTEGER: {"INTEGER", "Integer32"},
    ber.OCTETS: {"OCTET STRING", "BITS"},
    ber.OID: {"OBJECT IDENTIFIER"},
    ber.COUNTER32: {"Counter32"},
    ber.GAUGE32: {"Gauge32", "Unsigned32"},
    ber.TIMETICKS: {"TimeTicks"},
    ber.COUNTER64: {"Counter64"},
}


def bindings(mib: Mib) -> list[tuple[ber.Oid, int, bytes]]:
    found = []
    for binding in mib.snapshot():
        body, _ = ber.expect(ber.SEQUENCE, binding)
        name, at = ber.expect(ber.OID, body)
        tag, raw, _ = ber.read(body, at)
        found.append((ber.read_oid(name), tag, raw))
    return found


async def walk(address: str, *options: str, tool: str = "snmpbulkwalk") -> list[str]:
    process = await asyncio.create_subprocess_exec(
        tool, "-On", "-Oe", "-t", "5", *options, f"{address}:1161", ".1",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    lines = out.decode(errors="replace").splitlines()
    return [line for line in lines if line.startswith(".") and "No more variables" not in line]


def names(lines: list[str]) -> list[ber.Oid]:
    return [ber.parse_oid(line.partition(" ")[0]) for line in lines]


@needs_net_snmp
async def test_every_device_walks_strictly_upwards_and_bulk_equals_next() -> None:
    async with listening_room() as listening:
        room = listening.stage.room
        for device in room.plant.devices:
            if device.targets[0].transport != "snmp" or device.targets[0].credential != "room-snmp":
                continue
            expected = [name for name, _, _ in bindings(build(room, device))]
            address = listening.address(device.name)
            bulk = names(await walk(address, "-v2c", "-c", "watchdesk"))
            assert bulk == expected, device.name
            assert all(a < b for a, b in pairwise(bulk))
            assert names(await walk(address, "-v2c", "-c", "watchdesk", tool="snmpwalk")) == expected


@needs_net_snmp
async def test_version_3_with_authentication_and_privacy() -> None:
    strong = ("-v3", "-l", "authPriv", "-u", "watch", "-a", "SHA", "-x", "AES")
    async with listening_room() as listening:
        room = listening.stage.room
        address = listening.address("SW-CORE-1")
        lines = await walk(address, *strong, "-A", "room-b1-reads", "-X", "room-b1-hides")
        assert len(lines) == len(bindings(build(room, room.devices["SW-CORE-1"])))
        with pytest.raises(AssertionError, match="Authentication failure"):
            await walk(address, *strong, "-A", "not-the-password", "-X", "room-b1-hides")
        with pytest.raises(AssertionError):
            await walk(address, "-v2c", "-c", "watchdesk", "-r", "0", "-t", "0.3")


@needs_net_snmp
async def test_version_1_sees_all_but_64_bit_counters() -> None:
    async with listening_room() as listening:
        room = listening.stage.room
        all_of_them = bindings(build(room, room.devices["SW-ACC-1"]))
        lines = await walk(listening.address("SW-ACC-1"), "-v1", "-c", "watchdesk", tool="snmpwalk")
        assert names(lines) == [name for name, tag, _ in all_of_them if tag != ber.COUNTER64]


@needs_net_snmp
async def test_a_device_without_power_is_silent_and_a_stranger_is_not_answered() -> None:
    async with listening_room() as listening:
        room = listening.stage.room
        with pytest.raises(AssertionError, match="Timeout"):
            await walk(listening.address("PDU-B1-A1"), "-v2c", "-c", "stranger", "-r", "0", "-t", "0.3")
        room.supplies["UPS-B1-A"].output_live = False
        room.breakers["LV-2"] = False
        room.advance(2)
        with pytest.raises(AssertionError, match="Timeout"):
            await walk(listening.address("PDU-B1-A1"), "-v2c", "-c", "watchdesk", "-r", "0", "-t", "0.3")


@pytest.mark.skipif(not FACTS.exists(), reason="the fact tables are absent")
def test_every_object_is_as_its_mib_says() -> None:
    sys.path.insert(0, str(FACTS.parent))
    import facts  # type: ignore[import-not-found]

    room = quiet_stage().room
    room.breakers["LV-2"] = False
    room.advance(30)
    for device in room.plant.devices:
        for name, tag, raw in bindings(build(room, device)) if device.kind in PARTS else []:
            text = ".".join(map(str, name))
            row, _ = facts.named(text)
            assert row is not None, text
            assert row["kind"] in ("scalar", "column"), (device.name, row["name"])
            assert row["access"] != "not-accessible", row["name"]
            assert row["syntax"] in SYNTAX[tag], (device.name, row["name"], row["syntax"])
            if row["enum"] and tag == ber.INTEGER and row["syntax"] != "BITS":
                assert str(int.from_bytes(raw, "big", signed=True)) in facts.labels(row["enum"]), row["name"]


def test_counters_grow_and_are_wider_than_32_bits() -> None:
    room = quiet_stage().room
    mib = build(room, room.devices["SW-CORE-1"])

    def octets_in() -> dict[ber.Oid, int]:
        return {
            name: int.from_bytes(raw, "big")
            for name, tag, raw in bindings(mib)
            if tag == ber.COUNTER64 and name[:11] == (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6)
        }

    before = octets_in()
    room.advance(60)
    after = octets_in()
    assert all(after[name] >= before[name] for name in before)
    assert max(after.values()) > 1 << 32
    assert after[(1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6, 1)] > before[(1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6, 1)]


def test_neighbours_name_each_other() -> None:
    room = quiet_stage().room
    told: set[tuple[str, str]] = set()
    for device in room.plant.devices:
        if device.kind not in ("switch", "router", "firewall"):
            continue
        for name, _, raw in bindings(build(room, device)):
            if name[:11] == (1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 9):
                told.add((device.name, raw.decode()))
    network = {d.name for d in room.plant.devices if d.kind in ("switch", "router", "firewall")}
    assert {(b, a) for a, b in told if b in network} == {(a, b) for a, b in told if b in network}
    assert ("SW-ACC-1", "SW-CORE-1") in told


def question(kind: int, *asked: str, first: int = 0, second: int = 0) -> Question:
    return Question(kind, 7, first, second, tuple(ber.parse_oid(one) for one in asked))


def test_what_does_not_exist_is_said_by_version() -> None:
    mib = Mib()
    mib.integer("1.3.6.1.9.1.0", 5)
    assert ber.NO_SUCH_INSTANCE in (answer(mib, question(GET, "1.3.6.1.9.1.1"), old=False) or b"")
    assert ber.NO_SUCH_OBJECT in (answer(mib, question(GET, "1.3.6.1.8.1.0"), old=False) or b"")
    assert ber.END_OF_MIB_VIEW in (answer(mib, question(GETNEXT, "1.3.6.1.9.1.0"), old=False) or b"")
    refused = answer(mib, question(GET, "1.3.6.1.8.1.0"), old=True) or b""
    assert refused[2:11] == bytes((2, 1, 7, 2, 1, 2, 2, 1, 1)), "noSuchName at index 1"
    assert answer(mib, question(GETBULK, "1.3.6.1"), old=True) is None
    assert (answer(mib, question(SET, "1.3.6.1.9.1.0"), old=False) or b"")[5:8] == bytes((2, 1, 17))


@settings(deadline=None)
@given(
    starts=st.lists(
        st.sampled_from(["1.3", "1.3.6.1.2.1.1.5", "1.3.6.1.2.1.31", "2.1"]), min_size=1, max_size=4
    ),
    first=st.integers(0, 5),
    second=st.integers(-1, 80),
)
def test_getbulk_answers_what_getnext_would(starts: list[str], first: int, second: int) -> None:
    mib = SMALL
    said = answer(mib, question(GETBULK, *starts, first=first, second=second), old=False) or b""
    body, _ = ber.expect(0xA2, said)
    at = 0
    for _ in range(3):
        _, at = ber.read_integer(body, at)
    rows, _ = ber.expect(ber.SEQUENCE, body, at)
    got = list(ber.read_oids(rows))
    repeated = [ber.parse_oid(one) for one in starts[first:]]
    expected = [_following(mib, ber.parse_oid(one)) for one in starts[:first]]
    for _ in range(max(second, 0)):
        repeated = [_following(mib, one) for one in repeated]
        expected += repeated
    assert got == expected[: len(got)]
    assert len(got) >= min(len(expected), len(starts))


def _following(mib: Mib, name: ber.Oid) -> ber.Oid:
    found = mib.after(name, 1)
    if not found:
        return name
    return ber.read_oid(ber.expect(ber.OID, ber.expect(ber.SEQUENCE, found[0])[0])[0])


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_nonsense_is_not_answered(datagram: bytes) -> None:
    mib = Mib()
    mib.integer("1.3.6.1.9.1.0", 5)
    assert SnmpDevice(mib, "watchdesk", None, lambda: True).respond(datagram) is None


@settings(deadline=None)
@given(number=st.integers(-(1 << 31), (1 << 64) - 1))
def test_integers_are_encoded_in_the_fewest_octets(number: int) -> None:
    encoded = ber.integer(number)
    assert ber.read_integer(encoded)[0] == number
    body = encoded[2:]
    assert len(body) == 1 or not (body[0] in (0, 0xFF) and (body[0] & 0x80) == (body[1] & 0x80))


@settings(deadline=None)
@given(st.tuples(st.integers(0, 1), st.integers(0, 39)), st.lists(st.integers(0, (1 << 32) - 1), max_size=12))
def test_object_identifiers_survive_encoding(head: tuple[int, int], rest: list[int]) -> None:
    name = (*head, *rest)
    assert ber.read_oid(ber.expect(ber.OID, ber.oid(name))[0]) == name
