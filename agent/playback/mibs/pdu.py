"""PowerNet-MIB rPDU2 group: a metered rack PDU of one phase with two banks. Source: APC PowerNet-MIB."""

from collections.abc import Callable

from agent.playback.mib import Mib
from agent.playback.plant import Device
from agent.playback.room import Room

RPDU2 = "1.3.6.1.4.1.318.1.1.26"
LOW, NORMAL, NEAR, OVERLOAD = 1, 2, 3, 4
RATED_A = 32.0
VOLTS = 230.0
BANKS = ((1, 0.58), (2, 0.42))  # number, share of the load


def load_state(amperes: float, rated: float = RATED_A) -> int:
    """rPDU2...LoadState by the usual thresholds: 80 % near overload, 100 % overload."""
    if amperes >= rated:
        return OVERLOAD
    return NEAR if amperes >= 0.8 * rated else NORMAL


def objects(mib: Mib, room: Room, device: Device) -> None:
    """Identity, and the state of the device, its phase and its banks."""

    def watts() -> float:
        return room.pdu_load_w(device.name)

    def amperes() -> float:
        return watts() / 0.97 / VOLTS

    _identity(mib, device)
    _device(mib, room, device, watts, amperes)
    _phase(mib, room, device, watts, amperes)
    for number, share in BANKS:
        _bank(mib, number, share, amperes)


def _bank(mib: Mib, number: int, share: float, amperes: Callable[[], float]) -> None:
    row = f"{RPDU2}.8.3.1"
    mib.integer(f"{row}.1.{number}", number)
    mib.integer(f"{row}.2.{number}", 1)
    mib.integer(f"{row}.3.{number}", number)
    mib.integer(f"{row}.4.{number}", lambda: load_state(amperes() * share, RATED_A / 2))
    mib.integer(f"{row}.5.{number}", lambda: round(amperes() * share * 10))


def _identity(mib: Mib, device: Device) -> None:
    row = f"{RPDU2}.2.1"
    mib.integer(f"{row}.1.1", 1)
    mib.integer(f"{row}.2.1", 1)
    mib.text(f"{row}.3.1", device.name)
    mib.text(f"{row}.4.1", device.location.upper())
    mib.text(f"{row}.5.1", "02")
    mib.text(f"{row}.6.1", device.version)
    mib.text(f"{row}.7.1", "09/18/2019")
    mib.text(f"{row}.8.1", device.model)
    mib.text(f"{row}.9.1", device.serial)


def _device(
    mib: Mib, room: Room, device: Device, watts: Callable[[], float], amperes: Callable[[], float]
) -> None:
    row = f"{RPDU2}.4.3.1"
    mib.integer(f"{row}.1.1", 1)
    mib.integer(f"{row}.2.1", 1)
    mib.text(f"{row}.3.1", device.name)
    mib.integer(f"{row}.4.1", lambda: load_state(amperes()))
    mib.integer(f"{row}.5.1", lambda: round(watts() / 10))
    mib.integer(f"{row}.6.1", 240)
    mib.integer(f"{row}.9.1", lambda: 41_200 + room.now_s / 3600 * 12)
    mib.integer(f"{row}.11.1", 2)
    mib.integer(f"{row}.12.1", 1)
    mib.integer(f"{row}.13.1", 1)
    mib.integer(f"{row}.14.1", 3)
    mib.integer(f"{row}.16.1", lambda: round(watts() / 0.97 / 10))
    mib.integer(f"{row}.17.1", 97)


def _phase(
    mib: Mib, room: Room, device: Device, watts: Callable[[], float], amperes: Callable[[], float]
) -> None:
    row = f"{RPDU2}.6.3.1"
    mib.integer(f"{row}.1.1", 1)
    mib.integer(f"{row}.2.1", 1)
    mib.integer(f"{row}.3.1", 1)
    mib.integer(f"{row}.4.1", lambda: load_state(amperes()))
    mib.integer(f"{row}.5.1", lambda: round(amperes() * 10))
    mib.integer(f"{row}.6.1", lambda: round(VOLTS + 0.3 * room.noise[device.name]))
    mib.integer(f"{row}.7.1", lambda: round(watts() / 10))
    mib.integer(f"{row}.8.1", lambda: round(watts() / 0.97 / 10))
    mib.integer(f"{row}.9.1", 97)
