"""What both ears share: sources, limits, counters, and the way of what was heard to the loop."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from agent.listeners.sources import Address, Source, Strangers
from rules.heard import Finding

MAX_WAITING = 10_000  # heard and not yet taken by the loop
AGAIN_S = 1.0  # the same from the same source within is one
Kind = Literal["trap", "syslog"]
Datagram = tuple[Address, bytes, object]  # from where, what, and whom to answer


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that a rule wants, or a trap that none knows (`finding` None).

    `values`: of a trap by whole OID, of a line by name; raw texts, cleaned.
    """

    kind: Kind
    device: str
    source: str
    finding: Finding | None
    trap: str = ""
    version: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


class Ear:
    """Takes messages from a receiver's thread and from the loop, one at a time.

    Args:
        kind: for the counters.
        in_all: messages a second that are taken from all sources together.
        wake: called after something was put into `waiting`, from any thread.
    """

    def __init__(self, kind: Kind, in_all: float, wake: Callable[[], None]) -> None:
        self.kind = kind
        self.sources: Mapping[Address, Source] = {}
        self.strangers = Strangers()
        self.counts: Counter[str] = Counter()
        self.waiting: deque[Heard] = deque()
        self.lock = threading.Lock()
        self._whole = Source(kind, kind, "", rate=in_all, burst=in_all, tokens=in_all)
        self._wake = wake

    def heed(self, sources: Mapping[Address, Source]) -> None:
        """Hear these from now on; what is counted of one that stays goes on."""
        with self.lock:
            for address, source in sources.items():
                before = self.sources.get(address)
                if before is not None:
                    source.tokens, source.filled_at = before.tokens, before.filled_at
                    source.limited, source.limited_at = before.limited, before.limited_at
            self.sources = sources

    def hear(self, heard: Heard) -> None:
        """Let the loop have it; beyond the bound it is counted and gone."""
        if len(self.waiting) >= MAX_WAITING:
            self.counts["overflow"] += 1
            return
        self.waiting.append(heard)
        if len(self.waiting) == 1:
            self._wake()

    def admit(self, address: Address, now: float) -> Source | None:
        """The source of a message if it is one and within its limits."""
        source = self.sources.get(address)
        if source is None:
            self.strangers.count(address, now)
            return None
        if not source.spend(now) or not self._whole.spend(now):
            self.counts["limited"] += 1
            return None
        return source

    def figures(self) -> dict[str, int]:
        """Messages by what became of them."""
        none = dict.fromkeys(("taken", "repeated", "limited", "malformed", "security"), 0)
        return {**none, **self.counts, "unknown_source": self.strangers.total}
