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

from ml.linear import Model, Task

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
    import numpy as np  # noqa: PLC0415 - the agent imports the forms alone
    from scipy.sparse import csr_matrix  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.svm import LinearSVC  # noqa: PLC0415

    names = features_of(task)
    places = {name: place for place, name in enumerate(names)}
    labels = sorted({example.label for example in task.examples})
    if len(labels) < 2:
        raise ValueError(f"{task.name}: there are fewer than two labels to tell apart.")
    data, columns, starts = [], [], [0]
    for example in task.examples:
        for name in sorted(example.features.keys() & places.keys()):
            columns.append(places[name])
            data.append(example.features[name])
        starts.append(len(columns))
    index = {"indices": np.asarray(columns, np.int32), "indptr": np.asarray(starts, np.int32)}
    matrix = csr_matrix(
        (np.asarray(data), index["indices"], index["indptr"]), (len(task.examples), len(names))
    )
    wanted = np.asarray([labels.index(example.label) for example in task.examples])
    sizes = Counter(example.group for example in task.examples)
    weights = np.asarray([one.weight / math.sqrt(sizes[one.group]) for one in task.examples])
    weights *= len(weights) / weights.sum()
    balance = "balanced" if task.balanced else None
    if task.kind == "margin":
        fitted = LinearSVC(C=task.c, class_weight=balance, random_state=SEED, max_iter=5_000)
    else:
        fitted = LogisticRegression(C=task.c, class_weight=balance, max_iter=400, random_state=SEED)
    fitted.fit(matrix, wanted, sample_weight=weights)
    table, bias = fitted.coef_, fitted.intercept_
    if len(labels) == 2:  # one row tells both
        table, bias = np.vstack([-table[0] / 2, table[0] / 2]), np.asarray([-bias[0] / 2, bias[0] / 2])
    kept = {
        name: [round(float(value), 3) for value in table[:, place]]
        for place, name in enumerate(names)
        if np.abs(table[:, place]).max() >= 0.005
    }
    return Model(task.name, labels, [round(float(value), 4) for value in bias], kept)


def main() -> int:
    """Train every task of a file."""
    tasks = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=list[Task])
    Path(sys.argv[2]).write_bytes(msgspec.msgpack.encode([train(task) for task in tasks]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
