"""What a number is in the unit of its kind.

The scale is the MIB's where it states one, else the power of ten that a model finds likeliest
(`scale_features` are what it looks at), mended where the reading would be beyond what such a sensor can show.
"""

import math

from agent.discover.sensor_features import Possible
from agent.discover.units import LIGHT, NOTHING, PLAUSIBLE
from agent.knowledge import Fact, words_of


def scale_features(one: Possible, kind: str) -> dict[str, float]:
    """What tells the power of ten of a reading."""
    found = {
        name: value
        for name, value in one.features.items()
        if name.startswith(
            (
                "unit ",
                "scale ",
                "hint ",
                "written",
                "word ",
                "module ",
                "last ",
                "beside ",
                "told ",
                "type ",
                "range ",
            )
        )
    }
    size = next(name for name in one.row if name.startswith("size "))
    fact = one.bind.fact
    scale = fact.scale if fact is not None else ""
    found |= {
        f"kind {kind}": 1.0,
        f"{kind} {size}": 2.0,
        f"{kind} unit {fact.unit if fact else '?'} scale {scale}": 1.5,
        f"{kind} scale {scale} {size}": 1.5,
        f"stated {fact.hint if fact else '?'} {scale}": 1.5,
        "bias": 1.0,
    }
    return found


def stated(fact: Fact | None, kind: str) -> float | None:
    """The factor that a MIB states, to the unit of a kind; None where it states nothing sure."""
    if fact is not None and fact.syntax == "TimeTicks" and kind == "runtime":
        return 1 / 6_000
    if fact is None or not fact.scale or fact.hint != "units":
        return None
    try:
        scale = float(fact.scale)
    except ValueError:
        return None
    return scale * _to(fact.unit, kind)


def _to(unit: str, kind: str) -> float:
    if kind == "runtime" and unit == "s":
        return 1 / 60
    if kind in {"power_consumed", "pressure"} and unit in {"Wh", "Pa"}:
        return 1e-3
    return {"kbps": 1e3, "Mbps": 1e6}.get(unit, 1.0) if kind == "bitrate" else 1.0


def optical(one: Possible, kind: str) -> bool:
    """Whether a power in watts is that of light: it is told in dBm."""
    fact = one.bind.fact
    if fact is None or fact.unit != "W" or kind not in {"dbm", "power"} or not fact.scale:
        return False
    return kind == "dbm" or (float(fact.scale) <= 1e-4 and bool(LIGHT & set(words_of(fact.name))))


def in_unit(value: float, one: Possible, kind: str) -> float:
    """A scaled reading in the unit of its kind: Fahrenheit as Celsius, watts of light as dBm."""
    unit = one.bind.fact.unit if one.bind.fact is not None else ""
    if kind == "temperature" and one.unit is not None:
        return (value - 32) / 1.8 if one.unit.fahrenheit else value
    if kind == "temperature" and (unit == "F" or (unit == "C|F" and value > 50)):
        return (value - 32) / 1.8
    if kind == "dbm" and (unit == "W" or one.light):
        return 10 * math.log10(value * 1_000) if value > 0 else -40.0
    return value


def mend(value: float, kind: str) -> float:
    """Divide by tens what cannot be, where that makes it possible: 215 degrees in a room are 21.5."""
    low, high = PLAUSIBLE.get(kind, (-math.inf, math.inf))
    if low <= value <= high:
        return value
    return next((value / 10**power for power in (1, 2, 3) if low <= value / 10**power <= high), value)


def meant(number: float, value: float, kind: str) -> bool:
    """Whether a reading means something: no mark for "unknown", and nothing such a sensor cannot show."""
    if number in NOTHING or (number == -1 and kind not in {"temperature", "dbm", "signal", "snr"}):
        return False
    low, high = PLAUSIBLE.get(kind, (-math.inf, math.inf))
    return low <= value <= high
