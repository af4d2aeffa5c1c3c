"""Who a neighbour is and which port is meant: devices found by their keys, ports by their words."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rules.identify import is_junk, normal

Kind = Literal["lldp", "cdp", "bridge", "arp", "route"]
KEYS = ("macs", "address", "name")  # in the order in which they decide
_SPACE = re.compile(r"[\s_]+")
_PORT = re.compile(r"^([a-z][a-z -]*?)[ -]*(\d[\w./:-]*)$")
# What makers call the kinds of ports, short and long: the first letters decide.
_KINDS = (
    ("hundredgig", "hu"),
    ("fortygig", "fo"),
    ("twentyfivegig", "twe"),
    ("tengig", "te"),
    ("ten-gig", "te"),
    ("xgig", "te"),
    ("gigabit", "gi"),
    ("fastethernet", "fa"),
    ("ethernet", "eth"),
    ("port-channel", "po"),
    ("management", "mgmt"),
)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """What one device tells of one of its ports; as `agent.discover.found.Link`."""

    kind: Kind
    port: str
    keys: Mapping[str, Sequence[str]]  # macs, name, address
    far_port: str = ""
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Member:
    """A device that is known. `ports`: its interfaces' names, each with all other words for it."""

    id: int
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ports: Mapping[str, Sequence[str]] = field(default_factory=dict)


def port_key(name: str) -> str:
    """A port's name as it is compared: `GigabitEthernet1/0/1`, `Gi1/0/1` and `gi 1/0/1` are one."""
    text = _SPACE.sub(" ", name).strip().casefold()
    match = _PORT.match(text)
    if match is None:
        return text.replace(" ", "")
    kind, number = match[1].strip(" -"), match[2]
    short = next((short for long, short in _KINDS if kind.startswith(long)), kind)
    return f"{short}{number}"


def same_port(one: str, other: str) -> bool:
    """Whether two words may mean one port: one that is not told meets every port."""
    return not one or not other or port_key(one) == port_key(other)


class Directory:
    """Finds devices by their keys, and ports by their words."""

    def __init__(self, members: Iterable[Member]) -> None:
        self.by_key: dict[tuple[str, str], set[int]] = defaultdict(set)
        self.ports: dict[int, dict[str, str]] = {}
        self.by_mac: dict[tuple[int, str], str] = {}
        for one in members:
            for kind, value in usable(one.keys):
                self.by_key[kind, value].add(one.id)
            words = self.ports[one.id] = {}
            for name, others in sorted(one.ports.items()):
                for word in (name, *others):
                    words.setdefault(port_key(word), name)
                    if not is_junk("macs", mac := normal("macs", word)):
                        self.by_key["macs", mac].add(one.id)
                        self.by_mac[one.id, mac] = name

    def learn(self, told: Iterable[tuple[int, Neighbour]]) -> None:
        """Hardware addresses of devices that are known by their address: ARP tells which has which.

        One that is said to belong to several, or to another than its holder, is not learned.
        """
        said: dict[str, set[int]] = defaultdict(set)
        for _, one in told:
            if one.kind == "arp":
                owners = {
                    owner
                    for kind, value in usable({"address": one.keys.get("address", ())})
                    for owner in self.by_key.get((kind, value), ())
                }
                for kind, mac in usable({"macs": one.keys.get("macs", ())}):
                    if not self.by_key.get((kind, mac)):
                        said[mac] |= owners
        for mac, owners in said.items():
            if len(owners) == 1:
                self.by_key["macs", mac] |= owners

    def find(self, keys: Mapping[str, Sequence[str]]) -> tuple[int | None, tuple[int, ...]]:
        """The device that keys belong to, or None and those it could be.

        The strongest kind of key that leads to exactly one device decides; keys of one kind that lead to
        different devices decide nothing.
        """
        possible: set[int] = set()
        found = list(usable(keys))
        for wanted in KEYS:
            hits: set[int] = set()
            for kind, value in found:
                if kind == wanted:
                    hits |= self.by_key.get((kind, value), set())
            possible |= hits
            if len(hits) == 1:
                return hits.pop(), ()
        return None, tuple(sorted(possible))

    def port(self, device: int, name: str, macs: Iterable[str] = ()) -> str:
        """A port of a device as the device calls it; as it was told where the device has none such."""
        known = self.ports.get(device, {}).get(port_key(name)) if name else None
        if known is None:
            found = (self.by_mac.get((device, normal("macs", mac))) for mac in macs)
            known = next((one for one in found if one), None)
        return known if known is not None else name


def usable(keys: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """The keys that can identify; of a full name its first part too."""
    for kind in KEYS:
        for value in keys.get(kind, ()):
            text = normal(kind, value)
            if not is_junk(kind, text):
                yield kind, text
                if kind == "name" and "." in text and not text.replace(".", "").isdigit():
                    yield kind, text.partition(".")[0]
