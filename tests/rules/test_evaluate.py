"""One device's rules over many polls."""

from rules.alert_rule import Rule, read
from rules.evaluate import FORGET_S, Evaluator, Sample

HOT = """
- alert: Hot
  metric: t_celsius
  above: 27
  clear_below: 26
  critical: {above: 32, clear_below: 31}
  for: 1m
  keep_firing_for: 1m
  severity: major
  summary: {en: hot}
"""
PORT = """
- alert: PortDown
  metric: port
  is: down
  after: up
  where: {admin: up}
  severity: major
  summary: {en: down}
"""
STATES = {"port": {1: "up", 2: "down"}, "admin": {1: "up", 2: "down"}}


def rules(text: str) -> list[Rule]:
    return read(text, "test.yaml")


def test_the_severities_of_one_check_are_one_alert() -> None:
    evaluator = Evaluator(rules(HOT), {})
    told = []
    for index, value in enumerate([28, 28, 33, 31.5, 30, 28, 25, 25, 25]):
        news = evaluator.step([Sample("t_celsius", (), value)], at=index * 60.0)
        told += [(index, one.turn, one.severity) for one in news]
    assert told == [
        (1, "firing", "major"),
        (2, "firing", "critical"),
        (4, "firing", "major"),
        (7, "resolved", "major"),
    ]


def test_a_port_that_never_was_up_is_no_alert_and_one_that_was_is() -> None:
    evaluator = Evaluator(rules(PORT), STATES)
    one, other = (("interface", "1"),), (("interface", "2"),)
    told = []
    for index, state in enumerate([1, 2, 2]):
        samples = [
            Sample("port", one, state), Sample("admin", one, 1),
            Sample("port", other, 2), Sample("admin", other, 1),
        ]  # fmt: skip
        told += evaluator.step(samples, at=index * 60.0)
    assert [(one.labels, one.turn) for one in told] == [(one, "firing")]


def test_an_instance_the_device_no_longer_has_is_over_after_an_hour() -> None:
    evaluator = Evaluator(rules(HOT), {})
    here = (("sensor", "1"),)
    evaluator.step([Sample("t_celsius", here, 40)], at=0.0)
    evaluator.step([Sample("t_celsius", here, 40)], at=60.0)
    assert evaluator.step([], at=120.0) == []
    assert evaluator.step([], at=60 + FORGET_S, answered=False) == []
    (over,) = evaluator.step([], at=60.0 + FORGET_S)
    assert (over.turn, over.why) == ("resolved", "not_reported")


def test_absence_fires_and_the_first_value_ends_it() -> None:
    text = "- {alert: Gone, metric: m, absent: 5m, severity: minor, summary: {en: gone}}"
    evaluator = Evaluator(rules(text), {}, frozenset({"m"}))
    told = [one.turn for at in range(0, 420, 60) for one in evaluator.step([], at=float(at))]
    assert told == ["firing"]
    assert [one.turn for one in evaluator.step([Sample("m", (), 1.0)], at=480.0)] == ["resolved"]


def test_a_device_that_began_anew_gives_no_rate_over_its_restart() -> None:
    text = "- {alert: Busy, metric: c, rate: true, above: 1, severity: minor, summary: {en: busy}}"
    evaluator = Evaluator(rules(text), {})
    samples = [(1000.0, 2.0**32 - 5), (1060.0, 2.0**32 - 4), (10.0, 1e8), (70.0, 1e8)]
    told = []
    for index, (uptime, count) in enumerate(samples):
        poll = [Sample("device_uptime_seconds", (), uptime), Sample("c", (), count, count)]
        told += evaluator.step(poll, at=index * 60.0)
    assert told == []


def test_what_stood_stands_after_a_restart_and_is_not_told_again() -> None:
    evaluator = Evaluator(rules(HOT), {})
    evaluator.step([Sample("t_celsius", (), 40)], at=0.0)
    assert len(evaluator.step([Sample("t_celsius", (), 40)], at=60.0)) == 1
    again = Evaluator(rules(HOT), {})
    for key, one in evaluator.standing().items():
        again.restore(key, one.hold, one.severity, armed=one.armed, at=90.0)
    assert again.step([Sample("t_celsius", (), 40)], at=120.0) == []
    told = [one.turn for at in (180.0, 240.0) for one in again.step([Sample("t_celsius", (), 20)], at=at)]
    assert told == ["resolved"]
