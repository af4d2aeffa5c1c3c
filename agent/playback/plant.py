"""What stands in the room: the typed form of `room.yaml`. An unknown key is refused."""

from dataclasses import dataclass, field
from typing import Literal

from agent.playback.forms import read

Words = dict[str, str]  # a text for people in each language: {"en": ..., "zh": ...}
Kind = Literal[
    "panel", "ups", "pdu", "crac-snmp", "crac-modbus", "climate", "sentinel", "access", "camera", "switch",
    "router", "firewall", "server",
]  # fmt: skip
Transport = Literal["snmp", "modbus", "ssh", "http"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """One door of a device an agent can knock at."""

    transport: Transport
    port: int
    credential: str
    profile: str | None = None
    every_s: int = 10


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device on the network.

    `power` names what feeds it: any one of them keeps it up. `rack` is the code of its place and
    `unit` the lowest rack unit it takes. `draws_w` is its mean intake in watts, `boot_s` the
    seconds from power to the first answer.
    """

    name: str
    kind: Kind
    ci_class: str
    title: Words
    address: str
    targets: tuple[Target, ...]
    vendor: str
    model: str
    serial: str
    version: str
    location: str
    owner_group: str
    power: tuple[str, ...]
    unit: int | None = None
    height: int = 1
    zone: int = 0  # of cooling; 0: none of the two
    criticality: int = 3
    draws_w: float = 0.0
    boot_s: float = 5.0
    mac: str = ""
    ports: int = 0


@dataclass(frozen=True, kw_only=True)
class Passive:
    """A configuration item that nobody can ask: a mains feed, the cooling of a zone."""

    name: str
    ci_class: str
    title: Words
    location: str
    owner_group: str
    criticality: int = 2
    power: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Link:
    """A cable between two ports, the end nearer the core second. Ports count from 1."""

    from_: str
    from_port: int
    to: str
    to_port: int
    mbps: int = 1000
    load: float = 0.02  # mean share of the speed that is used


@dataclass(frozen=True, kw_only=True)
class Service:
    """A business service and the servers that carry it."""

    code: str
    title: Words
    criticality: int
    users: int
    owner_group: str
    depends_on: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Place:
    """A location; `parent` is the code of the one around it."""

    code: str
    kind: str
    name: Words
    parent: str | None = None


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle on the floor plan, in cm from the upper left corner."""

    x: int
    y: int
    w: int
    d: int
    code: str = ""
    kind: str = ""
    device: str = ""
    name: Words = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A point on the floor plan, in cm from the upper left corner."""

    x: int
    y: int
    kind: str
    device: str = ""
    name: Words = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of equal racks, from the left."""

    x: int
    y: int
    count: int
    first: int
    zone: int
    kw: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The floor of the room, in cm."""

    width: int
    depth: int
    rack_w: int
    rack_d: int
    rows: tuple[Row, ...]
    aisles: tuple[Box, ...]
    units: tuple[Box, ...]
    doors: tuple[Box, ...]
    sensors: tuple[Spot, ...]
    leak_cable: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Credential:
    """What an agent needs to be answered. The room is made up, so are these."""

    code: str
    kind: Literal["snmp-v2c", "snmp-v3", "ssh", "http", "none"]
    community: str = ""
    user: str = ""
    password: str = ""
    version: str = ""
    auth_protocol: str = ""
    auth_password: str = ""
    priv_protocol: str = ""
    priv_password: str = ""


@dataclass(frozen=True, kw_only=True)
class Ups:
    """Ratings of a UPS: kVA, kWh that the full battery gives, kW hosted for racks without own devices."""

    device: str
    rated_kva: float
    energy_kwh: float
    hosted_kw: float
    partner: str


@dataclass(frozen=True, kw_only=True)
class Cooler:
    """A cooling unit: the most heat it carries away, kW, and the supply air it aims at, Celsius.

    `power` feeds its fans and compressor; its controller has the device's own supply.
    """

    device: str
    power: str
    zone: int
    capacity_kw: float
    setpoint: float


@dataclass(frozen=True, kw_only=True)
class Plant:
    """The whole room."""

    room: str
    community: str
    places: tuple[Place, ...]
    plan: Plan
    credentials: tuple[Credential, ...]
    passive: tuple[Passive, ...]
    devices: tuple[Device, ...]
    links: tuple[Link, ...]
    services: tuple[Service, ...]
    upses: tuple[Ups, ...]
    coolers: tuple[Cooler, ...]

    def device(self, name: str) -> Device:
        """The device of that name.

        Raises:
            KeyError: there is none.
        """
        for device in self.devices:
            if device.name == name:
                return device
        raise KeyError(name)


def load() -> Plant:
    """Read `room.yaml`.

    Raises:
        FormError: a key is unknown or missing, or a value has the wrong type.
    """
    return read("room.yaml", Plant)
