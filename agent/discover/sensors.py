"""The numbers of a device without a profile that may be readings or states.

ENTITY-SENSOR-MIB (and Cisco's twin) and UPS-MIB say all of it by rule. Every other number is judged
(`agent.discover.readings`) by what speaks for it (`agent.discover.sensor_features`): the words of its column
and module, its unit, type and enumeration, the label of its row, the size of its table and of the value.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator

from agent.discover.enumerations import GRADE_OF, GRADES
from agent.discover.evidence import (
    ENTERPRISES,
    ENTITY,
    Evidence,
    Varbind,
    number_of,
    text_of,
    words_in,
)
from agent.discover.sensor_features import (
    ALONE,
    CISCO_VALUE,
    ENT_VALUE,
    Possible,
    Table,
    column_features,
    family,
    row_features,
    row_neighbours,
    tables_of,
)
from agent.discover.units import LIGHT, LIGHT_W, NUMBER, unit_of

UPS = "1.3.6.1.2.1.33.1."
READ = (
    UPS,
    f"{ENT_VALUE}.",
    "1.3.6.1.2.1.105.1.3.1.1.",
    "1.3.6.1.2.1.25.3.2.1.5.",
    "1.3.6.1.2.1.25.3.5.1.",
    "1.3.6.1.2.1.43.10.2.1.",
    "1.3.6.1.2.1.10.127.1.",
    "1.3.6.1.2.1.131.",
    "1.3.6.1.3.94.1.",
    ENTERPRISES,
)
ENT_KINDS = {
    3: "voltage",
    4: "voltage",
    5: "current",
    6: "power",
    7: "frequency",
    8: "temperature",
    9: "humidity",
    10: "fanspeed",
    11: "airflow",
    12: "state",
    14: "dbm",
}
MAX_LOOKED_AT = 20_000
MAX_MESSAGE = 120
MAX_STATE = 24
_MESSAGE = re.compile(r"(.{2,80}?)\s*[:=]\s*([-+]?\d{1,6}(?:\.\d{1,4})?)\s*([^\d\s]{1,3})(?![^\s,;)])")
_STATES = frozenset("state status health condition presence".split())


def possible(known: Evidence, classes: str) -> list[list[Possible]]:
    """The numbers that may be sensors, column by column; `classes` names the class its words speak for."""
    found: list[list[Possible]] = []
    tables = tables_of(known)
    looked_at = 0
    sizes = Counter(family(stem) for stem in known.columns)
    for stem, rows in known.columns.items():
        if not f"{stem}.".startswith(READ) or stem.startswith(f"{ENTERPRISES}2021."):
            continue
        looked_at += len(rows)
        if looked_at > MAX_LOOKED_AT:
            break
        column = [one for one in _column(known, stem, rows, tables) if one is not None]
        if column:
            table = tables.get(stem.rpartition(".")[0], ALONE)
            shared = column_features(column, sizes[family(stem)], table, classes)
            for one in column:
                one.shared = shared
            found.append(column)
    return found


def _column(
    known: Evidence, stem: str, rows: dict[str, Varbind], tables: dict[str, Table]
) -> Iterator[Possible | None]:
    entry = stem.rpartition(".")[0]
    first = next(iter(rows.values()))
    beside = tables.get(entry, ALONE).stems
    labels = _label_columns(known, stem, beside) if len(rows) > 1 or first.tail != "0" else []
    for index, one in rows.items():
        made = _possible(one)
        if made is None or not math.isfinite(made.number):
            continue
        texts = (text_of(known.columns[at][index].value) for at in labels if index in known.columns[at])
        made.label = made.label or next(filter(None, texts), "")
        if stem in {ENT_VALUE, CISCO_VALUE}:
            _entity_sensor(known, made, index, entry)
        made.row |= row_features(made)
        if not made.kind:
            _written(made)
            made.row |= row_neighbours(known, made, index, beside)
        yield made


def _possible(one: Varbind) -> Possible | None:
    """A number, that of a message such as `Inlet, upper: 48 C`, or a state that is a word; else None."""
    number = number_of(one.value)
    if number is not None:
        return Possible(one, number, "")
    if not isinstance(one.value, bytes) or len(one.value) > MAX_MESSAGE:
        return None
    text = text_of(one.value).strip('"')
    found = _MESSAGE.match(text)
    if found is not None and (unit := unit_of(found[3])) is not None:
        return Possible(one, float(found[2]), found[1].strip(), unit=unit, factor=unit.factor)
    first = next(iter(words_in(text)), "")
    if len(text) <= MAX_STATE and first in GRADE_OF and _STATES & set(one.words):
        return Possible(one, float(list(GRADES).index(GRADE_OF[first])), "", text=text)
    return None


def _label_columns(known: Evidence, stem: str, beside: tuple[str, ...]) -> list[str]:
    """Columns of the same row with texts that name it, best first."""
    if stem in {ENT_VALUE, CISCO_VALUE}:
        return [at for at in (f"{ENTITY}7", f"{ENTITY}2") if at in known.columns]
    named: list[tuple[int, str]] = []
    for other in beside:
        one = next(iter(known.columns[other].values()))
        if isinstance(one.value, bytes) and number_of(one.value) is None and len(one.value) > 1:
            words = set(one.words)
            rank = (
                0
                if words & {"name", "label", "alias"}
                else 1
                if words & {"descr", "description", "descriptor"}
                else 2
            )
            named.append((rank, other))
    return [other for _, other in sorted(named)[:2]]


def _entity_sensor(known: Evidence, made: Possible, index: str, entry: str) -> None:
    """By the rule of ENTITY-SENSOR-MIB: value * 10 ** (3 * (scale - 9)) / 10 ** precision."""
    told = [known.column(f"{entry}.{place}").get(index) for place in (1, 2, 3, 5)]
    kind, scale, precision, status = (one.value if one is not None else None for one in told)
    made.kind = ENT_KINDS.get(kind, "count") if isinstance(kind, int) else ""
    power = 3 * (scale - 9) if isinstance(scale, int) and 0 < scale < 18 else 0
    digits = precision if isinstance(precision, int) and -9 < precision < 10 else 0
    made.factor = 10.0 ** (power - digits) * (35.3147 if made.kind == "airflow" else 1.0)
    watts = abs(made.number) * made.factor
    if made.kind == "power" and watts < LIGHT_W and LIGHT & set(words_in(made.label)):
        made.kind, made.light = "dbm", True
    made.row |= {f"rule {made.kind}": 2.0, f"rule status {status!s}": 1.0, "rule": 1.0}


def _written(made: Possible) -> None:
    """A number with its unit behind it needs no scale."""
    if made.unit is not None:
        made.row[f"told {made.unit.kind}"] = 3.0
        made.row["message"] = 1.0
    if made.text:
        made.row |= {"worded": 1.0, f"worded {list(GRADES)[int(made.number)]}": 1.0}
    if not isinstance(made.bind.value, bytes) or made.unit is not None or made.text:
        return
    text = text_of(made.bind.value)
    found = NUMBER.fullmatch(text)
    unit = unit_of(found[2] or "") if found is not None else None
    if unit is not None:
        made.unit, made.factor = unit, unit.factor
        made.row[f"told {unit.kind}"] = 3.0
    elif "." in text:
        made.row["written point"] = 1.0
