"""Address ranges as people write them. Pure.

`10.20.8.0/22`, `10.20.8.1-10.20.9.40`, `10.20.8.1-40`, or one address; IPv6 alike.

A network stands for its hosts: IPv4 leaves out its own and its broadcast address where it has both.
"""

import ipaddress
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

MAX_ADDRESSES = 65_536  # of one job; more is a job for several agents
MAX_RANGES = 200
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class RangeError(ValueError):
    """A text that is no range; `code` is one of malformed, backwards, mixed, special, too_many."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{text}: {code}")
        self.code = code
        self.text = text


@dataclass(frozen=True, order=True, slots=True)
class Span:
    """Addresses from the first to the last, both included, as numbers of one version of IP."""

    version: int
    first: int
    last: int

    @property
    def size(self) -> int:
        """How many addresses."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        first, last = address_of(self.version, self.first), address_of(self.version, self.last)
        return str(first) if first == last else f"{first}-{last}"


@dataclass(frozen=True)
class Addresses:
    """Spans in order that do not overlap; addresses are counted through all of them."""

    spans: tuple[Span, ...]

    @cached_property
    def _starts(self) -> list[int]:
        """How many addresses lie before each span."""
        starts, total = [], 0
        for span in self.spans:
            starts.append(total)
            total += span.size
        return starts

    def __len__(self) -> int:
        return sum(span.size for span in self.spans)

    def __getitem__(self, place: int) -> str:
        if not 0 <= place < len(self):
            raise IndexError(place)
        nth = bisect_right(self._starts, place) - 1
        span = self.spans[nth]
        return str(address_of(span.version, span.first + place - self._starts[nth]))

    def __iter__(self) -> Iterator[str]:
        for span in self.spans:
            for number in range(span.first, span.last + 1):
                yield str(address_of(span.version, number))

    def __contains__(self, text: object) -> bool:
        try:
            address = ipaddress.ip_address(str(text))
        except ValueError:
            return False
        number = int(address)
        return any(one.version == address.version and one.first <= number <= one.last for one in self.spans)


def parse(text: str) -> Span:
    """One range; raises RangeError."""
    said = text.strip()
    if "/" in said:
        return _network(said)
    first, dash, last = (part.strip() for part in said.partition("-"))
    begin = _address(first, said)
    if not dash:
        return Span(begin.version, int(begin), int(begin))
    if last.isascii() and last.isdigit() and begin.version == 4 and len(last) <= 3:
        last = f"{first.rpartition('.')[0]}.{last}"
    end = _address(last, said)
    if end.version != begin.version:
        raise RangeError("mixed", said)
    if int(end) < int(begin):
        raise RangeError("backwards", said)
    return Span(begin.version, int(begin), int(end))


def addresses(ranges: Iterable[str], exclusions: Iterable[str] = ()) -> Addresses:
    """All addresses of some ranges without the excluded ones, each once, in order.

    Raises:
        RangeError: a text is no range, or there are more than MAX_ADDRESSES.
    """
    wanted = _merged([parse(text) for text in ranges])
    left = tuple(_without(wanted, _merged([parse(text) for text in exclusions])))
    if sum(span.size for span in left) > MAX_ADDRESSES:
        raise RangeError("too_many", ", ".join(str(span) for span in left[:3]))
    return Addresses(left)


def address_of(version: int, number: int) -> Address:
    """The address of a number."""
    return ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number)


def _network(said: str) -> Span:
    try:
        network = ipaddress.ip_network(said, strict=False)
    except ValueError:
        raise RangeError("malformed", said) from None
    first, last = int(network.network_address), int(network.broadcast_address)
    if network.version == 4 and network.prefixlen < 31:
        first, last = first + 1, last - 1
    _plain(network.network_address, said)
    return Span(network.version, first, last)


def _address(text: str, said: str) -> Address:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise RangeError("malformed", said) from None
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id:
        raise RangeError("malformed", said)
    return _plain(address, said)


def _plain(address: Address, said: str) -> Address:
    """No address that stands for many, or for nobody."""
    if address.is_multicast or address.is_unspecified or int(address) == 0xFFFF_FFFF:
        raise RangeError("special", said)
    return address


def _merged(spans: Iterable[Span]) -> list[Span]:
    out: list[Span] = []
    for span in sorted(spans):
        if out and out[-1].version == span.version and span.first <= out[-1].last + 1:
            out[-1] = Span(span.version, out[-1].first, max(out[-1].last, span.last))
        else:
            out.append(span)
    return out


def _without(spans: Iterable[Span], excluded: list[Span]) -> Iterator[Span]:
    for span in spans:
        first = span.first
        for hole in excluded:
            if hole.version != span.version or hole.last < first or hole.first > span.last:
                continue
            if hole.first > first:
                yield Span(span.version, first, hole.first - 1)
            first = hole.last + 1
        if first <= span.last:
            yield Span(span.version, first, span.last)
