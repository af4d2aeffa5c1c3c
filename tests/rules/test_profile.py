"""Profiles: errors name file, line and column; inheritance; the packaged ones."""

import subprocess
import sys

import pytest

from rules import profile
from rules.document import Document, DocumentError, seconds
from rules.pattern import Pattern

GOOD = """profile: box
ci_class: ups
poll:
  metrics:
    box_volts:
      oid: 1.3.6.1.4.1.1.1.0
      scale: 0.1
    box_state:
      oid: 1.3.6.1.4.1.1.2.0
      states: {1: on, 2: off}
      severity: {off: major}
"""


def fault(text: str) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        profile.read(text, "box.yaml")
    return caught.value


def test_on_and_off_are_words() -> None:
    plan = profile.plan(profile.read(GOOD, "box.yaml"))
    state = plan.metric("box_state")
    assert state is not None
    assert (state.states, state.names, state.kind) == ({"1": 1, "2": 2}, {1: "on", 2: "off"}, "state")


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("scale: 0.1", "scael: 0.1", 7, "'scael' is not known"),
        ("scale: 0.1", "scale: much", 7, "expected `float`"),
        ("oid: 1.3.6.1.4.1.1.2.0", "oid: 1.3.x", 9, "no OID"),
        ("{off: major}", "{gone: major}", 11, "no state 'gone'"),
        ("{off: major}", "{off: loud}", 11, "invalid enum value"),
        ("box_volts", "Box-Volts", 5, "no name"),
        ("  metrics:", "  every: soon\n  metrics:", 4, "no duration"),
        ("  metrics:", "  every: 1s\n  metrics:", 4, "from 5 s"),
        ("      scale: 0.1", "      json: /a", 5, "exactly one"),
        ("profile: box", "profile: Box", 1, "no name"),
        ("ci_class: ups", "ci_class: ups\nci_class: pdu", 3, "twice"),
        ("ci_class: ups", "ci_class: &a ups", 2, "Anchors"),
        ("ci_class: ups", "ci_class: !!python/name:os.system x", 2, "Tags"),
        ("ci_class: ups", "match: {sysDescr: '(a'}", 2, "linear time"),
    ],
)
def test_a_fault_names_its_line_and_what_is_wrong(old: str, new: str, line: int, says: str) -> None:
    found = fault(GOOD.replace(old, new, 1))
    assert found.line == line
    assert says in str(found)
    assert str(found).startswith(f"box.yaml:{line}:")


def test_bombs_are_refused_where_they_begin() -> None:
    bomb = "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n"
    with pytest.raises(DocumentError, match="1:4: Anchors"):
        Document(bomb, "f")
    with pytest.raises(DocumentError, match="nested more than"):
        Document("[" * 500 + "]" * 500, "f")
    with pytest.raises(DocumentError, match="more than"):
        Document("- x\n" * 60_000, "f")
    with pytest.raises(DocumentError, match=r"f:\d+:\d+: Not YAML"):
        Document("a: [", "f")


def test_own_entries_win_over_those_taken_over() -> None:
    base = profile.read(GOOD, "box.yaml")
    own = profile.read(
        "profile: box-two\nextends: box\npoll: {every: 10s, metrics: {box_volts: {oid: 1.3.6.1.9.0}}}",
        "two.yaml",
    )
    whole = profile.resolve(own, {"box": base})
    plan = profile.plan(whole)
    assert [one.name for one in plan.scalars] == ["box_volts", "box_state"]
    assert plan.scalars[0].oids == ("1.3.6.1.9.0",)
    assert (plan.ci_class, plan.every_s) == ("ups", 10.0)


def test_of_several_parents_the_first_wins_and_ways_are_tried_one_after_the_other() -> None:
    first = profile.read("profile: one\nidentity: {model: {value: a}}\nci_class: ups", "one.yaml")
    second = profile.read(
        "profile: two\nidentity: {model: {value: b}, serial: {value: s}}\nci_class: pdu", "two.yaml"
    )
    own = profile.read("profile: own\nextends: [one, two]\nidentity: {model: {value: c}}", "own.yaml")
    whole = profile.resolve(own, {"one": first, "two": second})
    ways = profile.plan(whole, identify=True).identity
    assert {name: [way.value for way in each] for name, each in ways.items()} == {
        "model": ["c", "a", "b"],
        "serial": ["s"],
    }
    assert whole.ci_class == "ups"


@pytest.mark.parametrize(
    ("name", "form", "kind"),
    [
        ("room_temperature_celsius", "", "temperature"),
        ("room_humidity_ratio", "", "humidity"),
        ("ups_battery_charge_ratio", "", "charge"),
        ("ups_battery_runtime_seconds", "", "runtime"),
        ("device_uptime_seconds", "", "nothing"),
        ("memory_used_ratio", "", "nothing"),
        ("pdu_energy_joules_total", ", kind: counter", "power_consumed"),
        ("interface_receive_errors_total", ", kind: counter", "nothing"),
        ("fan_state", ", states: {1: ok}", "state"),
        ("box_ratio", ", measures: percent", "percent"),
    ],
)
def test_what_a_metric_measures_is_known_by_the_end_of_its_name(name: str, form: str, kind: str) -> None:
    text = f"profile: box\npoll: {{metrics: {{{name}: {{oid: 1.3.6.1.9.0{form}}}}}}}"
    metric = profile.plan(profile.read(text, "box.yaml")).metric(name)
    assert metric is not None
    assert metric.measures == kind


def test_profiles_that_extend_each_other_in_a_circle_are_refused() -> None:
    one = profile.read("profile: one\nextends: two", "one.yaml")
    two = profile.read("profile: two\nextends: one", "two.yaml")
    with pytest.raises(DocumentError, match="go round"):
        profile.resolve(one, {"one": one, "two": two})


def test_the_longest_object_id_wins() -> None:
    net = profile.packaged()
    object_id = "1.3.6.1.4.1.8072.3.2.10"
    ranks = {name: profile.rank(one, sys_object_id=object_id) for name, one in net.items()}
    assert max(ranks, key=lambda name: ranks[name]) == "ucd-server"
    assert ranks["ups-mib"] == 0


def test_every_packaged_profile_compiles_and_every_metric_has_a_title_or_unit() -> None:
    for name, one in profile.packaged().items():
        plan = profile.plan(one, identify=True)
        assert plan.profile == name
        for form in (*one.poll.metrics.values(), *(m for t in one.poll.tables for m in t.metrics.values())):
            assert set(form.title) == {"en", "zh"}, (name, form)


def test_durations() -> None:
    assert [seconds(one) for one in ("250ms", "30s", "5m", "1.5h", "2d", 7)] == [
        0.25,
        30,
        300,
        5400,
        172800,
        7,
    ]
    with pytest.raises(ValueError, match="no duration"):
        seconds("5 minutes")


def test_t21_a_pattern_that_explodes_elsewhere_is_matched_at_once() -> None:
    assert not Pattern(r"(a+)+$").found("a" * 4_000 + "b")
    with pytest.raises(ValueError, match="linear"):
        Pattern(r"(a)\1")


def test_the_program_ends_cleanly_after_reading_profiles() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from rules import profile, catalog; profile.packaged(); catalog.packaged()"],
        check=False,
    )
    assert done.returncode == 0
