"""What both ears share: sources, limits, counters, and the way of what was heard to the loop."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from agent.listeners.sources import Address, Looks, Source, Strangers, text_of
from rules.heard import Finding

MAX_WAITING = 10_000  # heard and not yet taken by the loop
LOOKS = 50  # a second, at messages that no rule asks for
MAX_SAMPLES = 200  # looked at and not yet taken by the loop
MAX_LOOKED_AT = 4_096  # octets
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


@dataclass(frozen=True, slots=True)
class Sample:
    """A message for people to look at, whatever the rules say of it. `what`: its kind, see `rules.wire`.

    `values`: of a trap by whole OID; `line` with its priority: of syslog.
    """

    device: str
    source: str
    what: str
    rules: tuple[str, ...] = ()
    version: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    priority: int = 0
    line: str = ""


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
        self.samples: deque[Sample] = deque(maxlen=MAX_SAMPLES)
        self.ignored: frozenset[tuple[str, str]] = frozenset()  # source and kind, "": any
        self.looks = LOOKS
        self._looks_from = 0.0
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
                    source.looks = before.looks
            self.sources = sources

    def hear(self, heard: Heard) -> None:
        """Let the loop have it; beyond the bound it is counted and gone."""
        if len(self.waiting) >= MAX_WAITING:
            self.counts["overflow"] += 1
            return
        self.waiting.append(heard)
        if len(self.waiting) == 1:
            self._wake()

    def refill(self, now: float) -> None:
        """Look at some more messages every second."""
        if now - self._looks_from >= 1.0:
            self._looks_from, self.looks = now, LOOKS

    def show(self, sample: Sample, looks: Looks, now: float) -> None:
        """Let people have a message, unless they had its kind a moment ago or want none of it."""
        self.looks -= 1
        if looks.fresh(sample.what, now) and not self.ignores(sample.source, sample.what):
            self.samples.append(sample)

    def ignores(self, source: str, what: str) -> bool:
        """Whether nobody wants to hear this kind of message from this address."""
        return bool(self.ignored) and not self.ignored.isdisjoint(((source, what), ("", what), (source, "")))

    def sample_of(self, _source: str, _data: bytes) -> Sample | None:
        """What a message of nobody we know says; None for what cannot be read. Nothing in it raises."""
        return None

    def admit(self, address: Address, data: bytes, now: float) -> Source | None:
        """The source of a message if it is one and within its limits."""
        source = self.sources.get(address)
        if source is None:
            stranger = self.strangers.count(address, now)
            if stranger is not None and self.looks > 0 and stranger.looks.due(now):
                sample = self.sample_of(text_of(address), data[:MAX_LOOKED_AT])
                if sample is not None:
                    self.show(sample, stranger.looks, now)
            return None
        if not source.spend(now) or not self._whole.spend(now):
            self.counts["limited"] += 1
            return None
        return source

    def figures(self) -> dict[str, int]:
        """Messages by what became of them."""
        none = dict.fromkeys(("taken", "repeated", "limited", "malformed", "security"), 0)
        return {**none, **self.counts, "unknown_source": self.strangers.total}
