"""What the command line of a network device says: answers to facts, interfaces and links.

An answer is read by the template of ntc-templates that its command has, or by the platform's own patterns
(`rules.platform`); one that neither reads is left out. The result is what SNMP gives of the same device.
Foreign text goes through patterns here, so its lines are cut at MAX_LINE and counted.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ntc_templates.parse import ParsingException, parse_output  # type: ignore[import-untyped]
from textfsm import TextFSMError  # type: ignore[import-untyped]

from agent.discover.found import Interface, Link, LinkKind
from agent.discover.links import MANY, SURE, learned_confidence
from agent.observe import mac as digits
from agent.transports.facts import Facts, Raw
from agent.transports.trouble import clean
from rules.platform import Command, Platform, pattern

log = logging.getLogger("watchdesk.agent")
MAX_LINE, MAX_LINES = 300, 20_000
MAX_GAP = 40  # blanks side by side: templates look for the end of each gap
MAX_ROWS = 2_000
MAX_NAME = 200
Row = Mapping[str, str]
_UP = frozenset({"up", "connected", "r"})
_OFF = frozenset({"down", "disabled", "administratively down"})
_SHORT = {  # abbreviations whose letters do not stand in the name in their order
    "xge": ("ten-gigabitethernet", "xgigabitethernet"),
    "wge": ("twenty-fivegige",),
    "fge": ("fortygige",),
    "hge": ("hundredgige",),
}
_SPEED = re.compile(r"(\d{1,12})\s*([kmgt]?)", re.IGNORECASE)
_UNITS = {"k": 1_000, "m": 1_000_000, "g": 1_000_000_000, "t": 1_000_000_000_000}
_PORT = re.compile(r"([A-Za-z][A-Za-z-]*) ?(\d[\d/.:]*)")
_GAP = re.compile(rf"[ \t]{{{MAX_GAP},}}")
_PAGER = re.compile(
    r"(?:-+ ?<?\(?more[^\r\n]{0,40}?-+>?|<-+ ?more ?-+>)[ \x08]*(?:\r *\r?|\x1b\[\d+D *\x1b\[\d+D)?",
    re.IGNORECASE,
)


def tidy(output: str) -> str:
    """An answer without pager prompts and control characters, bounded."""
    plain = clean(_PAGER.sub("", output.replace("\r\n", "\n")), len(output) + 1)
    narrow = _GAP.sub(" " * MAX_GAP, plain)
    kept = (line[:MAX_LINE].replace("\r", "").rstrip() for line in narrow.splitlines()[:MAX_LINES])
    return "\n".join(kept) + "\n"


def read(platform: Platform, answers: Mapping[str, str]) -> Facts:
    """Facts of the answers by command, each tidied.

    Readings: hostname, vendor, model, serial, os, mac. Table `interfaces` {interface, status, speed_bits}. Of
    the rest: `interfaces` and `links` as discovery tells them, `about` platform and device_class.
    """
    about: dict[str, str] = {}
    rows: dict[str, list[Row]] = defaultdict(list)
    for command in platform.commands:
        if command.send not in answers:
            continue
        found = _rows(platform, command, answers[command.send])
        if command.gives == "about":
            _about(command, answers[command.send], found, about)
        else:
            rows[command.gives] += found[: MAX_ROWS - len(rows[command.gives])]
    facts = Facts()
    facts.interfaces = tuple(_interfaces(rows["interfaces"]))
    facts.links = tuple(_links(rows, facts.interfaces))
    facts.tables["interfaces"] = [_told(one) for one in facts.interfaces]
    names = {"hostname": "name", "os": "version", "model": "model", "serial": "serial", "mac": "mac"}
    facts.readings |= {ours: about.get(theirs, "") for ours, theirs in names.items()}
    facts.readings["vendor"] = platform.vendor
    facts.about = {"platform": platform.platform, "device_class": platform.class_of(about.get("model", ""))}
    return facts


def _about(command: Command, output: str, rows: Sequence[Row], about: dict[str, str]) -> None:
    """Fill what is not known yet: by pattern, then by the template's first row that has it."""
    for name, written in command.find.items():
        if found := pattern(written).first(output):
            about.setdefault(name, clean(found.strip(), MAX_NAME))
    for name in command.fields:
        if found := next((row[name] for row in rows if row[name]), ""):
            about.setdefault(name, found)


def _rows(platform: Platform, command: Command, output: str) -> list[Row]:
    """The rows of an answer by our names: by its template, else line by line; none where it is not read."""
    found = _by_template(platform, command, output)
    if found or command.rows is None:
        return found
    matched = (pattern(command.rows).named(line) for line in output.splitlines())
    return [{name: text.strip()[:MAX_NAME] for name, text in row.items()} for row in matched if row]


def _by_template(platform: Platform, command: Command, output: str) -> list[Row]:
    if platform.templates is None or not command.fields:
        return []
    try:
        parsed = parse_output(platform=platform.templates, command=command.send, data=output)
    except (ParsingException, TextFSMError) as error:
        log.debug("an answer of %s to %s is not read: %s", platform.platform, command.send, error)
        return []
    return [_row(command, one) for one in parsed]


def _row(command: Command, parsed: Mapping[str, object]) -> Row:
    out = {}
    for ours, theirs in command.fields.items():
        names = [theirs] if isinstance(theirs, str) else theirs
        out[ours] = next(filter(None, (_text(parsed.get(name.lower())) for name in names)), "")
    return out


def _text(value: object) -> str:
    """A template's value, of a list the first."""
    if isinstance(value, list):
        value = next(filter(None, value), "")
    return clean(str(value or "").strip(), MAX_NAME)


def _interfaces(rows: Iterable[Row]) -> Iterator[Interface]:
    seen: set[str] = set()
    for number, row in enumerate(rows, 1):
        name = row.get("name", "")
        if not name or name in seen:
            continue
        seen.add(name)
        word, admin = row.get("oper", "").lower(), row.get("admin", "").lower()
        off = "admin" in word or "disabled" in word or word == "x" or admin in _OFF
        yield Interface(
            index=number,
            name=name,
            descr=row.get("descr", ""),
            mac=_mac(row.get("mac", "")),
            speed_bps=_speed(row.get("speed", "")),
            admin="down" if off else "up",
            oper="up" if not off and word.split(" ")[0].rstrip(",") in _UP else "down",
        )


def _told(one: Interface) -> dict[str, Raw]:
    row: dict[str, Raw] = {"interface": one.name, "status": one.oper}
    return row | ({"speed_bits": one.speed_bps} if one.speed_bps else {})


def _speed(text: str) -> int:
    """Bits per second; a number alone is of Mbit/s. 0 where it is none."""
    found = _SPEED.match(text.strip())
    return int(found[1]) * _UNITS[found[2].lower() or "m"] if found else 0


def _mac(text: str) -> str:
    plain = digits(text)
    good = plain and plain.strip("0") and not int(plain[:2], 16) & 1
    return ":".join(plain[at : at + 2] for at in range(0, 12, 2)) if good else ""


def _links(rows: Mapping[str, Sequence[Row]], interfaces: Sequence[Interface]) -> Iterator[Link]:
    """Who introduced himself, then what frames gave away at the ports where nobody did."""
    full = _Names(interfaces)
    known: set[str] = set()
    kinds: tuple[LinkKind, ...] = ("lldp", "cdp")
    for kind in kinds:
        for row in rows[kind]:
            keys = _keys(row)
            port = full.of(row.get("port", ""))
            if port and keys:
                known.add(port)
                yield Link(kind, port, keys, row.get("far_port", ""), SURE[kind])
    behind: dict[str, dict[str, None]] = defaultdict(dict)
    own = {one.mac for one in interfaces}
    for row in rows["bridge"]:
        port, mac = full.of(row.get("port", "")), _mac(row.get("far_mac", ""))
        if mac and mac not in own and port in full.names:
            behind[port][mac] = None
    for port, macs in sorted(behind.items()):
        if port not in known and len(macs) < MANY:
            yield from (
                Link("bridge", port, {"macs": [one]}, "", learned_confidence(len(macs))) for one in macs
            )
    for row in rows["arp"]:
        keys = _keys(row)
        if "macs" in keys and "address" in keys and keys["macs"][0] not in own:
            yield Link("arp", full.of(row.get("port", "")), keys, "", SURE["arp"])


def _keys(row: Row) -> dict[str, list[str]]:
    mac = _mac(row.get("far_mac", ""))
    told = {"macs": mac, "name": row.get("far_name", ""), "address": row.get("far_address", "")}
    return {kind: [text] for kind, text in told.items() if text and text != "-"}


class _Names:
    """A device's interfaces by the short forms that its tables use: `Gi1/0/1`, `XGE1/0/1`."""

    def __init__(self, interfaces: Iterable[Interface]) -> None:
        self.names = {one.name for one in interfaces}
        self._by_number: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for name in self.names:
            if parts := _PORT.fullmatch(name):
                self._by_number[parts[2]].append((parts[1].lower(), name))

    def of(self, text: str) -> str:
        """The interface's whole name where only one fits; else the text as it is."""
        parts = _PORT.fullmatch(text)
        if text in self.names or parts is None:
            return text
        short, alike = parts[1].lower(), self._by_number.get(parts[2], [])
        known = _SHORT.get(short, ())
        fits = [name for word, name in alike if word.startswith(short) or word in known] or [
            name for word, name in alike if _within(short, word)
        ]
        return fits[0] if len(fits) == 1 else text


def _within(short: str, word: str) -> bool:
    """Whether the letters of an abbreviation stand in a word in this order, the first one first."""
    letters = iter(word)
    return word[:1] == short[:1] and all(letter in letters for letter in short)
