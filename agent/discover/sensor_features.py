"""What speaks for a number being a reading or a state: words, units, types, neighbours, size."""

import itertools
import math
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from agent.discover.enumerations import graded, labels
from agent.discover.evidence import (
    ENTERPRISES,
    Evidence,
    Varbind,
    text_of,
    words_in,
)
from agent.discover.units import NOTHING, Unit, unit_of
from agent.knowledge import Fact, words_of

ENT_VALUE, CISCO_VALUE = "1.3.6.1.2.1.99.1.1.1.4", "1.3.6.1.4.1.9.9.91.1.1.1.1.4"
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
_SCALING = frozenset(
    """scale precision decimal decimals digits divisor exponent multiplier factor resolution""".split()
)


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


def family(stem: str) -> str:
    """The first eight numbers of an OID: of an enterprise's objects, its number and the next below it."""
    return ".".join(stem.split(".")[:8])


def tables_of(known: Evidence) -> dict[str, Table]:
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


def row_features(made: Possible) -> dict[str, float]:
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


def row_neighbours(known: Evidence, made: Possible, index: str, beside: tuple[str, ...]) -> dict[str, float]:
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


def column_features(column: list[Possible], size: int, table: Table, classes: str) -> dict[str, float]:
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
