"""Device profiles: what a kind of device can be asked, as YAML (`profiles/NAME.yaml`), compiled to a plan.

The YAML (unknown keys are refused, by file and line):

    profile: ups-mib                  the file's name
    extends: snmp-device              metrics, tables and identity are taken over; own ones win by name
    ci_class: ups                     vendor: where the profile alone says it
    transport: snmp                   snmp | modbus | http | host | icmp | tcp | ssh
    match:                            any one is enough; the longest sysObjectID wins, see `rank`
      sysObjectID: [1.3.6.1.2.1.33]   prefixes
      sysDescr: "pattern"             RE2
      answers: OID                    an instance that answers (or a list of them)
      http: {path: /status, contains: "pattern"}
      modbus: {kind: holding, address: 0, equals: 17}
    identity:                         each one way, or a list of ways tried in order
      model: {oid: ...} | {oid: ..., pattern: "..."} | {pattern: over sysDescr} | {value: text}
             | {by_sysObjectID: {prefix: text}} | {register: {...}} | {json: /a/b} | {reading: name}
    poll:
      every: 60s
      timeout: 5s
      http: /status.json              the page that `json` pointers look at
      metrics:
        NAME: {oid: OID or [OID, ...] | register: {...} | json: /pointer | reading: name of the transport,
               scale, offset, unit, kind: gauge | counter | state, states: {3: normal},
               severity: {battery: major},
               low, high: bounds of meaning in the final unit; dead: [raw values that mean nothing],
               title: {en, zh}}
      tables:
        - name: interfaces
          labels: {interface: {oid: column} | index | {index: 1}}      `index`: the row's whole index
          where: {admin: {oid: column, is: [1]}}                        rows that count; all must hold
          metrics: {NAME: {oid: column, ...}}
        - name: disks                  of a transport that names its readings, or of a JSON array
          reading: disks  |  json: /disks
          labels: {mount: {reading: mount}}
    neighbours: lldp                   seam of the discovery
    alerts: [UpsOnBattery]             names of default alert rules; empty: all of the class
    inspection: [..]                   names of inspection items

The final value is raw * scale + offset; units are Prometheus base units, named at the end of the metric.
"""

import dataclasses
from dataclasses import dataclass
from importlib import resources
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from rules.document import Document, DocumentError, Path, seconds
from rules.pattern import Pattern

Kind = Literal["gauge", "counter", "state"]
Transport = Literal["snmp", "modbus", "http", "host", "icmp", "tcp", "ssh"]
RegisterKind = Literal["holding", "input", "coil", "discrete"]
RegisterType = Literal["int16", "uint16", "int32", "uint32", "float32", "bool", "text"]
MetricName = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,99}$")]
LabelName = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,49}$")]
Oid = Annotated[str, Meta(pattern=r"^\.?[0-9]+(\.[0-9]+){1,127}$")]
SYS_DESCR, SYS_OBJECT_ID, SYS_NAME = "1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.2.0", "1.3.6.1.2.1.1.5.0"
MAX_INHERITANCE = 5


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
    """One way to learn an identity value. `pattern` applies to what is read, else to sysDescr."""

    oid: Oid | None = None
    pattern: str | None = None
    by_sysObjectID: dict[Oid, str] | None = None  # noqa: N815 - the MIB's spelling
    register: Register | None = None
    json: str | None = None
    reading: str | None = None
    value: str | None = None


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
    http: HttpProbe | None = None
    modbus: ModbusProbe | None = None


class MetricForm(Struct, frozen=True, forbid_unknown_fields=True):
    """One value, as written. Exactly one of oid, register, json, reading."""

    oid: Oid | list[Oid] | None = None
    register: Register | None = None
    json: str | None = None
    reading: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    unit: Annotated[str, Meta(max_length=20)] = ""
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
    """A row counts only if this column is one of `is_` (in YAML: `is`), and none of `is_not`."""

    oid: Oid | None = None
    reading: str | None = None
    json: str | None = None
    is_: list[int | str] = field(name="is", default_factory=list)
    is_not: list[int | str] = []


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

    profile: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,79}$")]
    extends: str | None = None
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


@dataclass(frozen=True, slots=True)
class Metric:
    """One value to ask for, ready to execute. In a table `oids` are columns, otherwise instances.

    Several `oids` are tried in order: the first that answers counts. `states` maps what the device says
    (as text) to the code that is sent; `names` the code to its word.
    """

    name: str
    oids: tuple[str, ...] = ()
    register: Register | None = None
    json: str | None = None
    reading: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    kind: Kind = "gauge"
    states: dict[str, int] = dataclasses.field(default_factory=dict)
    names: dict[int, str] = dataclasses.field(default_factory=dict)
    severity: dict[str, str] = dataclasses.field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    dead: frozenset[float | str] = frozenset()


@dataclass(frozen=True, slots=True)
class Table:
    """Values by row. A row's labels come from columns with the same index."""

    name: str
    labels: dict[str, Column]  # Column() with nothing set: the whole index
    metrics: tuple[Metric, ...]
    where: tuple[Where, ...] = ()
    reading: str | None = None
    json: str | None = None
    limit: int = 2_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What one poll of a device asks. `identity` is empty unless this poll is to identify as well."""

    profile: str
    transport: Transport
    ci_class: str
    vendor: str = ""
    every_s: float = 60.0
    timeout_s: float = 5.0
    http: str | None = None
    scalars: tuple[Metric, ...] = ()
    tables: tuple[Table, ...] = ()
    identity: dict[str, tuple[Way, ...]] = dataclasses.field(default_factory=dict)
    neighbours: str = ""

    def metric(self, name: str) -> Metric | None:
        """The metric of a name, scalar or column."""
        for one in (*self.scalars, *(m for table in self.tables for m in table.metrics)):
            if one.name == name:
                return one
        return None


def read(text: str, file: str) -> Profile:
    """A profile as written; raises DocumentError naming line and column of what is wrong."""
    document = Document(text, file)
    profile = document.typed(Profile)
    _check(profile, document)
    return profile


def resolve(profile: Profile, library: dict[str, Profile], file: str = "") -> Profile:
    """The profile with all it takes over from those it extends; own entries win by name."""
    chain = [profile]
    while (parent := chain[-1].extends) is not None:
        if parent not in library:
            raise DocumentError(
                file or f"{chain[-1].profile}.yaml", 1, 1, f"extends: there is no profile '{parent}'."
            )
        chain.append(library[parent])
        if len(chain) > MAX_INHERITANCE:
            raise DocumentError(
                file or f"{profile.profile}.yaml", 1, 1, "extends: the profiles go round, or too deep."
            )
    whole = chain[-1]
    for one in reversed(chain[:-1]):
        whole = _over(whole, one)
    return whole


def plan(profile: Profile, *, identify: bool = False, params: dict[str, Any] | None = None) -> Plan:
    """Compile a resolved profile. `params` of a target may narrow it: `without: "metric or table, ..."`."""
    without = {one.strip() for one in str((params or {}).get("without", "")).split(",")} - {""}
    return Plan(
        profile=profile.profile,
        transport=profile.transport or "snmp",
        ci_class=profile.ci_class or "other",
        vendor=profile.vendor or "",
        every_s=seconds(profile.poll.every),
        timeout_s=seconds(profile.poll.timeout),
        http=profile.poll.http,
        scalars=tuple(
            _metric(name, form) for name, form in profile.poll.metrics.items() if name not in without
        ),
        tables=tuple(_table(form, without) for form in profile.poll.tables if form.name not in without),
        identity={name: _ways(ways) for name, ways in profile.identity.items()} if identify else {},
        neighbours=profile.neighbours or "",
    )


def packaged() -> dict[str, Profile]:
    """All profiles of the package by name, resolved."""
    written: dict[str, Profile] = {}
    for entry in sorted(resources.files("rules").joinpath("profiles").iterdir(), key=lambda one: one.name):
        if entry.name.endswith(".yaml"):
            one = read(entry.read_text(encoding="utf-8"), f"profiles/{entry.name}")
            written[one.profile] = one
    return {name: resolve(one, written) for name, one in written.items()}


def rank(
    profile: Profile, *, sys_object_id: str = "", sys_descr: str = "", answered: frozenset[str] = frozenset()
) -> int:
    """How well a device matches, 0 not at all: a longer sysObjectID prefix beats all else.

    1000 + length of the prefix; 500 for the pattern over sysDescr; 100 where a probed OID answers.
    Where a profile names both a prefix and a pattern, both must hold.
    """
    match = profile.match
    points = 0
    if match.sysObjectID:
        own = oid(sys_object_id) if sys_object_id else ""
        fitting = [one for one in map(oid, match.sysObjectID) if own == one or own.startswith(one + ".")]
        if fitting:
            points = 1000 + max(map(len, fitting))
        elif match.sysDescr is None and not match.answers:
            return 0
    if match.sysDescr is not None:
        if Pattern(match.sysDescr).found(sys_descr):
            points += 500
        elif match.sysObjectID:
            return 0
    probes = [match.answers] if isinstance(match.answers, str) else match.answers
    if any(oid(one) in answered for one in probes):
        points += 100
    return points


def oid(text: str) -> str:
    """An OID without its leading dot."""
    return text.removeprefix(".")


def _check(profile: Profile, document: Document) -> None:
    """What the types cannot say: one source each, patterns that compile, durations, states of a severity."""
    for name, form in profile.poll.metrics.items():
        _check_metric(form, document, ("poll", "metrics", name), inside=False)
    for index, table in enumerate(profile.poll.tables):
        for name, label in table.labels.items():
            if isinstance(label, str) and label != "index":
                message = f"{name}: a label is `index`, or one of oid, index, reading, json."
                raise document.error(("poll", "tables", index, "labels", name), message)
        for name, form in table.metrics.items():
            _check_metric(
                form,
                document,
                ("poll", "tables", index, "metrics", name),
                inside=bool(table.json or table.reading),
            )
    for name, ways in profile.identity.items():
        for way in [ways] if isinstance(ways, Way) else ways:
            _check_pattern(way.pattern, document, ("identity", name))
    _check_pattern(profile.match.sysDescr, document, ("match", "sysDescr"))
    if profile.match.http is not None:
        _check_pattern(profile.match.http.contains, document, ("match", "http", "contains"))
    for key, least in (("every", 5.0), ("timeout", 0.1)):
        try:
            length = seconds(getattr(profile.poll, key))
        except ValueError as error:
            raise document.error(("poll", key), str(error)) from None
        if not least <= length <= 86_400:
            raise document.error(("poll", key), f"poll.{key}: from {least:g} s up to 1 d.")


def _check_metric(form: MetricForm, document: Document, path: Path, *, inside: bool) -> None:
    sources = [one for one in (form.oid, form.register, form.json, form.reading) if one is not None]
    if len(sources) != 1:
        raise document.error(path, f"{path[-1]}: exactly one of oid, register, json, reading.")
    if inside and form.json is None and form.reading is None:
        raise document.error(path, f"{path[-1]}: the table's rows have json or reading fields.")
    unknown = set(form.severity) - set(form.states.values())
    if unknown:
        raise document.error((*path, "severity"), f"severity: there is no state '{min(unknown)}'.")
    if form.kind == "state" and not form.states:
        raise document.error(path, f"{path[-1]}: a state needs its states.")


def _check_pattern(pattern: str | None, document: Document, path: Path) -> None:
    if pattern is None:
        return
    try:
        Pattern(pattern)
    except ValueError as error:
        raise document.error(path, str(error)) from None


def _over(base: Profile, own: Profile) -> Profile:
    tables = {table.name: table for table in (*base.poll.tables, *own.poll.tables)}
    default = Poll()
    return Profile(
        profile=own.profile,
        extends=own.extends,
        ci_class=own.ci_class or base.ci_class,
        vendor=own.vendor or base.vendor,
        transport=own.transport or base.transport,
        match=own.match,
        identity=base.identity | own.identity,
        poll=Poll(
            every=own.poll.every if own.poll.every != default.every else base.poll.every,
            timeout=own.poll.timeout if own.poll.timeout != default.timeout else base.poll.timeout,
            http=own.poll.http or base.poll.http,
            metrics=base.poll.metrics | own.poll.metrics,
            tables=list(tables.values()),
        ),
        neighbours=own.neighbours or base.neighbours,
        alerts=list(dict.fromkeys((*base.alerts, *own.alerts))),
        inspection=list(dict.fromkeys((*base.inspection, *own.inspection))),
        title=own.title or base.title,
    )


def _ways(ways: Way | list[Way]) -> tuple[Way, ...]:
    return (ways,) if isinstance(ways, Way) else tuple(ways)


def _table(form: TableForm, without: set[str]) -> Table:
    return Table(
        name=form.name,
        labels={name: Column() if isinstance(one, str) else one for name, one in form.labels.items()},
        metrics=tuple(_metric(name, one) for name, one in form.metrics.items() if name not in without),
        where=tuple(form.where.values()),
        reading=form.reading,
        json=form.json,
        limit=form.limit,
    )


def _metric(name: str, form: MetricForm) -> Metric:
    oids = () if form.oid is None else (form.oid,) if isinstance(form.oid, str) else tuple(form.oid)
    numbered = all(isinstance(key, int) for key in form.states)
    states = {str(key): (int(key) if numbered else code) for code, key in enumerate(form.states)}
    return Metric(
        name=name,
        oids=tuple(oid(one) for one in oids),
        register=form.register,
        json=form.json,
        reading=form.reading,
        scale=form.scale,
        offset=form.offset,
        unit=form.unit,
        kind=form.kind or ("state" if form.states else "gauge"),
        states=states,
        names={states[str(key)]: word for key, word in form.states.items()},
        severity=dict(form.severity),
        low=form.low,
        high=form.high,
        dead=frozenset(form.dead),
    )
