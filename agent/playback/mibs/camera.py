"""AXIS-VIDEO-MIB: what a network camera tells of itself. Source: Axis."""

from agent.playback.mib import Mib
from agent.playback.plant import Device
from agent.playback.room import Room

VIDEO = "1.3.6.1.4.1.368.4.1"
OK, NO_DISRUPTION, SIGNAL_OK = 1, 1, 1
HOUSING = 2


def objects(mib: Mib, room: Room, device: Device) -> None:
    """Power, temperature, video channel, memory card and identity."""
    mib.integer(f"{VIDEO}.1.1.3.2.1", OK)
    mib.integer(f"{VIDEO}.3.1.3.{HOUSING}.1", OK)
    mib.integer(
        f"{VIDEO}.3.1.4.{HOUSING}.1", lambda: round(sum(room.air.zones) / 2 + 17 + room.noise[device.name])
    )
    mib.integer(f"{VIDEO}.4.1.2.1", SIGNAL_OK)
    mib.text(f"{VIDEO}.8.1.2.1", "SD_DISK")
    mib.integer(f"{VIDEO}.8.1.3.1", NO_DISRUPTION)
    mib.ticks(f"{VIDEO}.100.4.0", lambda: room.uptime_s(device.name))
    mib.text(f"{VIDEO}.100.5.0", device.version)
    mib.text(f"{VIDEO}.100.6.0", device.serial)
    mib.text(f"{VIDEO}.100.7.0", "Axis Communications AB")
    mib.text(f"{VIDEO}.100.8.0", device.model)
