"""The sensors of a device without a profile: what each number would measure, and which are worth telling."""

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from agent.discover.choice import Chance, choose
from agent.discover.classes import top_class
from agent.discover.enumerations import labels
from agent.discover.evidence import Evidence
from agent.discover.found import Sensor, Source
from agent.discover.linear import probabilities, scores
from agent.discover.models import KIND, POWER, Models
from agent.discover.scale import in_unit, meant, mend, optical, scale_features, stated
from agent.discover.sensor_features import Possible
from agent.discover.sensors import possible
from agent.discover.units import UNIT_OF
from agent.knowledge import words_of
from ml.linear import Model

STATED = 0.95  # how often a kind that a standard states is the one that is wanted
SCALED = 0.85  # how often a learned scale is right
NONE = "-"
SECONDS = "s"  # of the power model: seconds, told in minutes
SAMPLE = 12  # rows of a column that tell its scale
MAX_SENSORS = 2_000


def sensors(known: Evidence, told: dict[str, float], models: Models) -> list[Sensor]:
    """Readings and states, at most `MAX_SENSORS`, the surest ones where there are more."""
    numeric: list[list[Chance]] = []
    states: list[list[Chance]] = []
    for column in possible(known, top_class(told)):
        base = scores(models.by_name[KIND], column[0].shared)
        judged = [judge(one, models.by_name[KIND], base) for one in column]
        numeric.append(list(_readings([one for one in judged if one.kind != "state"], models.by_name[POWER])))
        states.append([_chance(one, one.of.number) for one in judged if one.kind == "state"])
    out = [*choose(numeric), *choose(states)]
    return sorted(out, key=lambda one: -one.confidence)[:MAX_SENSORS]


class Judged(NamedTuple):
    """What a number would measure, how likely it is such a sensor at all, and one of that very kind."""

    of: Possible
    kind: str
    wanted: float
    right: float


def judge(one: Possible, model: Model, base: list[float]) -> Judged:
    """What a number would measure: as a standard or the device itself states it, else what is likeliest.

    `base` are the scores of what its column tells.
    """
    shares = probabilities(model, one.row, base)
    none, state = shares.pop(NONE, 0.0), shares.get("state", 0.0)
    told = one.unit.kind if one.unit is not None else ""
    kind = one.kind or told or ("state" if one.text else "") or max(shares, key=shares.__getitem__)
    if kind == "state":
        share = 1 - none if one.kind else state
        return Judged(one, kind, share, share)
    wanted = 1 - none - state
    of_kind = STATED if one.kind else shares.get(kind, 0.0) / max(1 - none, 1e-9)
    return Judged(one, "dbm" if optical(one, kind) else kind, wanted, wanted * of_kind)


def _readings(numeric: list[Judged], model: Model) -> Iterator[Chance]:
    """The numeric sensors of a column in their units, without readings that mean nothing."""
    factors = _factors(numeric, model)
    for judged in numeric:
        one, kind = judged.of, judged.kind
        value = in_unit(one.number * factors[kind, one.factor], one, kind)
        value = value if one.factor is not None else mend(value, kind)
        if meant(one.number, value, kind):
            yield _chance(judged, round(value, 6))


def _factors(numeric: list[Judged], model: Model) -> dict[tuple[str, float | None], float]:
    """The scale of each kind in a column: as stated, else what its rows together make likeliest."""
    found: dict[tuple[str, float | None], float] = {}
    for judged in numeric:
        one, kind = judged.of, judged.kind
        key = (kind, one.factor)
        if key in found:
            continue
        factor = one.factor if one.factor is not None else stated(one.bind.fact, kind)
        if factor is None:
            rows = [other.of for other in numeric if other.kind == kind and other.of.number] or [one]
            points: dict[str, float] = defaultdict(float)
            for other in rows[:SAMPLE]:
                for power, share in probabilities(model, scale_features(other, kind)).items():
                    points[power] += math.log(max(share, 0.005))
            best = max(points, key=points.__getitem__)
            factor = 1 / 60 if best == SECONDS else 10.0 ** int(best)
        found[key] = factor
    return found


def _chance(judged: Judged, value: float) -> Chance:
    """A sensor, and how likely it is wanted and right as it is told."""
    sure_scale = judged.kind == "state" or judged.of.factor is not None
    right = judged.right if sure_scale else judged.right * SCALED
    return Chance(judged.wanted, right, _sensor(judged.of, judged.kind, value, judged.wanted))


def _sensor(one: Possible, kind: str, value: float, share: float) -> Sensor:
    fact = one.bind.fact
    word = one.text
    if kind == "state" and not word and fact is not None:
        word = labels(fact.enum).get(str(int(value)), "")
    unit = UNIT_OF.get(kind, "")
    source: Source = "standard" if one.factor is not None else "learned"
    return Sensor(kind, name_of(one), value, unit, one.bind.oid, word, round(share, 3), source)


def name_of(one: Possible) -> str:
    """What to call a sensor: its row's label and the words of its column."""
    fact = one.bind.fact
    words = " ".join(words_of(fact.name)[-3:]) if fact is not None else one.bind.stem
    if one.kind and one.label:
        return one.label[:80]
    index = f" {one.bind.tail}" if one.bind.tail != "0" and not one.label and len(one.bind.tail) < 12 else ""
    return f"{one.label[:60]} {words}{index}".strip()
