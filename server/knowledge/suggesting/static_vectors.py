"""A dense model of the simplest kind: one vector for each word, a text is the mean of its words' vectors.

The folder holds beside `reranker.json` (`{"kind": "static"}`):

- `vocabulary.txt`: one word a line, in small letters; a Han sign is a word.
- `vectors.npy`: a row for each line, 16 or 32 bit floats. Read from the disk as needed, never unpickled.

Such vectors can be distilled from any larger model. How well a text answers is the cosine of the two means;
a text of which no word is known answers as well as none, 0.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")
VOCABULARY, VECTORS = "vocabulary.txt", "vectors.npy"


class BadVectorsError(Exception):
    """The files do not fit each other or cannot be read; the text says which and why."""


class StaticVectors:
    """Vectors of words; see the module. Raises BadVectorsError where the folder's files are unfit."""

    def __init__(self, folder: Path) -> None:
        try:
            words = (folder / VOCABULARY).read_text(encoding="utf-8").splitlines()
            table = np.load(folder / VECTORS, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise BadVectorsError(f"{folder}: {VOCABULARY} or {VECTORS} cannot be read: {error}") from error
        if table.ndim != 2 or table.dtype.kind != "f" or len(table) != len(words):
            raise BadVectorsError(
                f"{folder / VECTORS}: {len(words)} rows of floats are wanted, one for each line of "
                f"{VOCABULARY}; it holds {table.dtype} of shape {table.shape}"
            )
        self._row = {word: row for row, word in enumerate(words)}
        self._table = table

    def scores(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        """The cosine of the question and each text, -1 to 1."""
        asked = self._mean(question)
        return [float(asked @ self._mean(text)) for text in texts]

    def _mean(self, text: str) -> NDArray[np.float32]:
        """Of length one; of length zero where no word is known."""
        rows = [self._row[word] for word in _WORD.findall(text.lower()) if word in self._row]
        if not rows:
            return np.zeros(self._table.shape[1], np.float32)
        mean: NDArray[np.float32] = np.asarray(self._table[rows], np.float32).mean(axis=0)
        return mean / max(float(np.linalg.norm(mean)), 1e-9)
