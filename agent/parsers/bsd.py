"""FreeBSD, OpenBSD, NetBSD (and macOS, whose tools are theirs): readings as of `linux`, and the inventory.

Source: the systems' manual pages uptime(1), sysctl(8), vmstat(8), swapctl(8), netstat(1), df(1), kenv(1).
"""

import re
from collections.abc import Iterator

from agent.parsers import accounts, certificates, disks, packages, services, sockets, uptime
from agent.parsers.inventory import Inventory
from agent.parsers.text import Ticks, cpu, first, floats, lines, numbers, ratio, script, sections
from agent.transports.facts import Facts, Raw
from agent.transports.trouble import BadResponseError, clean
from rules.numbers import whole

POLL = script(
    {
        "uptime": "uptime",
        "cpu": "sysctl kern.cp_time",
        "cores": "sysctl -n hw.ncpu",
        "physical": "sysctl -n hw.physmem64 || sysctl -n hw.physmem || sysctl -n hw.memsize",
        "vmstat": "vmstat -s",
        "swap": "swapctl -lk",
        "disks": "df -P -k",
        "mounts": "mount",
        "network": "netstat -ibn",
        "errors": "netstat -in",
        "hostname": "hostname",
        "kernel": "uname -sr",
        "os": "freebsd-version -u || sw_vers -productVersion",
        "model": "sysctl -n machdep.cpu.brand_string || sysctl -n machdep.cpu_brand || sysctl -n hw.model",
        "uuid": "sysctl -n kern.hostuuid || sysctl -n hw.uuid || sysctl -n machdep.dmi.system-uuid",
    },
    wrapped=True,
)
FACTS = script(
    {
        "vendor": "kenv -q smbios.system.maker || sysctl -n hw.vendor || sysctl -n machdep.dmi.system-vendor",
        "product": "kenv -q smbios.system.product || sysctl -n hw.product"
        " || sysctl -n machdep.dmi.system-product",
        "serial": "kenv -q smbios.system.serial || sysctl -n hw.serialno"
        " || sysctl -n machdep.dmi.system-serial",
        "pkg": "pkg query '%n %v' | head -n 4000",
        "pkg_info": "pkg_info | head -n 4000",
        "enabled": "service -e || rcctl ls started",
        "failed": "rcctl ls failed",
        "sockets": "netstat -an -f inet | head -n 4000; netstat -an -f inet6 | head -n 4000",
        "passwd": "cat /etc/passwd",
        "drives": "sysctl -n kern.disks || sysctl -n hw.disknames",
        "addresses": "ifconfig -a | grep -w inet",
        "certificates": certificates.FIND,
    },
    wrapped=True,
)
_MOUNT = re.compile(r"^(\S+) on (.+?) (?:type (\w+) )?\((\w+)?")
_COLUMNS = ("Ipkts", "Ierrs", "Idrop", "Ibytes", "Opkts", "Oerrs", "Obytes", "Coll", "Drop")


def read(output: str, before: Ticks | None) -> tuple[Facts, Ticks | None]:
    """Facts, and the CPU's (busy, total) ticks; raises BadResponseError for other output than of POLL."""
    parts = sections(output)
    readings = uptime.read(parts.get("uptime", ""))
    if not readings:
        raise BadResponseError("The machine does not answer as a BSD does.", place="uptime")
    facts = Facts(readings)
    _memory(parts, readings)
    ticks = _ticks(parts.get("cpu", ""))
    readings |= cpu(ticks, before)
    if cores := floats(parts.get("cores", "")):
        readings["cores"] = int(cores[0])
    for name, part in (
        ("hostname", "hostname"),
        ("kernel", "kernel"),
        ("uuid", "uuid"),
        ("cpu_model", "model"),
    ):
        readings[name] = clean(first(parts.get(part, "")), 200)
    system, _, release = str(readings["kernel"]).partition(" ")
    system = "macOS" if system == "Darwin" else system
    readings["os"] = clean(f"{system} {first(parts.get('os', '')) or release}".strip(), 200)
    kinds = dict(_kinds(parts.get("mounts", "")))
    facts.tables["disks"] = list(disks.read(parts.get("disks", ""), kinds))
    facts.tables["interfaces"] = list(_interfaces(parts.get("network", ""), parts.get("errors", "")))
    return facts, ticks


def tell(output: str) -> Inventory:
    """The inventory out of what FACTS printed."""
    parts = sections(output)
    found = Inventory()
    for name, part in (("vendor", "vendor"), ("model", "product"), ("serial", "serial")):
        found.readings[name] = clean(first(parts.get(part, "")), 200)
    found.packages = list(packages.read_pairs(parts.get("pkg", "")))
    found.packages = found.packages or list(packages.read_dashed(parts.get("pkg_info", "")))
    failed = {name for name, _ in services.read_enabled(parts.get("failed", ""))}
    found.services = [
        (name, "failed" if name in failed else state)
        for name, state in services.read_enabled(parts.get("enabled", ""))
    ]
    found.services += [(name, "failed") for name in sorted(failed - {name for name, _ in found.services})]
    found.sockets = sockets.read_netstat(parts.get("sockets", ""))
    found.certificates = list(certificates.read(parts.get("certificates", "")))
    found.accounts = list(accounts.read(parts.get("passwd", "")))
    drives = parts.get("drives", "").replace(",", " ").split()
    found.drives = sorted({one.partition(":")[0][:40] for one in drives})[:64]
    words = [line.split() for line in lines(parts.get("addresses", ""))]
    found.addresses = [one[1][:64] for one in words if len(one) > 1 and one[0] == "inet"]
    return found


def _ticks(text: str) -> Ticks | None:
    """`kern.cp_time: 1 2 3 4 5`, `=1,2,3,4,5,6` or `user = 1, ..., idle = 5`: the last is idle."""
    told = numbers(text.partition("cp_time")[2])
    if len(told) < 5:
        return None
    return sum(told) - told[-1], sum(told)


def _memory(parts: dict[str, str], readings: dict[str, Raw]) -> None:
    total = max(floats(parts.get("physical", ""))[:1] or [0.0])
    counted: dict[str, float] = {}
    for line in lines(parts.get("vmstat", "")):
        if told := floats(line):
            counted[line.split(None, 1)[-1].strip().lower()] = told[0]
    page = counted.get("bytes per page", 4096.0)
    idle = [
        counted[name]
        for name in ("pages free", "pages inactive", "pages in the inactive queue")
        if name in counted
    ]
    if total > 0:
        readings["memory_bytes"] = total
        if idle:
            readings["memory_used_ratio"] = ratio(total - sum(idle) * page, total)
    size = used = 0.0
    for line in lines(parts.get("swap", ""))[1:]:
        told = floats(" ".join(line.split()[1:3]))
        if len(told) == 2 and not line.startswith("Total"):
            size, used = size + told[0] * 1024, used + told[1] * 1024
    readings["swap_bytes"], readings["swap_used_ratio"] = size, ratio(used, size)


def _kinds(text: str) -> Iterator[tuple[str, str]]:
    """`/dev/ada0p2 on / (ufs, local)` and `/dev/sd0a on / type ffs (local)`."""
    for line in lines(text):
        if found := _MOUNT.match(line[:500]):
            yield found[2], found[3] or found[4] or ""


def _interfaces(octets: str, counts: str) -> Iterator[dict[str, Raw]]:
    counted, plain = _links(octets), _links(counts)
    for name, row in list(counted.items())[: disks.MAX_ROWS]:
        errors = {**plain.get(name, {}), **row}
        one: dict[str, Raw] = {"interface": clean(name.rstrip("*"), 100)}
        pairs = (
            ("receive_bytes", "Ibytes"),
            ("transmit_bytes", "Obytes"),
            ("receive_errors", "Ierrs"),
            ("transmit_errors", "Oerrs"),
        )
        one |= {
            reading: int(number)
            for reading, column in pairs
            if isinstance(number := errors.get(column), float)
        }
        one["status"] = "down" if name.endswith("*") else "up"
        if isinstance(mac := row.get("mac"), str):
            one["mac"] = mac
        yield one


def _links(text: str) -> dict[str, dict[str, float | str]]:
    """The rows of link level by name. Columns are counted from the right: an address may be absent."""
    found: dict[str, dict[str, float | str]] = {}
    told = lines(text)
    heading = told[0].split() if told else []
    columns = [one for one in heading if one in _COLUMNS]
    for line in told[1:]:
        words = line.split()
        if (
            len(words) < max(4, 3 + len(columns))
            or not words[2].startswith("<Link")
            or words[0].startswith("lo")
        ):
            continue
        values = words[len(words) - len(columns) :]
        row: dict[str, float | str] = {
            column: float(number)
            for column, value in zip(columns, values, strict=True)
            if (number := whole(value)) is not None
        }
        if ":" in words[3]:
            row["mac"] = words[3][:40]
        found.setdefault(words[0], row)
    return found
