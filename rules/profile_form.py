"""The typed forms of a device profile, as written. The format is told in rules.profile."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Kind = Literal["gauge", "counter", "state"]
Transport = Literal[
    "snmp", "modbus", "http", "host", "icmp", "tcp", "ssh",
    "dns", "ntp", "sql", "redfish", "exporter", "check", "plugin",
]  # fmt: skip
RegisterKind = Literal["holding", "input", "coil", "discrete"]
RegisterType = Literal["int16", "uint16", "int32", "uint32", "float32", "bool", "text"]
Measure = Literal[
    "temperature", "voltage", "current", "power", "power_consumed", "frequency", "load", "charge", "humidity",
    "percent", "runtime", "fanspeed", "dbm", "signal", "snr", "pressure", "delay", "waterflow", "airflow",
    "count", "state", "nothing",
]  # fmt: skip
DEVICE_CLASSES = frozenset(
    """server switch router firewall wireless storage ups pdu air_conditioner environment_sensor
    access_control camera printer other""".split()
)
# What these texts look like is checked in rules.profile_check: a pattern in msgspec.Meta crashes CPython 3.11
# at exit (msgspec issue 717).
MetricName = str
LabelName = str
Oid = str
SYS_DESCR, SYS_OBJECT_ID, SYS_NAME = "1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.2.0", "1.3.6.1.2.1.1.5.0"


class Register(Struct, frozen=True, forbid_unknown_fields=True):
    """A Modbus place: `address` as in the request (from 0); `order` of the words in two-word values.

    `bit` (0 is the lowest) takes one bit of a 16-bit register; `length` is the words of a text.
    """

    address: Annotated[int, Meta(ge=0, le=65_535)]
    kind: RegisterKind = "holding"
    type: RegisterType = "uint16"
    order: Literal["big", "little"] = "big"
    bit: Annotated[int, Meta(ge=0, le=15)] | None = None
    length: Annotated[int, Meta(ge=1, le=120)] = 1

    @property
    def words(self) -> int:
        """How many registers it takes."""
        return {"int32": 2, "uint32": 2, "float32": 2, "text": self.length}.get(self.type, 1)


class Way(Struct, frozen=True, forbid_unknown_fields=True):
    """One way to learn an identity value. `pattern` applies to what is read, else to sysDescr.

    `column` reads its first row that has a text; `below` only asks whether anything answers there; `join`
    puts the answers of several ways together, all of which must answer; `product` is the maker's own name of
    the sysObjectID. `words` say what a read value means. A `value` beside another source is given where that
    one answers, `{}` in it standing for what was read.
    """

    oid: Oid | None = None
    column: Oid | None = None
    below: Oid | list[Oid] | None = None
    join: list["Way"] = []
    product: bool = False
    words: dict[str | int, str] = {}
    pattern: str | None = None
    by_sysObjectID: dict[Oid, str] | None = None  # noqa: N815 - the MIB's spelling
    register: Register | None = None
    json: str | None = None
    reading: str | None = None
    value: str | None = None
    sure: Annotated[float, Meta(gt=0, le=1)] = 0.95  # how likely the answer is right


class HttpProbe(Struct, frozen=True, forbid_unknown_fields=True):
    """A page whose text contains a pattern."""

    path: str
    contains: str


class ModbusProbe(Struct, frozen=True, forbid_unknown_fields=True):
    """A register that holds a value."""

    address: Annotated[int, Meta(ge=0, le=65_535)]
    equals: int
    kind: RegisterKind = "holding"


class Match(Struct, frozen=True, forbid_unknown_fields=True):
    """What tells that a device is of this profile."""

    sysObjectID: list[Oid] = []  # noqa: N815 - the MIB's spelling
    sysDescr: str | None = None  # noqa: N815
    answers: Oid | list[Oid] = []
    requires: list[Oid] = []
    banner: str | None = None
    http: HttpProbe | None = None
    modbus: ModbusProbe | None = None


class Factor(Struct, frozen=True, forbid_unknown_fields=True):
    """An instance, in a table a column, that says the scale of its neighbour.

    As a divisor or multiplier itself, as the number of decimals, as the power of ten, or as the SI prefix in
    the numbers of ENTITY-SENSOR-MIB (8 milli, 9 units, 10 kilo).
    """

    oid: Oid
    as_: Literal["divisor", "multiplier", "decimals", "power", "si"] = field(name="as")


class MetricForm(Struct, frozen=True, forbid_unknown_fields=True):
    """One value, as written. Exactly one of oid, register, json, reading."""

    oid: Oid | list[Oid] | None = None
    register: Register | None = None
    json: str | None = None
    reading: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    factor: list[Factor] = []
    transform: Literal["dbm"] | None = None  # the scaled value is in milliwatts, told in dBm
    unit: Annotated[str, Meta(max_length=20)] = ""
    measures: Measure | None = None  # None: what the unit or the name's end says
    kind: Kind | None = None  # None: state where there are states, else gauge
    states: dict[str | int, str] = {}
    severity: dict[str, Literal["critical", "major", "minor", "info"]] = {}
    low: float | None = None
    high: float | None = None
    dead: list[float | str] = []
    title: dict[Literal["en", "zh"], str] = {}


class Column(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a label comes from: a column, a part of the index (from 1), a field of a reading or of JSON."""

    oid: Oid | None = None
    index: int | None = None
    reading: str | None = None
    json: str | None = None


class Where(Struct, frozen=True, forbid_unknown_fields=True):
    """A row counts only if this column is one of `is_` (in YAML: `is`), none of `is_not`, and `matches`.

    `index` looks at a part of the row's index instead (from 1).
    """

    oid: Oid | None = None
    index: int | None = None
    reading: str | None = None
    json: str | None = None
    is_: list[int | str] = field(name="is", default_factory=list)
    is_not: list[int | str] = []
    matches: str | None = None  # RE2


class TableForm(Struct, frozen=True, forbid_unknown_fields=True):
    """Values of which a device has several."""

    name: LabelName
    labels: dict[LabelName, str | Column]  # the only word is `index`
    metrics: dict[MetricName, MetricForm]
    where: dict[LabelName, Where] = {}
    reading: str | None = None
    json: str | None = None
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 2_000  # rows


class Poll(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked, and how often."""

    every: str | float = 60.0
    timeout: str | float = 5.0
    http: str | None = None
    metrics: dict[MetricName, MetricForm] = {}
    tables: list[TableForm] = []


class Profile(Struct, frozen=True, forbid_unknown_fields=True):
    """A profile as written, or after `resolve` with all it takes over."""

    profile: str
    extends: str | list[str] | None = None
    ci_class: str | None = None
    vendor: str | None = None
    transport: Transport | None = None
    match: Match = Match()
    identity: dict[LabelName, Way | list[Way]] = {}
    poll: Poll = Poll()
    neighbours: Literal["lldp", "cdp", "none"] | None = None
    alerts: list[str] = []
    inspection: list[str] = []
    title: dict[Literal["en", "zh"], str] = {}
