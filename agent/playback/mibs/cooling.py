"""Stulz-WIB8000-MIB: one precision cooling unit behind a WIB 8000. Source: Stulz-WIB8000-MIB.

Every value carries the index bus, unit, module. Temperatures and humidity are in tenths.
"""

from agent.playback.mib import Mib
from agent.playback.plant import Device
from agent.playback.room import Room

WIB = "1.3.6.1.4.1.29462.10"
AIR = f"{WIB}.2.1.1.1.1.1.1.1"
HUMIDITY = f"{WIB}.2.1.1.1.1.2.1.1"
PARTS = f"{WIB}.2.1.1.2"
ALARM = f"{WIB}.2.1.4.4.1.1.1"
UNIT = "1.1.1"  # bus 1, unit 1, module 1
RETURN_HIGH_C = 38.0
SUPPLY_HIGH_C = 24.0


def objects(mib: Mib, room: Room, device: Device) -> None:
    """The unit's air, parts and alarms."""
    unit = room.coolers[device.name]

    def supply() -> float:
        return room.supply_c(device.name)

    def back() -> float:
        return room.return_c(device.name)

    def moisture() -> float:
        return room.air.humidity

    mib.text(f"{WIB}.1.1.1.65540.0", device.version)
    mib.text(f"{WIB}.1.1.6.1.1.393221.1.1", device.name)
    mib.integer(f"{AIR}.1170.{UNIT}", lambda: round(back() * 10))
    mib.integer(f"{AIR}.1175.{UNIT}", round(unit.setpoint * 10))
    mib.integer(f"{AIR}.1192.{UNIT}", lambda: round(back() * 10))
    mib.integer(f"{AIR}.1193.{UNIT}", lambda: round(supply() * 10))
    mib.gauge(f"{HUMIDITY}.1171.{UNIT}", lambda: round(moisture() * 10))
    mib.gauge(f"{HUMIDITY}.1178.{UNIT}", 480)
    mib.gauge(f"{HUMIDITY}.1194.{UNIT}", lambda: round(moisture() * 8.8))
    mib.gauge(f"{PARTS}.1.1.1.1.4403.{UNIT}", lambda: int(unit.cooling))
    mib.gauge(f"{PARTS}.3.1.1.6402.{UNIT}", 0)
    mib.gauge(f"{PARTS}.4.1.1.6902.{UNIT}", lambda: int(unit.live))
    mib.gauge(f"{PARTS}.4.1.1.6932.{UNIT}", lambda: round(45 + 50 * unit.effort) if unit.live else 0)
    mib.gauge(f"{WIB}.2.1.1.4.4.3.1.1164.{UNIT}", lambda: 21_480 + room.now_s / 3600)
    mib.gauge(f"{WIB}.2.1.4.1.1.1.10.{UNIT}", 0)
    mib.gauge(f"{WIB}.2.1.4.1.1.1.1013.{UNIT}", lambda: int(unit.live))
    mib.gauge(f"{WIB}.2.1.4.2.1.1.8.{UNIT}", lambda: int(unit.compressor_fault or not unit.live))
    mib.gauge(f"{ALARM}.1010.{UNIT}", lambda: int(unit.compressor_fault or not unit.live))
    mib.gauge(f"{ALARM}.8508.{UNIT}", lambda: int(back() > RETURN_HIGH_C))
    mib.gauge(f"{ALARM}.8510.{UNIT}", lambda: int(supply() > SUPPLY_HIGH_C))
    mib.gauge(f"{ALARM}.8560.{UNIT}", lambda: int(unit.compressor_fault))
    mib.gauge(f"{ALARM}.8562.{UNIT}", 0)
    mib.gauge(f"{ALARM}.8585.{UNIT}", 0)
    mib.gauge(f"{ALARM}.8588.{UNIT}", 0)
    mib.gauge(f"{ALARM}.8608.{UNIT}", 0)
    mib.gauge(f"{ALARM}.8635.{UNIT}", lambda: int(not unit.live))
    mib.gauge(f"{ALARM}.8674.{UNIT}", 0)
