"""What a profile says of a device that exists nowhere, from its answers alone."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.discover.by_profile import choose, read, wanted
from agent.discover.evidence import SYS_DESCR, SYS_OBJECT_ID
from agent.discover.found import Found, Sensor
from agent.discover.profiled import profiled
from agent.transports.ber import Raw
from rules import profile
from rules.document import DocumentError

MAKER = "1.3.6.1.4.1.64999"
QUELLE = f"""profile: quellstrom
vendor: Quellstrom
match: {{sysObjectID: [{MAKER}]}}
identity:
  device_class:
    - {{pattern: "(?i)wandler", value: ups}}
    - {{below: {MAKER}.7, value: pdu}}
    - {{by_sysObjectID: {{{MAKER}.3: switch, {MAKER}.3.9: router}}}}
  model:
    - {{join: [{{oid: {MAKER}.1.1.0}}, {{oid: {MAKER}.1.2.0}}], value: "{{}}-{{}}"}}
    - {{pattern: "box (\\\\d+)", value: "Box {{}}"}}
  version: {{column: {MAKER}.5.1.4}}
  serial: {{oid: {MAKER}.1.9.0, words: {{7: seven}}}}
poll:
  metrics:
    box_inlet_celsius: {{oid: {MAKER}.2.1.0, factor: [{{oid: {MAKER}.2.2.0, as: decimals}}], unit: °C}}
    box_state: {{oid: {MAKER}.2.3.0, states: {{1: normal, 2: failed}}}}
    box_charge_ratio: {{oid: {MAKER}.2.4.0, scale: 0.01, low: 0, high: 1}}
    box_runtime_seconds: {{oid: {MAKER}.2.5.0, scale: 60}}
  tables:
    - name: lines
      labels: {{line: {{oid: {MAKER}.6.1.2}}}}
      where: {{kind: {{oid: {MAKER}.6.1.3, is: [5]}}}}
      metrics:
        box_volts: {{oid: {MAKER}.6.1.4, factor: [{{oid: {MAKER}.6.1.5, as: si}}], unit: V}}
"""
LIBRARY = {"quellstrom": profile.read(QUELLE, "quellstrom.yaml")}
DEVICE: dict[str, Raw] = {SYS_DESCR: b"box 12", SYS_OBJECT_ID: f"{MAKER}.3.9.1"}


def told(more: Mapping[str, Raw]) -> dict[str, str]:
    said = read(DEVICE | dict(more), LIBRARY["quellstrom"])
    return {name: guess.value for name, guess in said.guesses.items()}


def sensors(more: Mapping[str, Raw]) -> dict[str, Sensor]:
    return {one.oid: one for one in read(DEVICE | dict(more), LIBRARY["quellstrom"]).sensors}


def test_the_ways_of_a_field_are_tried_in_order_and_the_longest_prefix_of_a_table_counts() -> None:
    assert told({})["device_class"] == "router"
    assert told({f"{MAKER}.7.1.0": 4})["device_class"] == "pdu"
    assert told({f"{MAKER}.7.1.0": 4, SYS_DESCR: b"Wandler"})["device_class"] == "ups"
    assert told({SYS_OBJECT_ID: f"{MAKER}.33"}).get("device_class") is None


def test_parts_are_joined_only_where_all_answer() -> None:
    assert told({})["model"] == "Box 12"
    assert told({f"{MAKER}.1.1.0": b"QW"})["model"] == "Box 12"
    assert told({f"{MAKER}.1.1.0": b"QW", f"{MAKER}.1.2.0": b"4"})["model"] == "QW-4"


def test_a_column_answers_by_its_first_row_that_says_something() -> None:
    rows: dict[str, Raw] = {f"{MAKER}.5.1.4.1": b"", f"{MAKER}.5.1.4.2": b"2.7", f"{MAKER}.5.1.4.3": b"9"}
    assert told(rows)["version"] == "2.7"
    assert "version" not in told({})


@pytest.mark.parametrize(("number", "word"), [(7, "seven"), (8, None)])
def test_words_say_what_a_value_means(number: int, word: str | None) -> None:
    assert told({f"{MAKER}.1.9.0": number}).get("serial") == word


@given(st.integers(-400, 1_200), st.integers(0, 3))
def test_a_neighbour_says_the_decimals(raw: int, decimals: int) -> None:
    (one,) = sensors({f"{MAKER}.2.1.0": raw, f"{MAKER}.2.2.0": decimals}).values()
    assert (one.kind, one.unit) == ("temperature", "C")
    assert one.value == pytest.approx(raw / 10**decimals, abs=1e-6)


def test_only_rows_that_count_are_sensors_and_each_has_its_own_scale() -> None:
    entry = f"{MAKER}.6.1"
    rows: dict[str, Raw] = {}
    for index, (kind, value, si) in {1: (5, 231_000, 8), 2: (4, 12, 9), 3: (5, 11, 10)}.items():
        rows |= {f"{entry}.2.{index}": f"line {index}".encode(), f"{entry}.3.{index}": kind}
        rows |= {f"{entry}.4.{index}": value, f"{entry}.5.{index}": si}
    found = sensors(rows)
    assert {oid: one.value for oid, one in found.items()} == {f"{entry}.4.1": 231, f"{entry}.4.3": 11_000}
    assert found[f"{entry}.4.1"].name == "line 1 box volts"


def test_ratios_are_told_in_per_cent_and_runtimes_in_minutes_and_nonsense_not_at_all() -> None:
    found = sensors({f"{MAKER}.2.4.0": 97, f"{MAKER}.2.5.0": 42, f"{MAKER}.2.3.0": 2})
    assert [(one.kind, one.value, one.unit, one.state) for one in found.values()] == [
        ("state", 2, "", "failed"),
        ("charge", 97, "%", ""),
        ("runtime", 42, "min", ""),
    ]
    assert sensors({f"{MAKER}.2.4.0": 250, f"{MAKER}.2.3.0": 9, f"{MAKER}.2.5.0": b"soon"}) == {}


def test_what_a_profile_reads_it_also_wants() -> None:
    asked = wanted(LIBRARY["quellstrom"])
    assert {f"{MAKER}.2.1.0", f"{MAKER}.2.2.0", f"{MAKER}.1.2.0", f"{MAKER}.1.9.0"} <= set(asked.instances)
    assert (f"{MAKER}.5.1.4",) in asked.columns
    assert tuple(f"{MAKER}.6.1.{column}" for column in (2, 3, 4, 5)) in asked.columns


def test_a_profile_is_chosen_by_more_than_what_many_devices_answer() -> None:
    assert choose(DEVICE, LIBRARY) == "quellstrom"
    other = profile.read("profile: other\nmatch: {answers: 1.3.6.1.2.1.1.1.0}", "other.yaml")
    assert choose({SYS_DESCR: b"x", SYS_OBJECT_ID: "1.3.6.1.4.1.5"}, {"other": other}) == ""


def test_an_agents_number_alone_does_not_tell_whose_device_it_is() -> None:
    agent = "1.3.6.1.4.1.8072.3.2.10"
    plain = profile.read(f"profile: plain\nmatch: {{sysObjectID: [{agent}]}}", "plain.yaml")
    box = profile.read(
        f"profile: box\nmatch: {{sysObjectID: [{agent}], requires: [{MAKER}.1.0]}}", "box.yaml"
    )
    library = {"box": box, "plain": plain}
    assert choose({SYS_OBJECT_ID: agent}, library) == "plain"
    assert choose({SYS_OBJECT_ID: agent, f"{MAKER}.1.0": 1}, library) == "box"
    assert choose({SYS_OBJECT_ID: "1.3.6.1.4.1.5", f"{MAKER}.1.0": 1}, library) == ""


def test_a_greeting_finds_a_profile_only_where_no_name_does() -> None:
    door = profile.read('profile: door\nmatch: {banner: "(?i)doorkeeper"}', "door.yaml")
    assert profile.rank(door, banner="SSH-2.0-DoorKeeper_3") == 400
    assert profile.rank(door, banner="SSH-2.0-OpenSSH_9.6") == 0


def test_rows_count_by_a_part_of_their_index() -> None:
    text = f"""profile: box
poll:
  tables:
    - name: readings
      labels: {{outlet: {{index: 2}}}}
      where: {{type: {{index: 3, is: [4]}}}}
      metrics: {{outlet_volts: {{oid: {MAKER}.8.1}}}}
"""
    rows: dict[str, Raw] = {f"{MAKER}.8.1.1.{outlet}.{kind}": 230 for outlet in (1, 2) for kind in (1, 4)}
    told = read(rows, profile.read(text, "box.yaml")).sensors
    assert [(one.name, one.oid.rpartition(".")[2]) for one in told] == [
        ("1 outlet volts", "4"),
        ("2 outlet volts", "4"),
    ]


def test_a_profile_stands_in_for_guesses_at_its_places_and_leaves_the_others() -> None:
    found = Found("", facts={"sysDescr": "box 12", "sysObjectID": f"{MAKER}.3"})
    found.sensors = tuple(
        Sensor("count", "guessed", 1, "", oid, source="learned")
        for oid in (f"{MAKER}.2.4.0", f"{MAKER}.6.1.4.2", f"{MAKER}.9.9.0")
    )
    profiled(found, DEVICE | {f"{MAKER}.2.4.0": 50}, LIBRARY)
    assert [(one.oid, one.source) for one in found.sensors] == [
        (f"{MAKER}.2.4.0", "profile"),
        (f"{MAKER}.9.9.0", "learned"),
    ]


@pytest.mark.parametrize(
    ("way", "says"),
    [
        ("{oid: 1.3.6.1.1, column: 1.3.6.1.2}", "one of oid"),
        ("{below: 1.3.6.1.1}", "needs the value"),
        ("{}", "answers nothing"),
        ("{value: toaster}", "no class 'toaster'"),
        ("{by_sysObjectID: {1.3.6.1: toaster}}", "no class 'toaster'"),
    ],
)
def test_a_way_that_cannot_be_is_refused(way: str, says: str) -> None:
    with pytest.raises(DocumentError, match=says):
        profile.read(f"profile: box\nidentity: {{device_class: [{way}]}}", "box.yaml")


RAW = st.one_of(st.integers(-(2**40), 2**64), st.binary(max_size=40), st.none(), st.floats())


PLACES = "1.1.0 1.2.0 2.1.0 2.2.0 2.3.0 2.5.0 5.1.4.1 6.1.2.1 6.1.3.1 6.1.4.1 6.1.5.1".split()


@given(st.dictionaries(st.sampled_from([*DEVICE, *(f"{MAKER}.{tail}" for tail in PLACES)]), RAW))
def test_no_answer_breaks_the_reading(values: dict[str, Raw]) -> None:
    assert all(math.isfinite(one.value) for one in read(values, LIBRARY["quellstrom"]).sensors)
