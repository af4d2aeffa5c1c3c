"""Who stands next to a device, as the device itself tells: LLDP, CDP, bridge tables, ARP, routes.

Sources: IEEE 802.1AB (LLDP-MIB, LLDP-V2-MIB), CISCO-CDP-MIB, RFC 4188 and 4363 (BRIDGE-MIB, Q-BRIDGE-MIB),
RFC 4293 (IP-MIB), RFC 4292 (IP-FORWARD-MIB). Nothing is concluded here from several devices: that is
`rules.links`. Each table that a device does not have costs one round trip; rows that make no sense are left
out; a device that falls silent ends it with what it said before.

A bridge's port that leads to many addresses leads to another bridge, and a port whose neighbour introduced
itself needs no guessing: what is learned behind both is left out.
"""

import ipaddress
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent.discover.evidence import text_of
from agent.discover.found import Interface, Link
from agent.transports.ber import Raw
from agent.transports.trouble import TroubleError, printable
from rules.numbers import whole

LLDP, LLDP_V2 = "1.0.8802.1.1.2.1", "1.3.111.2.802.1.1.13.1"
CDP = "1.3.6.1.4.1.9.9.23.1.2.1.1"
BASE_PORT = "1.3.6.1.2.1.17.1.4.1.2"
FDB_PORT, FDB_STATUS = "1.3.6.1.2.1.17.4.3.1.2", "1.3.6.1.2.1.17.4.3.1.3"
Q_FDB_PORT, Q_FDB_STATUS = "1.3.6.1.2.1.17.7.1.2.2.1.2", "1.3.6.1.2.1.17.7.1.2.2.1.3"
ARP, ARP_TYPE = "1.3.6.1.2.1.4.22.1.2", "1.3.6.1.2.1.4.22.1.4"
NEIGHBOUR, NEIGHBOUR_TYPE = "1.3.6.1.2.1.4.35.1.4", "1.3.6.1.2.1.4.35.1.6"
INET_ROUTE, CIDR_ROUTE = "1.3.6.1.2.1.4.24.7.1.7", "1.3.6.1.2.1.4.24.4.1.5"
ROUTE_IF, ROUTE_HOP = "1.3.6.1.2.1.4.21.1.2", "1.3.6.1.2.1.4.21.1.7"

CHASSIS_MAC, CHASSIS_ADDRESS, CHASSIS_LOCAL = 4, 5, 7
PORT_ALIAS, PORT_MAC, PORT_NAME, PORT_LOCAL = 1, 3, 5, 7
LEARNED, INVALID, LOCAL = 3, 2, 5

MAX_NEIGHBOURS = 4_000  # varbinds of one table of neighbours: about 400 neighbours
MAX_LEARNED = 4_000  # varbinds of one column of learned addresses
MAX_ROUTES = 1_000
MAX_LINKS = 2_000  # of one device, surest first
MANY = 24  # addresses behind a port, from which on it leads to another bridge

# How far each source is to be believed: a neighbour's own word, then what frames gave away.
SURE: Mapping[str, float] = {"lldp": 0.95, "cdp": 0.95, "route": 0.4, "arp": 0.3}


class Reader(Protocol):
    """How discovery asks one SNMP device; the same for the network and for a recording under test."""

    async def get(self, oids: Sequence[str]) -> Mapping[str, Raw]:
        """Instances that answered, by OID as dotted text."""
        ...

    async def walk(self, roots: Sequence[str], *, limit: int = 10_000) -> Mapping[str, Raw]:
        """All below some roots, by OID as dotted text, bounded by `limit` varbinds."""
        ...


@dataclass(slots=True)
class Ports:
    """A device's own interfaces by all that they are called."""

    by_index: dict[int, str] = field(default_factory=dict)
    by_word: dict[str, str] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)  # hardware addresses of its own

    @classmethod
    def of(cls, interfaces: Iterable[Interface]) -> "Ports":
        """Of all interfaces; a word that two share leads to the first."""
        found = cls()
        for one in interfaces:
            name = one.name or one.descr or str(one.index)
            found.by_index[one.index] = name
            for word in (one.name, one.descr, one.alias):
                if word:
                    found.by_word.setdefault(word.lower(), name)
            if one.mac:
                found.by_word.setdefault(one.mac, name)
                found.own.add(one.mac)
        return found

    def named(self, index: int, *words: str) -> str:
        """The interface of an index or of one of the words; the first word, else the index, where none is."""
        for word in words:
            known = self.by_word.get(word.lower())
            if known is not None:
                return known
        known = self.by_index.get(index)
        return known or next((word for word in words if word), str(index))


async def links(reader: Reader, interfaces: Sequence[Interface], *, learned: bool = True) -> tuple[Link, ...]:
    """All neighbours that a device tells of, surest first, at most `MAX_LINKS`.

    Args:
        interfaces: the device's own, so that its ports are called as it calls them.
        learned: also what frames gave away: bridge tables, ARP, routes. Without, three questions find out
            that nobody introduced himself.
    """
    ports = Ports.of(interfaces)
    found: list[Link] = []
    try:
        found += await _lldp(reader, ports)
        found += await _lldp_v2(reader, ports)
        found += await _cdp(reader, ports)
        if learned:
            found += await _bridge(reader, ports, {one.port for one in found})
            found += await _arp(reader, ports)
            found += await _routes(reader, ports)
    except TroubleError:
        pass  # it fell silent: what it said before stands
    once = {(one.kind, one.port, one.far_port, _flat(one.keys)): one for one in reversed(found)}
    ordered = sorted(once.items(), key=lambda item: (-item[1].confidence, item[0]))
    return tuple(link for _, link in ordered[:MAX_LINKS])


def _flat(keys: Mapping[str, Sequence[str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(sorted((kind, tuple(values)) for kind, values in keys.items()))


def _rows(values: Mapping[str, Raw], root: str) -> dict[str, dict[tuple[int, ...], Raw]]:
    """The cells of a table by column and index."""
    found: dict[str, dict[tuple[int, ...], Raw]] = defaultdict(dict)
    stem = root + "."
    for oid, value in values.items():
        if oid.startswith(stem):
            column, _, index = oid[len(stem) :].partition(".")
            found[column][_arcs(index)] = value
    return found


def _column(values: Mapping[str, Raw], root: str) -> Iterator[tuple[tuple[int, ...], Raw]]:
    """The cells of one column by index."""
    stem = root + "."
    for oid, value in values.items():
        if oid.startswith(stem):
            yield _arcs(oid[len(stem) :]), value


def _arcs(text: str) -> tuple[int, ...]:
    return tuple(number for one in text.split(".") if (number := whole(one)) is not None)


def mac_of(raw: Raw) -> str:
    """A hardware address of one interface as `00:1b:21:3c:4d:5e`; "" for groups, zeros and what is none."""
    octets = bytes(raw) if isinstance(raw, bytes) else b""
    if len(octets) == 17 and octets.count(b":") == 5:  # some write it as text
        try:
            octets = bytes.fromhex(octets.decode("ascii").replace(":", ""))
        except (UnicodeDecodeError, ValueError):
            return ""
    if len(octets) != 6 or octets[0] & 1 or not any(octets):
        return ""
    return octets.hex(":")


def address_of(octets: Sequence[int]) -> str:
    """An address of four or sixteen octets that means one host wherever it is told; "" for what is none."""
    try:
        found = ipaddress.ip_address(bytes(octets)) if len(octets) in {4, 16} else None
    except ValueError:
        return ""
    if found is None or found.is_unspecified or found.is_loopback or found.is_link_local:
        return ""
    return "" if found.is_multicast or found.is_reserved else str(found)


def _word(raw: Raw) -> str:
    """A text that a person may have written; "" for octets that are none."""
    return text_of(raw).strip() if isinstance(raw, bytes) and printable(raw) else ""


def _number(raw: Raw) -> int:
    return raw if isinstance(raw, int) else 0


async def _lldp(reader: Reader, ports: Ports) -> list[Link]:
    """LLDP-MIB: index is time mark, local port, number of the neighbour."""
    told = _rows(await reader.walk([f"{LLDP}.4.1.1"], limit=MAX_NEIGHBOURS), f"{LLDP}.4.1.1")
    if not told:
        return []
    more = await reader.walk([f"{LLDP}.3.7.1", f"{LLDP}.4.2.1.3"], limit=MAX_NEIGHBOURS)
    own = _rows(more, f"{LLDP}.3.7.1")
    addresses = _managed(more, f"{LLDP}.4.2.1.3", 3)

    def port(index: tuple[int, ...]) -> str:
        number = index[1]
        words = [_port_word(_number(own["2"].get((number,))), own["3"].get((number,)))]
        words.append(_word(own["4"].get((number,))))
        return ports.named(number, *words)

    return _neighbours(told, "4", 3, port, addresses)


async def _lldp_v2(reader: Reader, ports: Ports) -> list[Link]:
    """LLDP-V2-MIB: index is time mark, ifIndex, number of the destination, number of the neighbour."""
    told = _rows(await reader.walk([f"{LLDP_V2}.4.1.1"], limit=MAX_NEIGHBOURS), f"{LLDP_V2}.4.1.1")
    if not told:
        return []
    more = await reader.walk([f"{LLDP_V2}.4.2.1.3"], limit=MAX_NEIGHBOURS)
    return _neighbours(
        told, "5", 4, lambda index: ports.named(index[1]), _managed(more, f"{LLDP_V2}.4.2.1.3", 4)
    )


def _managed(values: Mapping[str, Raw], root: str, size: int) -> dict[tuple[int, ...], list[str]]:
    """Management addresses by neighbour: they stand in the index, as family, length and octets."""
    found: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for index, _ in _column(values, root):
        rest = index[size:]
        if len(rest) > 2 and rest[0] in {1, 2}:
            octets = rest[2:] if rest[1] == len(rest) - 2 else rest[1:]  # some leave the length out
            if all(one < 256 for one in octets) and (address := address_of(octets)):
                found[index[:size]].append(address)
    return found


def _neighbours(
    told: Mapping[str, Mapping[tuple[int, ...], Raw]],
    first: str,
    size: int,
    port: Callable[[tuple[int, ...]], str],
    addresses: Mapping[tuple[int, ...], list[str]],
) -> list[Link]:
    """The rows of a table of LLDP; its columns follow each other from `first` on."""
    columns = [told.get(str(int(first) + step), {}) for step in range(6)]
    chassis_kind, chassis, port_kind, port_id, port_text, name = columns
    found = []
    for index in chassis:
        if len(index) != size:
            continue
        keys = _chassis(_number(chassis_kind.get(index)), chassis[index])
        far_kind, far_raw = _number(port_kind.get(index)), port_id.get(index)
        if far_kind == PORT_MAC and (mac := mac_of(far_raw)):
            keys.setdefault("macs", [])
            keys["macs"] += [mac] if mac not in keys["macs"] else []
        if said := _word(name.get(index)):
            keys["name"] = [said]
        if told_addresses := addresses.get(index):
            both = [*keys.get("address", []), *told_addresses]
            keys["address"] = list(dict.fromkeys(both))
        if keys:
            far = _port_word(far_kind, far_raw)
            description = _word(port_text.get(index))
            if description and (far_kind not in {PORT_ALIAS, PORT_NAME} or not far):
                far = description if far_kind == PORT_MAC or not far else far
            found.append(Link("lldp", port(index), keys, far, SURE["lldp"]))
    return found


def _chassis(kind: int, raw: Raw) -> dict[str, list[str]]:
    """What a chassis id identifies a device by."""
    octets = raw if isinstance(raw, bytes) else b""
    if mac := mac_of(raw) if kind in {CHASSIS_MAC, CHASSIS_LOCAL} else "":
        return {"macs": [mac]}
    if kind == CHASSIS_ADDRESS and octets[:1] in {b"\x01", b"\x02"} and (address := address_of(octets[1:])):
        return {"address": [address]}
    if kind == CHASSIS_LOCAL and (word := _word(raw)):
        return {"name": [word]}
    return {}


def _port_word(kind: int, raw: Raw) -> str:
    """A port id as people write it: a name as it stands, an address with its colons."""
    if kind == PORT_MAC or (isinstance(raw, bytes) and len(raw) == 6 and not printable(raw)):
        return mac_of(raw)
    return _word(raw)


async def _cdp(reader: Reader, ports: Ports) -> list[Link]:
    """CISCO-CDP-MIB: index is ifIndex and number of the neighbour."""
    told = _rows(await reader.walk([CDP], limit=MAX_NEIGHBOURS), CDP)
    found = []
    for index, raw in told.get("6", {}).items():
        if len(index) != 2:
            continue
        keys: dict[str, list[str]] = {}
        device, system = _word(raw), _word(told.get("17", {}).get(index))
        head, _, tail = device.partition("(")  # a serial number may follow the name, or stand before it
        names = [system, head if not tail.endswith(")") or head else tail[:-1]]
        named = list(dict.fromkeys(name.strip() for name in names if name.strip()))
        if named:
            keys["name"] = named
        if mac := mac_of(raw):
            keys["macs"] = [mac]
        for column in ("4", "20"):
            octets = told.get(column, {}).get(index)
            address = address_of(octets) if isinstance(octets, bytes) else ""
            if address and address not in keys.get("address", []):
                keys.setdefault("address", []).append(address)
        if keys:
            far = _word(told.get("7", {}).get(index))
            found.append(Link("cdp", ports.named(index[0]), keys, far, SURE["cdp"]))
    return found


async def _bridge(reader: Reader, ports: Ports, known: set[str]) -> list[Link]:
    """Learned addresses by port, of the table with VLANs where there is one; `known` ports are left out."""
    base = {
        index[0]: _number(value)
        for index, value in _column(await reader.walk([BASE_PORT], limit=MAX_NEIGHBOURS), BASE_PORT)
        if len(index) == 1
    }
    if not base:
        return []
    behind: dict[str, dict[str, None]] = defaultdict(dict)
    for port_root, status_root, size in ((Q_FDB_PORT, Q_FDB_STATUS, 7), (FDB_PORT, FDB_STATUS, 6)):
        values = await reader.walk([port_root, status_root], limit=MAX_LEARNED)
        status = dict(_column(values, status_root))
        for index, raw in _column(values, port_root):
            number = _number(raw)
            octets = index[-6:]
            if len(index) != size or any(one > 255 for one in octets) or number not in base:
                continue
            mac = mac_of(bytes(octets))
            if mac and mac not in ports.own and status.get(index, LEARNED) == LEARNED:
                behind[ports.named(base[number])][mac] = None
        if behind:
            break
    return [
        Link("bridge", port, {"macs": [mac]}, "", learned_confidence(len(macs)))
        for port, macs in sorted(behind.items())
        if port not in known and len(macs) < MANY
        for mac in sorted(macs)
    ]


def learned_confidence(count: int) -> float:
    """How likely an address that was learned at a port stands right behind it, by how many were."""
    return round(max(0.1, 0.8 / math.sqrt(count)), 3)


async def _arp(reader: Reader, ports: Ports) -> list[Link]:
    """Who has which hardware address: the newer table, the older one where it is empty."""
    found: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for root, type_root in ((NEIGHBOUR, NEIGHBOUR_TYPE), (ARP, ARP_TYPE)):
        values = await reader.walk([root, type_root], limit=MAX_LEARNED)
        kinds = dict(_column(values, type_root))
        for index, raw in _column(values, root):
            kind = kinds.get(index)
            mac = mac_of(raw)
            octets = index[1:] if root == ARP else index[3:]
            if not mac or mac in ports.own or kind == INVALID or any(one > 255 for one in octets):
                continue
            if root == NEIGHBOUR and kind == LOCAL:
                continue
            if index and (address := address_of(octets)):
                found[ports.named(index[0]), mac][address] = None
        if found:
            break
    return [
        Link("arp", port, {"macs": [mac], "address": list(addresses)}, "", SURE["arp"])
        for (port, mac), addresses in sorted(found.items())
    ]


async def _routes(reader: Reader, ports: Ports) -> list[Link]:
    """The gateways of the routes, each once; a table of the whole internet is read up to its bound."""
    hops: dict[tuple[str, str], None] = {}
    for root in (INET_ROUTE, CIDR_ROUTE):
        for index, raw in _column(await reader.walk([root], limit=MAX_ROUTES), root):
            octets = _inet_hop(index) if root == INET_ROUTE else index[9:13]
            if all(one < 256 for one in octets) and (address := address_of(octets)):
                hops[ports.named(_number(raw)), address] = None
        if hops:
            break
    else:
        values = await reader.walk([ROUTE_HOP, ROUTE_IF], limit=MAX_ROUTES)
        through = dict(_column(values, ROUTE_IF))
        for index, raw in _column(values, ROUTE_HOP):
            address = address_of(_arcs(raw)) if isinstance(raw, str) else ""
            if address:
                hops[ports.named(_number(through.get(index))), address] = None
    return [Link("route", port, {"address": [address]}, "", SURE["route"]) for port, address in hops]


def _inet_hop(index: tuple[int, ...]) -> tuple[int, ...]:
    """The next hop in an index of inetCidrRouteTable: each part before it tells its own length."""
    at = 1  # family of the destination
    for skipped in (1, 0):  # destination with its prefix's length, policy
        if at >= len(index):
            return ()
        at += 1 + index[at] + skipped
    at += 1  # family of the next hop
    if at >= len(index) or index[at] != len(index) - at - 1:
        return ()
    return index[at + 1 :]
