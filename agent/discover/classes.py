"""The class of a device: a rule for plain computers, the vote of the words, and a learned margin on top."""

from typing import NamedTuple

from agent.discover.evidence import Evidence
from agent.discover.lexicon import CLASSES
from agent.discover.linear import scores, softmax
from agent.discover.traits import unix_host
from ml.linear import Model

VOTES = {"line descr": 2.0, "lex descr": 1.5, "maker org": 1.2, "maker descr": 1.0, "maker product": 0.7,
         "line product": 1.0, "lex product": 0.7, "lex name": 0.8, "lex module": 0.8, "lex text": 0.3,
         "lex org": 0.5, "lex node": 1.0, "line node": 1.0, "lex objects": 1.5,
         "lex products": 0.7}  # fmt: skip
VOTE = 0.8  # of a class that all words agree on, against a margin of about one
SHARP = 3.0


class Classed(NamedTuple):
    """The likeliest class, its share and the next one's, and the words that spoke most for it."""

    name: str
    share: float
    next_share: float
    grounds: tuple[str, ...]
    host: bool
    vote: bool  # whether the words alone say the same
    margin: bool  # whether what was learned alone says the same
    sources: tuple[str, ...]  # of the words that speak for it


def votes(traits: dict[str, float]) -> dict[str, float]:
    """What the words say of each class, 0 to 1."""
    found = dict.fromkeys(CLASSES, 0.0)
    for name, value in traits.items():
        source, _, label = name.partition(":")
        if source in VOTES:
            found[label] += VOTES[source] * value
    top = max(1.5, *found.values())
    return {name: value / top for name, value in found.items()}


def classify(model: Model, known: Evidence, traits: dict[str, float]) -> Classed:
    """The class and what it rests on."""
    voted = votes(traits)
    margins = dict(zip(model.labels, scores(model, traits), strict=True))
    points = [margins.get(name, -1.5) + VOTE * voted[name] for name in CLASSES]
    shares = softmax(points, SHARP)
    best = CLASSES.index("server") if unix_host(known) else max(range(len(CLASSES)), key=points.__getitem__)
    place = model.labels.index(CLASSES[best]) if CLASSES[best] in model.labels else -1
    spoke: list[tuple[float, str]] = []
    for name, value in traits.items():
        source, _, label = name.partition(":")
        lead = VOTE * VOTES.get(source, 0.0) * value if label == CLASSES[best] else 0.0
        row = model.weights.get(name)
        lead += value * row[place] if row is not None and place >= 0 else 0.0
        spoke.append((lead, name))
    spoke.sort(key=lambda item: (-item[0], item[1]))
    rest = max(share for place, share in enumerate(shares) if place != best)
    grounds = tuple(name for lead, name in spoke[:3] if lead > 0)
    name = CLASSES[best]
    sources = tuple(source for source in VOTES if f"{source}:{name}" in traits)
    return Classed(
        name,
        shares[best],
        rest,
        grounds,
        unix_host(known),
        voted[name] == max(voted.values()),
        margins.get(name) == max(margins.values()),
        sources,
    )


def top_class(told: dict[str, float]) -> str:
    """The class that a device's words speak for, without what was learned."""
    voted = votes(told)
    return max(voted, key=voted.__getitem__)
