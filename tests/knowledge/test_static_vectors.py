"""Vectors of words as a second look: loaded from a folder only, and never from what is unfit."""

import json
from pathlib import Path

import numpy as np
import pytest

from server.knowledge.suggesting import reranking
from server.knowledge.suggesting.reranking import RerankerError

WORDS = {"battery": (1, 0), "accumulator": (0.9, 0.1), "printer": (0, 1), "电": (1, 0.1), "纸": (0, 1)}


def folder(path: Path, table: object = None) -> str:
    (path / "reranker.json").write_text(json.dumps({"kind": "static"}))
    (path / "vocabulary.txt").write_text("\n".join(WORDS), encoding="utf-8")
    np.save(path / "vectors.npy", np.asarray(list(WORDS.values()) if table is None else table, np.float16))
    return str(path)


def test_words_that_mean_the_same_are_near_without_a_letter_in_common(tmp_path: Path) -> None:
    model = reranking.load(folder(tmp_path))
    assert model is not None
    near, far, unknown = model.scores("The accumulator is old", ["Battery", "Printer", "Nothing of it"])
    assert near > 0.9 > far > unknown == 0
    near, far = model.scores("电池", ["battery", "缺纸"])
    assert near > far


@pytest.mark.parametrize("table", [[[1.0, 0.0]], [1.0] * len(WORDS)])
def test_vectors_that_do_not_fit_the_vocabulary_are_refused_by_name(tmp_path: Path, table: object) -> None:
    with pytest.raises(RerankerError, match=r"vectors\.npy: 5 rows"):
        reranking.load(folder(tmp_path, table))


def test_a_pickle_in_place_of_vectors_is_never_opened(tmp_path: Path) -> None:
    named = folder(tmp_path)
    np.save(tmp_path / "vectors.npy", np.asarray([{"a": 1}] * len(WORDS), dtype=object), allow_pickle=True)
    with pytest.raises(RerankerError, match="cannot be read"):
        reranking.load(named)
