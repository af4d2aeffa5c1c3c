"""Solaris 10 and 11: readings as of `linux`, and the inventory.

Source: the manual pages of uptime, kstat, psrinfo, swap, df, prtdiag, smbios, pkg and svcs.
"""

from collections.abc import Iterator

from agent.parsers import accounts, certificates, disks, packages, services, sockets, uptime
from agent.parsers.inventory import Inventory
from agent.parsers.text import Ticks, cpu, first, floats, lines, ratio, script, sections
from agent.transports.facts import Facts, Raw
from agent.transports.trouble import BadResponseError, clean

POLL = script(
    {
        "uptime": "uptime",
        "cpu": "kstat -p cpu_stat:::idle cpu_stat:::wait cpu_stat:::user cpu_stat:::kernel",
        "memory": "kstat -p unix:0:system_pages:physmem unix:0:system_pages:freemem",
        "page": "pagesize",
        "swap": "swap -s",
        "cores": "psrinfo",
        "disks": "df -k",
        "kinds": "df -n",
        "network": "kstat -p link:::rbytes64 link:::obytes64 link:::ierrors link:::oerrors link:::link_state",
        "hostname": "hostname",
        "kernel": "uname -srv",
        "release": "head -1 /etc/release",
        "cpu_model": "kstat -p cpu_info:0::brand",
    },
    wrapped=True,
)
FACTS = script(
    {
        "smbios": "/usr/sbin/smbios -t SMB_TYPE_SYSTEM",
        "prtdiag": "/usr/sbin/prtdiag | head -2",
        "sneep": "sneep || /usr/sbin/prtconf -pv | grep chassis-sn",
        "pkg": "pkg list -H | head -5000",
        "svcs": "svcs -H -a -o STATE,FMRI",
        "sockets": "netstat -an -f inet | head -5000; netstat -an -f inet6 | head -5000",
        "passwd": "cat /etc/passwd",
        "addresses": "/usr/sbin/ifconfig -a | grep -w inet",
        "certificates": certificates.FIND,
    },
    wrapped=True,
)
_READING = {
    "rbytes64": "receive_bytes",
    "obytes64": "transmit_bytes",
    "ierrors": "receive_errors",
    "oerrors": "transmit_errors",
}


def read(output: str, before: Ticks | None) -> tuple[Facts, Ticks | None]:
    """Facts, and the CPU's (busy, total) ticks; raises BadResponseError for other output than of POLL."""
    parts = sections(output)
    readings = uptime.read(parts.get("uptime", ""))
    if not readings:
        raise BadResponseError("The machine does not answer as Solaris does.", place="uptime")
    facts = Facts(readings)
    _memory(parts, readings)
    ticks = _ticks(parts.get("cpu", ""))
    readings |= cpu(ticks, before)
    if cores := lines(parts.get("cores", "")):
        readings["cores"] = len(cores)
    for name in ("hostname", "kernel"):
        readings[name] = clean(first(parts.get(name, "")), 200)
    readings["os"] = clean(first(parts.get("release", "")), 200)
    readings["cpu_model"] = clean(first(parts.get("cpu_model", "")).partition("\t")[2], 200)
    facts.tables["disks"] = list(disks.read(parts.get("disks", ""), dict(_kinds(parts.get("kinds", "")))))
    facts.tables["interfaces"] = list(_interfaces(parts.get("network", "")))
    return facts, ticks


def tell(output: str) -> Inventory:
    """The inventory out of what FACTS printed."""
    parts = sections(output)
    found = Inventory()
    said = {
        name.strip(): value.strip()
        for name, sign, value in (line.partition(":") for line in lines(parts.get("smbios", ""))[:60])
        if sign
    }
    vendor, model = said.get("Manufacturer", ""), said.get("Product", "")
    if not model:
        vendor, model = _sparc(first(parts.get("prtdiag", "")))
    serial = said.get("Serial Number", "") or first(parts.get("sneep", "")).rpartition(":")[2].strip(" '\"")
    found.readings |= {"vendor": clean(vendor, 200), "model": clean(model, 200), "serial": clean(serial, 200)}
    found.packages = list(packages.read_solaris(parts.get("pkg", "")))
    found.services = list(services.read_smf(parts.get("svcs", "")))
    found.sockets = sockets.read_netstat(parts.get("sockets", ""))
    found.certificates = list(certificates.read(parts.get("certificates", "")))
    found.accounts = list(accounts.read(parts.get("passwd", "")))
    words = [line.split() for line in lines(parts.get("addresses", ""))]
    found.addresses = [one[1][:64] for one in words if len(one) > 1 and one[0] == "inet"]
    return found


def _sparc(text: str) -> tuple[str, str]:
    """`System Configuration:  Oracle Corporation  sun4v SPARC T4-1`: the maker, and the model."""
    told = text.partition("System Configuration:")[2].split()
    place = next((number for number, word in enumerate(told) if word.startswith("sun4")), None)
    if place is None:
        return "", ""
    return " ".join(told[:place]), " ".join(told[place + 1 :])


def _pairs(text: str) -> Iterator[tuple[list[str], float]]:
    """`module:instance:name:statistic<tab>value`."""
    for line in lines(text):
        name, _, value = line.partition("\t")
        told = floats(value)
        if told and name.count(":") == 3:
            yield name.split(":"), told[0]


def _ticks(text: str) -> Ticks | None:
    idle = total = 0.0
    for name, value in _pairs(text):
        total += value
        idle += value if name[3] in {"idle", "wait"} else 0.0
    return (total - idle, total) if total else None


def _memory(parts: dict[str, str], readings: dict[str, Raw]) -> None:
    told = {name[3]: value for name, value in _pairs(parts.get("memory", ""))}
    page = (floats(parts.get("page", "")) or [8_192.0])[0]
    if total := told.get("physmem", 0.0):
        readings["memory_bytes"] = total * page
        readings["memory_used_ratio"] = ratio(total - told.get("freemem", 0.0), total)
    words = parts.get("swap", "").replace(",", " ").split()
    used, left = (_before(words, name) for name in ("used", "available"))
    readings["swap_bytes"], readings["swap_used_ratio"] = (used + left) * 1024, ratio(used, used + left)


def _before(words: list[str], name: str) -> float:
    """The number of kilobytes before a word, as `1536k used`."""
    place = words.index(name) if name in words else 0
    told = floats(words[place - 1].rstrip("k")) if place else []
    return told[0] if told else 0.0


def _kinds(text: str) -> Iterator[tuple[str, str]]:
    """`/export/home      : zfs`."""
    for line in lines(text):
        mount, found, kind = line.rpartition(":")
        if found:
            yield mount.strip(), kind.strip()


def _interfaces(text: str) -> Iterator[dict[str, Raw]]:
    rows: dict[str, dict[str, Raw]] = {}
    for name, value in _pairs(text):
        row = rows.setdefault(name[2], {"interface": clean(name[2], 100)})
        if (reading := _READING.get(name[3])) is not None:
            row[reading] = int(value)
        elif name[3] == "link_state" and value in {0.0, 1.0}:
            row["status"] = "up" if value else "down"
    yield from list(rows.values())[: disks.MAX_ROWS]
