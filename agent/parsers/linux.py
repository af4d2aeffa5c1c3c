"""What a Linux machine says in /proc, df and its tools; readings named as `agent.transports.host` does.

Readings: cpu_ratio (since the poll before; absent the first time), load1, load5, load15, memory_bytes,
memory_used_ratio, swap_bytes, swap_used_ratio, uptime_seconds, cores; hostname, os, kernel, uuid, cpu_model.
Tables: `disks` {mount, device, fstype, size_bytes, used_bytes, used_ratio}, `interfaces` {interface,
receive_bytes, transmit_bytes, receive_errors, transmit_errors, status}. Source: proc(5), df(1) of POSIX.
"""

import contextlib
import re
from collections.abc import Iterator

from agent.parsers import accounts, certificates, disks, packages, services, sockets
from agent.parsers.inventory import Inventory, pick
from agent.parsers.text import cpu, first, floats, lines, script, sections
from agent.transports.facts import Facts, Raw
from agent.transports.trouble import BadResponseError, clean
from rules.numbers import whole

POLL = script(
    {
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
)
FACTS = script(
    {
        "vendor": "cat /sys/class/dmi/id/sys_vendor",
        "product": "cat /sys/class/dmi/id/product_name",
        "serial": "cat /sys/class/dmi/id/product_serial",
        "board": "cat /proc/device-tree/model",
        "board_serial": "cat /proc/device-tree/serial-number",
        "virtual": "systemd-detect-virt",
        "dpkg": "dpkg-query -W -f '${Package}\\t${Version}\\n' | head -n 5000",
        "rpm": "rpm -qa --qf '%{NAME}\\t%{VERSION}-%{RELEASE}\\n' | head -n 5000",
        "apk": "apk info -v | head -n 5000",
        "pacman": "pacman -Q | head -n 5000",
        "services": "systemctl list-units --type=service --all --plain --no-legend --no-pager",
        "openrc": "rc-status -a",
        "ss": "ss -H -tuanp | head -n 5000",
        "netstat": "netstat -tuanp | head -n 5000",
        "drives": "lsblk -b -d -n -P -o NAME,TYPE,SIZE,MODEL,SERIAL",
        "passwd": "cat /etc/passwd",
        "addresses": "ip -o addr show",
        "certificates": certificates.FIND,
    }
)
MAX_ROWS = disks.MAX_ROWS
STATUS = {"up": "up", "down": "down", "lowerlayerdown": "down", "notpresent": "down"}  # others say nothing
_PAIR = re.compile(r'(\w+)="([^"]{0,200})"')


def read(output: str, before: tuple[float, float] | None) -> tuple[Facts, tuple[float, float] | None]:
    """Facts, and the CPU's (busy, total) ticks for the next poll.

    `before` are those of the last one. Raises BadResponseError where the output is not that of POLL.
    """
    parts = sections(output)
    uptime = floats(parts.get("uptime", ""))
    if not uptime:
        raise BadResponseError(
            "The machine does not answer as Linux does.",
            place="/proc/uptime",
            evidence=output.encode("utf-8", "replace"),
        )
    facts = Facts()
    readings = facts.readings
    readings["uptime_seconds"] = uptime[0]
    readings |= zip(("load1", "load5", "load15"), floats(parts.get("load", ""))[:3], strict=False)
    _memory(parts.get("memory", ""), readings)
    ticks = _ticks(parts.get("stat", ""))
    readings |= cpu(ticks, before)
    if (cores := whole(parts.get("cores", "").strip())) is not None and cores < 100_000:
        readings["cores"] = cores
    for name in ("hostname", "kernel", "uuid"):
        readings[name] = clean(parts.get(name, "").strip(), 200)
    readings["cpu_model"] = clean(parts.get("model", "").partition(":")[2].strip(), 200)
    readings["os"] = _os(parts.get("os", ""))
    facts.tables["disks"] = list(disks.read(parts.get("disks", ""), _kinds(parts.get("mounts", ""))))
    facts.tables["interfaces"] = list(_interfaces(parts.get("network", ""), parts.get("links", "")))
    return facts, ticks


def _ticks(text: str) -> tuple[float, float] | None:
    """Busy and all ticks of `cpu` user nice system idle iowait irq softirq steal guest guest_nice."""
    name, _, rest = text.strip().partition(" ")
    ticks = floats(rest)
    if name != "cpu" or len(ticks) < 5:
        return None
    total = sum(ticks[:8])
    return total - ticks[3] - ticks[4], total


def tell(output: str) -> Inventory:
    """The inventory out of what FACTS printed."""
    parts = sections(output)
    found = Inventory()
    said = {name: first(text.replace("\x00", "").replace("\ufffd", "")) for name, text in parts.items()}
    found.readings["vendor"] = clean(said.get("vendor", ""), 200)
    found.readings["model"] = clean(said.get("product") or said.get("board", ""), 200)
    found.readings["serial"] = clean(said.get("serial") or said.get("board_serial", ""), 200)
    if (virtual := said.get("virtual", "none")) != "none":
        found.readings["virtual"] = clean(virtual, 50)
    found.packages = list(packages.read_pairs(pick(parts, ("dpkg", "rpm", "pacman"))))
    found.packages = found.packages or list(packages.read_dashed(parts.get("apk", "")))
    found.services = list(services.read_systemd(parts.get("services", "")))
    found.services = found.services or list(services.read_openrc(parts.get("openrc", "")))
    found.sockets = sockets.read_ss(parts.get("ss", "")) or sockets.read_netstat(parts.get("netstat", ""))
    found.certificates = list(certificates.read(parts.get("certificates", "")))
    found.drives = list(_drives(parts.get("drives", "")))
    found.accounts = list(accounts.read(parts.get("passwd", "")))
    found.addresses = list(_addresses(parts.get("addresses", "")))
    return found


def _drives(text: str) -> Iterator[str]:
    """`NAME="sda" TYPE="disk" SIZE="480103981056" MODEL="..." SERIAL="..."` as `sda 480 GB ...`."""
    for line in lines(text)[:MAX_ROWS]:
        one = dict(_PAIR.findall(line[:1_000]))
        octets = whole(one.get("SIZE", ""))
        if one.get("TYPE") == "disk" and octets is not None:
            size = f"{octets / 1e9:.0f} GB"
            words = (one.get("NAME", ""), size, one.get("MODEL", "").strip(), one.get("SERIAL", "").strip())
            yield " ".join(filter(None, words))


def _addresses(text: str) -> Iterator[str]:
    """`2: eth0    inet 192.0.2.5/24 brd ...`, one a line; loopback and link-local ones say nothing."""
    for line in lines(text)[:MAX_ROWS]:
        words = line.split()
        if len(words) > 3 and words[2] in {"inet", "inet6"} and words[1] != "lo":
            address = words[3].partition("/")[0]
            if not address.startswith("fe80:"):
                yield address[:64]


def _memory(text: str, readings: dict[str, Raw]) -> None:
    found: dict[str, float] = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if values := floats(rest):
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


def _kinds(mounts: str) -> dict[str, str]:
    told = (line.split() for line in lines(mounts))
    return {words[1].replace("\\040", " "): words[2] for words in told if len(words) >= 3}


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
        numbers = floats(rest)
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
