"""Packaged profiles against what makers' documents say of the objects they name.

The documents stand in `agent.knowledge`. Scale and unit are held against the UNITS clause and the display
hint alone: what the text of a description says was read by a program, and is less sure than the profile.
"""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from agent.knowledge import Fact, key_of, packaged
from build_assets.knowledge import MAX_ENUM
from rules import profile
from rules.plan import Metric, plan

LONGEST_WORD = 60  # of an enumeration; one that is nearly MAX_ENUM long was cut
ENDS = {  # the last word of a metric's name, and what one of a document's units is in it
    "C": {"celsius": 1.0},
    "V": {"volts": 1.0},
    "A": {"amperes": 1.0},
    "W": {"watts": 1.0},
    "kW": {"watts": 1e3},
    "VA": {"voltamperes": 1.0},
    "kVA": {"voltamperes": 1e3},
    "Hz": {"hertz": 1.0},
    "%": {"ratio": 0.01},
    "rpm": {"rpm": 1.0},
    "dBm": {"dbm": 1.0},
    "dB": {"decibels": 1.0},
    "s": {"seconds": 1.0, "battery": 1.0},  # time on battery
    "min": {"seconds": 60.0, "battery": 60.0},
    "Wh": {"total": 3600.0},
    "kWh": {"total": 3.6e6},
    "Pa": {"pascals": 1.0},
}
SURE = ("units", "hint")
OTHERWISE = {  # where the clause is not what the device sends, and why the profile does not follow it
    "HUAWEI-SITE-MONITOR-MIB": "devices send tenths of the units named",
    "upduRcmCurrentRms": "the clause is mA/10, of which the document reader understands mA",
    "upduRcmCurrentDc": "the clause is mA/10, of which the document reader understands mA",
}


class Use(NamedTuple):
    """A metric of a profile at a place that the documents know."""

    profile: str
    metric: Metric
    column: bool  # of a table
    tail: str  # what stands behind the object in the profile's OID
    fact: Fact

    def __str__(self) -> str:
        fact = self.fact
        return f"{self.profile}: {self.metric.name} = {fact.module}::{fact.name}.{self.tail}"


def places() -> Iterator[tuple[str, str, Metric, bool]]:
    for name, one in profile.packaged().items():
        if one.transport == "snmp":
            compiled = plan(one)
            yield from ((oid, name, metric, False) for metric in compiled.scalars for oid in metric.oids)
            for table in compiled.tables:
                yield from ((oid, name, metric, True) for metric in table.metrics for oid in metric.oids)


@cache
def uses() -> list[Use]:
    known = packaged()
    said: list[Use] = []
    for oid, name, metric, column in sorted(places(), key=lambda place: (key_of(place[0]), place[1])):
        named = known.named(oid)
        if named is not None:
            said.append(Use(name, metric, column, named.tail, named.fact))
    return said


def test_most_objects_of_the_profiles_are_known() -> None:
    assert len(uses()) > 0.8 * sum(1 for _ in places())


def test_a_table_reads_columns_and_a_scalar_its_one_instance() -> None:
    wrong = [
        str(use)
        for use in uses()
        if (use.column and (use.fact.kind != "c" or use.tail))
        or (not use.column and (use.tail != "0" if use.fact.kind == "s" else not use.tail))
    ]
    assert not wrong


def test_states_are_values_of_the_enumeration() -> None:
    wrong = []
    for use in uses():
        values = {one.partition("=")[0] for one in use.fact.enum.split(",") if "=" in one}
        whole = len(use.fact.enum) + LONGEST_WORD < MAX_ENUM
        if values and whole and (beyond := use.metric.states.keys() - values):
            wrong.append(f"{use}: {sorted(beyond)}")
    assert not wrong


def test_a_number_has_the_unit_and_the_scale_of_its_document() -> None:
    wrong = []
    for use in uses():
        metric, fact = use.metric, use.fact
        ends = ENDS.get(fact.unit)
        excused = OTHERWISE.keys() & {fact.module, fact.name}
        if metric.states or metric.factor or ends is None or excused or not fact.hint.startswith(SURE):
            continue
        share = ends.get(metric.name.rpartition("_")[2])
        scale = float(fact.scale or 1) * (share or 1)
        rate = metric.name.endswith("_count")  # so many a second
        if not rate and (share is None or abs(metric.scale - scale) > 1e-6 * scale):
            wrong.append(f"{use}: {metric.scale:g}, and {fact.scale or 1} {fact.unit} in the document")
    assert not wrong
