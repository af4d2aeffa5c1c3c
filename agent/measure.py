"""Raw values to values in the plan's unit: scale, states, dead values, bounds of meaning. Pure."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from agent.reading import Value
from agent.transports.trouble import mostly_text, printable, text_of
from rules.numbers import signed
from rules.pattern import Pattern
from rules.plan import Metric
from rules.profile_form import Factor, Where

Raw = str | int | float | bytes | bool | None
Labels = tuple[tuple[str, str], ...]
Convert = Callable[[Raw, Labels], Value]
MAX_NUMBER = 40  # characters of a text that is read as a number
_HEX = 100  # bytes of an unprintable value that are kept


def shown(raw: Raw) -> str | int | float | bool | None:
    """A raw value as it may be kept and shown: bytes as text, or in hex where they are no text."""
    if not isinstance(raw, bytes):
        return text_of(raw.encode("utf-8", "replace")) if isinstance(raw, str) else raw
    return text_of(raw) if printable(raw) else f"0x{raw[:_HEX].hex()}"


def text(raw: Raw) -> str:
    """A raw value as a label or an identity: broken text with replacement marks, other bytes in hex."""
    value = text_of(raw) if isinstance(raw, bytes) and mostly_text(raw) else shown(raw)
    return "" if value is None else str(value).strip()


def number(raw: Raw) -> float | None:
    """A raw value as a finite number, or None. Texts such as `23.5` count: sensors often send them."""
    if isinstance(raw, bytes):
        raw = raw.decode("ascii", "replace")
    if isinstance(raw, str):
        if len(raw) > MAX_NUMBER:
            return None
        try:
            raw = float(raw.strip().rstrip("\x00"))
        except ValueError:
            return None
    if raw is None:
        return None
    value = float(raw)
    return value if math.isfinite(value) else None


MAX_POWER = 24  # of ten, that a neighbour may say


@lru_cache(maxsize=1_024)
def _pattern(written: str) -> Pattern:
    return Pattern(written)


def counts(where: Where, said: str) -> bool:
    """Whether a row with this word in the column counts."""
    allowed = not where.is_ or said in {str(one) for one in where.is_}
    found = where.matches is None or _pattern(where.matches).found(said)
    return allowed and found and said not in {str(one) for one in where.is_not}


def factor_of(factor: Factor, raw: Raw) -> float:
    """What a neighbour says a value is to be multiplied by; 1 where it says nothing that can be."""
    said = number(raw)
    if said is None:
        return 1.0
    if factor.as_ == "multiplier":
        return said
    if factor.as_ == "divisor":
        return 1 / said if said else 1.0
    power = {"decimals": -said, "power": said}.get(factor.as_, 3 * (said - 9))
    return 10.0**power if abs(power) <= MAX_POWER else 1.0


def scaled(metric: Metric, share: float) -> Metric:
    """A metric whose raw values are multiplied by a share before its own scale."""
    return replace(metric, scale=metric.scale * share)


def converter(metric: Metric) -> Convert:
    """How a metric's raw values become values."""
    return _state(metric) if metric.states else _measured(metric)


def _state(metric: Metric) -> Convert:
    name = metric.name
    known: dict[Raw, float] = {}
    for said, code in metric.states.items():
        known[said] = float(code)
        if (spoken := signed(said)) is not None:
            known[spoken] = float(code)
    dead = metric.dead

    def convert(raw: Raw, labels: Labels) -> Value:
        said = shown(raw)
        if isinstance(said, str):
            said = said.strip()
        if said in dead:
            return Value(name, None, labels, said, "dead")
        if isinstance(said, bool):
            said = str(said).lower() if str(said).lower() in known else int(said)
        code = known.get(said)
        if code is not None:
            return Value(name, code, labels, said)
        return Value(name, number(raw), labels, said, "unknown_state")

    return convert


def _measured(metric: Metric) -> Convert:
    name, scale, offset, dead = metric.name, metric.scale, metric.offset, metric.dead
    low = -math.inf if metric.low is None else metric.low
    high = math.inf if metric.high is None else metric.high
    plain, light = scale == 1.0 and offset == 0.0, metric.transform == "dbm"

    def convert(raw: Raw, labels: Labels) -> Value:
        if type(raw) is int:
            kept: str | int | float | bool | None = raw
            found: float | None = float(raw)
        else:
            kept, found = shown(raw), number(raw)
        if dead and (kept in dead or found in dead):
            return Value(name, None, labels, kept, "dead")
        if found is None:
            return Value(name, None, labels, kept, "not_a_number")
        if not plain:
            found = found * scale + offset
            if not math.isfinite(found):
                return Value(name, None, labels, kept, "out_of_range")
        if light:
            if found <= 0:
                return Value(name, None, labels, kept, "dead")
            found = 10 * math.log10(found)
        if low <= found <= high:
            return Value(name, found, labels, kept)
        return Value(name, None, labels, kept, "out_of_range")

    return convert


def missing(metric: Metric, labels: Labels = ()) -> Value:
    """The value of a metric that the device does not have."""
    return Value(metric.name, None, labels, None, "no_such")


_LABELS: dict[Labels, Labels] = {}
_MAX_LABELS = 50_000


def labels_of(pairs: dict[str, str]) -> Labels:
    """Labels sorted by name, each within the wire's bound; equal ones are one object for all devices."""
    if len(_LABELS) > _MAX_LABELS:
        _LABELS.clear()
    made = tuple((name, value[:200]) for name, value in sorted(pairs.items()))
    return _LABELS.setdefault(made, made)


class Apart:
    """Keeps the rows of a table apart: rows of the same labels get a number, from the second on."""

    def __init__(self) -> None:
        self._seen: set[Labels] = set()

    def labels(self, pairs: dict[str, str]) -> Labels:
        """The labels of the next row."""
        labels = labels_of(pairs)
        turn = 1
        while labels in self._seen:
            turn += 1
            labels = labels_of(pairs | {"row": str(turn)})
        self._seen.add(labels)
        return labels
