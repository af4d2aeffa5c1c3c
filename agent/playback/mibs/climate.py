"""HW group sensors: HWG-STE-MIB (temperature and humidity) and DAMOCLES-MIB (contacts)."""

from collections.abc import Callable
from functools import partial

from agent.playback.mib import Mib
from agent.playback.plant import Device
from agent.playback.room import Room

STE = "1.3.6.1.4.1.21796.4.1"
DAMOCLES = "1.3.6.1.4.1.21796.3.4"
NORMAL, RANGE_LOW, RANGE_HIGH, ALARM_LOW, ALARM_HIGH = 1, 2, 3, 4, 5
CELSIUS, PERCENT = 1, 4
OFF, ON = 1, 2
ALARM_WHEN_OFF, ALARM_WHEN_ON = 1, 2
FAR_END = ("TH-B1-2", "TH-B1-4")  # of their aisle, where the air arrives warmer


def temperature_c(room: Room, device: Device) -> float:
    """What a climate sensor feels: the air that the racks of its zone take in."""
    return room.intake_c(device.zone) + 0.4 * (device.name in FAR_END) + 0.12 * room.noise[device.name]


def humidity(room: Room, device: Device) -> float:
    """Relative humidity at a sensor, %."""
    return room.air.humidity + 0.2 * room.noise[device.name]


def _state(value: float, low: float, high: float, critical: float) -> int:
    if value >= critical:
        return ALARM_HIGH
    if value >= high:
        return RANGE_HIGH
    return RANGE_LOW if value <= low else NORMAL


def objects(mib: Mib, room: Room, device: Device) -> None:
    """Two sensors in the table: temperature 1, humidity 2; values in tenths."""

    def warmth() -> float:
        return temperature_c(room, device)

    def moisture() -> float:
        return humidity(room, device)

    mib.text(f"{STE}.70.1.0", device.mac.upper())
    rows: tuple[tuple[int, str, str, int, Callable[[], float], Callable[[], int]], ...] = (
        (1, "Temperature", "C", CELSIUS, warmth, lambda: _state(warmth(), 15.0, 27.0, 32.0)),
        (2, "Humidity", "%RH", PERCENT, moisture, lambda: _state(moisture(), 20.0, 65.0, 80.0)),
    )
    for number, name, unit, code, value, state in rows:
        row = f"{STE}.3.1"
        mib.text(f"{row}.2.{number}", name)
        mib.integer(f"{row}.3.{number}", state)
        mib.text(f"{row}.4.{number}", partial(_written, value, unit))
        mib.integer(f"{row}.5.{number}", partial(_tenths, value))
        mib.text(f"{row}.6.{number}", f"{device.serial[-8:]}{number:02d}")
        mib.integer(f"{row}.7.{number}", code)
        mib.integer(f"{row}.8.{number}", code)


def _written(value: Callable[[], float], unit: str) -> str:
    return f"{value():.1f} {unit}"


def _tenths(value: Callable[[], float]) -> int:
    return round(value() * 10)


def contacts(mib: Mib, room: Room, device: Device) -> None:
    """The contacts of a low-voltage panel; an input is on while its contact is closed."""
    breaker = {"LV-1": "Q08", "LV-2": "Q14"}[device.name]
    inputs: tuple[tuple[str, int, Callable[[], bool]], ...] = (
        (f"{breaker} closed", ALARM_WHEN_OFF, lambda: room.breakers[device.name]),
        ("Voltage behind " + breaker, ALARM_WHEN_OFF, lambda: room.feeds(device.name)),
        ("Surge protector ok", ALARM_WHEN_OFF, lambda: True),
        ("Panel door open", ALARM_WHEN_ON, lambda: False),
    )
    for number, (name, setup, closed) in enumerate(inputs, 1):
        _contact(mib, number, name, setup, closed)


def _contact(mib: Mib, number: int, name: str, setup: int, closed: Callable[[], bool]) -> None:
    row = f"{DAMOCLES}.1.1"
    mib.integer(f"{row}.2.{number}", lambda: ON if closed() else OFF)
    mib.text(f"{row}.3.{number}", name)
    mib.integer(f"{row}.4.{number}", setup)
    mib.integer(f"{row}.5.{number}", lambda: 2 if closed() == (setup == ALARM_WHEN_ON) else 1)
    mib.integer(f"{row}.6.{number}", 0)
