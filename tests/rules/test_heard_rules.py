"""Rules for traps and syslog: those of the package prove themselves, faulty ones are refused by place."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import catalog, heard, heard_reading
from rules.document import DocumentError
from rules.heard import HeardRule, judge_trap, trial
from rules.heard_form import HeardTest
from rules.message import places

RULES = heard_reading.packaged()
TESTS = [
    pytest.param(rule, test, id=f"{rule.name}-{number}")
    for rule in RULES.values()
    for number, test in enumerate(rule.tests)
]
GOOD = "alert: Some, severity: minor, summary: {en: x}"


@pytest.mark.parametrize(("rule", "test"), TESTS)
def test_every_rule_does_what_its_own_tests_say(rule: HeardRule, test: HeardTest) -> None:
    assert trial(rule, test) == heard.expected(test)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_has_a_test_that_it_can_fail(rule: HeardRule) -> None:
    assert any(test.expect in {"firing", "noted", "resolved"} for test in rule.tests)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_speaks_both_languages_about_the_same(rule: HeardRule) -> None:
    assert rule.summary.keys() == {"en", "zh"}
    assert places(rule.summary["en"]) == places(rule.summary["zh"])
    assert set(rule.cause) in ({"en", "zh"}, set())


def test_no_name_is_that_of_a_polled_rule_and_every_polled_rule_is_there() -> None:
    polled = catalog.packaged()
    assert set(RULES) & set(polled) == set()
    assert {rule.polled for rule in RULES.values()} - {""} <= set(polled)


def test_no_trap_begins_and_ends_the_same_condition_whatever_it_says() -> None:
    for rule in RULES.values():
        if rule.trap is not None and rule.ends_trap is not None and not rule.ends_trap.when:
            assert not rule.trap.oids & rule.ends_trap.oids, rule.name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"- {{{GOOD}}}", "exactly one of trap and syslog"),
        (f"- {{{GOOD}, trap: 1.3.6.1, syslog: x}}", "exactly one of trap and syslog"),
        (f"- {{{GOOD}, trap: linkDown}}", "is no OID"),
        (f"- {{{GOOD}, syslog: '(a'}}", "linear time"),
        (f"- {{{GOOD}, syslog: 'a*'}}", "in every line"),
        (f"- {{{GOOD}, syslog: ab, key: {{port: port}}}}", "no group"),
        (f"- {{{GOOD}, trap: 1.3.6, when: {{1.3.7: {{matches: '(a'}}}}}}", "linear time"),
        (f"- {{{GOOD}, trap: 1.3.6, when: {{1.3.7: {{matches: 'a*'}}}}}}", "in every value"),
        (f"- {{{GOOD}, trap: 1.3.6, when: {{1.3.7: {{match: a}}}}}}", "'match' is not known"),
        (f"- {{{GOOD}, syslog: ab, ends: {{trap: 1.3.6}}}}", "a line by a line"),
        (f"- {{{GOOD}, trap: 1.3.6, ends: {{}}}}", "exactly one of trap and syslog"),
        (f"- {{{GOOD}, trap: 1.3.6, program: sshd}}", "go with syslog"),
        (f"- {{{GOOD}, trap: 1.3.6, expires: 40d}}", "up to 30 d"),
        (f"- {{{GOOD}, trap: 1.3.6, colour: red}}", "'colour' is not known"),
        ("- {alert: Some, severity: minor, summary: {en: '{port}'}, trap: 1.3.6}", "nothing fills"),
        (f"- {{{GOOD}, trap: 1.3.6}}\n- {{{GOOD}, trap: 1.3.6}}", "another rule 'Some'"),
    ],
)
def test_a_faulty_rule_is_refused_by_file_and_line(text: str, told: str) -> None:
    with pytest.raises(DocumentError) as caught:
        heard_reading.read(text, "own.yaml")
    assert told in str(caught.value)
    assert str(caught.value).startswith(f"own.yaml:{text.count(chr(10)) + 1}:")


@given(said=st.text(max_size=30), column=st.booleans())
def test_a_trap_is_narrowed_by_a_pattern_in_a_value_and_what_is_not_told_counts(
    said: str,
    column: bool,  # noqa: FBT001
) -> None:
    text = f"- {{{GOOD}, trap: 1.3.6, when: {{1.3.7: {{matches: '(?i)fan [0-9]+ (failed|lost)'}}}}}}"
    rules = heard_reading.read(text, "own.yaml")
    instance = "1.3.7.4" if column else "1.3.7"
    for value in (said, f"{said}Fan 3 FAILED{said}"):
        fits = re.search("fan [0-9]+ (failed|lost)", value, re.IGNORECASE | re.ASCII) is not None
        assert bool(judge_trap(rules, "1.3.6", {instance: value})) is fits
    assert judge_trap(rules, "1.3.6", {"1.3.8": said})


(DOWN,) = [rule for rule in RULES.values() if rule.name == "LinkDownHeard"]


@given(ports=st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=20))
def test_a_port_stands_as_down_exactly_if_its_last_trap_said_so(ports: list[tuple[int, bool]]) -> None:
    standing: dict[str, bool] = {}
    for port, down in ports:
        oid = "1.3.6.1.6.3.1.1.5.3" if down else "1.3.6.1.6.3.1.1.5.4"
        for finding in judge_trap([DOWN], oid, {f"1.3.6.1.2.1.2.2.1.1.{port}": str(port)}):
            standing[dict(finding.key)["port"]] = not finding.ended
    assert standing == {str(port): down for port, down in ports}


@given(arcs=st.lists(st.integers(0, 9), min_size=3, max_size=8))
def test_the_zero_that_v1_adds_does_not_count(arcs: list[int]) -> None:
    oid = ".".join(map(str, (1, 3, *arcs)))
    head, _, last = oid.rpartition(".")
    (rule,) = heard_reading.read(f"- {{{GOOD}, trap: {oid}}}", "own.yaml")
    assert rule.trap is not None
    assert rule.trap.names(oid)
    assert rule.trap.names(f"{head}.0.{last}")


def test_users_run_the_tests_of_their_own_rules_by_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "- alert: DoorOpened\n"
        "  syslog: 'door (?P<door>\\S+) open'\n"
        "  key: {door: door}\n"
        "  severity: minor\n"
        "  summary: {en: x}\n"
        "  tests:\n"
        "    - {heard: ['<13>door 3 open'], expect: noted, key: {door: '3'}}\n"
        "    - {heard: ['<13>door 3 open'], expect: noted, key: {door: '4'}}\n",
        encoding="utf-8",
    )
    good, bad = catalog.run_tests(path)
    assert (good.passed, good.line) == (True, 7)
    assert (bad.passed, bad.line) == (False, 8)
    assert bad.got == "noted {'door': '3'}"
