"""HOST-RESOURCES-MIB and UCD-SNMP-MIB of a Linux server. Source: RFC 2790, Net-SNMP."""

from functools import partial

from agent.playback.hosts import CORES, Disk, Host
from agent.playback.mib import Mib
from agent.playback.plant import Device
from agent.playback.room import Room

HR = "1.3.6.1.2.1.25"
UCD = "1.3.6.1.4.1.2021"
RAM, VIRTUAL, FIXED_DISK = 2, 3, 4
UNIT = 4096
RUNNING = 2
SWAP_KB = 8 * 1024 * 1024
PROCESSES = (
    (1, "systemd", "/lib/systemd/systemd"),
    (612, "sshd", "/usr/sbin/sshd"),
    (644, "cron", "/usr/sbin/cron"),
    (701, "snmpd", "/usr/sbin/snmpd"),
    (733, "chronyd", "/usr/sbin/chronyd"),
    (1290, "postgres", "/usr/lib/postgresql/15/bin/postgres"),
    (1844, "java", "/usr/lib/jvm/java-17/bin/java"),
)


def objects(mib: Mib, room: Room, device: Device) -> None:
    """HOST-RESOURCES: uptime, storage, processors, processes."""
    host = room.hosts[device.name]
    mib.ticks(f"{HR}.1.1.0", lambda: room.uptime_s(device.name))
    mib.gauge(f"{HR}.1.5.0", 1)
    mib.gauge(f"{HR}.1.6.0", lambda: host.processes + round(4 * room.noise[device.name]))
    mib.integer(f"{HR}.2.2.0", host.memory // 1024)
    _storage(mib, host)
    for core in range(CORES):
        _processor(mib, host, core)
    for number, name, path in PROCESSES:
        mib.integer(f"{HR}.4.2.1.1.{number}", number)
        mib.text(f"{HR}.4.2.1.2.{number}", name)
        mib.text(f"{HR}.4.2.1.4.{number}", path)
        mib.integer(f"{HR}.4.2.1.6.{number}", 4)
        mib.integer(f"{HR}.4.2.1.7.{number}", RUNNING)


def _processor(mib: Mib, host: Host, core: int) -> None:
    index = 196608 + core
    mib.integer(f"{HR}.3.2.1.1.{index}", index)
    mib.pointer(f"{HR}.3.2.1.2.{index}", f"{HR}.3.1.3")
    mib.text(f"{HR}.3.2.1.3.{index}", "GenuineIntel: Intel(R) Xeon(R) Gold 6330 CPU @ 2.00GHz")
    mib.integer(f"{HR}.3.2.1.5.{index}", RUNNING)
    mib.integer(f"{HR}.3.3.1.2.{index}", lambda: round(min(1.0, host.busy * (0.9 + 0.07 * core)) * 100))


def _storage(mib: Mib, host: Host) -> None:
    row = f"{HR}.2.3.1"
    mib.integer(f"{row}.1.1", 1)
    mib.pointer(f"{row}.2.1", f"{HR}.2.1.{RAM}")
    mib.text(f"{row}.3.1", "Physical memory")
    mib.integer(f"{row}.4.1", 1024)
    mib.integer(f"{row}.5.1", host.memory // 1024)
    mib.integer(f"{row}.6.1", lambda: host.memory_used / 1024)
    mib.integer(f"{row}.1.10", 10)
    mib.pointer(f"{row}.2.10", f"{HR}.2.1.{VIRTUAL}")
    mib.text(f"{row}.3.10", "Swap space")
    mib.integer(f"{row}.4.10", 1024)
    mib.integer(f"{row}.5.10", SWAP_KB)
    mib.integer(f"{row}.6.10", 0)
    for index, disk in enumerate(host.disks.values(), 31):
        _volume(mib, index, disk)


def _volume(mib: Mib, index: int, disk: Disk) -> None:
    row = f"{HR}.2.3.1"
    mib.integer(f"{row}.1.{index}", index)
    mib.pointer(f"{row}.2.{index}", f"{HR}.2.1.{FIXED_DISK}")
    mib.text(f"{row}.3.{index}", disk.path)
    mib.integer(f"{row}.4.{index}", UNIT)
    mib.integer(f"{row}.5.{index}", disk.size // UNIT)
    mib.integer(f"{row}.6.{index}", lambda: disk.used / UNIT)


def load(mib: Mib, room: Room, device: Device) -> None:
    """UCD: memory, load averages, processor ticks, disks."""
    host = room.hosts[device.name]
    total = host.memory // 1024
    mib.integer(f"{UCD}.4.3.0", SWAP_KB)
    mib.integer(f"{UCD}.4.4.0", SWAP_KB)
    mib.integer(f"{UCD}.4.5.0", total)
    mib.integer(f"{UCD}.4.6.0", lambda: total - host.memory_used / 1024 - total * 0.24)
    mib.integer(f"{UCD}.4.14.0", total // 50)
    mib.integer(f"{UCD}.4.15.0", total * 22 // 100)
    for index, name in enumerate(("Load-1", "Load-5", "Load-15"), 1):
        _average(mib, host, index, name)
    raw = {50: "user", 51: "nice", 52: "system", 53: "idle", 54: "iowait", 56: "irq", 61: "softirq"}
    for column, kind in raw.items():
        mib.counter32(f"{UCD}.11.{column}.0", partial(host.ticks.__getitem__, kind))
    for index, disk in enumerate(host.disks.values(), 1):
        _disk(mib, index, disk)


def _average(mib: Mib, host: Host, index: int, name: str) -> None:
    mib.integer(f"{UCD}.10.1.1.{index}", index)
    mib.text(f"{UCD}.10.1.2.{index}", name)
    mib.text(f"{UCD}.10.1.3.{index}", lambda: f"{host.load_averages[index - 1]:.2f}")
    mib.integer(f"{UCD}.10.1.5.{index}", lambda: host.load_averages[index - 1] * 100)


def _disk(mib: Mib, index: int, disk: Disk) -> None:
    row = f"{UCD}.9.1"
    mib.integer(f"{row}.1.{index}", index)
    mib.text(f"{row}.2.{index}", disk.path)
    mib.text(f"{row}.3.{index}", disk.device)
    mib.integer(f"{row}.6.{index}", disk.size // 1024)
    mib.integer(f"{row}.7.{index}", lambda: (disk.size - disk.used) / 1024)
    mib.integer(f"{row}.8.{index}", lambda: disk.used / 1024)
    mib.integer(f"{row}.9.{index}", lambda: disk.share * 100)
