"""Learn linear models of named features: what a device is, which text is its model, which number a sensor.

    python -m ml.recognition TASKS.msgpack MODELS.msgpack

A task is a list of examples (features, label, group, weight); its model is a table of weights a person can
read. Training is the same each time: sorted features, fixed seeds. Examples of one group (a family of
devices) count together no more than its square root, so that a family recorded often does not shout.
"""

import math
import sys
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from ml.linear import Example, Model, Task

Floats = NDArray[np.float64]
SEED = 20_261_127


def features_of(task: Task) -> list[str]:
    """Features that at least `least` groups show, sorted."""
    seen: dict[str, set[str]] = {}
    for example in task.examples:
        for name in example.features:
            groups = seen.setdefault(name, set())
            if len(groups) < task.least:
                groups.add(example.group)
    return sorted(name for name, groups in seen.items() if len(groups) >= task.least)


def train(task: Task) -> Model:
    """Fit one model; raises ValueError where fewer than two labels are there."""
    names = features_of(task)
    labels = sorted({example.label for example in task.examples})
    if len(labels) < 2:
        raise ValueError(f"{task.name}: there are fewer than two labels to tell apart.")
    if task.kind == "choice":
        return _model(task.name, [task.chosen], names, _chosen(task, names)[None, :], np.zeros(1))
    wanted = np.asarray([labels.index(example.label) for example in task.examples])
    sizes = Counter(example.group for example in task.examples)
    weights = np.asarray([one.weight / math.sqrt(sizes[one.group]) for one in task.examples])
    weights *= len(weights) / weights.sum()
    balance = "balanced" if task.balanced else None
    if task.kind == "margin":
        fitted = LinearSVC(C=task.c, class_weight=balance, random_state=SEED, max_iter=5_000)
    else:
        fitted = LogisticRegression(C=task.c, class_weight=balance, max_iter=400, random_state=SEED)
    fitted.fit(_matrix(task.examples, names), wanted, sample_weight=weights)
    table, bias = fitted.coef_, fitted.intercept_
    if len(labels) == 2:  # one row tells both
        table, bias = np.vstack([-table[0] / 2, table[0] / 2]), np.asarray([-bias[0] / 2, bias[0] / 2])
    return _model(task.name, labels, names, table, bias)


def _matrix(examples: list[Example], names: list[str]) -> csr_matrix:
    """A row of values for each example."""
    places = {name: place for place, name in enumerate(names)}
    data, columns, starts = [], [], [0]
    for example in examples:
        for name in sorted(example.features.keys() & places.keys()):
            columns.append(places[name])
            data.append(example.features[name])
        starts.append(len(columns))
    index = np.asarray(columns, np.int32), np.asarray(starts, np.int32)
    return csr_matrix((np.asarray(data), *index), (len(examples), len(names)))


def _model(name: str, labels: list[str], names: list[str], table: Floats, bias: Floats) -> Model:
    """A table of weights, those that hardly count left out."""
    kept = {
        name: [round(float(value), 3) for value in table[:, place]]
        for place, name in enumerate(names)
        if np.abs(table[:, place]).max() >= 0.005
    }
    return Model(name, labels, [round(float(value), 4) for value in bias], kept)


def _chosen(task: Task, names: list[str]) -> Floats:
    """Weights that make what is right the likeliest of all it stands among.

    Where several are right, any of them is; where none is, nothing is learned. Each thing counts once,
    things of a group together no more than the square root of their number.
    """
    right = {one.within for one in task.examples if one.label == task.chosen}
    examples = sorted((one for one in task.examples if one.within in right), key=lambda one: one.within)
    matrix = _matrix(examples, names)
    hits = np.asarray([one.label == task.chosen for one in examples], float)
    groups = {one.within: one.group for one in examples}
    _, starts, belongs = np.unique([one.within for one in examples], return_index=True, return_inverse=True)
    sizes = Counter(groups.values())
    counts = np.asarray([1 / math.sqrt(sizes[groups[name]]) for name in sorted(groups)])
    counts *= task.c * len(counts) / counts.sum()

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = matrix @ weights
        raised = np.exp(scores - np.maximum.reduceat(scores, starts)[belongs])
        every = np.add.reduceat(raised, starts)
        good = np.add.reduceat(raised * hits, starts)
        pull = counts[belongs] * raised * (1 / every[belongs] - hits / good[belongs])
        total = float(-(counts * np.log(good / every)).sum() + weights @ weights / 2)
        return total, matrix.T @ pull + weights

    found = minimize(loss, np.zeros(len(names)), jac=True, method="L-BFGS-B", options={"maxiter": 300})
    return np.asarray(found.x)


def main() -> int:
    """Train every task of a file."""
    tasks = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=list[Task])
    Path(sys.argv[2]).write_bytes(msgspec.msgpack.encode([train(task) for task in tasks]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
