"""The sentence of an alert: places filled once with data, which stays as it is, whatever it contains."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

_PLACE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
Localized = dict[Literal["en", "zh"], str]
MAX_PLACE = 200  # characters of one value in a sentence


def fill(sentence: Localized, places: Mapping[str, str]) -> Localized:
    """The sentence in each language with its places filled; a place without a value is left empty."""
    told: Localized = {}
    for language, text in sentence.items():
        parts = list(_parts(text))
        parts[1::2] = [places.get(name, "")[:MAX_PLACE] for name in parts[1::2]]
        told[language] = "".join(parts)
    return told


@lru_cache(maxsize=4_096)
def _parts(text: str) -> tuple[str, ...]:
    """Words and names of places in turn, words first."""
    return tuple(_PLACE.split(text))


def places(text: str) -> set[str]:
    """The names of a sentence's places."""
    return set(_PLACE.findall(text))


def number(value: float, metric: str, unit: str) -> str:
    """A value for people: `_ratio` in per cent, long times in minutes or hours, else with its unit."""
    if metric.endswith("_ratio"):
        return f"{_short(value * 100)} %"
    if unit == "s" and abs(value) >= 120:
        return f"{_short(value / 60)} min" if abs(value) < 7200 else f"{_short(value / 3600)} h"
    return f"{_short(value)} {unit}".strip()


def _short(value: float) -> str:
    digits = 0 if abs(value) >= 100 or value == int(value) else 1 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}"
