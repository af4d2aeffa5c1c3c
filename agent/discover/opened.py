"""Which credential opened an address last, so that it is the first that is tried there the next time.

Only an order is kept: what it names is tried as any other, and an address it does not know is asked in the
order of the job. Lost with its file, it costs some refused tries.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from agent.durable import replace
from rules.wire import RangeCredential, Way

FILE = "opened.msgpack"
MAX_ADDRESSES = 100_000


@dataclass(slots=True)
class Opened:
    """Credential ids by way and address, kept in a file; the oldest goes where there are too many."""

    path: Path | None = None
    last: dict[str, dict[str, int]] = field(default_factory=dict)
    _changed: bool = False

    @classmethod
    def load(cls, folder: Path) -> "Opened":
        """What is kept in a folder; nothing where that cannot be read."""
        one = cls(folder / FILE)
        with contextlib.suppress(OSError, msgspec.MsgspecError, ValueError):
            one.last = msgspec.msgpack.decode((folder / FILE).read_bytes(), type=dict[str, dict[str, int]])
        return one

    def order(self, address: str, way: Way, sets: Sequence[RangeCredential]) -> list[RangeCredential]:
        """The sets in their order, but the one that opened the address last goes first."""
        best = self.last.get(way, {}).get(address)
        return sorted(sets, key=lambda one: one.id != best)

    def note(self, address: str, way: Way, credential: int) -> None:
        """A credential opened an address."""
        known = self.last.setdefault(way, {})
        if known.pop(address, None) != credential:
            self._changed = True
        known[address] = credential
        if len(known) > MAX_ADDRESSES:
            del known[next(iter(known))]

    def save(self) -> None:
        """Onto the disk, where something has changed."""
        if self._changed and self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace(self.path, msgspec.msgpack.encode(self.last))
            self._changed = False
