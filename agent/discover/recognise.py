"""Recognise a device from what it told: class, vendor, model, version, serial, interfaces, sensors.

Every answer carries a confidence and a reason. A confidence is not the ranker's own number but how often
such an answer was right on devices of families that were left out of training (`sure` models).
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from agent.discover.choice import Chance, choose
from agent.discover.classes import Classed, classify, votes
from agent.discover.evidence import SYS_NAME, Evidence, evidence
from agent.discover.found import Found, Guess, Sensor, Source
from agent.discover.identity import FIELDS, Candidate, Field, candidates
from agent.discover.interfaces import interfaces
from agent.discover.linear import probabilities, scores, softmax
from agent.discover.models import CHOICE, CLASS, KIND, POWER, SURE, Models
from agent.discover.sensors import (
    MAX_SENSORS,
    UNITS,
    Possible,
    in_unit,
    labels,
    meant,
    mend,
    name_of,
    optical,
    possible,
    scale_features,
    stated,
)
from agent.discover.traits import traits
from agent.discover.vendor import vendor
from agent.knowledge import Knowledge
from agent.transports.ber import Raw
from ml.linear import Model

STATED = 0.95  # how often a kind that a standard states is the one that is wanted
SCALED = 0.85  # how often a learned scale is right
NONE = "-"
RIGHT = "right"
WITH_SHARE = 0.5  # weight of the choice among all candidates beside the judgement of each alone
_SIGNS = re.compile(r"[^a-z0-9]")
SECONDS = "s"  # of the power model: seconds, told in minutes
SAMPLE = 12  # rows of a column that tell its scale


def recognise(
    address: str,
    values: Mapping[str, Raw],
    knowledge: Knowledge,
    models: Models,
    *,
    hidden: frozenset[str] = frozenset(),
) -> Found:
    """All that can be said of a device; `hidden` as in `traits` and `vendor`, to measure without tables."""
    known = evidence(values, knowledge)
    found = Found(
        address,
        facts={"sysDescr": known.descr, "sysObjectID": known.object_id, "sysName": known.text(SYS_NAME)},
    )
    told = traits(known, knowledge, hidden=hidden)
    classed = classify(models.by_name[CLASS], known, told)
    found.guesses[CLASS] = _class_guess(classed, models)
    if (made := vendor(known, knowledge, hidden=hidden)) is not None:
        found.guesses["vendor"] = _calibrated(
            "vendor", made, {f"{made.source} {made.confidence}": 1.0}, models
        )
    for name in FIELDS:
        guess = identify(known, knowledge, name, models)
        if guess is not None:
            found.guesses[name] = guess
    if host := known.text(SYS_NAME):
        found.guesses["name"] = Guess(host, 1.0, "sysName", "standard")
    found.interfaces = interfaces(known)
    found.sensors = tuple(sensors(known, told, models))
    return found


def class_signs(classed: Classed) -> dict[str, float]:
    """What tells how sure a class is."""
    gap = math.log(classed.share / max(classed.next_share, 1e-6))
    signs = {"share": classed.share, "gap": min(4.0, gap), f"host {classed.host}": 1.0}
    signs |= {f"vote {classed.vote}": 1.0, f"margin {classed.margin}": 1.0}
    return signs | {f"by {source}": 1.0 for source in classed.sources}


def _class_guess(classed: Classed, models: Models) -> Guess:
    why = ", ".join(classed.grounds) or "nothing in particular"
    if classed.host:
        why = "a computer with Net-SNMP and no maker's subtree"
    guess = Guess(classed.name, classed.share, f"speaks for it: {why}", "learned")
    return _calibrated(CLASS, guess, class_signs(classed), models)


def _calibrated(name: str, guess: Guess, signs: dict[str, float], models: Models) -> Guess:
    model = models.by_name.get(SURE + name)
    if model is None:
        return guess
    sure = round(probabilities(model, signs).get(RIGHT, 0.0), 3)
    return Guess(guess.value, sure, guess.reason, guess.source)


class Rated(NamedTuple):
    """A candidate as two models see it: `alone` in logits, `share` of all candidates as a logarithm."""

    alone: float
    share: float
    candidate: Candidate

    @property
    def score(self) -> float:
        """Both together."""
        return self.alone + WITH_SHARE * self.share


def ranked(models: Models, name: str, found: list[Candidate]) -> list[Rated]:
    """Candidates, likeliest first; ties in the order they were found."""
    if not found:
        return []
    alone = [_logit(probabilities(models.by_name[name], one.features).get(RIGHT, 0.0), 1e-6) for one in found]
    choice = models.by_name[CHOICE + name]
    chosen = softmax([scores(choice, one.features)[0] for one in found])
    rated = [
        Rated(own, math.log(max(share, 1e-9)), one)
        for own, share, one in zip(alone, chosen, found, strict=True)
    ]
    return sorted(rated, key=lambda one: -one.score)


def field_signs(rated: list[Rated]) -> dict[str, float]:
    """What tells how sure the first of ranked candidates is."""
    first = rated[0]
    like = [_alike(one.candidate.value, first.candidate.value) for one in rated]
    rest = [one.alone for one, same in zip(rated, like, strict=True) if not same]
    agreed = sum(math.exp(one.share) for one, same in zip(rated, like, strict=True) if same)
    favourite = max(range(len(rated)), key=lambda place: rated[place].share)
    return {
        "p": _logit(1 / (1 + math.exp(-first.alone)), 0.005),
        "gap": min(6.0, first.alone - max(rest)) if rest else 6.0,
        "alone": float(not rest),
        "share": _logit(agreed, 0.005),
        "both": float(like[favourite]),
    }


def _as_written(rated: list[Rated]) -> Rated:
    """The likeliest; a symbol as the device itself writes it: `ASR-9001` for `ASR9001`."""
    best = rated[0]
    if "at product" not in best.candidate.features:
        return best
    flat = _SIGNS.sub("", best.candidate.value.lower())
    same = (one for one in rated if _SIGNS.sub("", one.candidate.value.lower()) == flat)
    return next((one for one in same if "at product" not in one.candidate.features), best)


def _alike(one: str, other: str) -> bool:
    """Whether two texts say the same, or one more than the other."""
    short, long = sorted((_SIGNS.sub("", one.lower()), _SIGNS.sub("", other.lower())), key=len)
    return short == long or (len(short) > 3 and short in long)


def _logit(share: float, edge: float) -> float:
    bounded = min(max(share, edge), 1 - edge)
    return math.log(bounded / (1 - bounded))


def identify(known: Evidence, knowledge: Knowledge, name: Field, models: Models) -> Guess | None:
    """A field's likeliest candidate; None where there is none."""
    rated = ranked(models, name, candidates(known, knowledge, name))
    if not rated:
        return None
    best = _as_written(rated)
    share = round(1 / (1 + math.exp(-best.alone)), 3)
    guess = Guess(best.candidate.value, share, f"read from {best.candidate.place}", "reading")
    return _calibrated(name, guess, field_signs(rated), models)


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


def top_class(told: dict[str, float]) -> str:
    """The class that a device's words speak for, without what was learned."""
    voted = votes(told)
    return max(voted, key=voted.__getitem__)


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
    unit = UNITS.get(kind, "")
    source: Source = "standard" if one.factor is not None else "learned"
    return Sensor(kind, name_of(one), value, unit, one.bind.oid, word, round(share, 3), source)
