"""Which of the numbers that may be sensors are worth telling: as many as make the expected F1 the best.

The rows of a column stand or fall together, so a threshold for each number alone would not do: a column of
sixty-four rows that are sensors with one chance in three is left out where a few sure ones would drown in
it, and taken where there is nothing else. Shares are turned into `DRAWS` worlds in each of which every row
of a column is a sensor whose share lies above the column's draw, and F1 (2 * right / (told + wanted)) is
averaged over the worlds. The draws are the same each time.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from agent.discover.found import Sensor

DRAWS = 64
SEQUENCES = 256
FLOOR = 0.05  # share below which nothing is told
QUIET = 0.15  # what it is worth to tell nothing where nothing is wanted
PASSES = 2
SEED = 20_261_127


@dataclass(frozen=True, slots=True)
class Chance:
    """How likely something is wanted at all, and is wanted and told rightly (at most as likely)."""

    wanted: float
    right: float
    item: Sensor


@dataclass(slots=True)
class _Unit:
    """Rows of one column with the same chances; the worlds in which they are right."""

    right: float
    items: list[Sensor]
    worlds: list[int]
    chosen: bool = False


@lru_cache(maxsize=1)
def _draws() -> list[list[float]]:
    source = random.Random(SEED)  # noqa: S311 - the same each time is what is wanted
    strata = [(place + 0.5) / DRAWS for place in range(DRAWS)]
    return [source.sample(strata, DRAWS) for _ in range(SEQUENCES)]


def choose(columns: Iterable[list[Chance]]) -> Iterator[Sensor]:
    """The items worth telling, likeliest first."""
    wanted = [0] * DRAWS
    units: list[_Unit] = []
    for number, column in enumerate(columns):
        draws = _draws()[number % SEQUENCES]
        alike: dict[tuple[float, float], list[Sensor]] = {}
        for one in column:
            alike.setdefault((round(one.wanted, 2), round(one.right, 2)), []).append(one.item)
        for (wish, right), items in alike.items():
            for world, draw in enumerate(draws):
                if draw < wish:
                    wanted[world] += len(items)
            if right >= FLOOR:
                units.append(_Unit(right, items, [at for at, draw in enumerate(draws) if draw < right]))
    units.sort(key=lambda unit: (-unit.right, len(unit.items)))
    _settle(units, wanted)
    for unit in units:
        if unit.chosen:
            yield from unit.items


def _settle(units: list[_Unit], wanted: list[int]) -> None:
    """Take in or leave out unit by unit whatever raises the expected F1."""
    right, told = [0] * DRAWS, 0
    best = QUIET * wanted.count(0) / DRAWS
    for _ in range(PASSES):
        for unit in units:
            more = -len(unit.items) if unit.chosen else len(unit.items)
            tried = list(right)
            for world in unit.worlds:
                tried[world] += more
            value = _value(tried, told + more, wanted)
            if value > best + 1e-9:
                best, right, told, unit.chosen = value, tried, told + more, not unit.chosen


def _value(right: list[int], told: int, wanted: list[int]) -> float:
    if told == 0:
        return QUIET * wanted.count(0) / DRAWS
    return sum(2 * hits / (told + wish) for hits, wish in zip(right, wanted, strict=True)) / DRAWS
