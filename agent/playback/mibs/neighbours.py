"""What a network device knows of its neighbours and of itself: LLDP-MIB, BRIDGE-MIB, ENTITY-MIB.

Source: IEEE 802.1AB, RFC 4188, RFC 6933.
"""

from agent.playback.mib import Mib
from agent.playback.mibs.interfaces import alias, port_name
from agent.playback.mibs.system import description, mac_of
from agent.playback.network import Port
from agent.playback.plant import Device
from agent.playback.room import Room

LLDP = "1.0.8802.1.1.2.1"
BRIDGE = "1.3.6.1.2.1.17"
ENTITY = "1.3.6.1.2.1.47.1.1.1.1"
CHASSIS_MAC, PORT_NAME = 4, 5
SPEAKS_LLDP = ("switch", "router", "firewall", "server")
CAPABILITIES = {"switch": b"\x28\x00", "router": b"\x08\x00", "firewall": b"\x08\x00", "server": b"\x01\x00"}
LEARNED = 3
CHASSIS, CONTAINER, POWER_SUPPLY, FAN, PORT = 3, 5, 6, 7, 10


def objects(mib: Mib, room: Room, device: Device) -> None:
    """LLDP: the device's own ports, and a row for each neighbour while the link is up."""
    mib.integer(f"{LLDP}.3.1.0", CHASSIS_MAC)
    mib.octets(f"{LLDP}.3.2.0", mac_of(device))
    mib.text(f"{LLDP}.3.3.0", device.name)
    mib.text(f"{LLDP}.3.4.0", description(device))
    mib.octets(f"{LLDP}.3.5.0", CAPABILITIES[device.kind])
    mib.octets(f"{LLDP}.3.6.0", CAPABILITIES[device.kind])
    for port in room.network.ports[device.name].values():
        row = f"{LLDP}.3.7.1"
        mib.integer(f"{row}.2.{port.number}", PORT_NAME)
        mib.text(f"{row}.3.{port.number}", port_name(device, port))
        mib.text(f"{row}.4.{port.number}", alias(port))
        if port.peer is not None and room.devices[port.peer.device].kind in SPEAKS_LLDP:
            _remote(mib, room, port, port.peer)


def _remote(mib: Mib, room: Room, port: Port, peer: Port) -> None:
    other = room.devices[peer.device]
    index = f"0.{port.number}.1"  # time mark, local port, remote index
    row = f"{LLDP}.4.1.1"
    chassis, caps = mac_of(other), CAPABILITIES[other.kind]

    def there(value: int) -> int | None:
        return value if port.up else None

    mib.integer(f"{row}.4.{index}", lambda: there(CHASSIS_MAC))
    mib.octets_while(f"{row}.5.{index}", chassis, lambda: port.up)
    mib.integer(f"{row}.6.{index}", lambda: there(PORT_NAME))
    for column, text in (
        (7, port_name(other, peer)),
        (8, alias(peer)),
        (9, other.name),
        (10, description(other)),
    ):
        mib.octets_while(f"{row}.{column}.{index}", text.encode(), lambda: port.up)
    mib.octets_while(f"{row}.11.{index}", caps, lambda: port.up)
    mib.octets_while(f"{row}.12.{index}", caps, lambda: port.up)
    address = f"{LLDP}.4.2.1.{{}}.{index}.1.4.{other.address}"
    mib.integer(address.format(3), lambda: there(2))
    mib.integer(address.format(4), lambda: there(1))
    mib.pointer(address.format(5), "0.0", present=lambda: port.up)


def _behind(room: Room, port: Port) -> list[Device]:
    """The devices whose frames come in at a port: the neighbour, and what hangs on it as a leaf."""
    if port.peer is None:
        return []
    near = room.devices[port.peer.device]
    found = [near]
    if near.kind == "switch" and near.ports == 12:  # an access switch: its leaves are learned above it
        ends = [port.peer for port in room.network.ports[near.name].values()]
        leaves = [room.devices[end.device] for end in ends if end is not None]
        found += [leaf for leaf in leaves if leaf.kind != "switch"]
    return found


def bridge(mib: Mib, room: Room, device: Device) -> None:
    """The forwarding table: each hardware address at the first living port that leads to it."""
    ports = room.network.ports[device.name]
    mib.octets(f"{BRIDGE}.1.1.0", mac_of(device))
    mib.integer(f"{BRIDGE}.1.2.0", len(ports))
    mib.integer(f"{BRIDGE}.1.3.0", 2)
    for port in ports.values():
        mib.integer(f"{BRIDGE}.1.4.1.1.{port.number}", port.number)
        mib.integer(f"{BRIDGE}.1.4.1.2.{port.number}", port.number)
    seen: dict[str, list[Port]] = {}
    for port in ports.values():
        for other in _behind(room, port):
            seen.setdefault(other.name, []).append(port)
    for name, leads in seen.items():
        _learned(mib, room, name, leads)


def _learned(mib: Mib, room: Room, name: str, leads: list[Port]) -> None:
    mac = mac_of(room.devices[name])
    index = ".".join(str(octet) for octet in mac)

    def at() -> int | None:
        return next((port.number for port in leads if port.up), None) if room.up[name] else None

    row = f"{BRIDGE}.4.3.1"
    mib.octets_while(f"{row}.1.{index}", mac, lambda: at() is not None)
    mib.integer(f"{row}.2.{index}", at)
    mib.integer(f"{row}.3.{index}", lambda: None if at() is None else LEARNED)


def entities(mib: Mib, _room: Room, device: Device) -> None:
    """The chassis, its power supplies and its fans."""
    chassis = (device.name, device.model, CHASSIS, 0, device.serial, device.model)
    parts = [chassis]
    parts += [
        (
            f"PWR {number} ({source})",
            "AC power module",
            POWER_SUPPLY,
            1,
            f"{device.serial}P{number}",
            "PAC600S12",
        )
        for number, source in enumerate(device.power, 1)
    ]
    parts.append(("FAN 1", "Fan module", FAN, 1, f"{device.serial}F1", "FAN-031A"))
    for index, (name, text, kind, inside, serial, model) in enumerate(parts, 1):
        position = -1 if kind == CHASSIS else index - 1
        mib.text(f"{ENTITY}.2.{index}", text)
        mib.pointer(f"{ENTITY}.3.{index}", "0.0")
        mib.integer(f"{ENTITY}.4.{index}", inside)
        mib.integer(f"{ENTITY}.5.{index}", kind)
        mib.integer(f"{ENTITY}.6.{index}", position)
        mib.text(f"{ENTITY}.7.{index}", name)
        mib.text(f"{ENTITY}.8.{index}", "VER.B")
        mib.text(f"{ENTITY}.9.{index}", "")
        mib.text(f"{ENTITY}.10.{index}", device.version if kind == CHASSIS else "")
        mib.text(f"{ENTITY}.11.{index}", serial)
        mib.text(f"{ENTITY}.12.{index}", device.vendor)
        mib.text(f"{ENTITY}.13.{index}", model)
        mib.integer(f"{ENTITY}.16.{index}", 1)
