"""The series this agent has ever told of: their definitions on disk, so that the server can be told later."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from agent import segment
from agent.durable import StorageFailedError
from agent.parcel import number
from agent.segment import Record
from rules.wire import SeriesDef

MAX_FILE = 64 * 1024 * 1024  # bytes; beyond, the file begins anew at the next start


class Registry:
    """Definitions by number. Only the numbers are kept in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: set[int] = set()
        self._following = 1
        if path.exists() and path.stat().st_size > MAX_FILE:
            path.unlink()
        self._known.update(number(one) for one in self._all())

    def __len__(self) -> int:
        return len(self._known)

    def learn(self, definitions: Iterable[SeriesDef]) -> None:
        """Write down those that are new. Raises StorageFailedError where the disk refuses."""
        fresh = []
        for one in definitions:
            key = number(one)
            if key not in self._known:
                self._known.add(key)
                body = msgspec.msgpack.encode(one)
                fresh.append(segment.pack(Record(self._following, 0.0, 1, body)))
                self._following += 1
        if not fresh:
            return
        try:
            with self.path.open("ab") as file:
                file.write(b"".join(fresh))
        except OSError as error:
            raise StorageFailedError(self.path, error) from error

    def definitions(self, wanted: set[int]) -> dict[int, SeriesDef]:
        """The definitions of these numbers, as far as they are known."""
        return {key: one for one in self._all() if (key := number(one)) in wanted}

    def _all(self) -> Iterator[SeriesDef]:
        for place, body in segment.bodies(self.path):
            self._following = max(self._following, place + 1)
            with contextlib.suppress(msgspec.MsgspecError):
                yield msgspec.msgpack.decode(body, type=SeriesDef)
