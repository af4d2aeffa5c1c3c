"""AIX: readings as of `linux` (no octets of interfaces: netstat does not tell them), and the inventory.

Source: IBM's command reference: uptime, vmstat, lsps, netstat, uname, oslevel, lslpp, lssrc, lspv.
"""

from collections.abc import Iterator

from agent.parsers import accounts, certificates, disks, packages, services, sockets, uptime
from agent.parsers.inventory import Inventory
from agent.parsers.text import first, floats, lines, numbers, ratio, script, sections
from agent.transports.facts import Facts, Raw
from agent.transports.trouble import BadResponseError, clean
from rules.numbers import whole

POLL = script(
    {
        "uptime": "uptime",
        "cpu": "vmstat 1 2",
        "memory": "vmstat -v",
        "swap": "lsps -s",
        "cores": "lsdev -Cc processor -S Available",
        "disks": "df -P -k",
        "mounts": "mount",
        "network": "netstat -in",
        "hostname": "hostname",
        "level": "oslevel -s",
        "cpu_model": "lsattr -El proc0 -a type -F value",
        "uuid": "lsattr -El sys0 -a os_uuid -F value",
    },
    wrapped=True,
)
FACTS = script(
    {
        "model": "uname -M",
        "serial": "uname -u",
        "lslpp": "lslpp -Lqc | head -n 5000",
        "lssrc": "lssrc -a",
        "sockets": "netstat -an | head -n 5000",
        "passwd": "cat /etc/passwd",
        "drives": "lspv",
        "addresses": "ifconfig -a | grep -w inet",
        "certificates": certificates.FIND,
    },
    wrapped=True,
)
PAGE = 4096.0


def read(output: str, before: tuple[float, float] | None) -> tuple[Facts, tuple[float, float] | None]:
    """Facts; the load of the processors is of one second, so `before` is not used.

    Raises BadResponseError where the output is not that of POLL.
    """
    parts = sections(output)
    readings = uptime.read(parts.get("uptime", ""))
    if not readings:
        raise BadResponseError("The machine does not answer as AIX does.", place="uptime")
    facts = Facts(readings)
    _memory(parts, readings)
    busy = _busy(parts.get("cpu", ""))
    if busy is not None:
        readings["cpu_ratio"] = busy
    if cores := lines(parts.get("cores", "")):
        readings["cores"] = len(cores)
    for name in ("hostname", "uuid", "cpu_model"):
        readings[name] = clean(first(parts.get(name, "")), 200)
    level = first(parts.get("level", ""))
    readings["os"] = readings["kernel"] = clean(f"AIX {level}".strip(), 200)
    facts.tables["disks"] = list(disks.read(parts.get("disks", ""), dict(_kinds(parts.get("mounts", "")))))
    facts.tables["interfaces"] = list(_interfaces(parts.get("network", "")))
    return facts, before


def tell(output: str) -> Inventory:
    """The inventory out of what FACTS printed. `uname -u` is `IBM,02` and the serial number."""
    parts = sections(output)
    found = Inventory()
    maker, _, model = first(parts.get("model", "")).partition(",")
    serial = first(parts.get("serial", "")).partition(",")[2]
    found.readings["vendor"] = clean(maker, 200)
    found.readings["model"] = clean(model, 200)
    found.readings["serial"] = clean(serial.removeprefix("02") if len(serial) > 7 else serial, 200)
    found.packages = list(packages.read_lslpp(parts.get("lslpp", "")))
    found.services = list(services.read_lssrc(parts.get("lssrc", "")))
    found.sockets = sockets.read_netstat(parts.get("sockets", ""))
    found.certificates = list(certificates.read(parts.get("certificates", "")))
    found.accounts = list(accounts.read(parts.get("passwd", "")))
    found.drives = [line.split()[0][:40] for line in lines(parts.get("drives", ""))[:200]]
    words = [line.split() for line in lines(parts.get("addresses", ""))]
    found.addresses = [one[1][:64] for one in words if len(one) > 1 and one[0] == "inet"]
    return found


def _busy(text: str) -> float | None:
    """1 less the columns `id` and `wa` of the last line, by the heading."""
    told = lines(text)
    heading = next((line.split() for line in told if " id " in f"{line} " and " us " in line), [])
    last = told[-1].split() if told else []
    if not heading or len(last) < len(heading):
        return None
    row = dict(zip(heading, last, strict=False))
    idle = [floats(row.get(name, "")) for name in ("id", "wa")]
    return ratio(100 - sum(one[0] for one in idle), 100) if all(idle) else None


def _memory(parts: dict[str, str], readings: dict[str, Raw]) -> None:
    counted: dict[str, float] = {}
    for line in lines(parts.get("memory", "")):
        if told := floats(line):
            counted[line.split(None, 1)[-1].strip()] = told[0]
    total = counted.get("memory pages", 0.0)
    if total:
        idle = counted.get("free pages", 0.0) + counted.get("file pages", 0.0)
        readings["memory_bytes"] = total * PAGE
        readings["memory_used_ratio"] = ratio(total - idle, total)
    swap = numbers(" ".join(lines(parts.get("swap", ""))[1:2]))
    if len(swap) >= 2:
        readings["swap_bytes"], readings["swap_used_ratio"] = swap[0] * 1024**2, ratio(swap[1], 100)


def _kinds(text: str) -> Iterator[tuple[str, str]]:
    """`         /dev/hd4   /   jfs2   Jun 03 11:20 rw,log=...`; a remote one begins with its node."""
    for line in lines(text):
        words = line.split()
        place = 1 if line[:1].isspace() else 2
        if len(words) > place + 1:
            yield words[place], words[place + 1]


def _interfaces(text: str) -> Iterator[dict[str, Raw]]:
    """Rows of link level: Name Mtu Network Address [ZoneID] Ipkts Ierrs Opkts Oerrs Coll."""
    for line in lines(text)[1 : disks.MAX_ROWS]:
        words = line.split()
        if len(words) < 9 or not words[2].startswith("link#") or words[0].startswith("lo"):
            continue
        counts = [whole(one) or 0 for one in words[-5:]]
        row: dict[str, Raw] = {
            "interface": clean(words[0].rstrip("*"), 100),
            "receive_errors": counts[1],
            "transmit_errors": counts[3],
            "status": "down" if words[0].endswith("*") else "up",
        }
        digits = words[3].split(".")
        if len(digits) == 6:
            row["mac"] = ":".join(one.rjust(2, "0") for one in digits)
        yield row
