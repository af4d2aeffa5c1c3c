"""This machine, over psutil. Readings and tables are named as in `linux`, with `speed_bits` of interfaces."""

import asyncio
import platform
import socket
import time
from pathlib import Path

import psutil

from agent.parsers.disks import UNREAL
from agent.transports.facts import Facts, Raw
from agent.transports.trouble import TroubleError, clean

MAX_ROWS = 500


class Host:
    """Reads this machine. CPU is measured between two calls."""

    def __init__(self) -> None:
        self._times = psutil.cpu_times()

    async def fetch(self, *, timeout_s: float = 10.0) -> Facts:
        """Readings of this machine; raises TroubleError where a dead network disk holds them up."""
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.to_thread(self._read)
        except TimeoutError:
            raise TroubleError("no_answer", f"This machine gave no readings in {timeout_s:g} s.") from None

    def _read(self) -> Facts:
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        before, self._times = self._times, psutil.cpu_times()
        readings: dict[str, Raw] = {
            "uptime_seconds": max(0.0, time.time() - psutil.boot_time()),
            "memory_bytes": memory.total,
            "memory_used_ratio": 1 - memory.available / memory.total,
            "swap_bytes": swap.total,
            "swap_used_ratio": swap.used / swap.total if swap.total else 0.0,
            "cores": psutil.cpu_count() or 1,
            "hostname": socket.gethostname(),
            "kernel": f"{platform.system()} {platform.release()}",
            "os": _os(),
            "uuid": _file("/etc/machine-id"),
            "vendor": _file("/sys/class/dmi/id/sys_vendor"),
            "model": _file("/sys/class/dmi/id/product_name"),
            "serial": _file("/sys/class/dmi/id/product_serial"),
            "cpu_model": _cpu_model(),
        }
        readings |= zip(("load1", "load5", "load15"), psutil.getloadavg(), strict=True)
        idle = (
            self._times.idle - before.idle + getattr(self._times, "iowait", 0) - getattr(before, "iowait", 0)
        )
        total = sum(self._times[:8]) - sum(before[:8])
        if total > 0:
            readings["cpu_ratio"] = max(0.0, min(1.0, 1 - idle / total))
        return Facts(readings, {"disks": _disks(), "interfaces": _interfaces()})


def _file(path: str) -> str:
    try:
        return clean(Path(path).read_text(encoding="utf-8", errors="replace").strip(), 200)
    except OSError:
        return ""


def _os() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return platform.platform()


def _cpu_model() -> str:
    for line in _file_lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return clean(line.partition(":")[2].strip(), 200)
    return platform.processor()


def _file_lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _disks() -> list[dict[str, Raw]]:
    rows: list[dict[str, Raw]] = []
    seen: set[str] = set()
    for part in psutil.disk_partitions(all=False)[:MAX_ROWS]:
        if part.fstype in UNREAL or part.device in seen:
            continue
        seen.add(part.device)
        try:
            usage = psutil.disk_usage(part.mountpoint)
        except OSError:
            continue
        if not usage.total:
            continue
        rows.append(
            {
                "mount": clean(part.mountpoint, 200),
                "device": clean(part.device, 200),
                "fstype": part.fstype,
                "size_bytes": usage.total,
                "used_bytes": usage.used,
                "used_ratio": usage.percent / 100,
            }
        )
    return rows


def _interfaces() -> list[dict[str, Raw]]:
    stats, addresses = psutil.net_if_stats(), psutil.net_if_addrs()
    rows: list[dict[str, Raw]] = []
    for name, count in list(psutil.net_io_counters(pernic=True).items())[:MAX_ROWS]:
        if name == "lo":
            continue
        row: dict[str, Raw] = {
            "interface": clean(name, 100),
            "receive_bytes": count.bytes_recv,
            "transmit_bytes": count.bytes_sent,
            "receive_errors": count.errin,
            "transmit_errors": count.errout,
        }
        if (stat := stats.get(name)) is not None:
            row["status"] = "up" if stat.isup else "down"
            if stat.speed > 0:
                row["speed_bits"] = stat.speed * 1_000_000
        for one in addresses.get(name, []):
            if one.family == psutil.AF_LINK:
                row["mac"] = one.address
        rows.append(row)
    return rows
