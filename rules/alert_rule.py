"""Alert rules as they are evaluated: read from YAML by `alert_form`, checked, durations in seconds."""

import re
from dataclasses import dataclass

from rules.alert_form import Limit, RuleForm, RuleTest, Severity, Symptom, Word
from rules.condition import Threshold
from rules.document import Document, Path, seconds
from rules.message import Localized
from rules.pattern import Pattern

_NAME = re.compile(r"^[A-Z][A-Za-z0-9]{2,79}$")
_METRIC = re.compile(r"^[a-z][a-z0-9_]{0,99}$")
MAX_SENTENCE = 300
MAX_DURATION_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Rule:
    """A checked rule, its durations in seconds. Exactly one condition is set; see `alert_form`."""

    name: str
    metric: str
    classes: frozenset[str]
    severity: Severity
    summary: Localized
    cause: Localized
    for_s: float
    keep_s: float
    impact: int  # 0: the server decides
    urgency: int
    symptom: Symptom
    category: str
    limit: Threshold | None
    critical: Threshold | None
    words: frozenset[str] | None
    inverted: bool
    text: Pattern | None
    absent_s: float | None
    drops: bool
    changes: tuple[int, float] | None
    forecast: tuple[float, float, float] | None  # reaches, within s, over s: judged by the server
    rate: bool
    scale: float
    over: str | None
    where: dict[str, frozenset[str]]
    after: frozenset[str] | None
    tests: tuple[RuleTest, ...]

    def applies(self, ci_class: str) -> bool:
        """Whether devices of the class are meant."""
        return not self.classes or ci_class in self.classes


def read(text: str, file: str) -> list[Rule]:
    """The rules of a file; raises DocumentError naming line and column of what is wrong."""
    document = Document(text, file)
    forms = document.typed(list[RuleForm])
    rules = [_rule(form, document, (index,)) for index, form in enumerate(forms)]
    seen: set[str] = set()
    for index, rule in enumerate(rules):
        if rule.name in seen:
            raise document.error((index, "alert"), f"There is another alert rule '{rule.name}' in the file.")
        seen.add(rule.name)
    return rules


def _rule(form: RuleForm, document: Document, at: Path) -> Rule:
    _check(form, document, at)
    where = {metric: _words(words) or frozenset() for metric, words in form.where.items()}
    times = {
        key: _seconds(value, document, (*at, key))
        for key, value in (("for", form.for_), ("keep_firing_for", form.keep_firing_for))
    }
    changes = form.changes
    forecast = form.forecast
    return Rule(
        name=form.alert,
        metric=form.metric,
        classes=frozenset([form.ci_class] if isinstance(form.ci_class, str) else form.ci_class),
        severity=form.severity,
        summary=form.summary,
        cause=form.cause,
        for_s=times["for"],
        keep_s=times["keep_firing_for"],
        impact=form.impact or 0,
        urgency=form.urgency or 0,
        symptom=form.symptom,
        category=form.category,
        limit=_threshold(Limit(form.above, form.below, form.clear_below, form.clear_above), document, at),
        critical=_threshold(form.critical, document, (*at, "critical")) if form.critical else None,
        words=_words(form.is_ if form.is_ is not None else form.is_not),
        inverted=form.is_not is not None,
        text=_pattern(form.text, document, (*at, "text")),
        absent_s=None if form.absent is None else _seconds(form.absent, document, (*at, "absent")),
        drops=form.drops,
        changes=(changes.count, _seconds(changes.within, document, (*at, "changes"))) if changes else None,
        forecast=(
            forecast.reaches,
            _seconds(forecast.within, document, (*at, "forecast")),
            _seconds(forecast.over, document, (*at, "forecast")),
        )
        if forecast
        else None,
        rate=form.rate,
        scale=form.scale,
        over=form.over,
        where=where,
        after=_words(form.after),
        tests=tuple(form.tests),
    )


def _check(form: RuleForm, document: Document, at: Path) -> None:
    if not _NAME.match(form.alert):
        raise document.error(
            (*at, "alert"), f"'{form.alert}' is no name of an alert; write it as UpsOnBattery."
        )
    for metric in (form.metric, *form.where, *([form.over] if form.over else ())):
        if not _METRIC.match(metric):
            raise document.error((*at, "metric"), f"'{metric}' is no name of a metric.")
    conditions = {
        "above": form.above,
        "below": form.below,
        "is": form.is_,
        "is_not": form.is_not,
        "text": form.text,
        "absent": form.absent,
        "drops": form.drops or None,
        "changes": form.changes,
        "forecast": form.forecast,
    }
    told = [name for name, value in conditions.items() if value is not None]
    if len(told) != 1:
        message = f"{form.alert}: exactly one of {', '.join(conditions)}; here are {len(told)}."
        raise document.error(at, message)
    if not form.summary:
        raise document.error((*at, "summary"), f"{form.alert}: a summary is needed, in en, zh or both.")
    for key in ("summary", "cause"):
        for text in getattr(form, key).values():
            if len(text) > MAX_SENTENCE or "\n" in text:
                raise document.error((*at, key), f"{key}: one line of at most {MAX_SENTENCE} characters.")


def _threshold(form: Limit, document: Document, at: Path) -> Threshold | None:
    if form.above is not None and form.below is None and form.clear_above is None:
        clear = form.above if form.clear_below is None else form.clear_below
        if clear > form.above:
            raise document.error((*at, "clear_below"), "clear_below: at most the limit of `above`.")
        return Threshold(form.above, clear, above=True)
    if form.below is not None and form.above is None and form.clear_below is None:
        clear = form.below if form.clear_above is None else form.clear_above
        if clear < form.below:
            raise document.error((*at, "clear_above"), "clear_above: at least the limit of `below`.")
        return Threshold(form.below, clear, above=False)
    if (form.above, form.below, form.clear_below, form.clear_above) == (None, None, None, None):
        return None
    raise document.error(at, "`clear_below` goes with `above`, `clear_above` with `below`.")


def _words(words: Word | list[Word] | None) -> frozenset[str] | None:
    if words is None:
        return None
    return frozenset(str(word) for word in (words if isinstance(words, list) else [words]))


def _seconds(value: str | float, document: Document, at: Path) -> float:
    try:
        length = seconds(value)
    except ValueError as error:
        raise document.error(at, str(error)) from None
    if not 0 <= length <= MAX_DURATION_S:
        raise document.error(at, f"{at[-1]}: from 0 up to 7 d.")
    return length


def _pattern(text: str | None, document: Document, at: Path) -> Pattern | None:
    if text is None:
        return None
    try:
        return Pattern(text)
    except ValueError as error:
        raise document.error(at, str(error)) from None
