"""Room for a dense model that orders the best articles once more: an interface, and where its files lie.

None is shipped. One is loaded from a local folder that the setting `reranker_folder` names, from nowhere
else. The folder has a `reranker.json` with the `kind` of the model: `static` is known (vectors of words, see
`static_vectors`); whoever brings another registers its loader here.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from server.knowledge.models import Article
from server.knowledge.static_vectors import BadVectorsError, StaticVectors

MANIFEST = "reranker.json"


class Reranker(Protocol):
    """Says how well each text answers a question."""

    def scores(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        """One score for each text; higher fits better."""
        ...


class RerankerError(Exception):
    """The folder has no model that can be loaded; the text says what is wrong there."""


KINDS: dict[str, Callable[[Path], Reranker]] = {"static": StaticVectors}


def load(folder: str) -> Reranker | None:
    """The model of a folder; None where no folder is named.

    Raises:
        RerankerError: the folder, its manifest or its kind is not there, or its files are unfit.
    """
    if not folder:
        return None
    manifest = Path(folder) / MANIFEST
    try:
        kind = str(json.loads(manifest.read_text(encoding="utf-8"))["kind"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise RerankerError(f"{manifest}: no manifest with a kind can be read there") from error
    if kind not in KINDS:
        known = ", ".join(sorted(KINDS)) or "none"
        raise RerankerError(f"{manifest}: the kind {kind} is not known here; known are: {known}")
    try:
        return KINDS[kind](Path(folder))
    except BadVectorsError as error:
        raise RerankerError(str(error)) from error


def best_first(reranker: Reranker, question: str, found: Sequence[Article]) -> list[Article]:
    """The articles in the model's order; equal ones stay as they stood, an absurd answer changes nothing."""
    scores = list(reranker.scores(question, [f"{one.title}\n{one.symptom}\n{one.solution}" for one in found]))
    if len(scores) != len(found) or any(score != score for score in scores):  # noqa: PLR0124  NaN
        return list(found)
    order = sorted(range(len(found)), key=lambda place: -scores[place])
    return [found[place] for place in order]
