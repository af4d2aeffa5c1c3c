"""Each packaged alert rule has a sample that fires it and one that does not; faults name their line."""

from importlib import resources
from pathlib import Path

import pytest

from rules import catalog, profile
from rules.alert_rule import read
from rules.document import DocumentError
from rules.fingerprint import identity
from rules.message import fill, number, places

FILES = sorted(Path(str(resources.files("rules"))).joinpath("alerts").glob("*.yaml"))
RULES = catalog.packaged()
FROM_AGENT = {"device_up"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_rule_passes_its_own_tests(file: Path) -> None:
    outcomes = catalog.run_tests(file)
    assert [one for one in outcomes if not one.passed] == []


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_rule_has_a_sample_that_fires_it_and_one_that_does_not(name: str) -> None:
    rule = RULES[name]
    expected = {one.expect for one in rule.tests}
    assert rule.forecast is not None or {"firing", "nothing"} <= expected


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_summary_speaks_both_languages_with_the_same_places(name: str) -> None:
    rule = RULES[name]
    assert set(rule.summary) == {"en", "zh"}
    assert places(rule.summary["en"]) == places(rule.summary["zh"])
    assert set(rule.cause) in ({"en", "zh"}, set())


def test_every_rule_is_about_a_metric_that_some_profile_has() -> None:
    plans = [profile.plan(one) for one in profile.packaged().values()]
    known = {m.name for p in plans for m in (*p.scalars, *(m for t in p.tables for m in t.metrics))}
    assert {rule.metric for rule in RULES.values()} - known - FROM_AGENT == set()


def test_states_that_rules_name_exist_in_a_profile_with_the_metric() -> None:
    words: dict[str, set[str]] = {"device_up": {"up", "down"}}
    for one in profile.packaged().values():
        plan = profile.plan(one)
        for metric in (*plan.scalars, *(m for t in plan.tables for m in t.metrics)):
            words.setdefault(metric.name, set()).update(metric.names.values())
    missing = {
        (rule.name, word)
        for rule in RULES.values()
        for word in rule.words or ()
        if word not in words[rule.metric]
    }
    assert missing <= {("AccessReaderFault", "offline")}


def test_data_in_a_sentence_stays_data() -> None:
    told = fill({"en": "{ci} at {value}"}, {"ci": "{value}{{7*7}}<script>", "value": "5"})
    assert told == {"en": "{value}{{7*7}}<script> at 5"}


@pytest.mark.parametrize(
    ("value", "metric", "unit", "shown"),
    [
        (0.853, "load_ratio", "", "85.3 %"),
        (27.44, "t_celsius", "°C", "27.4 °C"),
        (590.0, "left_seconds", "s", "9.8 min"),
        (86_400.0, "left_seconds", "s", "24 h"),
        (0.0, "v_volts", "V", "0 V"),
    ],
)
def test_values_are_shown_for_people(value: float, metric: str, unit: str, shown: str) -> None:
    assert number(value, metric, unit) == shown


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("- alert: Aaa\n  metric: m\n  severity: major\n  summary: {en: x}\n", "1:3", "exactly one of"),
        (
            "- {alert: Aaa, metric: m, severity: major, summary: {en: x}, above: 1, clear_below: 2}",
            "1:",
            "at most",
        ),
        ("- alert: Aaa\n  metric: m\n  abov: 1\n", "3:3", "'abov' is not known"),
        (
            "- {alert: aaa, metric: m, severity: major, summary: {en: x}, above: 1}",
            "1:4",
            "no name of an alert",
        ),
        ("- {alert: Aaa, metric: m, severity: major, summary: {en: x}, text: '(a'}", "1:", "linear time"),
        (
            "- {alert: Aaa, metric: m, severity: major, summary: {en: x}, above: 1, for: soon}",
            "1:",
            "no duration",
        ),
        ("- {alert: Aaa, metric: m, severity: dire, summary: {en: x}, above: 1}", "1:", "invalid enum"),
    ],
)
def test_a_faulty_rule_is_refused_by_line(text: str, place: str, says: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(text, "mine.yaml")
    assert str(caught.value).startswith(f"mine.yaml:{place}")
    assert says in str(caught.value)


def test_the_identity_of_a_condition_does_not_depend_on_the_order_of_labels() -> None:
    one = identity("CI-1", "InterfaceDown", {"a": "1", "b": "2"})
    assert one == identity("CI-1", "InterfaceDown", {"b": "2", "a": "1"})
    others = {
        identity("CI-2", "InterfaceDown", {"a": "1", "b": "2"}),
        identity("CI-1", "InterfaceDown", {"a": "1"}),
    }
    assert one not in others
    assert len(one) == 32
