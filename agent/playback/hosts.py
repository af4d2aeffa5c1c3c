"""What a server of the room knows of itself: processors, memory, file systems."""

import math
from dataclasses import dataclass, field
from random import Random

GIB = 1 << 30
CORES = 4
TICKS_PER_S = 100


@dataclass
class Disk:
    """A file system. `grows` is in bytes a second."""

    path: str
    device: str
    size: int
    used: float
    grows: float

    @property
    def share(self) -> float:
        """The part in use, 0 to 1."""
        return self.used / self.size


@dataclass
class Host:
    """One server's inside. Processor counters are in ticks of 10 ms over all cores."""

    name: str
    base_load: float  # mean share of the processors that is busy
    memory: int
    disks: dict[str, Disk]
    phase: float
    busy: float = 0.2
    memory_used: float = 0.0
    ticks: dict[str, float] = field(default_factory=dict)
    load_averages: list[float] = field(default_factory=lambda: [0.8, 0.8, 0.8])
    reads: float = 0.0
    writes: float = 0.0
    processes: int = 214

    def step(self, seconds: float, now_s: float, share: float) -> None:
        """Live on: load by the hour, memory that follows it, disks that fill."""
        ripple = 1 + 0.3 * math.sin(now_s / 17 + self.phase) + 0.15 * math.sin(now_s / 5.3 + 2 * self.phase)
        self.busy = min(0.98, max(0.02, self.base_load * share * ripple))
        spent = seconds * TICKS_PER_S * CORES
        for kind, part in (("user", 0.68), ("system", 0.22), ("iowait", 0.08), ("softirq", 0.02)):
            self.ticks[kind] += spent * self.busy * part
        self.ticks["idle"] += spent * (1 - self.busy)
        for index, window in enumerate((60.0, 300.0, 900.0)):
            gain = 1 - math.exp(-seconds / window)
            self.load_averages[index] += (self.busy * CORES * 1.1 - self.load_averages[index]) * gain
        self.memory_used = self.memory * (0.42 + 0.25 * self.busy)
        for disk in self.disks.values():
            disk.used = min(disk.size * 0.995, disk.used + disk.grows * seconds)
        self.reads += seconds * 40 * self.busy
        self.writes += seconds * 160 * self.busy

    def restarted(self) -> None:
        """Counters begin anew, as after a boot."""
        self.ticks.update(dict.fromkeys(self.ticks, 0.0))
        self.reads = self.writes = 0.0
        self.load_averages = [2.0, 0.6, 0.2]


def build(name: str, index: int, random: Random) -> Host:
    """A server as after weeks of life."""
    fill = (0.41, 0.58, 0.66)[index % 3]
    disks = {
        "/": Disk("/", "/dev/sda2", 60 * GIB, 60 * GIB * 0.37, 900.0),
        "/var": Disk("/var", "/dev/sda3", 120 * GIB, 120 * GIB * fill, 9_000.0),
        "/data": Disk("/data", "/dev/nvme0n1p1", 960 * GIB, 960 * GIB * (fill - 0.1), 40_000.0),
    }
    spent = random.uniform(18, 40) * 86_400 * TICKS_PER_S * CORES
    load = (0.24, 0.17, 0.31)[index % 3]
    ticks = {
        "user": spent * load * 0.68,
        "nice": spent * 0.001,
        "system": spent * load * 0.22,
        "idle": spent * (1 - load),
        "iowait": spent * load * 0.08,
        "irq": 0.0,
        "softirq": spent * load * 0.02,
    }
    return Host(name, load, 64 * GIB, disks, random.uniform(0, 6.28), ticks=ticks)
