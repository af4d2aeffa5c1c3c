"""Room for a dense model that orders the best articles once more: an interface, and where its files lie.

None is shipped. One is loaded from a local folder that the setting `reranker_folder` names, from nowhere
else. The folder has a `reranker.json` with the `kind` of the model: `static` is known (vectors of words, see
`static_vectors`); whoever brings another registers its loader here.
"""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeVar

from server.knowledge.static_vectors import BadVectorsError, StaticVectors

MANIFEST = "reranker.json"
T = TypeVar("T")


class Reranker(Protocol):
    """Says how well each text answers a question."""

    def scores(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        """One score for each text; higher fits better."""
        ...


class RerankerError(Exception):
    """The folder has no model that can be loaded; the text says what is wrong there."""


KINDS: dict[str, Callable[[Path], Reranker]] = {"static": StaticVectors}


def load(folder: str) -> Reranker | None:
    """The model of a folder, read once; None where no folder is named.

    Raises:
        RerankerError: the folder, its manifest or its kind is not there, or its files are unfit.
    """
    if not folder:
        return None
    return _loaded(Path(folder), _stamp(Path(folder)))


def _stamp(folder: Path) -> tuple[int, ...]:
    """When its files were changed last."""
    try:
        return tuple(sorted(one.stat().st_mtime_ns for one in folder.iterdir()))
    except OSError:
        return ()


@lru_cache(maxsize=2)
def _loaded(folder: Path, _stamp: tuple[int, ...]) -> Reranker:
    manifest = folder / MANIFEST
    try:
        kind = str(json.loads(manifest.read_text(encoding="utf-8"))["kind"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise RerankerError(f"{manifest}: no manifest with a kind can be read there") from error
    if kind not in KINDS:
        known = ", ".join(sorted(KINDS)) or "none"
        raise RerankerError(f"{manifest}: the kind {kind} is not known here; known are: {known}")
    try:
        return KINDS[kind](folder)
    except BadVectorsError as error:
        raise RerankerError(str(error)) from error


def best_first(reranker: Reranker, question: str, found: Sequence[T], *, text: Callable[[T], str]) -> list[T]:
    """The answers in the model's order; equal ones stay as they stood, an absurd answer changes nothing.

    Args:
        reranker: the model.
        question: what is asked.
        found: the answers, in the order they have without it.
        text: what an answer says.
    """
    scores = list(reranker.scores(question, [text(one) for one in found]))
    if len(scores) != len(found) or any(score != score for score in scores):  # noqa: PLR0124  NaN
        return list(found)
    order = sorted(range(len(found)), key=lambda place: -scores[place])
    return [found[place] for place in order]
