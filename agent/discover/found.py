"""What discovery learns of one address. Every answer carries its confidence and its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Source = Literal["profile", "standard", "registry", "reading", "learned", "operator"]
Way = Literal["icmp", "snmp", "ssh", "http", "modbus"]
LinkKind = Literal["lldp", "cdp", "bridge", "arp", "route"]
SURE = 0.7  # from here on an answer is used without asking a person


@dataclass(frozen=True, slots=True)
class Guess:
    """An answer: its text, how likely it is right (0 to 1), and why, for people.

    Sources: a profile's own data; a standard MIB; a registry (enterprise number, hardware address); a
    generic reading by the object's name; the trained model; an operator's earlier answer.
    """

    value: str
    confidence: float
    reason: str
    source: Source


@dataclass(frozen=True, slots=True)
class Interface:
    """A row of ifTable and ifXTable. `speed_bps` in bits per second, 0 unknown; states as the MIB's words."""

    index: int
    name: str
    descr: str = ""
    alias: str = ""
    type: int = 0
    mac: str = ""
    speed_bps: int = 0
    admin: str = ""
    oper: str = ""


@dataclass(frozen=True, slots=True)
class Sensor:
    """A reading of the device itself.

    Args:
        kind: temperature, voltage, current, power, power_consumed, frequency, load, charge, humidity,
            percent, runtime, fanspeed, dbm, signal, snr, pressure, delay, waterflow, airflow, count, state
        value: in `unit`; a state is its number.
        oid: of the instance.
        state: the word of a state.
    """

    kind: str
    name: str
    value: float
    unit: str
    oid: str
    state: str = ""
    confidence: float = 1.0
    source: Source = "standard"


@dataclass(frozen=True, slots=True)
class Link:
    """A neighbour as this device tells it: the own port, the far end by its keys, and its port."""

    kind: LinkKind
    port: str
    keys: Mapping[str, Sequence[str]]  # macs, name, address
    far_port: str = ""
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way that was tried. `credential` is the id of the set, 0 where the way needs none."""

    way: Way
    credential: int
    outcome: Literal["answered", "silent", "refused", "malformed", "held_back"]
    detail: str = ""


@dataclass(slots=True)
class Found:
    """One address, whole. `guesses` by field: device_class, vendor, model, version, serial, name ..."""

    address: str
    ways: tuple[Way, ...] = ()
    profile: str = ""
    guesses: dict[str, Guess] = field(default_factory=dict)
    interfaces: tuple[Interface, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    links: tuple[Link, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)  # sysDescr, sysObjectID, sysName, banners
    round_trips: int = 0
    truncated: bool = False
    stub: str = ""  # YAML of a profile made from the walk, where the class or the vendor is unsure

    def value(self, name: str) -> str:
        """A field's answer, "" where there is none."""
        known = self.guesses.get(name)
        return known.value if known is not None else ""
