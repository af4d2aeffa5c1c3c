"""The cables of the room: which ports are up, what has passed through them, who can be reached."""

import math
from dataclasses import dataclass, field
from random import Random

from agent.playback.plant import Link, Plant

MEAN_PACKET = 640.0  # octets


@dataclass
class Port:
    """One port of a device. Counters only grow; `in` and `out` are seen from the device."""

    device: str
    number: int
    mbps: int
    load_in: float  # mean share of the speed
    load_out: float
    peer: "Port | None" = None
    link: Link | None = None
    up: bool = False
    changed_s: float = 0.0
    octets_in: float = 0.0
    octets_out: float = 0.0
    packets_in: float = 0.0
    packets_out: float = 0.0
    errors_in: float = 0.0
    discards_out: float = 0.0
    phase: float = 0.0

    def step(self, seconds: float, share: float, wave: float) -> None:
        """Let traffic pass; `share` is the hour's part of the mean, `wave` moves within the minute."""
        if not self.up:
            return
        factor = share * (1 + 0.25 * math.sin(wave + self.phase))
        bytes_per_s = self.mbps * 125_000.0 * factor
        came, went = bytes_per_s * self.load_in * seconds, bytes_per_s * self.load_out * seconds
        self.octets_in += came
        self.octets_out += went
        self.packets_in += came / MEAN_PACKET
        self.packets_out += went / MEAN_PACKET


@dataclass
class Network:
    """All ports by device and number, and the links somebody has pulled."""

    ports: dict[str, dict[int, Port]]
    links: tuple[Link, ...]
    down: set[tuple[str, int]] = field(default_factory=set)  # from-end of each link held down
    errors: dict[tuple[str, int], float] = field(default_factory=dict)  # input errors a second

    def ends(self, link: Link) -> tuple[Port, Port]:
        """The two ports of a cable."""
        return self.ports[link.from_][link.from_port], self.ports[link.to][link.to_port]

    def step(self, seconds: float, now_s: float, up: dict[str, bool], share: float) -> None:
        """Advance links and counters; a link is up while both its devices are."""
        for link in self.links:
            held = (link.from_, link.from_port) in self.down
            stands = up[link.from_] and up[link.to] and not held
            for port in self.ends(link):
                if port.up != stands:
                    port.up, port.changed_s = stands, now_s
        wave = now_s / 11.0
        for ports in self.ports.values():
            for port in ports.values():
                port.step(seconds, share, wave)
        for (device, number), rate in self.errors.items():
            port = self.ports[device][number]
            for end in (port, port.peer):
                if end is not None:
                    end.errors_in += rate * seconds
                    end.discards_out += rate * seconds / 4

    def reachable(self, start: tuple[str, ...], up: dict[str, bool]) -> set[str]:
        """The devices to which a path of living links leads from any of the starts."""
        seen = {name for name in start if up[name]}
        edge = list(seen)
        while edge:
            for port in self.ports[edge.pop()].values():
                other = port.peer
                if port.up and other is not None and other.device not in seen:
                    seen.add(other.device)
                    edge.append(other.device)
        return seen


def build(plant: Plant, random: Random) -> Network:
    """The network of a plant, with counters as after some weeks of life."""
    ports: dict[str, dict[int, Port]] = {}
    for device in plant.devices:
        mbps = 10_000 if device.kind in ("router", "firewall") else 1000
        ports[device.name] = {
            number: Port(device.name, number, mbps, 0.0, 0.0, phase=random.uniform(0, 6.28))
            for number in range(1, max(device.ports, 1) + 1)
        }
    for link in plant.links:
        near, far = ports[link.from_][link.from_port], ports[link.to][link.to_port]
        near.peer, far.peer = far, near
        near.link = far.link = link
        near.mbps = far.mbps = link.mbps
        near.load_out, near.load_in = link.load, link.load * 0.6
        far.load_out, far.load_in = near.load_in, near.load_out
        weeks = random.uniform(2.0, 6.0) * 604_800
        for end, other in ((near, far), (far, near)):
            end.octets_in = other.octets_out = link.mbps * 125_000.0 * end.load_in * weeks
            end.packets_in = other.packets_out = end.octets_in / MEAN_PACKET
        far.phase = near.phase
    return Network(ports, plant.links)
