"""Recognise a device from what it told: class, vendor, model, version, serial, interfaces, sensors.

Every answer carries a confidence and a reason. A confidence is not the ranker's own number but how often
such an answer was right on devices of families that were left out of training (`sure` models).
"""

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from agent.discover.candidate import FIELDS, Candidate, Field
from agent.discover.classes import Classed, classify
from agent.discover.evidence import SYS_NAME, Evidence, evidence
from agent.discover.found import Found, Guess
from agent.discover.identity import candidates
from agent.discover.interfaces import interfaces
from agent.discover.linear import probabilities, scores, softmax
from agent.discover.models import CHOICE, CLASS, SURE, Models
from agent.discover.readings import sensors
from agent.discover.traits import traits
from agent.discover.vendor import vendor
from agent.knowledge import Knowledge
from agent.transports.ber import Raw

RIGHT = "right"
WITH_SHARE = 0.5  # weight of the choice among all candidates beside the judgement of each alone
_SIGNS = re.compile(r"[^a-z0-9]")


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
