"""A plan over readings by name, JSON pages and registers: facts to values."""

from collections.abc import Callable, Iterable

from agent.identity import identity
from agent.measure import Apart, Raw, converter, counts, missing, text
from agent.reading import Reading, Value
from agent.transports import modbus
from agent.transports.facts import Facts
from agent.transports.http import pointer
from rules.plan import Metric, Plan, Table
from rules.profile_form import Register, Way

Row = dict[str, Raw]


def reading_of(plan: Plan, facts: Facts) -> Reading:
    """The plan's values out of a transport's facts."""

    def look(way: Way | Metric) -> Raw:
        if way.json is not None:
            return _scalar(pointer(facts.document, way.json))
        return facts.readings.get(way.reading or "")

    values = [_value(metric, look(metric)) for metric in plan.scalars]
    for table in plan.tables:
        values += _table(table, facts)
    return Reading(
        up=True,
        values=tuple(values),
        identity=facts.about | identity(plan, look, sys_descr=text(facts.readings.get("banner"))),
        relations=tuple(facts.relations),
        interfaces=facts.interfaces,
        links=facts.links,
        rtt_s=facts.rtt_s,
        truncated=facts.truncated,
    )


def _scalar(found: object) -> Raw:
    """A JSON value as a raw one; lists and objects are none."""
    return found if isinstance(found, str | int | float | bool) else None


def _value(metric: Metric, raw: Raw) -> Value:
    return missing(metric) if raw is None else converter(metric)(raw, ())


def _table(table: Table, facts: Facts) -> list[Value]:
    rows, get = _rows(table, facts)
    apart, values = Apart(), list[Value]()
    converters = [(metric, converter(metric)) for metric in table.metrics]
    count = 0
    for number, row in enumerate(rows):
        if count >= table.limit:
            facts.truncated = True
            break
        if not all(counts(one, text(get(row, one.reading, one.json))) for one in table.where):
            continue
        count += 1
        pairs = {
            name: text(get(row, column.reading, column.json)) or str(number + 1)
            for name, column in table.labels.items()
        }
        labels = apart.labels(pairs)
        for metric, convert in converters:
            raw = get(row, metric.reading, metric.json)
            if raw is not None:
                values.append(convert(raw, labels))
    return values


Get = Callable[[object, str | None, str | None], Raw]


def _rows(table: Table, facts: Facts) -> tuple[Iterable[object], Get]:
    """A table's rows, and how a field of a row is got by its reading or its JSON pointer."""

    def get(row: object, reading: str | None, path: str | None) -> Raw:
        if path is not None:
            return _scalar(pointer(row, path))
        return _scalar(row.get(reading or "")) if isinstance(row, dict) else None

    if table.json is None:
        return facts.tables.get(table.reading or table.name, []), get
    found = pointer(facts.document, table.json)
    if isinstance(found, dict):
        return list(found.values()), get
    return (found if isinstance(found, list) else []), get


def registers_of(plan: Plan) -> list[Register]:
    """All registers that a plan reads."""
    found = [metric.register for metric in plan.scalars]
    found += [metric.register for table in plan.tables for metric in table.metrics]
    found += [way.register for ways in plan.identity.values() for way in ways]
    return [one for one in found if one is not None]


def reading_of_words(plan: Plan, words: modbus.Words, rtt_s: float) -> Reading:
    """The plan's values out of Modbus words."""

    def look(way: Way | Metric) -> Raw:
        return None if way.register is None else modbus.value_of(way.register, words)

    values = tuple(_value(metric, look(metric)) for metric in plan.scalars)
    return Reading(up=True, values=values, identity=identity(plan, look), rtt_s=rtt_s)
