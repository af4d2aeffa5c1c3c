"""How an article and a ticket begin, word for word as they are written.

Stems and the leaving out of stop words find what is related; what is the same is seen in the words as they
stand ("can't connect after", "is not", a plural): a title repeats the ticket's own phrase. So the beginning
of each document (its title and the first words of its body, `LENGTH` words together) is kept once more as
written: words in small letters with their endings, Han signs one by one, numbers. A word is its 32-bit hash;
how many documents begin with it is counted by the hash's last bits, so that a million documents need no more
memory than a hundred.
"""

import re
from collections.abc import Mapping
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ml.tokens import STOP_WORDS, folded

LENGTH = 50  # words of a beginning
BUCKETS = 1 << 17
BESIDE = (
    1_000  # documents that are thought beside those of the shelf, so that on a small one each changes little
)
MOST_WORDS = 1_000  # of a ticket
_WORD = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\W\d_\u3400-\u9fff\uf900-\ufaff]+|\d+")
_LETTERS = 24  # read of a document for one word of its beginning

Codes = NDArray[np.uint32]


def written(text: str, *, limit: int = MOST_WORDS) -> Codes:
    """The words of a text as they are written, in order, at most `limit`."""
    words = _WORD.findall(folded(text).lower())[:limit]
    return np.asarray([crc32(word.encode()) for word in words], dtype=np.uint32)


def beginning(fields: Mapping[str, str]) -> tuple[int, Codes]:
    """How many words the title has, and the title with the first words of the other fields."""
    title = written(fields.get("title", "")[: LENGTH * _LETTERS], limit=LENGTH)
    parts, room = [title], LENGTH - len(title)
    for name, text in fields.items():
        if name != "title" and room > 0:
            parts.append(written(text[: room * _LETTERS], limit=room))
            room -= len(parts[-1])
    return len(title), np.concatenate(parts)


def _beside() -> NDArray[np.int32]:
    frequency = np.zeros(BUCKETS, dtype=np.int32)
    for word in STOP_WORDS:
        frequency[crc32(word.encode()) & (BUCKETS - 1)] = BESIDE // 2
    return frequency


class Written:
    """How many documents begin with a word.

    Beside the shelf's own stand BESIDE more, half of which begin with each stop word and none with another.

    Args:
        frequency: counted before; None begins anew.
    """

    def __init__(self, frequency: NDArray[np.int32] | None = None) -> None:
        self.frequency = _beside() if frequency is None else frequency

    def count(self, begun: Codes, step: int) -> None:
        """A document came (1) or went (-1)."""
        buckets = np.sort(begun & np.uint32(BUCKETS - 1))
        first = np.ones(len(buckets), dtype=bool)
        first[1:] = buckets[1:] != buckets[:-1]
        self.frequency[buckets[first]] += step

    def idf(self, codes: Codes, documents: int) -> NDArray[np.float32]:
        """How much each word says among so many documents."""
        n = self.frequency[codes & np.uint32(BUCKETS - 1)].astype(np.float32)
        others = np.maximum(documents + BESIDE - n, 0)
        told: NDArray[np.float32] = np.log1p((others + 0.5) / (n + 0.5)).astype(np.float32)
        return told
