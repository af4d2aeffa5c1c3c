"""What the models learn from: recordings with a table of truth, and the comparisons that say what is right.

The table and the comparisons (a Python file with `same_model`, `same_version`, `same_serial`, `same_vendor`)
are not ours to carry: both are named by whoever trains or measures. The learning itself is `ml.recognition`,
in a process of its own, so that the agent needs no scikit-learn.
"""

import hashlib
import importlib.util
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from agent.discover.candidate import FIELDS, Candidate
from agent.discover.classes import classify, top_class
from agent.discover.evidence import Evidence, evidence, words_in
from agent.discover.identity import candidates
from agent.discover.models import CHOICE, CLASS, KIND, POWER, SURE, Models
from agent.discover.readings import NONE, SECONDS
from agent.discover.recognise import RIGHT, class_signs, field_signs, ranked
from agent.discover.recording import recordings
from agent.discover.scale import scale_features
from agent.discover.sensor_features import Possible
from agent.discover.sensors import possible
from agent.discover.traits import traits
from agent.discover.vendor import vendor
from agent.knowledge import Knowledge
from ml.linear import Example, Model, Task

Same = Callable[[dict[str, Any], Any], bool]
WRONG = "wrong"
UNSEEN = 0.8  # weight of a device as its maker were in no table of ours, against as it is
CAUTION = 1.3  # weight of a wrong class against a right one: to be sure and wrong costs more than to ask
CHOICE_C = 0.6
ROWS = 4  # of a column, sensors and others each


@dataclass(slots=True)
class Case:
    """One recording, its truth, and its features."""

    name: str
    truth: dict[str, Any]
    known: Evidence
    traits: dict[str, float]
    unseen: dict[str, float]  # the same without what our tables say of its maker
    candidates: dict[str, list[tuple[Candidate, bool]]]
    columns: list[list[Possible]] | None

    @property
    def hidden(self) -> frozenset[str]:
        """Words of its maker and system: what our tables say of them counts as seen."""
        return hidden_words(self.truth)

    @property
    def family(self) -> str:
        """The system it runs; near copies share it."""
        return str(self.truth["os"])

    def scored(self, field: str) -> bool:
        """Whether the truth knows a field."""
        return bool(self.truth.get(field)) and field not in (self.truth.get("unscored") or ())


def hidden_words(truth: dict[str, Any]) -> frozenset[str]:
    """Words of the maker and system in a line of truth."""
    told = [truth["os"], truth.get("vendor") or "", *(truth.get("vendor_accept") or ())]
    return frozenset(word for text in told for word in words_in(text.replace("_", " ").replace("-", " ")))


def comparisons(path: Path) -> ModuleType:
    """The comparisons of a file; raises ValueError where it has none."""
    spec = importlib.util.spec_from_file_location("comparisons", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases(folder: Path, same: ModuleType, knowledge: Knowledge) -> list[Case]:
    """The recordings of a folder (`recordings.tar.xz`, `truth.jsonl`) with their features, sorted by name."""
    lines = (folder / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    truth = {one["recording"]: one for one in map(json.loads, filter(str.strip, lines))}
    compare: dict[str, Same] = {field: getattr(same, f"same_{field}") for field in FIELDS}
    found: list[Case] = []
    for name, values in recordings(folder / "recordings.tar.xz"):
        if name not in truth:
            continue
        known = evidence(values, knowledge)
        told = traits(known, knowledge)
        unseen = traits(known, knowledge, hidden=hidden_words(truth[name]))
        case = Case(name, truth[name], known, told, unseen, {}, None)
        for field in FIELDS:
            if case.scored(field):
                listed = candidates(known, knowledge, field)
                case.candidates[field] = [
                    (one, bool(compare[field](case.truth, one.value))) for one in listed
                ]
        if case.truth.get("sensors") is not None:
            case.columns = possible(known, top_class(told))
        found.append(case)
    return found


def fold_of(family: str, folds: int) -> int:
    """The fold a family is left out in: the same each time, spread evenly."""
    return int(hashlib.sha256(family.encode()).hexdigest()[:8], 16) % folds


def learn(tasks: list[Task]) -> list[Model]:
    """Train tasks in a process of their own."""
    with tempfile.TemporaryDirectory(prefix="watchdesk-train-") as folder:
        asked, learned = Path(folder) / "tasks", Path(folder) / "models"
        asked.write_bytes(msgspec.msgpack.encode(tasks))
        subprocess.run([sys.executable, "-m", "ml.recognition", str(asked), str(learned)], check=True)  # noqa: S603
        return msgspec.msgpack.decode(learned.read_bytes(), type=list[Model])


def identity_tasks(chosen: Iterable[Case]) -> list[Task]:
    """Class and the three fields of identity, each in two ways: is this the answer, and which of these is.

    The class is learned twice of each device, with and without what our tables say of its maker: most makers
    that are met are in no table.
    """
    kept = list(chosen)
    views = [
        Example(view, one.truth["device_class"], one.family, weight)
        for one in kept
        for view, weight in ((one.unseen, UNSEEN), (one.traits, 1 - UNSEEN))
    ]
    tasks = [Task(CLASS, views, "margin", 0.05, balanced=True)]
    for field in FIELDS:
        examples = []
        for case in kept:
            listed = case.candidates.get(field, [])
            if any(right for _, right in listed):
                weight = 1 / math.sqrt(len(listed))
                examples += [
                    Example(one.features, RIGHT if right else WRONG, case.family, weight, case.name)
                    for one, right in listed
                ]
        tasks.append(Task(field, examples))
        tasks.append(Task(CHOICE + field, examples, "choice", CHOICE_C, chosen=RIGHT))
    return tasks


def sensor_tasks(chosen: Iterable[Case]) -> list[Task]:
    """Which numbers are sensors and of what, and the power of ten of their scale."""
    kinds: list[Example] = []
    powers: list[Example] = []
    for case in chosen:
        truth = {one["oid"]: one for one in case.truth.get("sensors") or () if one.get("oid")}
        for column in case.columns or ():
            told = [(one, truth.get(one.bind.oid)) for one in column]
            for part in ([item for item in told if item[1]], [item for item in told if not item[1]]):
                picked = part[:: max(1, len(part) // ROWS)][:ROWS]
                weight = math.sqrt(len(part) / len(picked)) if picked else 0.0
                for one, wanted in picked:
                    label = wanted["class"] if wanted else NONE
                    kinds.append(Example(one.features, label, case.family, weight))
                    power = _power(one, wanted) if wanted else None
                    if power is not None and one.factor is None:
                        powers.append(Example(scale_features(one, label), power, case.family))
    return [Task(KIND, kinds, c=0.3), Task(POWER, powers)]


def _power(one: Possible, wanted: dict[str, Any]) -> str | None:
    value = wanted.get("value")
    if wanted["class"] == "state" or not isinstance(value, int | float) or not value or not one.number:
        return None
    share = abs(value / one.number)
    if wanted["class"] == "runtime" and abs(share - 1 / 60) < 0.003:
        return SECONDS
    power = round(math.log10(share))
    return str(power) if abs(math.log10(share) - power) < 0.05 and -9 <= power <= 6 else None


def sure_examples(case: Case, models: Models, knowledge: Knowledge, same: ModuleType) -> dict[str, Example]:
    """By field: what tells how sure an answer is, and whether it was right. The case must be untrained."""
    found: dict[str, Example] = {}
    classed = classify(models.by_name[CLASS], case.known, case.unseen)
    right = classed.name in case.truth["device_class_accept"]
    label, weight = (RIGHT, 1.0) if right else (WRONG, CAUTION)
    found[CLASS] = Example(class_signs(classed), label, case.family, weight)
    made = vendor(case.known, knowledge, hidden=case.hidden)
    if made is not None and case.scored("vendor"):
        signs = {f"{made.source} {made.confidence}": 1.0}
        label = RIGHT if same.same_vendor(case.truth, made.value) else WRONG
        found["vendor"] = Example(signs, label, case.family)
    for field, listed in case.candidates.items():
        if listed:
            rated = ranked(models, field, [one for one, _ in listed])
            right = next(right for one, right in listed if one is rated[0].candidate)
            found[field] = Example(field_signs(rated), RIGHT if right else WRONG, case.family)
    return found


def sure_tasks(examples: Iterable[dict[str, Example]]) -> list[Task]:
    """How sure the answers of each field are."""
    by_field: dict[str, list[Example]] = {}
    for one in examples:
        for field, example in one.items():
            by_field.setdefault(field, []).append(example)
    return [Task(SURE + field, kept) for field, kept in sorted(by_field.items())]
