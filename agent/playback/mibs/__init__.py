"""What each kind of device answers over SNMP: a module per family of objects; `build` joins them."""

from collections.abc import Callable

from agent.playback.mib import Mib
from agent.playback.mibs import (
    camera,
    climate,
    cooling,
    host,
    interfaces,
    neighbours,
    pdu,
    sentinel,
    system,
    ups,
)
from agent.playback.plant import Device
from agent.playback.room import Room

Part = Callable[[Mib, Room, Device], None]

PARTS: dict[str, tuple[Part, ...]] = {
    "panel": (climate.contacts,),
    "ups": (ups.objects, interfaces.card),
    "pdu": (pdu.objects, interfaces.card),
    "crac-snmp": (cooling.objects, interfaces.card),
    "climate": (climate.objects,),
    "sentinel": (sentinel.objects,),
    "camera": (camera.objects, interfaces.card),
    "switch": (interfaces.ports, neighbours.objects, neighbours.bridge, neighbours.entities),
    "router": (interfaces.ports, neighbours.objects, neighbours.entities),
    "firewall": (interfaces.ports, neighbours.objects, neighbours.entities),
    "server": (interfaces.ports, host.objects, host.load),
}


def build(room: Room, device: Device) -> Mib:
    """All objects of a device; live values read the room at every question.

    Raises:
        KeyError: devices of that kind do not speak SNMP.
    """
    mib = Mib()
    system.objects(mib, room, device)
    for part in PARTS[device.kind]:
        part(mib, room, device)
    return mib
