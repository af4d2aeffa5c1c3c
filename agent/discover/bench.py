"""`watchdesk-agent bench recognise`: recognise recorded devices whose family nothing was learned from.

    watchdesk-agent bench recognise --devices-dir DIR --scorer FILE [--folds N] [--out R.jsonl] [--models
    FILE]

DIR holds `recordings.tar.xz` and `truth.jsonl`; FILE the comparisons that count. Whole families are left out
of training, of the models that say how sure an answer is, and no profile is asked; what our own tables of
makers' words, brands and market names say of a device's maker is hidden from it as well. `--models` writes
what was learned from all families together, with confidences measured on those left out: the models the
agent carries.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from agent.discover.found import SURE as SURE_FROM
from agent.discover.found import Found
from agent.discover.models import Models
from agent.discover.recognise import recognise
from agent.discover.training import (
    Case,
    cases,
    comparisons,
    fold_of,
    identity_tasks,
    learn,
    sensor_tasks,
    sure_examples,
    sure_tasks,
)
from agent.knowledge import packaged
from ml.linear import Example

FIELDS = ("device_class", "vendor", "model", "version", "serial")
SENSOR_FOLDS = 8


def line_of(name: str, found: Found) -> dict[str, Any]:
    """A device as one line of results."""
    line: dict[str, Any] = {"recording": name, "os": None, "hostname": found.value("name") or None}
    line |= {field: found.value(field) or None for field in FIELDS}
    line["confidence"] = {field: guess.confidence for field, guess in found.guesses.items()}
    line["reason"] = {field: guess.reason for field, guess in found.guesses.items()}
    line["profile"] = found.profile
    line["interfaces"] = [
        {"index": one.index, "name": one.name, "descr": one.descr} for one in found.interfaces
    ]
    line["sensors"] = [
        {
            "class": one.kind,
            "name": one.name,
            "value": one.value,
            "unit": one.unit,
            "oid": one.oid,
            "state": one.state,
        }
        for one in found.sensors
    ]
    return line


def bench(devices: Path, scorer: Path, *, folds: int, out: Path | None, models_to: Path | None) -> int:
    """Run the cross-validation and print its table; the last line is one JSON object."""
    same = comparisons(scorer)
    knowledge = packaged()
    every = cases(devices, same, knowledge)
    say(f"{len(every)} recordings of {len({one.family for one in every})} families read")
    identifying: list[Models] = []
    signs: dict[str, dict[str, Example]] = {}
    for fold in range(folds):
        learned = Models({model.name: model for model in learn(identity_tasks(left(every, folds, fold)))})
        identifying.append(learned)
        for case in every:
            if fold_of(case.family, folds) == fold:
                signs[case.name] = sure_examples(case, learned, knowledge, same)
    if models_to is not None:
        whole = learn([*identity_tasks(every), *sensor_tasks(every), *sure_tasks(signs.values())])
        models_to.write_bytes(Models({model.name: model for model in whole}).pack())
        say(f"{models_to}: {models_to.stat().st_size / 1e3:.0f} kB")
    sensing = [
        Models({model.name: model for model in learn(sensor_tasks(left(every, SENSOR_FOLDS, fold)))})
        for fold in range(SENSOR_FOLDS)
    ]
    results: list[tuple[Case, dict[str, Any]]] = []
    for fold in range(folds):
        held = [one for one in every if fold_of(one.family, folds) == fold]
        names = {one.name for one in held}
        sure = learn(sure_tasks(examples for name, examples in signs.items() if name not in names))
        for case in held:
            known = identifying[fold].by_name | {model.name: model for model in sure}
            known |= sensing[fold_of(case.family, SENSOR_FOLDS)].by_name
            found = recognise("", case.known.values, knowledge, Models(known), hidden=case.hidden)
            results.append((case, line_of(case.name, found)))
    if out is not None:
        out.write_text("".join(json.dumps(line) + "\n" for _, line in results), encoding="utf-8")
    told = [(case.truth, line) for case, line in results]
    sys.stdout.write(json.dumps(report(told, same)) + "\n")
    return 0


def left(every: list[Case], folds: int, fold: int) -> list[Case]:
    """The cases whose family is not left out in a fold."""
    return [one for one in every if fold_of(one.family, folds) != fold]


def report(results: list[tuple[dict[str, Any], dict[str, Any]]], same: Any) -> dict[str, Any]:
    """Per field: per cent right of all and over classes, by class; how much is told surely, and how right.

    Results are lines of the truth and lines of results.
    """
    scored = [(truth, same.score_one(truth, line)) for truth, line in results]
    figures: dict[str, Any] = {}
    for field in FIELDS:
        by_class: dict[str, list[int]] = defaultdict(list)
        sure: list[int] = []
        for (_, line), (truth, score) in zip(results, scored, strict=True):
            if field in score[0]:
                by_class[truth["device_class"]].append(score[0][field])
                if line["confidence"].get(field, 0.0) >= SURE_FROM:
                    sure.append(score[0][field])
        every = [hit for hits in by_class.values() for hit in hits]
        means = {name: 100 * sum(hits) / len(hits) for name, hits in sorted(by_class.items())}
        figures[field] = {
            "n": len(every),
            "all": _share(every),
            "macro": round(sum(means.values()) / len(means), 1),
            "sure_given": round(100 * len(sure) / max(1, len(every)), 1),
            "sure_right": _share(sure),
            "by_class": {name: round(value, 1) for name, value in means.items()},
        }
    for place, name in ((-1, "interfaces_f1"), (0, "numeric_f1"), (1, "state_f1")):
        by_kind: dict[str, list[float]] = defaultdict(list)
        for truth, score in scored:
            counts = _counts(score, place)
            if counts[1] or counts[2]:
                by_kind[truth["device_class"]].append(same.f1(*counts))
        means = {kind: 100 * sum(values) / len(values) for kind, values in sorted(by_kind.items())}
        flat = [value for values in by_kind.values() for value in values]
        figures[name] = {
            "n": len(flat),
            "all": _share(flat),
            "macro": round(sum(means.values()) / max(1, len(means)), 1),
            "by_class": {kind: round(value, 1) for kind, value in means.items()},
        }
    for name, figure in figures.items():
        say(
            f"{name:13} all {figure['all']:5} macro {figure['macro']:5}"
            + (
                f"  sure {figure['sure_given']:5} right {figure['sure_right']:5}"
                if "sure_given" in figure
                else ""
            )
            + f"  {figure['by_class']}"
        )
    return figures


def _counts(score: Any, place: int) -> tuple[int, int, int]:
    """Right, wanted and told: of interfaces (-1), numeric (0) or state sensors (1)."""
    if place < 0:
        return tuple(score[2]) if score[2] else (0, 0, 0)
    one = score[3][place] if score[3] else {"tp": 0, "want": 0, "got": 0}
    return one["tp"], one["want"], one["got"]


def _share(hits: list[int] | list[float]) -> float:
    return round(100 * sum(hits) / max(1, len(hits)), 1)


def say(sentence: str) -> None:
    """Progress, for people."""
    sys.stderr.write(sentence + "\n")
