"""What a Linux machine says in /proc and df, as readings; the same names as `host` uses.

Readings: cpu_ratio (since the poll before; absent the first time), load1, load5, load15, memory_bytes,
memory_used_ratio, swap_bytes, swap_used_ratio, uptime_seconds, cores; hostname, os, kernel, uuid, cpu_model.
Tables: `disks` {mount, device, fstype, size_bytes, used_bytes, used_ratio}, `interfaces` {interface,
receive_bytes, transmit_bytes, receive_errors, transmit_errors, status}. Source: proc(5), df(1) of POSIX.
"""

import contextlib
from collections.abc import Iterator

from agent.transports.facts import Facts, Raw
from agent.transports.trouble import BadResponseError, clean

MARK = "==watchdesk=="
# Constant texts; nothing from outside is ever put into them.
PARTS = {
    "uptime": "cat /proc/uptime",
    "load": "cat /proc/loadavg",
    "stat": "head -n 1 /proc/stat",
    "cores": "grep -c ^processor /proc/cpuinfo",
    "model": "grep -m 1 '^model name' /proc/cpuinfo",
    "memory": "head -n 60 /proc/meminfo",
    "disks": "df -P -k",
    "mounts": "head -n 400 /proc/mounts",
    "network": "cat /proc/net/dev",
    "links": "grep -H . /sys/class/net/*/operstate /sys/class/net/*/address",
    "hostname": "hostname",
    "kernel": "uname -sr",
    "os": "head -n 30 /etc/os-release",
    "uuid": "cat /etc/machine-id",
}
COMMAND = "LC_ALL=C; export LC_ALL; " + "; ".join(
    f"echo {MARK}{name}; {part} 2>/dev/null" for name, part in PARTS.items()
)
UNREAL = {"tmpfs", "devtmpfs", "overlay", "squashfs", "proc", "sysfs", "ramfs", "efivarfs", "cgroup2", "none"}
MAX_ROWS = 500
STATUS = {"up": "up", "down": "down", "lowerlayerdown": "down", "notpresent": "down"}  # others say nothing


def sections(output: str) -> dict[str, str]:
    """The parts of what COMMAND printed, by name."""
    found: dict[str, str] = {}
    for block in output.split(MARK)[1:]:
        name, _, body = block.partition("\n")
        found.setdefault(name.strip(), body)
    return found


def read(output: str, before: tuple[float, float] | None) -> tuple[Facts, tuple[float, float] | None]:
    """Facts, and the CPU's (busy, total) ticks for the next poll.

    `before` are those of the last one. Raises BadResponseError where the output is not that of COMMAND.
    """
    parts = sections(output)
    uptime = _floats(parts.get("uptime", ""))
    if not uptime:
        raise BadResponseError(
            "The machine does not answer as Linux does.",
            place="/proc/uptime",
            evidence=output.encode("utf-8", "replace"),
        )
    facts = Facts()
    readings = facts.readings
    readings["uptime_seconds"] = uptime[0]
    readings |= zip(("load1", "load5", "load15"), _floats(parts.get("load", ""))[:3], strict=False)
    _memory(parts.get("memory", ""), readings)
    ticks = _ticks(parts.get("stat", ""))
    if ticks and before and ticks[1] > before[1] and ticks[0] >= before[0]:
        readings["cpu_ratio"] = min(1.0, (ticks[0] - before[0]) / (ticks[1] - before[1]))
    cores = parts.get("cores", "").strip()
    if cores.isdigit() and len(cores) < 6:
        readings["cores"] = int(cores)
    for name in ("hostname", "kernel", "uuid"):
        readings[name] = clean(parts.get(name, "").strip(), 200)
    readings["cpu_model"] = clean(parts.get("model", "").partition(":")[2].strip(), 200)
    readings["os"] = _os(parts.get("os", ""))
    facts.tables["disks"] = list(_disks(parts.get("disks", ""), parts.get("mounts", "")))
    facts.tables["interfaces"] = list(_interfaces(parts.get("network", ""), parts.get("links", "")))
    return facts, ticks


def _floats(text: str) -> list[float]:
    out: list[float] = []
    for word in text.split()[:64]:
        try:
            out.append(float(word))
        except ValueError:
            break
    return out


def _ticks(text: str) -> tuple[float, float] | None:
    """Busy and all ticks of `cpu` user nice system idle iowait irq softirq steal guest guest_nice."""
    name, _, rest = text.strip().partition(" ")
    ticks = _floats(rest)
    if name != "cpu" or len(ticks) < 5:
        return None
    total = sum(ticks[:8])
    return total - ticks[3] - ticks[4], total


def _memory(text: str, readings: dict[str, Raw]) -> None:
    found: dict[str, float] = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if values := _floats(rest):
            found[name] = values[0] * 1024
    total = found.get("MemTotal", 0.0)
    free = found.get("MemAvailable", found.get("MemFree", 0.0) + found.get("Cached", 0.0))
    if total > 0:
        readings["memory_bytes"] = total
        readings["memory_used_ratio"] = max(0.0, min(1.0, 1 - free / total))
    swap = found.get("SwapTotal", 0.0)
    readings["swap_bytes"] = swap
    readings["swap_used_ratio"] = max(0.0, 1 - found.get("SwapFree", 0.0) / swap) if swap > 0 else 0.0


def _os(text: str) -> str:
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if name == "PRETTY_NAME":
            return clean(value.strip().strip('"'), 200)
    return ""


def _disks(text: str, mounts: str) -> Iterator[dict[str, Raw]]:
    kinds = {words[1]: words[2] for line in mounts.splitlines() if len(words := line.split()) >= 3}
    for line in text.splitlines()[1 : MAX_ROWS + 1]:
        words = line.split(None, 5)
        if len(words) < 6:
            continue
        numbers = _floats(" ".join(words[1:4]))
        mount = words[5].strip()
        kind = kinds.get(mount.replace(" ", "\\040"), "")
        if len(numbers) < 3 or kind in UNREAL or words[0] in UNREAL or numbers[0] <= 0:
            continue
        usable = numbers[1] + numbers[2]
        yield {
            "mount": clean(mount, 200),
            "device": clean(words[0], 200),
            "fstype": clean(kind, 50),
            "size_bytes": numbers[0] * 1024,
            "used_bytes": numbers[1] * 1024,
            "used_ratio": numbers[1] / usable if usable > 0 else 1.0,
        }


def _interfaces(text: str, links: str) -> Iterator[dict[str, Raw]]:
    said: dict[tuple[str, str], str] = {}
    for line in links.splitlines()[: 4 * MAX_ROWS]:
        path, _, value = line.partition(":")
        parts = path.split("/")
        if len(parts) == 6:
            said[parts[4], parts[5]] = value.strip()
    for line in text.splitlines()[2 : MAX_ROWS + 2]:
        name, _, rest = line.partition(":")
        name = name.strip()
        numbers = _floats(rest)
        if len(numbers) < 16 or name == "lo":
            continue
        row: dict[str, Raw] = {
            "interface": clean(name, 100),
            "receive_bytes": int(numbers[0]),
            "receive_errors": int(numbers[2]),
            "transmit_bytes": int(numbers[8]),
            "transmit_errors": int(numbers[10]),
        }
        if (state := STATUS.get(said.get((name, "operstate"), ""))) is not None:
            row["status"] = state
        with contextlib.suppress(KeyError):
            row["mac"] = said[name, "address"]
        yield row
