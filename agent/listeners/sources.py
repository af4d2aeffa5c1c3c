"""Who may be heard: the configured devices by address, how much of each is taken, and who else spoke.

Only targets of the agent become alerts. Whoever is none is counted by address; a few of its messages are
shown to people, so that they can tell what it is.
"""

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agent.listeners.usm import User

MAX_STRANGERS = 1_000  # addresses that are counted one by one
MAX_RECENT = 2_000  # contents of one source that are remembered
SHOWN = 20
LOOK_EVERY_S, LOOKS_AT_ONCE = 0.1, 10
SHOWN_AGAIN_S = 300.0
MAX_KINDS = 40  # of one source that are remembered
Address = bytes  # four or sixteen octets


@dataclass(slots=True)
class Looks:
    """What of a source people were shown: ten messages a second at most, one of a kind every five minutes."""

    next_at: float = -1e9
    told: dict[str, float] = field(default_factory=dict)

    def due(self, now: float) -> bool:
        """Whether one more message may be looked at; `now` on the steady clock."""
        if self.next_at > now:
            return False
        self.next_at = max(self.next_at, now - LOOK_EVERY_S * LOOKS_AT_ONCE) + LOOK_EVERY_S
        return True

    def fresh(self, what: str, now: float) -> bool:
        """Whether a kind was not shown lately; it was from now on."""
        last = self.told.get(what)
        if last is not None and now - last < SHOWN_AGAIN_S:
            return False
        if last is None and len(self.told) >= MAX_KINDS:
            self.told.pop(next(iter(self.told)))
        self.told[what] = now
        return True


@dataclass(slots=True)
class Source:
    """A device that may be heard. `burst` tokens of `rate` a second; one is spent on each message.

    Args:
        key: the device's name on the wire.
        users: v3 users of its credentials; where there are some, nothing weaker is taken.
        relay: it passes on what others sent; who that was stands in the message.
    """

    key: str
    name: str
    address: str
    users: Mapping[bytes, User] = field(default_factory=dict)
    relay: bool = False
    rate: float = 100.0
    burst: float = 1_000.0
    tokens: float = 1_000.0
    filled_at: float = 0.0
    limited: int = 0
    limited_at: float = -1e9
    recent: dict[bytes, float] = field(default_factory=dict)
    looks: Looks = field(default_factory=Looks)

    def spend(self, now: float) -> bool:
        """Whether one more message is taken; `now` on the steady clock."""
        if now > self.filled_at:
            self.tokens = min(self.burst, self.tokens + (now - self.filled_at) * self.rate)
            self.filled_at = now
        if self.tokens < 1.0:
            self.limited += 1
            self.limited_at = now
            return False
        self.tokens -= 1.0
        return True

    def repeats(self, content: bytes, now: float, within_s: float) -> bool:
        """Whether the same was heard a moment ago; it is remembered from now on."""
        last = self.recent.get(content)
        if last is not None and now - last < within_s:
            return True
        if len(self.recent) >= MAX_RECENT:
            self.recent.clear()
        self.recent[content] = now
        return False


@dataclass(slots=True)
class Stranger:
    """How often an address spoke that is no target, and when last, on the steady clock."""

    count: int
    heard_at: float
    looks: Looks = field(default_factory=Looks)


@dataclass(slots=True)
class Strangers:
    """Addresses that spoke and are no targets."""

    known: dict[Address, Stranger] = field(default_factory=dict)
    others: int = 0
    total: int = 0

    def count(self, address: Address, now: float) -> Stranger | None:
        """One more message of an address; None beyond the bound, where it is counted without it."""
        self.total += 1
        known = self.known.get(address)
        if known is not None:
            known.count += 1
            known.heard_at = now
        elif len(self.known) < MAX_STRANGERS:
            known = self.known[address] = Stranger(1, now)
        else:
            self.others += 1
        return known

    def loudest(self) -> list[tuple[str, Stranger]]:
        """Those that spoke most."""
        ordered = sorted(self.known.items(), key=lambda item: (-item[1].count, item[0]))
        return [(text_of(address), one) for address, one in ordered[:SHOWN]]


def packed(text: str) -> Address | None:
    """An address as its octets, an IPv4 one written as IPv6 as four; None for none."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).packed


def text_of(address: Address) -> str:
    """An address for people."""
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)


def table(sources: Iterable[tuple[str, Source]]) -> dict[Address, Source]:
    """Sources by address; of several at one address the first."""
    found: dict[Address, Source] = {}
    for text, source in sources:
        address = packed(text)
        if address is not None:
            found.setdefault(address, source)
    return found
