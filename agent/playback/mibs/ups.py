"""UPS-MIB. Source: RFC 1628. A three-phase double-conversion UPS, 380 V."""

import math
from collections.abc import Callable
from functools import partial

from agent.playback.mib import Mib
from agent.playback.physics import DEPLETED, LOW_MINUTES, Supply
from agent.playback.plant import Device
from agent.playback.room import Room

UPS = "1.3.6.1.2.1.33.1"
ALARMS = f"{UPS}.6.3"
NONE, NORMAL, BATTERY = 2, 3, 5
BATTERY_NORMAL, BATTERY_LOW, BATTERY_DEPLETED = 2, 3, 4
PHASES = (1, 2, 3)
SPREAD = (1.03, 0.99, 0.98)  # how the load lies on the phases
CELLS_V = 432.0


def battery_status(supply: Supply) -> int:
    """upsBatteryStatus: low by run time, as upsConfigLowBattTime says."""
    if supply.battery.charge <= DEPLETED * 2:
        return BATTERY_DEPLETED
    low = supply.battery.minutes_left(max(supply.load_kw, 1.0)) <= LOW_MINUTES
    return BATTERY_LOW if low else BATTERY_NORMAL


def source(supply: Supply) -> int:
    """UpsOutputSource."""
    if not supply.output_live:
        return NONE
    return BATTERY if supply.on_battery else NORMAL


def alarms(supply: Supply) -> list[tuple[int, bool]]:
    """The well-known alarms the unit can raise, and whether each stands now."""
    status = battery_status(supply)
    return [
        (2, supply.on_battery),
        (3, status == BATTERY_LOW),
        (4, status == BATTERY_DEPLETED),
        (6, not supply.input_live),
        (14, not supply.output_live),
    ]


def objects(mib: Mib, room: Room, device: Device) -> None:
    """Put all groups of the MIB."""
    supply = room.supplies[device.name]
    volts = _mains_volts(room, device.name)
    mib.text(f"{UPS}.1.1.0", device.vendor)
    mib.text(f"{UPS}.1.2.0", device.model)
    mib.text(f"{UPS}.1.3.0", device.version)
    mib.text(f"{UPS}.1.4.0", "SNMP card V300R002")
    mib.text(f"{UPS}.1.5.0", device.name)
    mib.text(f"{UPS}.1.6.0", "Rack PDUs of room B1")
    _battery(mib, room, device, supply)
    _input(mib, supply, volts)
    _output(mib, room, device, supply)
    _bypass(mib, supply, volts)
    _alarms(mib, room, supply)
    _settings(mib, supply)


def _mains_volts(room: Room, name: str) -> Callable[[int], float]:
    def volts(phase: int) -> float:
        supply = room.supplies[name]
        swing = 1.6 * math.sin(room.now_s / 97 + phase) + 0.8 * room.noise[name]
        return 229.0 + phase * 0.4 + swing if supply.input_live else 0.0

    return volts


def _battery(mib: Mib, room: Room, device: Device, supply: Supply) -> None:
    battery = supply.battery

    def amperes() -> float:  # positive: charging
        if supply.on_battery:
            return -supply.load_kw * 1000 / 0.95 / volts()
        return battery.charger_kw * 1000 / volts() if battery.charge < 0.999 else 0.0

    def volts() -> float:
        return CELLS_V * (0.88 + 0.10 * battery.charge + (0.0 if supply.on_battery else 0.04))

    mib.integer(f"{UPS}.2.1.0", lambda: battery_status(supply))
    mib.integer(f"{UPS}.2.2.0", lambda: supply.on_battery_s)
    mib.integer(f"{UPS}.2.3.0", lambda: battery.minutes_left(max(supply.load_kw, 1.0)))
    mib.integer(f"{UPS}.2.4.0", lambda: round(battery.charge * 100))
    mib.integer(f"{UPS}.2.5.0", lambda: round(volts() * 10))
    mib.integer(f"{UPS}.2.6.0", lambda: round(amperes() * 10))
    mib.integer(
        f"{UPS}.2.7.0",
        lambda: round(
            24.4 + (4.0 if supply.on_battery else 0.0) * (1 - battery.charge) + room.noise[device.name] * 0.3
        ),
    )


def _input(mib: Mib, supply: Supply, volts: Callable[[int], float]) -> None:
    mib.counter32(f"{UPS}.3.1.0", lambda: 3 if supply.input_live else 4)
    mib.integer(f"{UPS}.3.2.0", 3)
    for phase, part in zip(PHASES, SPREAD, strict=True):
        _input_line(mib, supply, phase, part, volts)


def _input_line(mib: Mib, supply: Supply, phase: int, part: float, volts: Callable[[int], float]) -> None:
    def watts() -> float:
        charging = supply.battery.charger_kw if supply.battery.charge < 0.999 else 0.0
        return (supply.load_kw / 0.955 + charging) / 3 * part * 1000 if supply.input_live else 0.0

    row = f"{UPS}.3.3.1"
    mib.integer(f"{row}.2.{phase}", lambda: 500 if supply.input_live else 0)
    mib.integer(f"{row}.3.{phase}", lambda: round(volts(phase)))
    mib.integer(f"{row}.4.{phase}", lambda: round(watts() / 0.99 / max(volts(phase), 1.0) * 10))
    mib.integer(f"{row}.5.{phase}", lambda: round(watts()))


def _output(mib: Mib, room: Room, device: Device, supply: Supply) -> None:
    mib.integer(f"{UPS}.4.1.0", lambda: source(supply))
    mib.integer(f"{UPS}.4.2.0", lambda: 500 if supply.output_live else 0)
    mib.integer(f"{UPS}.4.3.0", 3)
    for phase, part in zip(PHASES, SPREAD, strict=True):
        _output_line(mib, room, device, phase, part)


def _output_line(mib: Mib, room: Room, device: Device, phase: int, part: float) -> None:
    supply = room.supplies[device.name]
    rated = supply.rated_kw * 1000 / 3 / 0.9  # VA of a phase

    def volts() -> int:
        return round(230.0 + 0.2 * room.noise[device.name]) if supply.output_live else 0

    def watts() -> float:
        return supply.load_kw / 3 * part * 1000

    row = f"{UPS}.4.4.1"
    mib.integer(f"{row}.2.{phase}", volts)
    mib.integer(f"{row}.3.{phase}", lambda: round(watts() / 0.98 / 230 * 10))
    mib.integer(f"{row}.4.{phase}", lambda: round(watts()))
    mib.integer(f"{row}.5.{phase}", lambda: round(watts() / rated * 100))


def _bypass(mib: Mib, supply: Supply, volts: Callable[[int], float]) -> None:
    mib.integer(f"{UPS}.5.1.0", lambda: 500 if supply.input_live else 0)
    mib.integer(f"{UPS}.5.2.0", 3)
    for phase in PHASES:
        mib.integer(f"{UPS}.5.3.1.2.{phase}", partial(_whole, volts, phase))
        mib.integer(f"{UPS}.5.3.1.3.{phase}", 0)
        mib.integer(f"{UPS}.5.3.1.4.{phase}", 0)


def _whole(volts: Callable[[int], float], phase: int) -> int:
    return round(volts(phase))


def _alarms(mib: Mib, room: Room, supply: Supply) -> None:
    mib.gauge(f"{UPS}.6.1.0", lambda: sum(stands for _, stands in alarms(supply)))
    for place, (code, _) in enumerate(alarms(supply)):
        _alarm(mib, room, supply, place, code)


def _alarm(mib: Mib, room: Room, supply: Supply, place: int, code: int) -> None:
    def stands() -> bool:
        return alarms(supply)[place][1]

    def since() -> float | None:
        return room.now_s - supply.on_battery_s if stands() else None

    mib.pointer(f"{UPS}.6.2.1.2.{place + 1}", f"{ALARMS}.{code}", present=stands)
    mib.ticks(f"{UPS}.6.2.1.3.{place + 1}", since)


def _settings(mib: Mib, supply: Supply) -> None:
    mib.pointer(f"{UPS}.7.1.0", f"{UPS}.7.7.1")
    mib.integer(f"{UPS}.7.3.0", 6)
    mib.text(f"{UPS}.7.4.0", "")
    mib.integer(f"{UPS}.8.1.0", 1)
    mib.integer(f"{UPS}.8.2.0", -1)
    mib.integer(f"{UPS}.8.5.0", 1)
    rated = round(supply.rated_kw * 1000)
    rating = (
        (1, 230),
        (2, 500),
        (3, 230),
        (4, 500),
        (5, round(rated / 0.9)),
        (6, rated),
        (7, int(LOW_MINUTES)),
    )
    for number, value in (*rating, (8, 2), (9, 176), (10, 276)):
        mib.integer(f"{UPS}.9.{number}.0", value)
