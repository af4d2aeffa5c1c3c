"""The numbers of a device without a profile that may be readings or states, and what speaks for each.

ENTITY-SENSOR-MIB (and Cisco's twin) and UPS-MIB say all of it by rule. Every other number is judged
(`agent.discover.readings`) by the words of its column and module, its unit, type and enumeration, the label
of its row, the size of its table and the size of the value.
"""

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from agent.discover.evidence import (
    ENTERPRISES,
    ENTITY,
    Evidence,
    Varbind,
    number_of,
    text_of,
    words_in,
)
from agent.discover.units import LIGHT, LIGHT_W, NOTHING, NUMBER, Unit, unit_of
from agent.knowledge import Fact, words_of

ENT_VALUE, CISCO_VALUE = "1.3.6.1.2.1.99.1.1.1.4", "1.3.6.1.4.1.9.9.91.1.1.1.1.4"
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
OF_UNIT = {
    "C": "temperature",
    "F": "temperature",
    "C|F": "temperature",
    "V": "voltage",
    "A": "current",
    "W": "power",
    "VA": "power",
    "var": "power",
    "Hz": "frequency",
    "rpm": "fanspeed",
    "dBm": "dbm",
    "dB": "snr",
    "%RH": "humidity",
    "Wh": "power_consumed",
    "kWh": "power_consumed",
    "Pa": "pressure",
    "dBmV": "tv_signal",
    "bps": "bitrate",
    "kbps": "bitrate",
    "Mbps": "bitrate",
    "min": "runtime",
    "%": "percent",
}
OF_WORD = (
    ("temperature", "temperature temp temperatures temps thermal celsius dewpoint fahrenheit degree degrees"),
    ("humidity", "humidity humid hum rh"),
    ("frequency", "frequency freq hz hertz"),
    ("voltage", "voltage volt volts voltages vin vout vdc vac vbat v"),
    ("current", "amperage amp amps ampere amperes milliamps curr current"),
    ("power_consumed", "energy kwh consumed consumption wh watthours"),
    ("power", "watt watts wattage kw va kva power apparent"),
    ("fanspeed", "rpm fan fanspeed fans"),
    ("dbm", "dbm optical rx tx rxpower txpower laser"),
    ("snr", "snr cinr signaltonoise mer"),
    ("signal", "rssi rsrp rsrq signal"),
    ("runtime", "runtime autonomy remaining minutes"),
    ("charge", "charge soc"),
    ("load", "load"),
    ("percent", "percent percentage utilization usage level"),
    ("count", "count total number users sessions clients num"),
    ("pressure", "pressure"),
    ("state", "status state alarm health condition presence fault operational"),
)
# Words of a column that bounds, records or presets a reading instead of telling it.
LIMITS = frozenset(
    """threshold thresh thres thr limit limits high low hi lo max min maximum minimum upper lower critical
    warning warn alarm alert setpoint hysteresis hyst deadband rated nominal config cfg set reset average avg
    peak""".split()
)
GRADES = {
    "good": """ok normal good up online operational healthy active present available nominal ready optimal
        enabled""",
    "bad": """fail failed failure fault faulty bad critical major minor warning alarm error down degraded
        nonrecoverable noncritical abnormal offline lost trouble severe low high""",
    "absent": "absent missing empty unplugged removed disconnected installed inserted exist",
    "unknown": "unknown other undefined invalid na unavailable",
    "choice": "enable disable auto manual none default static dynamic both automatic custom mode",
    "switch": "on off open closed true false yes no",
    "done": "idle progress success successful completed pending running started cancelled initial download",
}
_GRADE_OF = {word: grade for grade, words in GRADES.items() for word in words.split()}
_SCALING = frozenset(
    """scale precision decimal decimals digits divisor exponent multiplier factor resolution""".split()
)
MAX_LOOKED_AT = 20_000
MAX_MESSAGE = 120
MAX_STATE = 24
_MESSAGE = re.compile(r"(.{2,80}?)\s*[:=]\s*([-+]?\d{1,6}(?:\.\d{1,4})?)\s*([^\d\s]{1,3})(?![^\s,;)])")
_STATES = frozenset("state status health condition presence".split())


@dataclass(slots=True)
class Possible:
    """A number that may be a sensor. `kind` and `factor` are set where a standard states them."""

    bind: Varbind
    number: float
    label: str
    row: dict[str, float] = field(default_factory=dict)  # what it and its row tell
    shared: dict[str, float] = field(default_factory=dict)  # what its column tells, one for all rows
    kind: str = ""
    factor: float | None = None
    light: bool = False  # watts of light, told in dBm
    text: str = ""  # of a state that is told as a word; the number is then the place of its grade in `GRADES`
    unit: Unit | None = None  # as the device tells it, behind the number or beside it

    @property
    def features(self) -> dict[str, float]:
        """All that is told of it."""
        return self.row | self.shared


@lru_cache(maxsize=1)
def _word_kinds() -> dict[str, str]:
    found: dict[str, str] = {}
    for kind, words in OF_WORD:
        for word in words.split():
            found.setdefault(word, kind)
    return found


class Table(NamedTuple):
    """The columns of a row, or the scalars of a group."""

    stems: tuple[str, ...]
    shared: int  # leading words that all their names share
    kinds: frozenset[str]  # what words of theirs speak of
    bounded: frozenset[frozenset[str]]  # words of those that bound another, without the words that say so


ALONE = Table((), 0, frozenset(), frozenset())


def possible(known: Evidence, classes: str) -> list[list[Possible]]:
    """The numbers that may be sensors, column by column; `classes` names the class its words speak for."""
    found: list[list[Possible]] = []
    tables = _tables(known)
    looked_at = 0
    sizes = Counter(_family(stem) for stem in known.columns)
    for stem, rows in known.columns.items():
        if not f"{stem}.".startswith(READ) or stem.startswith(f"{ENTERPRISES}2021."):
            continue
        looked_at += len(rows)
        if looked_at > MAX_LOOKED_AT:
            break
        column = [one for one in _column(known, stem, rows, tables) if one is not None]
        if column:
            table = tables.get(stem.rpartition(".")[0], ALONE)
            shared = _shared(column, sizes[_family(stem)], table, classes)
            for one in column:
                one.shared = shared
            found.append(column)
    return found


def _family(stem: str) -> str:
    return ".".join(stem.split(".")[:8])


def _tables(known: Evidence) -> dict[str, Table]:
    """Columns by the row they stand in."""
    found: dict[str, list[str]] = {}
    for stem in known.columns:
        found.setdefault(stem.rpartition(".")[0], []).append(stem)
    return {entry: _table(known, stems) for entry, stems in found.items()}


def _table(known: Evidence, stems: list[str]) -> Table:
    named = [words for stem in stems if (words := next(iter(known.columns[stem].values())).words)]
    shared = 0
    if len(named) > 1:
        pairs = zip(min(named), max(named), strict=False)  # what the first and last in order share, all share
        shared = len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))
    kinds = _word_kinds()
    spoken = frozenset(kinds[word] for words in named for word in words[shared:] if word in kinds)
    bounded = frozenset(frozenset(words[shared:]) - LIMITS for words in named if LIMITS & set(words[shared:]))
    return Table(tuple(stems), shared, spoken, bounded)


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
        made.row |= _row_features(made)
        if not made.kind:
            _written(made)
            made.row |= _siblings(known, made, index, beside)
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
    if len(text) <= MAX_STATE and first in _GRADE_OF and _STATES & set(one.words):
        return Possible(one, float(list(GRADES).index(_GRADE_OF[first])), "", text=text)
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


def _row_features(made: Possible) -> dict[str, float]:
    """What the value and the row's label tell."""
    number = made.number
    size = 0 if number == 0 else math.floor(math.log10(abs(number))) + 1
    found = {f"size {size}": 1.0, "bias": 1.0}
    if number < 0:
        found["negative"] = 1.0
    if number in NOTHING:
        found["nothing"] = 2.0
    if isinstance(made.bind.value, bytes):
        found["written"] = 1.0
        unit = re.sub(r"[-+\d.\s]", "", text_of(made.bind.value))
        if unit:
            found[f"written {unit[:4].lower()}"] = 2.0
    words = [word for word in words_in(made.label[:60]) if not word.isdigit()]
    kinds = _word_kinds()
    for word in words[:8]:
        found[f"label {word}"] = 0.6
        if word in kinds:
            found[f"label of {kinds[word]}"] = 1.0
    return found


def _siblings(known: Evidence, made: Possible, index: str, beside: tuple[str, ...]) -> dict[str, float]:
    """Units, types and kinds that stand in the same row as words or enumerated numbers."""
    found: dict[str, float] = {}
    for other in beside:
        if other == made.bind.stem:
            continue
        one = known.columns[other].get(index)
        if one is None or one.fact is None:
            continue
        words = set(one.words)
        if not words & ({"type", "unit", "units", "class", "sensor"} | _SCALING):
            continue
        told = (
            text_of(one.value)
            if isinstance(one.value, bytes)
            else labels(one.fact.enum).get(str(one.value), "")
        )
        kinds = _word_kinds()
        if words & {"unit", "units"} and made.unit is None and (unit := unit_of(told)) is not None:
            made.unit = unit
            found |= {f"told {unit.kind}": 3.0, f"beside unit {told[:6].lower()}": 1.0}
        for word in words_of(told)[:3] or words_in(told)[:3]:
            found[f"beside {word}"] = 1.0
            if word in kinds:
                found[f"beside of {kinds[word]}"] = 1.0
        if words & _SCALING:
            found[f"scale beside {str(one.value)[:4]}"] = 1.0
    return found


@lru_cache(maxsize=4_096)
def labels(enum: str) -> dict[str, str]:
    """An enumeration's words by number."""
    return dict(pair.split("=", 1) for pair in enum.split(",") if "=" in pair)


def _shared(column: list[Possible], size: int, table: Table, classes: str) -> dict[str, float]:
    """What the column tells of all its rows."""
    one = column[0].bind
    fact = one.fact
    found = {
        f"rows {min(len(column), 512).bit_length()}": 1.0,
        f"family {min(size, 512).bit_length()}": 1.0,
        f"wide {min(len(table.stems), 64).bit_length()}": 0.7,
        f"class {classes}": 0.7,
    }
    values = {item.number for item in column}
    if len(column) > 2:
        found[f"different {min(4, len(values))}"] = 0.7
    if all(item.number == 0 for item in column):
        found["all zero"] = 1.0
    if fact is None:
        found["unnamed"] = 1.0
        return found
    words = words_of(fact.name)
    kinds = _word_kinds()
    found |= _own(words, table) | _typed(fact)
    found |= {f"word {word}": 1.0 for word in words}
    found |= {f"pair {a} {b}": 0.6 for a, b in itertools.pairwise(words)}
    found |= {f"last {word}": 0.8 for word in words[-1:]} | {f"end {' '.join(words[-2:])}": 0.8}
    found |= {f"word of {kinds[word]}": 1.0 for word in words if word in kinds}
    found |= {f"module {word}": 0.4 for word in words_of(fact.module)}
    found |= {
        f"unit {fact.unit}": 1.2,
        f"hint {fact.hint}": 0.4,
        f"scale {fact.scale}": 0.8,
        f"syntax {fact.syntax}": 0.6,
        f"kind {fact.kind}": 0.6,
        f"unit of {OF_UNIT.get(fact.unit, '')}": 1.0,
    }
    if not one.stem.startswith(ENTERPRISES) or one.stem == CISCO_VALUE:
        found[f"column {one.stem}"] = 2.0
    else:
        found[f"object {fact.name}"] = 1.0
    if fact.enum:
        listed = labels(fact.enum)
        found[f"enum {min(len(listed), 8)}"] = 1.0
        found |= {f"enum {word}": 0.5 for text in list(listed.values())[:10] for word in words_of(text)[:2]}
        found |= graded(fact.enum)
        found["enum"] = 1.0
        known = sum(str(int(item.number)) in listed for item in column)
        found["enum fits" if known == len(column) else "enum misfits"] = 0.7
    else:
        found["no enum"] = 1.0
    return found


def _own(words: tuple[str, ...], table: Table) -> dict[str, float]:
    """What a column's name says that its neighbours' names do not, and what they say of it."""
    own = words[table.shared :] or words[-1:]
    found = {f"own {' '.join(own[:4])}": 1.0, f"own words {min(len(own), 4)}": 0.5}
    found |= {f"of {word}": 0.5 for word in words[: table.shared]}
    found |= {f"near of {kind}": 0.5 for kind in sorted(table.kinds)}
    if LIMITS & set(own):
        found["limit"] = 1.0
    elif frozenset(own) in table.bounded:
        found["bounded"] = 1.0
    if table.bounded:
        found["bounds beside"] = 1.0
    return found


def _typed(fact: Fact) -> dict[str, float]:
    """Whether it is a setting, the convention of its type and its range."""
    what = "choice" if fact.enum else "number"
    found = {f"access {fact.access}": 1.0, f"access {fact.access} {what}": 1.0}
    if fact.convention:
        found[f"type {fact.convention}"] = 0.7
        found |= {f"type word {word}": 0.6 for word in words_of(fact.convention)}
    if fact.range:
        found[f"range {fact.range}"] = 0.7
    return found


@lru_cache(maxsize=4_096)
def graded(enum: str) -> dict[str, float]:
    """What the words of an enumeration tell: health, presence, a choice, the progress of a task."""
    words = [word for text in labels(enum).values() for word in words_of(text)]
    grades = Counter(_GRADE_OF[word] for word in words if word in _GRADE_OF)
    found = {f"grade {grade}": 1.0 for grade in sorted(grades)}
    found[f"grades {' '.join(sorted(grades))}"] = 1.0
    return found
