"""The forms of linear models over named features: what is learned from, and what comes of it.

They stand apart from the learning (`ml.recognition`), so that who only evaluates needs no scikit-learn.
"""

from typing import Literal

import msgspec


class Example(msgspec.Struct, array_like=True):
    """One thing to learn from."""

    features: dict[str, float]
    label: str
    group: str
    weight: float = 1.0
    within: str = ""  # of a choice: what it stands to be chosen in


class Task(msgspec.Struct):
    """What is to be learned, and how hard: a larger `c` trusts the examples more.

    `margin`: a linear support vector machine, its scores made probabilities by one fitted scale;
    `logistic`: multinomial logistic regression, whose probabilities are its own; `choice`: a softmax over all
    that stands `within` one thing, of which what bears the label `chosen` is to be chosen.
    """

    name: str
    examples: list[Example]
    kind: Literal["margin", "logistic", "choice"] = "logistic"
    c: float = 1.0
    least: int = 2  # groups that must show a feature before it counts
    balanced: bool = False
    chosen: str = ""


class Model(msgspec.Struct):
    """Weights: score[label] = bias[label] + sum(value * weights[feature][label]), softmax(scale * score)."""

    name: str
    labels: list[str]
    bias: list[float]
    weights: dict[str, list[float]]
    scale: float = 1.0
