"""What a profile says of a device, read from its answers alone: no network, no clock.

`choose` finds the profile that fits best, `read` tells what it says: who the device is, and its sensors in
the kinds and units of `agent.discover.found.Sensor`. `wanted` lists what the profile asks for, so that a
probe can read it before. All take answers as OID -> value, as a walk brings them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from agent.discover.evidence import SYS_DESCR, SYS_OBJECT_ID, enterprise_of, text_of
from agent.discover.found import Guess, Sensor
from agent.discover.lexicon import CLASSES
from agent.discover.traits import AGENTS
from agent.discover.units import UNIT_OF
from agent.identity import Look, answer, each
from agent.measure import Raw, converter, counts, factor_of, scaled, text
from rules.plan import Metric, Plan, Table, plan
from rules.profile import Profile, asked, rank
from rules.profile_form import Column, Way, Where

PLAIN = 500  # from here on a profile matched by sysObjectID or sysDescr, not by what many devices answer
GENERAL = "maker"  # where no profile fits: what a name in sysDescr tells
SURE = 0.95
FIELDS = ("device_class", "vendor", "model", "version", "serial")
SAME_CLASS = {  # finer in the CMDB than in recognition: the class that such a device is recognised as
    "access_device": "other",
    "ats": "pdu",
    "environment_monitor": "environment_sensor",
    "fibre_converter": "other",
    "generator": "other",
}
TO_UNIT = {  # from the unit of a metric to that of the sensor's kind
    "ratio": 100.0,
    "seconds": 1 / 60,
    "joules": 1 / 3_600_000,
    "pascals": 1e-3,
}
Rows = Mapping[str, Mapping[str, Raw]]  # column -> index -> value


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a profile reads: instances by GET, columns by walking, side by side where they stand together."""

    instances: tuple[str, ...] = ()
    columns: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What a profile says of a device. `covers`: columns and instances that nobody else need guess."""

    profile: str
    guesses: Mapping[str, Guess] = field(default_factory=dict)
    sensors: tuple[Sensor, ...] = ()
    covers: frozenset[str] = frozenset()


def choose(values: Mapping[str, Raw], profiles: Mapping[str, Profile], *, banner: str = "") -> str:
    """The name of the profile that fits best; "" where only what many devices answer speaks for one."""
    object_id, descr = text_of(values.get(SYS_OBJECT_ID)).strip("."), text_of(values.get(SYS_DESCR))
    best, most = "", 0
    for name, one in sorted(profiles.items()):
        if not reads(one):
            continue
        points = rank(
            one, sys_object_id=object_id, sys_descr=descr, answered=_answered(one, values), banner=banner
        )
        if points > most:
            best, most = name, points
    return best if most >= PLAIN else GENERAL if GENERAL in profiles else ""


def reads(profile: Profile) -> bool:
    """Whether a profile is of devices that are asked over SNMP."""
    return (profile.transport or "snmp") == "snmp"


def _answered(one: Profile, values: Mapping[str, Raw]) -> frozenset[str]:
    return frozenset(oid.strip(".") for oid in asked(one.match) if oid.strip(".") in values)


def wanted(profile: Profile) -> Wanted:
    """What to ask a device of this profile."""
    whole = plan(profile, identify=True)
    instances = [oid for one in whole.scalars for oid in (*one.oids, *(by.oid for by in one.factor))]
    columns: list[tuple[str, ...]] = []
    for ways in whole.identity.values():
        for way in each(ways):
            if way.oid is not None:
                instances.append(way.oid.strip("."))
            if way.column is not None:
                columns.append((way.column.strip("."),))
    columns += [tuple(_columns(table)) for table in whole.tables if _columns(table)]
    return Wanted(tuple(dict.fromkeys(instances)), tuple(dict.fromkeys(columns)))


def read(values: Mapping[str, Raw], profile: Profile) -> Told:
    """What a profile says of a device, by what it answered."""
    whole = plan(profile, identify=True)
    rows = _rows(values, whole)
    sensors = (*_scalars(values, whole), *(one for table in whole.tables for one in _table(rows, table)))
    covers = {oid for one in whole.scalars for oid in one.oids}
    covers |= {oid for table in whole.tables for one in table.metrics for oid in one.oids}
    return Told(profile.profile, _guesses(values, rows, profile, whole), sensors, frozenset(covers))


def _guesses(values: Mapping[str, Raw], rows: Rows, profile: Profile, whole: Plan) -> dict[str, Guess]:
    object_id = text_of(values.get(SYS_OBJECT_ID)).strip(".")
    reason = f"profile {profile.profile}"
    plain = SAME_CLASS.get(profile.ci_class or "", profile.ci_class or "")
    every_kind = enterprise_of(object_id) in AGENTS and profile.match.sysDescr is None
    found: dict[str, Guess] = {}
    if plain in CLASSES and plain != "other" and not every_kind:
        found["device_class"] = Guess(plain, SURE, reason, "profile")
    if profile.vendor:
        found["vendor"] = Guess(profile.vendor, SURE, reason, "profile")
    look, descr = _look(values, rows), text_of(values.get(SYS_DESCR))
    for name in FIELDS:
        for way in whole.identity.get(name, ()):
            said = text_of(answer(way, look, sys_descr=descr, sys_object_id=object_id).encode())
            if said:
                found[name] = Guess(said, way.sure, reason, "profile")
                break
    return found


def _look(values: Mapping[str, Raw], rows: Rows) -> Look:
    def look(way: Way) -> Raw:
        if way.column is not None:
            return next((one for one in rows.get(way.column.strip("."), {}).values() if text_of(one)), None)
        if way.below is not None:
            roots = [way.below] if isinstance(way.below, str) else way.below
            stems = tuple(root.strip(".") + "." for root in roots)
            return next((oid for oid in values if oid.startswith(stems)), None)
        return values.get((way.oid or "").strip("."))

    return look


def _columns(table: Table) -> list[str]:
    every = [one.oid for one in table.labels.values()] + [one.oid for one in table.where]
    every += [oid for one in table.metrics for oid in (*one.oids, *(by.oid for by in one.factor))]
    return list(dict.fromkeys(one.strip(".") for one in every if one is not None))


def _rows(values: Mapping[str, Raw], whole: Plan) -> Rows:
    """The rows of all columns the plan names, found in one pass."""
    names = {oid for table in whole.tables for oid in _columns(table)}
    names |= {
        way.column.strip(".")
        for ways in whole.identity.values()
        for way in each(ways)
        if way.column is not None
    }
    found: dict[str, dict[str, Raw]] = {name: {} for name in names}
    lengths = sorted({name.count(".") + 1 for name in names})
    for oid, value in values.items() if names else ():
        arcs = oid.split(".")
        for length in lengths:
            if length >= len(arcs):
                break
            rows = found.get(".".join(arcs[:length]))
            if rows is not None:
                rows[".".join(arcs[length:])] = value
    return found


def _scalars(values: Mapping[str, Raw], whole: Plan) -> Iterator[Sensor]:
    for metric in whole.scalars:
        oid = next((one for one in metric.oids if one in values), "")
        if oid:
            share = 1.0
            for by in metric.factor:
                share *= factor_of(by, values.get(by.oid))
            yield from _sensor(metric, oid, values[oid], share, "")


def _table(rows: Rows, table: Table) -> Iterator[Sensor]:
    indices: dict[str, None] = {}
    for metric in table.metrics:
        for oid in metric.oids:
            indices |= dict.fromkeys(rows.get(oid, ()))
    counted = [index for index in indices if _counts(rows, table, index)][: table.limit]
    for index in counted:
        said = [_label(rows, column, index) for column in table.labels.values()]
        label = " ".join(dict.fromkeys(filter(None, said)))
        for metric in table.metrics:
            column = next((oid for oid in metric.oids if index in rows.get(oid, ())), "")
            if column:
                share = 1.0
                for by in metric.factor:
                    share *= factor_of(by, rows.get(by.oid, {}).get(index))
                yield from _sensor(metric, f"{column}.{index}", rows[column][index], share, label)


def _counts(rows: Rows, table: Table, index: str) -> bool:
    def word(where: Where) -> str:
        if where.index is not None:
            parts = index.split(".")
            return parts[where.index - 1] if 1 <= where.index <= len(parts) else ""
        return text(rows.get((where.oid or "").strip("."), {}).get(index))

    return all(counts(one, word(one)) for one in table.where)


def _label(rows: Rows, column: Column, index: str) -> str:
    if column.oid is not None:
        return text_of(rows.get(column.oid.strip("."), {}).get(index)) or index
    parts = index.split(".")
    return parts[column.index - 1] if column.index is not None and column.index <= len(parts) else index


def _sensor(metric: Metric, oid: str, raw: Raw, share: float, label: str) -> Iterator[Sensor]:
    if metric.measures == "nothing":
        return
    convert = converter(scaled(metric, share) if share != 1.0 else metric)
    value = convert(raw, ())
    if value.value is None or value.reason:
        return
    title = metric.title or metric.name.replace("_", " ")
    name = f"{label} {title}".strip()[:120]
    if metric.measures == "state":
        word = metric.names.get(int(value.value), "")
        yield Sensor("state", name, value.value, "", oid, word, SURE, "profile")
        return
    by = 1.0
    if metric.measures != "fanspeed" or metric.name.endswith("_ratio"):
        by = next((scale for end, scale in TO_UNIT.items() if end in metric.name.split("_")[-2:]), 1.0)
    unit = "%" if metric.name.endswith("_ratio") else UNIT_OF.get(metric.measures, "")
    yield Sensor(metric.measures, name, round(value.value * by, 6), unit, oid, "", SURE, "profile")
