"""What one poll asks: a profile compiled to values with their places, scales and states."""

from dataclasses import dataclass, field
from typing import Any

from rules.document import seconds
from rules.profile_form import (
    Column,
    Factor,
    Kind,
    Measure,
    MetricForm,
    Profile,
    Register,
    TableForm,
    Transport,
    Way,
    Where,
)


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
    factor: tuple[Factor, ...] = ()
    transform: str | None = None
    unit: str = ""
    measures: Measure = "nothing"
    title: str = ""  # English
    kind: Kind = "gauge"
    states: dict[str, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    severity: dict[str, str] = field(default_factory=dict)
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
    identity: dict[str, tuple[Way, ...]] = field(default_factory=dict)
    neighbours: str = ""

    def metric(self, name: str) -> Metric | None:
        """The metric of a name, scalar or column."""
        for one in (*self.scalars, *(m for table in self.tables for m in table.metrics)):
            if one.name == name:
                return one
        return None


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
        transform=form.transform,
        factor=tuple(Factor(oid(one.oid), one.as_) for one in form.factor),
        unit=form.unit,
        measures=form.measures or measured(name, form),
        title=form.title.get("en", ""),
        kind=form.kind or ("state" if form.states else "gauge"),
        states=states,
        names={states[str(key)]: word for key, word in form.states.items()},
        severity=dict(form.severity),
        low=form.low,
        high=form.high,
        dead=frozenset(form.dead),
    )


_OF_END: dict[str, Measure] = {
    "celsius": "temperature",
    "volts": "voltage",
    "amperes": "current",
    "watts": "power",
    "voltamperes": "power",
    "hertz": "frequency",
    "rpm": "fanspeed",
    "dbm": "dbm",
    "decibels": "snr",
    "pascals": "pressure",
    "count": "count",
}
_OF_RATIO: tuple[tuple[str, Measure], ...] = (
    ("humidity", "humidity"),
    ("charge", "charge"),
    ("load", "load"),
    ("fan", "fanspeed"),
)


def measured(name: str, form: MetricForm) -> Measure:
    """What kind of sensor a metric is, by the end of its name; "nothing" where it is none of the device."""
    if form.states:
        return "state"
    if name.endswith("_joules_total"):
        return "power_consumed"
    if form.kind == "counter":
        return "nothing"
    words = name.split("_")
    if words[-1] == "ratio":
        return next((kind for word, kind in _OF_RATIO if word in words), "nothing")
    if words[-1] == "seconds":
        return "runtime" if {"runtime", "remaining", "autonomy"} & set(words) else "nothing"
    return _OF_END.get(words[-1], "nothing")


def oid(text: str) -> str:
    """An OID without its leading dot."""
    return text.removeprefix(".")
