"""Room for a dense model that looks at the best answers once more: an interface, and where its files lie.

None is shipped. One is loaded from a local folder that the setting `reranker_folder` names, from nowhere
else. The folder has a `reranker.json` with the `kind` of the model: `static` (vectors of words, see
`static_vectors`) and `onnx` (a model of sentences, see `sentence_model`) are known; whoever brings another
registers its loader here.

The model is asked where a person reads: its word is blended with the ranker's (see `ml.meaning`) in every
list of suggestions and on Ask. What the desk decides while nobody looks, at the opening of an incident and
at night, goes without it: a hundred incidents of a storm wait for no model. A model that cannot be loaded,
fails or says what is no number changes nothing.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import structlog

from ml.meaning import blended
from server.knowledge.suggesting.ranking import Ranked
from server.knowledge.suggesting.sentence_model import BadModelError, SentenceModel
from server.knowledge.suggesting.static_vectors import BadVectorsError, StaticVectors

MANIFEST = "reranker.json"
LOOKED_AT = 10  # answers of a kind; the model costs milliseconds for each

log = structlog.get_logger(__name__)


class Reranker(Protocol):
    """Says how well each text answers a question."""

    def scores(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        """One score for each text; higher fits better."""
        ...


class RerankerError(Exception):
    """The folder has no model that can be loaded; the text says what is wrong there."""


KINDS: dict[str, Callable[[Path, bytes], Reranker]] = {
    "onnx": SentenceModel,
    "static": lambda folder, _manifest: StaticVectors(folder),
}


def usable(folder: str) -> Reranker | None:
    """The same as `load`; a folder that cannot be used is told in the log and changes nothing."""
    try:
        return load(folder)
    except RerankerError as error:
        _complain(str(error))
        return None


@lru_cache(maxsize=8)  # once for each fault
def _complain(reason: str) -> None:
    log.warning("re-ranker not loaded", reason=reason)


def load(folder: str) -> Reranker | None:
    """The model of a folder, read once; None where no folder is named.

    Raises:
        RerankerError: the folder, its manifest or its kind is not there, or its files are unfit.
    """
    if not folder:
        return None
    found = _tried(Path(folder), _stamp(Path(folder)))
    if isinstance(found, RerankerError):
        raise RerankerError(str(found))
    return found


def _stamp(folder: Path) -> tuple[int, ...]:
    """When its files were changed last."""
    try:
        return tuple(sorted(one.stat().st_mtime_ns for one in folder.iterdir()))
    except OSError:
        return ()


@lru_cache(maxsize=2)
def _tried(folder: Path, _stamp: tuple[int, ...]) -> Reranker | RerankerError:
    """The model, or why there is none; neither is read again before a file of it changes."""
    try:
        return _loaded(folder)
    except RerankerError as error:
        return error


def _loaded(folder: Path) -> Reranker:
    manifest = folder / MANIFEST
    try:
        told = manifest.read_bytes()
        kind = str(json.loads(told)["kind"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise RerankerError(f"{manifest}: no manifest with a kind can be read there") from error
    if kind not in KINDS:
        known = ", ".join(sorted(KINDS)) or "none"
        raise RerankerError(f"{manifest}: the kind {kind} is not known here; known are: {known}")
    try:
        return KINDS[kind](folder, told)
    except (BadVectorsError, BadModelError) as error:
        raise RerankerError(str(error)) from error


def by_meaning(
    model: Reranker, question: str, answers: Sequence[Ranked], texts: Mapping[str, str]
) -> list[Ranked]:
    """The answers in the order that ranker and model find together, each as sure as both are.

    Articles are compared with articles and cases with cases: a case that tells the same trouble speaks for an
    article. Cases of one worth are the same trouble that came back, and are judged once.

    Args:
        model: the second opinion.
        question: what is asked.
        answers: the ranker's, best first.
        texts: what answers say, by key, the title in the first line; the best of these are judged.
    """
    first: dict[object, int] = {}
    same = [first.setdefault(_trouble(one), at) for at, one in enumerate(answers)]
    of_kind: dict[str, list[int]] = defaultdict(list)
    for at in first.values():
        of_kind[answers[at].kind].append(at)
    asked = [at for kind in of_kind.values() for at in _judged(kind, answers, texts)]
    if not asked:
        return list(answers)
    scores = _told(model, question, [texts[answers[at].hit.key] for at in asked])
    if scores is None:
        return list(answers)
    told = np.full(len(answers), np.nan)
    told[asked] = scores
    worths, sure = np.asarray([one.worth for one in answers]), np.asarray([one.sure for one in answers])
    for kind in of_kind.values():
        worths[kind], sure[kind] = blended(worths[kind], sure[kind], told[kind])
    order = np.argsort(-worths[same], kind="stable").tolist()
    return [replace(answers[at], worth=float(worths[same[at]]), sure=float(sure[same[at]])) for at in order]


def _trouble(answer: Ranked) -> object:
    """What cases of the same trouble have in common."""
    return round(answer.worth, 3) if answer.kind == "case" else answer.hit.key


def _judged(places: Sequence[int], answers: Sequence[Ranked], texts: Mapping[str, str]) -> list[int]:
    """The best of one kind; none where there is nothing to compare one with."""
    best = [at for at in places if answers[at].hit.key in texts][:LOOKED_AT]
    return best if len(best) > 1 else []


def _told(model: Reranker, question: str, texts: Sequence[str]) -> list[float] | None:
    """The model's scores; None where it fails or they are none."""
    try:
        told = [float(score) for score in model.scores(question, texts)]
    except Exception as error:  # noqa: BLE001  whatever somebody's model does, the desk goes on
        log.warning("re-ranker failed", reason=str(error)[:200])
        return None
    if len(told) != len(texts) or not np.isfinite(told).all():
        log.warning("re-ranker told no scores", answers=len(texts), scores=len(told))
        return None
    return told
