"""The alert rules of the package, and the tests that stand beside rules, run as users run them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path as FilePath

from rules import heard, heard_reading
from rules.alert_form import RuleTest
from rules.alert_rule import Rule, read
from rules.document import Document, DocumentError, seconds
from rules.evaluate import Evaluator, Sample, States

__all__ = ["Outcome", "Rule", "of_class", "packaged", "read", "run_tests", "trial"]


@cache
def packaged() -> Mapping[str, Rule]:
    """All rules of the package by name; read once."""
    found: dict[str, Rule] = {}
    for entry in sorted(resources.files("rules").joinpath("alerts").iterdir(), key=lambda one: one.name):
        if not entry.name.endswith(".yaml"):
            continue
        for rule in read(entry.read_text(encoding="utf-8"), f"alerts/{entry.name}"):
            if rule.name in found:
                raise DocumentError(
                    f"alerts/{entry.name}", 1, 1, f"'{rule.name}' is in another file as well."
                )
            found[rule.name] = rule
    return found


def of_class(rules: Iterable[Rule], ci_class: str) -> list[Rule]:
    """The rules that devices of a class may meet."""
    return [rule for rule in rules if rule.applies(ci_class)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test of one rule: what it expected and what came."""

    file: str
    line: int
    rule: str
    test: str
    expected: str
    got: str

    @property
    def passed(self) -> bool:
        """Whether they agree."""
        return self.expected == self.got


def run_tests(path: str | FilePath) -> list[Outcome]:
    """Run the tests that stand beside the rules of a file. Raises DocumentError, or OSError for no file."""
    text = FilePath(path).read_text(encoding="utf-8")
    document = Document(text, str(path))
    outcomes = []

    def told(index: int, number: int, rule: str, name: str, expected: str, got: str) -> None:  # noqa: PLR0917
        line = document.error((index, "tests", number), "").line
        outcomes.append(Outcome(str(path), line, rule, name or f"test {number + 1}", expected, got))

    if _listens(document):
        for index, one in enumerate(heard_reading.read(text, str(path))):
            for number, by_ear in enumerate(one.tests):
                told(index, number, one.name, by_ear.name, heard.expected(by_ear), heard.trial(one, by_ear))
        return outcomes
    for index, rule in enumerate(read(text, str(path))):
        for number, test in enumerate(rule.tests):
            expected = f"{test.expect} {test.severity or ''}".strip()
            told(index, number, rule.name, test.name, expected, trial(rule, test))
    return outcomes


def _listens(document: Document) -> bool:
    """Whether a file is of rules for traps and syslog: its first rule tells."""
    first = document.data[0] if isinstance(document.data, list) and document.data else None
    return isinstance(first, dict) and ("trap" in first or "syslog" in first)


def trial(rule: Rule, test: RuleTest) -> str:
    """What the server has been told at the end of a test: nothing, firing (and the severity), resolved."""
    states = _states(rule, test)
    evaluator = Evaluator((rule,), states)
    every = seconds(test.every)
    got = "nothing"
    for index, value in enumerate(test.values):
        samples = [_sample(rule.metric, value, states)]
        for metric, values in test.other.items():
            one = values[min(index, len(values) - 1)] if isinstance(values, list) else values
            samples.append(_sample(metric, one, states))
        for verdict in evaluator.step([one for one in samples if one is not None], at=1000.0 + index * every):
            wanted = f" {verdict.severity}" if test.severity and verdict.turn == "firing" else ""
            got = verdict.turn + wanted
    return got


def _sample(metric: str, value: float | str | None, states: States) -> Sample | None:
    if value is None:
        return None
    if isinstance(value, str):
        code = next((code for code, word in states.get(metric, {}).items() if word == value), None)
        return Sample(metric, (), float(code) if code is not None else None, value)
    return Sample(metric, (), float(value), value)


def _states(rule: Rule, test: RuleTest) -> dict[str, dict[int, str]]:
    """Codes for the state words of a test, in the order they are met."""
    words: dict[str, list[str]] = {rule.metric: sorted({*(rule.words or ()), *(rule.after or ())})}
    for metric, wanted in rule.where.items():
        words.setdefault(metric, []).extend(sorted(wanted))
    for metric, values in ((rule.metric, test.values), *test.other.items()):
        said = values if isinstance(values, list) else [values]
        words.setdefault(metric, []).extend(one for one in said if isinstance(one, str))
    return {metric: dict(enumerate(dict.fromkeys(told), 1)) for metric, told in words.items() if told}
