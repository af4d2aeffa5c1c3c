"""SPAGENT-MIB plus series: a sensorProbe with rope, smoke heads, doors, temperature and humidity.

Source: AKCP SPAGENT-MIB.
"""

from agent.playback.mib import Mib
from agent.playback.plant import Device
from agent.playback.room import Door, Room

SENSORS = "1.3.6.1.4.1.3854.3.5"
NORMAL, HIGH_WARNING, HIGH_CRITICAL = 2, 3, 4
ONLINE, NOT_ACKED = 1, 0
DOOR_STATES = {"closed": 2, "held": 3, "open": 5, "forced": 6}


def _status(value: float, warning: float, critical: float) -> int:
    if value >= critical:
        return HIGH_CRITICAL
    return HIGH_WARNING if value >= warning else NORMAL


def objects(mib: Mib, room: Room, device: Device) -> None:
    """All tables; the index is host, port, sub-port, sensor."""
    mib.text("1.3.6.1.4.1.3854.3.2.1.8.0", f"{device.model} F{device.version}")
    mib.text("1.3.6.1.4.1.3854.3.2.1.9.0", device.name)
    _climate(mib, room, device)
    _smoke(mib, room)
    _rope(mib, room)
    _doors(mib, room)


def _climate(mib: Mib, room: Room, device: Device) -> None:
    def warmth() -> float:
        return sum(room.air.zones) / 2 + 1.5 + 0.1 * room.noise[device.name]

    def moisture() -> float:
        return room.air.humidity

    row = f"{SENSORS}.2.1"
    mib.text(f"{row}.1.0.0.0.0", ".".join("0000"))
    mib.text(f"{row}.2.0.0.0.0", "Room, between the rows")
    mib.integer(f"{row}.3.0.0.0.0", 1)
    mib.integer(f"{row}.4.0.0.0.0", lambda: round(warmth()))
    mib.text(f"{row}.5.0.0.0.0", "C")
    mib.integer(f"{row}.6.0.0.0.0", lambda: _status(warmth(), 30.0, 36.0))
    mib.integer(f"{row}.8.0.0.0.0", ONLINE)
    mib.integer(f"{row}.11.0.0.0.0", 30)
    mib.integer(f"{row}.12.0.0.0.0", 36)
    mib.integer(f"{row}.20.0.0.0.0", lambda: round(warmth() * 10))
    row = f"{SENSORS}.3.1"
    mib.text(f"{row}.1.0.0.1.0", "0.0.1.0")
    mib.text(f"{row}.2.0.0.1.0", "Room, between the rows")
    mib.integer(f"{row}.4.0.0.1.0", lambda: round(moisture()))
    mib.text(f"{row}.5.0.0.1.0", "%")
    mib.integer(f"{row}.6.0.0.1.0", lambda: _status(moisture(), 65.0, 80.0))
    mib.integer(f"{row}.8.0.0.1.0", ONLINE)


def _smoke(mib: Mib, room: Room) -> None:
    for port in (1, 2):
        row, index = f"{SENSORS}.14.1", f"0.{port}.0.0"
        mib.text(f"{row}.1.{index}", index)
        mib.text(f"{row}.2.{index}", f"Smoke head {port}")
        mib.integer(f"{row}.6.{index}", lambda: HIGH_CRITICAL if room.environment.smoke else NORMAL)
        mib.integer(f"{row}.8.{index}", ONLINE)
        mib.integer(f"{row}.35.{index}", port)


def _rope(mib: Mib, room: Room) -> None:
    row, index = f"{SENSORS}.21.1", "0.3.0.0"
    mib.text(f"{row}.1.{index}", index)
    mib.text(f"{row}.2.{index}", "Leak rope below the floor")
    mib.integer(f"{row}.4.{index}", lambda: round(room.environment.leak_m or 0))
    mib.text(f"{row}.5.{index}", "m")
    mib.integer(f"{row}.6.{index}", lambda: NORMAL if room.environment.leak_m is None else HIGH_CRITICAL)
    mib.integer(f"{row}.8.{index}", ONLINE)
    mib.integer(f"{row}.100.{index}", 8)


def _doors(mib: Mib, room: Room) -> None:
    for port, door in enumerate(room.environment.doors.values(), 4):
        _door(mib, f"0.{port}.0.0", door)


def _door(mib: Mib, index: str, door: Door) -> None:
    row = f"{SENSORS}.27.1"
    mib.text(f"{row}.1.{index}", index)
    mib.text(f"{row}.2.{index}", f"Door {door.code}")
    mib.integer(f"{row}.4.{index}", lambda: 0 if door.state == "closed" else 1)
    mib.integer(f"{row}.6.{index}", lambda: DOOR_STATES[door.state])
    mib.integer(f"{row}.62.{index}", 5)
    mib.integer(f"{row}.63.{index}", 60)
    mib.integer(f"{row}.70.{index}", NOT_ACKED)
