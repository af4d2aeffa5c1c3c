"""What a candidate is read from: every document of an index, one behind the other in a temporary file.

Memory holds only where each one begins. The file has no name and goes with the index.
"""

import os
import tempfile
import weakref
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

COPIED = 1 << 20  # bytes at once


class Kept(NamedTuple):
    """What is kept of a document.

    Args:
        bag: its distinct terms.
        weights: what each of them weighs, in halves.
        read: its tokens in order; -zone - 1 begins a zone.
        pairs: its facets.
        written: how it begins as it is written.
        title: the first so many of these words are the title.
    """

    bag: NDArray[np.int32]
    weights: NDArray[np.int32]
    read: NDArray[np.int32]
    pairs: NDArray[np.int32]
    written: NDArray[np.uint32]
    title: int


class Store:
    """The documents of an index by their numbers, which count from 0 without a gap."""

    def __init__(self) -> None:
        self._offsets = np.zeros(257, dtype=np.int64)
        self._count = 0
        with tempfile.TemporaryFile() as file:
            self._file = os.dup(file.fileno())  # lives as long as the store
        self.close = weakref.finalize(self, os.close, self._file)

    def append(self, kept: Kept) -> None:
        """Keep the next document."""
        sizes = np.asarray([len(kept.bag), len(kept.read), len(kept.pairs), kept.title], dtype=np.int32)
        parts = (sizes, kept.bag, kept.weights, kept.read, kept.pairs, kept.written.view(np.int32))
        data = np.concatenate(parts).tobytes()
        self._count += 1
        if self._count >= len(self._offsets):
            self._offsets = np.resize(self._offsets, len(self._offsets) * 3 // 2 + 256)
        self._offsets[self._count] = self._offsets[self._count - 1] + len(data)
        self._write(data)

    def __getitem__(self, slot: int) -> Kept:
        """What was kept of a document."""
        start, end = int(self._offsets[slot]), int(self._offsets[slot + 1])
        whole = np.frombuffer(os.pread(self._file, end - start, start), dtype=np.int32)
        distinct, length, pairs, title = whole[:4].tolist()
        read = 4 + 2 * distinct
        facets = read + length
        begun = facets + pairs
        return Kept(
            whole[4 : 4 + distinct],
            whole[4 + distinct : read],
            whole[read:facets],
            whole[facets:begun],
            whole[begun:].view(np.uint32),
            title,
        )

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where each document begins, and where the last one ends; bytes."""
        return self._offsets[: self._count + 1]

    def save(self, file: BinaryIO) -> None:
        """Write all documents to an open file."""
        whole = int(self.offsets[-1])
        file.writelines(
            os.pread(self._file, min(COPIED, whole - start), start) for start in range(0, whole, COPIED)
        )

    @classmethod
    def load(cls, file: BinaryIO, offsets: NDArray[Any]) -> "Store":
        """What `save` wrote; raises EOFError where the file was cut short."""
        store = cls()
        store._offsets, store._count = offsets, len(offsets) - 1
        left = int(offsets[-1])
        while left > 0 and (data := file.read(min(left, COPIED))):
            left -= len(data)
            store._write(data)
        if left:
            raise EOFError("it was cut short")
        return store

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._file, data) :]
