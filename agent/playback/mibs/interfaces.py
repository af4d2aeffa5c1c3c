"""IF-MIB: ifTable and ifXTable of a device's ports. Source: RFC 2863."""

from agent.playback.mib import Mib
from agent.playback.mibs.system import mac_of
from agent.playback.network import Port
from agent.playback.plant import Device
from agent.playback.room import Room

IF = "1.3.6.1.2.1.2"
ENTRY = "1.3.6.1.2.1.2.2.1"
X_ENTRY = "1.3.6.1.2.1.31.1.1.1"
ETHERNET, UP, DOWN, FALSE, TRUE = 6, 1, 2, 2, 1


def port_label(device: Device, number: int, mbps: int) -> str:
    """IfName as devices of the kind write it."""
    if device.kind == "server":
        return f"eno{number}"
    if device.kind in ("switch", "router", "firewall"):
        return f"{'XGigabitEthernet' if mbps >= 10_000 else 'GigabitEthernet'}0/0/{number}"
    return "eth0"


def port_name(device: Device, port: Port) -> str:
    """IfName of a port."""
    return port_label(device, port.number, port.mbps)


def alias(port: Port) -> str:
    """ifAlias: what the cable leads to."""
    return f"to {port.peer.device}" if port.peer is not None else ""


def ports(mib: Mib, room: Room, device: Device) -> None:
    """All ports of a network device or server."""
    found = room.network.ports[device.name]
    mib.integer(f"{IF}.1.0", len(found))
    for port in found.values():
        _entry(mib, room, device, port)
        _x_entry(mib, device, port)


def card(mib: Mib, room: Room, device: Device) -> None:
    """The one port of a management card."""
    ports(mib, room, device)


def _entry(mib: Mib, room: Room, device: Device, port: Port) -> None:
    n, name = port.number, port_name(device, port)
    mib.integer(f"{ENTRY}.1.{n}", n)
    mib.text(f"{ENTRY}.2.{n}", name)
    mib.integer(f"{ENTRY}.3.{n}", ETHERNET)
    mib.integer(f"{ENTRY}.4.{n}", 1500)
    mib.gauge(f"{ENTRY}.5.{n}", port.mbps * 1_000_000)
    mib.octets(f"{ENTRY}.6.{n}", mac_of(device, n if device.ports else 0))
    mib.integer(f"{ENTRY}.7.{n}", UP if port.peer is not None else DOWN)  # a port without a cable is shut
    mib.integer(f"{ENTRY}.8.{n}", lambda: UP if port.up else DOWN)
    booted = room.uptime_s
    mib.ticks(f"{ENTRY}.9.{n}", lambda: max(0.0, booted(device.name) - (room.now_s - port.changed_s)))
    mib.counter32(f"{ENTRY}.10.{n}", lambda: port.octets_in)
    mib.counter32(f"{ENTRY}.11.{n}", lambda: port.packets_in)
    mib.counter32(f"{ENTRY}.13.{n}", 0)
    mib.counter32(f"{ENTRY}.14.{n}", lambda: port.errors_in)
    mib.counter32(f"{ENTRY}.16.{n}", lambda: port.octets_out)
    mib.counter32(f"{ENTRY}.17.{n}", lambda: port.packets_out)
    mib.counter32(f"{ENTRY}.19.{n}", lambda: port.discards_out)
    mib.counter32(f"{ENTRY}.20.{n}", 0)


def _x_entry(mib: Mib, device: Device, port: Port) -> None:
    n = port.number
    mib.text(f"{X_ENTRY}.1.{n}", port_name(device, port))
    mib.counter64(f"{X_ENTRY}.6.{n}", lambda: port.octets_in)
    mib.counter64(f"{X_ENTRY}.7.{n}", lambda: port.packets_in)
    mib.counter64(f"{X_ENTRY}.8.{n}", lambda: port.packets_in * 0.01)
    mib.counter64(f"{X_ENTRY}.9.{n}", lambda: port.packets_in * 0.004)
    mib.counter64(f"{X_ENTRY}.10.{n}", lambda: port.octets_out)
    mib.counter64(f"{X_ENTRY}.11.{n}", lambda: port.packets_out)
    mib.counter64(f"{X_ENTRY}.12.{n}", lambda: port.packets_out * 0.01)
    mib.counter64(f"{X_ENTRY}.13.{n}", lambda: port.packets_out * 0.004)
    mib.integer(f"{X_ENTRY}.14.{n}", 1)
    mib.gauge(f"{X_ENTRY}.15.{n}", port.mbps)
    mib.integer(f"{X_ENTRY}.16.{n}", FALSE)
    mib.integer(f"{X_ENTRY}.17.{n}", TRUE)
    mib.text(f"{X_ENTRY}.18.{n}", alias(port))
    mib.ticks(f"{X_ENTRY}.19.{n}", 0)
