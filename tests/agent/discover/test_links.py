"""Neighbours out of tables: those of the demo's room against its cables, the standards' forms, rubbish."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.discover.found import Interface, Link
from agent.discover.links import (
    ARP,
    BASE_PORT,
    CDP,
    CIDR_ROUTE,
    FDB_PORT,
    INET_ROUTE,
    LLDP,
    LLDP_V2,
    MANY,
    NEIGHBOUR,
    Q_FDB_PORT,
    Q_FDB_STATUS,
    ROUTE_HOP,
    ROUTE_IF,
    address_of,
    links,
    mac_of,
)
from agent.discover.recording import Recorded
from agent.playback.mibs import build
from agent.playback.mibs.interfaces import port_name
from agent.playback.mibs.system import IDENTITY
from agent.transports import ber
from agent.transports.ber import Raw
from agent.transports.trouble import TroubleError
from rules.links import End, merge
from rules.neighbours import Member, Neighbour
from tests.playback.living_room import quiet_stage

PORTS = (
    Interface(1, "Gi1/0/1", "GigabitEthernet1/0/1", mac="00:1b:21:00:00:01"),
    Interface(2, "Gi1/0/2", "GigabitEthernet1/0/2", "to-bob", mac="00:1b:21:00:00:02"),
    Interface(51, "Vl10", "Vlan10", mac="00:1b:21:00:00:51"),
)
BOB = bytes.fromhex("001b21aa0001")


async def told(values: Mapping[str, Raw]) -> tuple[Link, ...]:
    return await links(Recorded(values), PORTS)


def values_of(snapshot: Sequence[bytes]) -> dict[str, Raw]:
    return {
        ber.decode_oid(name): ber.value_of(tag, piece[start:stop])
        for piece in snapshot
        for name, tag, start, stop in ber.varbinds(piece, 0, len(piece))
    }


async def test_the_cables_of_the_demo_room_are_found_each_once_with_both_ports() -> None:
    """The room is drawn in a file; its devices answer like real ones, and know nothing of the file."""
    room = quiet_stage().room
    names = {name: number for number, name in enumerate(sorted(room.devices), 1)}
    members, heard = [], []
    for name, number in names.items():
        device = room.devices[name]
        values = values_of(build(room, device).snapshot()) if device.kind in IDENTITY else {}
        own = {Interface(one.number, port_name(device, one)) for one in room.network.ports[name].values()}
        keys = {"name": [name], "address": [device.address]}
        keys["macs"] = [device.mac]
        members.append(Member(number, keys, {one.name: [] for one in own}))
        said = await links(Recorded(values), sorted(own, key=lambda port: port.index))
        heard += [
            (number, Neighbour(one.kind, one.port, one.keys, one.far_port, one.confidence)) for one in said
        ]
    picture = merge(heard, members)
    drawn = set()
    for link in room.network.links:
        ends = [
            End(names[port.device], port_name(room.devices[port.device], port))
            for port in room.network.ends(link)
        ]
        drawn.add(tuple(sorted(ends)))
    speaking = {(one.one, one.other) for one in picture.joints if "lldp" in one.sources}
    assert speaking
    assert speaking <= drawn
    speakers = {
        names[name]
        for name, device in room.devices.items()
        if device.kind in {"switch", "router", "firewall"}
    }
    assert {pair for pair in drawn if {pair[0].device, pair[1].device} <= speakers} <= speaking
    pairs = {(one.device, other.device) for one, other in drawn}
    found = {(one.one.device, one.other.device) for one in picture.joints}
    assert len(found & pairs) == len(found), found - pairs


def lldp(index: str, columns: dict[int, Raw], first: int = 4, root: str = LLDP) -> dict[str, Raw]:
    return {f"{root}.4.1.1.{first + column}.{index}": value for column, value in columns.items()}


async def test_lldp_tells_chassis_name_addresses_and_the_far_port() -> None:
    row = lldp("0.7.1", {0: 4, 1: BOB, 2: 5, 3: b"Gi0/9", 4: b"uplink", 5: b"bob.example.com"})
    own: dict[str, Raw] = {f"{LLDP}.3.7.1.2.7": 5, f"{LLDP}.3.7.1.3.7": b"gigabitethernet1/0/2"}
    address: dict[str, Raw] = {f"{LLDP}.4.2.1.3.0.7.1.1.4.192.0.2.9": 2}
    (link,) = await told(row | own | address)
    assert (link.kind, link.port, link.far_port) == ("lldp", "Gi1/0/2", "Gi0/9")
    assert link.keys == {
        "macs": ["00:1b:21:aa:00:01"], "name": ["bob.example.com"], "address": ["192.0.2.9"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("own", "port"),
    [
        ({}, "Gi1/0/1"),  # the number of the port is its ifIndex
        ({".2.1": 3, ".3.1": bytes.fromhex("001b21000002")}, "Gi1/0/2"),
        ({".2.1": 7, ".3.1": b"17", ".4.1": b"to-bob"}, "Gi1/0/2"),
        ({".2.1": 1, ".3.1": b"to-bob"}, "Gi1/0/2"),
    ],
)
async def test_the_own_port_of_a_neighbour_is_found_by_what_it_is_called(
    own: dict[str, Raw], port: str
) -> None:
    row = lldp("5.1.3", {0: 4, 1: BOB, 2: 7, 3: b"9"})
    (link,) = await told(row | {f"{LLDP}.3.7.1{place}": value for place, value in own.items()})
    assert (link.port, link.far_port) == (port, "9")


@pytest.mark.parametrize(
    ("kind", "raw", "keys"),
    [
        (4, BOB, {"macs": ["00:1b:21:aa:00:01"]}),
        (5, b"\x01\xc0\x00\x02\x07", {"address": ["192.0.2.7"]}),
        (7, b"bob-2", {"name": ["bob-2"]}),
        (4, b"\x00\x00", {}),
        (5, b"\x01\x7f\x00\x00\x01", {}),
        (6, b"eth0", {}),
        (4, None, {}),
        (99, b"\xff" * 300, {}),
    ],
)
async def test_a_chassis_is_known_by_what_its_kind_can_identify(
    kind: int, raw: Raw, keys: dict[str, list[str]]
) -> None:
    found = await told(lldp("0.1.1", {0: kind, 1: raw, 2: 5, 3: b"x"}))
    assert [one.keys for one in found] == ([keys] if keys else [])


async def test_the_newer_lldp_tables_are_read_as_well() -> None:
    row = lldp("0.2.1.1", {0: 4, 1: BOB, 2: 3, 3: BOB, 4: b"eth0", 5: b"bob"}, first=5, root=LLDP_V2)
    row[f"{LLDP_V2}.4.2.1.3.0.2.1.1.2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1"] = 2
    (link,) = await told(row)
    assert (link.port, link.far_port) == ("Gi1/0/2", "eth0")
    assert link.keys["address"] == ["2001:db8::1"]


@pytest.mark.parametrize(
    ("device", "names"),
    [(b"bob.example.com", ["bob.example.com"]), (b"bob(FOC1234)", ["bob"]), (b"(FOC1234)", ["FOC1234"])],
)
async def test_cdp_tells_name_address_and_the_far_port(device: bytes, names: list[str]) -> None:
    row: dict[str, Raw] = {
        f"{CDP}.4.1.9": b"\xc0\x00\x02\x09",
        f"{CDP}.6.1.9": device,
        f"{CDP}.7.1.9": b"Eth1/9",
    }
    (link,) = await told(row)
    assert (link.kind, link.port, link.far_port) == ("cdp", "Gi1/0/1", "Eth1/9")
    assert link.keys == {"name": names, "address": ["192.0.2.9"]}


def learned(count: int, port: int, first: int = 1) -> dict[str, Raw]:
    return {
        f"{FDB_PORT}.0.27.33.187.{number // 256}.{number % 256}": port
        for number in range(first, first + count)
    }


BASE: dict[str, Raw] = {f"{BASE_PORT}.1": 1, f"{BASE_PORT}.2": 2}


async def test_a_bridge_tells_what_it_learned_but_not_behind_uplinks_or_introduced_neighbours() -> None:
    (one,) = await told(BASE | learned(1, 1))
    assert (one.kind, one.port, one.keys) == ("bridge", "Gi1/0/1", {"macs": ["00:1b:21:bb:00:01"]})
    few = await told(BASE | learned(9, 1))
    assert len(few) == 9
    assert {round(3 * link.confidence, 1) for link in few} == {one.confidence}
    assert await told(BASE | learned(MANY, 1)) == ()
    spoken = await told(BASE | learned(3, 1) | lldp("0.1.1", {0: 4, 1: BOB, 2: 5, 3: b"x"}))
    assert [link.kind for link in spoken] == ["lldp"]


async def test_the_table_with_vlans_goes_before_the_one_without() -> None:
    values: dict[str, Raw] = {
        f"{Q_FDB_PORT}.10.0.27.33.187.0.1": 2, f"{Q_FDB_STATUS}.10.0.27.33.187.0.1": 3,
        f"{Q_FDB_PORT}.20.0.27.33.187.0.1": 2, f"{Q_FDB_STATUS}.20.0.27.33.187.0.1": 3,
        f"{Q_FDB_PORT}.10.0.27.33.0.0.1": 1, f"{Q_FDB_STATUS}.10.0.27.33.0.0.1": 4,
    }  # fmt: skip
    (link,) = await told(BASE | values | learned(5, 1))
    assert (link.port, link.keys["macs"]) == ("Gi1/0/2", ["00:1b:21:bb:00:01"])


async def test_arp_of_either_table_tells_whose_address_it_is() -> None:
    old: dict[str, Raw] = {f"{ARP}.51.192.0.2.9": BOB, f"{ARP}.51.192.0.2.255": b"\xff" * 6}
    new: dict[str, Raw] = {f"{NEIGHBOUR}.51.1.4.192.0.2.8": BOB, f"{NEIGHBOUR}.51.2.16.{'0.' * 15}1": BOB}
    for values, address in ((old, "192.0.2.9"), (new, "192.0.2.8"), (old | new, "192.0.2.8")):
        (link,) = await told(values)
        assert (link.kind, link.port, link.keys["address"]) == ("arp", "Vl10", [address])
        assert link.keys["macs"] == ["00:1b:21:aa:00:01"]


@pytest.mark.parametrize(
    "values",
    [
        {f"{CIDR_ROUTE}.0.0.0.0.0.0.0.0.0.192.0.2.1": 51, f"{CIDR_ROUTE}.10.0.0.0.255.0.0.0.0.192.0.2.1": 51},
        {f"{INET_ROUTE}.1.4.0.0.0.0.0.2.0.0.1.4.192.0.2.1": 51},
        {f"{ROUTE_HOP}.0.0.0.0": "192.0.2.1", f"{ROUTE_IF}.0.0.0.0": 51, f"{ROUTE_HOP}.10.0.0.0": "0.0.0.0"},
    ],
)
async def test_gateways_are_told_once_whatever_table_has_them(values: dict[str, Raw]) -> None:
    (link,) = await told(values)
    assert (link.kind, link.port, link.keys) == ("route", "Vl10", {"address": ["192.0.2.1"]})


ROOTS = st.sampled_from(
    [f"{LLDP}.4.1.1", f"{LLDP}.3.7.1", f"{LLDP}.4.2.1.3", f"{LLDP_V2}.4.1.1", CDP, BASE_PORT, FDB_PORT,
     Q_FDB_PORT, ARP, NEIGHBOUR, INET_ROUTE, CIDR_ROUTE, ROUTE_HOP, ROUTE_IF]
)  # fmt: skip
ANY: st.SearchStrategy[Raw] = (
    st.none() | st.integers(-(2**31), 2**33) | st.binary(max_size=20) | st.text(max_size=9)
)
TABLES = st.dictionaries(
    st.builds(
        lambda root, arcs: ".".join((root, *map(str, arcs))),
        ROOTS,
        st.lists(st.integers(0, 300) | st.sampled_from([0, 1, 4, 5]), min_size=1, max_size=14),
    ),
    ANY,
    max_size=30,
)


@given(values=TABLES)
async def test_rows_that_make_no_sense_are_left_out_and_nothing_raises(values: dict[str, Raw]) -> None:
    for link in await told(values):
        assert any(link.keys.values())
        assert link.port
        assert 0 < link.confidence <= 1
        assert all(one == mac_of(bytes.fromhex(one.replace(":", ""))) for one in link.keys.get("macs", ()))


class Silent(Recorded):
    """A device that stops answering after some questions."""

    def __init__(self, values: Mapping[str, Raw], patience: int) -> None:
        super().__init__(values)
        self.patience = patience
        self.asked = 0

    async def walk(self, roots: Sequence[str], *, limit: int = 10_000) -> Mapping[str, Raw]:
        self.asked += 1
        if self.asked > self.patience:
            raise TroubleError("no_answer", "It fell silent.")
        return await super().walk(roots, limit=limit)


@pytest.mark.parametrize("patience", range(8))
async def test_what_a_device_said_before_it_fell_silent_counts(patience: int) -> None:
    values = lldp("0.1.1", {0: 4, 1: BOB, 2: 5, 3: b"x"}) | {f"{ARP}.51.192.0.2.9": BOB}
    reader = Silent(values, patience)
    found = await links(reader, PORTS)
    assert ("lldp" in {one.kind for one in found}) is (patience >= 2)
    assert reader.asked == patience + 1


async def test_a_device_that_tells_nothing_is_asked_no_more_than_a_dozen_times() -> None:
    reader = Silent({}, 100)
    assert await links(reader, PORTS) == ()
    assert reader.asked <= 12


@given(octets=st.binary(max_size=20))
def test_only_single_hosts_have_addresses(octets: bytes) -> None:
    assert mac_of(octets) == "" or len(octets) in {6, 17}
    text = address_of(octets)
    assert not text.startswith(("127.", "0.0.0.0", "169.254.", "fe80:", "ff", "224.", "255."))
