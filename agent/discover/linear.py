"""Evaluate the linear models that `ml.recognition` trained, without its libraries."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from ml.linear import Model


class Verdict(NamedTuple):
    """The likeliest label, how likely, and the features that spoke most for it."""

    label: str
    probability: float
    grounds: tuple[str, ...]


def scores(model: Model, features: Mapping[str, float], base: list[float] | None = None) -> list[float]:
    """A score for each label; `base` are those of features that were counted before."""
    out = list(model.bias if base is None else base)
    weights = model.weights
    for name, value in features.items():
        row = weights.get(name)
        if row is not None:
            for place, weight in enumerate(row):
                out[place] += value * weight
    return out


def softmax(values: list[float], scale: float = 1.0) -> list[float]:
    """Scores as probabilities."""
    top = max(values)
    raised = [math.exp(min(0.0, max(-60.0, (value - top) * scale))) for value in values]
    total = sum(raised)
    return [value / total for value in raised]


def probabilities(
    model: Model, features: Mapping[str, float], base: list[float] | None = None
) -> dict[str, float]:
    """How likely each label is; `base` as in `scores`."""
    return dict(zip(model.labels, softmax(scores(model, features, base), model.scale), strict=True))


def judge(model: Model, features: Mapping[str, float], *, grounds: int = 3) -> Verdict:
    """The likeliest label and what spoke for it."""
    found = softmax(scores(model, features), model.scale)
    best = max(range(len(found)), key=found.__getitem__)
    spoke = []
    for name, value in features.items():
        row = model.weights.get(name)
        if row is not None:
            lead = value * (row[best] - sum(row) / len(row))
            if lead > 0:
                spoke.append((lead, name))
    spoke.sort(key=lambda item: (-item[0], item[1]))
    return Verdict(model.labels[best], found[best], tuple(name for _, name in spoke[:grounds]))
