"""Who a network device sees at its ports: rows of LLDP-MIB and of Cisco's CDP as links.

Source: IEEE 802.1AB-2005 (LLDP-MIB), CISCO-CDP-MIB.
"""

from collections.abc import Iterable, Mapping

from agent.discover.found import Link
from agent.measure import text
from agent.observe import mac
from agent.transports.ber import Raw

LLDP = "1.0.8802.1.1.2.1"
_LOCAL, _REMOTE, _ADDRESS = f"{LLDP}.3.7.1", f"{LLDP}.4.1.1", f"{LLDP}.4.2.1"
_CDP = "1.3.6.1.4.1.9.9.23.1.2.1.1"
_IF_NAME, _IF_DESCR = "1.3.6.1.2.1.31.1.1.1.1", "1.3.6.1.2.1.2.2.1.2"
TABLES = (
    [f"{_LOCAL}.{column}" for column in (2, 3, 4)],
    [f"{_REMOTE}.{column}" for column in (4, 5, 6, 7, 8, 9)],
    [f"{_ADDRESS}.3"],
)
CHASSIS, BRIDGE = f"{LLDP}.3.2.0", "1.3.6.1.2.1.17.1.1.0"  # the hardware address neighbours know it by
CHASSIS_MAC, PORT_MAC = 4, 3
MAX_LINKS = 1_000
Values = Mapping[str, Raw]


def links(values: Values) -> tuple[Link, ...]:
    """All neighbours that are told, each once for a port."""
    found: dict[tuple[str, str, str], Link] = {}
    for one in (*_lldp(values), *_cdp(values)):
        if one.keys and len(found) < MAX_LINKS:
            found.setdefault((one.kind, one.port, one.far_port), one)
    return tuple(found.values())


def chassis_mac(values: Values) -> str:
    """The hardware address of the device as a whole, "" where it tells none."""
    for oid in (CHASSIS, BRIDGE):
        said = values.get(oid)
        if isinstance(said, bytes) and (own := mac(said.hex())):
            return own
    return ""


def _lldp(values: Values) -> Iterable[Link]:
    addresses = _management(values)
    for row in _rows(values, f"{_REMOTE}.5"):
        parts = row.split(".")
        if len(parts) != 3:
            continue
        keys: dict[str, list[str]] = {}
        chassis = values.get(f"{_REMOTE}.5.{row}")
        if values.get(f"{_REMOTE}.4.{row}") == CHASSIS_MAC and isinstance(chassis, bytes):
            _add(keys, "macs", mac(chassis.hex()))
        _add(keys, "name", text(values.get(f"{_REMOTE}.9.{row}")))
        for address in addresses.get(row, ()):
            _add(keys, "address", address)
        yield Link("lldp", _own_port(values, parts[1]), keys, _port(values, _REMOTE, (6, 7, 8), row))


def _cdp(values: Values) -> Iterable[Link]:
    for row in _rows(values, f"{_CDP}.6"):
        keys: dict[str, list[str]] = {}
        _add(keys, "name", text(values.get(f"{_CDP}.6.{row}")).split("(")[0])
        address = values.get(f"{_CDP}.4.{row}")
        if isinstance(address, bytes) and len(address) == 4:
            _add(keys, "address", ".".join(map(str, address)))
        number = row.split(".")[0]
        port = text(values.get(f"{_IF_NAME}.{number}")) or text(values.get(f"{_IF_DESCR}.{number}"))
        yield Link("cdp", port or number, keys, text(values.get(f"{_CDP}.7.{row}"))[:200])


def _management(values: Values) -> dict[str, list[str]]:
    """IPv4 management addresses by the row of their neighbour: they stand in the index."""
    found: dict[str, list[str]] = {}
    for tail in _rows(values, f"{_ADDRESS}.3"):
        parts = tail.split(".")
        if len(parts) == 9 and parts[3:5] == ["1", "4"]:
            found.setdefault(".".join(parts[:3]), []).append(".".join(parts[5:]))
    return found


def _own_port(values: Values, number: str) -> str:
    told = _port(values, _LOCAL, (2, 3, 4), number)
    return told or text(values.get(f"{_IF_NAME}.{number}")) or number


def _port(values: Values, table: str, columns: tuple[int, int, int], row: str) -> str:
    """A port's id where it is a name, else what describes it."""
    subtype, own, described = (values.get(f"{table}.{column}.{row}") for column in columns)
    name = "" if subtype == PORT_MAC else text(own)
    return (name or text(described))[:200]


def _rows(values: Values, column: str) -> list[str]:
    head = column + "."
    return [oid[len(head) :] for oid in values if oid.startswith(head)]


def _add(keys: dict[str, list[str]], kind: str, value: str) -> None:
    if value and value[:200] not in keys.get(kind, ()):
        keys.setdefault(kind, []).append(value[:200])
