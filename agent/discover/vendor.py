"""Whose device it is: a ladder from the registered number down to the network card.

A printer's IEEE 1284 device identifier names its maker whoever made the card that answers, and a copyright in
sysDescr names the present owner of what was registered under another name. Else the enterprise number of
sysObjectID is the maker's own word, unless it is that of an agent's author or a chip maker (`AGENTS`); then a
brand in sysDescr, what the device itself names as its manufacturer, another maker's subtree, and last the
hardware addresses. Each step's confidence is how often it was right on recordings, rounded down.
"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from agent.discover.evidence import ENTITY, Evidence, text_of, words_in
from agent.discover.found import Guess
from agent.discover.lexicon import EVERYDAY, MAKER_WORDS
from agent.discover.traits import AGENTS, enterprises
from agent.knowledge import Knowledge

UPS_MAKER, MANUFACTURERS, CLASSES = "1.3.6.1.2.1.33.1.1.1.0", f"{ENTITY}12", f"{ENTITY}5"
RADIO_MAKER = "1.2.840.10036.3.1.2.1.2"  # dot11manufacturerName, by radio (IEEE802dot11-MIB)
LLDP_MAKER = "1.0.8802.1.1.2.1.5.4795.1.2.6"  # lldpXMedLocMfgName
# A row "manufacturer" of NET-SNMP-EXTEND-MIB, wherever it is put: what a computer's firmware (DMI) says.
EXTENDED_MAKER = ".12." + ".".join(str(ord(sign)) for sign in "manufacturer") + "."
CARDS = "1.3.6.1.2.1.2.2.1.6"
CHASSIS = frozenset({3, 11})
VIRTUAL = ("vmware", "xensource", "microsoft", "red hat", "proxmox", "private", "parallels")
COMMON = frozenset(
    """delta perle dell barco best ict access sun fuji bull digital generic unknown oem default linux net snmp
    fastpath intel alpha general standard private none tele power control systems smart open
    advanced""".split()
)
MARKET = {  # what registered names are called today
    "Compaq (HPE servers)": "HPE",
    "NetBotz (APC)": "APC (Schneider Electric)",
    "UPS Manufacturing": "Riello",
    "Sonus Networks, Inc.": "Ribbon",
    "General Instrument": "Arris",
    "Meru (Fortinet)": "Fortinet",
    "Cerent (Cisco ONS)": "Cisco",
    "ASUSTek COMPUTER INC.": "ASUS",
}
PRODUCTS = {  # names of products and systems that need no maker's name beside them
    "ubiquiti": "edgeswitch edgeos edgerouter unifi airos airmax airfiber ubnt nanostation",
    "hewlett packard enterprise": "proliant procurve officeconnect ilo",
    "hp": "laserjet jetdirect deskjet officejet designjet",
    "dell": "poweredge idrac powerconnect powervault equallogic",
    "aruba": "clearpass arubaos instanton",
    "ixsystems": "truenas freenas",
    "huawei": "vrp quidway oceanstor fusionserver",
    "apple": "darwin airport",
    "mikrotik": "routeros routerboard",
    "juniper": "junos screenos netscreen",
    "cisco": "catalyst nexus aironet ucs telepresence",
    "vmware": "esxi vcenter",
    "netgate": "pfsense",
    "deciso": "opnsense",
    "synology": "diskstation rackstation",
    "check point": "gaia secureplatform splat",
    "apc": "smartups symmetra powernet",
    "thomson": "speedtouch",
    "avocent": "alterpath cyclades",
    "generex": "cs121 cs141",
    "riello": "netman",
    "eaton": "powerware",
    "fortinet": "fortigate fortios fortiswitch",
    "palo alto networks": "panos",
    "extreme networks": "extremexos voss enterasys",
    "brocade": "fastiron silkworm",
    "netapp": "ontap",
    "f5": "bigip",
    "citrix": "netscaler",
    "blue coat": "proxysg sgos",
    "draytek": "vigor",
    "xerox": "phaser workcentre versalink",
    "kyocera": "ecosys taskalfa",
    "konica minolta": "bizhub",
    "canon": "imagerunner",
    "ricoh": "aficio",
    "ibm": "storwize bladecenter",
    "zyxel": "zywall",
    "lenovo": "thinksystem",
    "sierra wireless": "airlink",
    "meinberg": "lantime",
    "infoblox": "trinzic nios",
    "riverbed": "steelhead rios",
}
NO_BRAND = frozenset(
    """linux hardware software snmp agent the server switch router firewall network networks ethernet access
    point device system version release model product prod copyright web temperature temp smart intelligent
    power ups pdu manager controller station base gigabit port ports managed wireless printer camera windows
    unix freebsd fastpath management card host name unknown private rack module card supply adapter intel
    none""".split()
)
_LEGAL = re.compile(
    r"(?:[,\s]+(?:co|inc|corp|ltd|llc|limited|gmbh|ag|sa|s\.?a\.?|a/?s|ab|as|oy|bv|b\.v|nv|srl|s\.?r\.?l|spa|s\.?p\.?a|"
    r"plc|kg|pty|sro|s\.r\.o|kk|k\.k|incorporated|corporation|corporate|company)\b\.?,?)+$",
    re.IGNORECASE,
)
_DEVICE_ID = re.compile(r"(?:^|;)\W*(?:MFG|MANUFACTURER):\s*([^;]{2,40});")  # IEEE 1284, 7.6
_HOLDER = re.compile(
    r"(?i:copyright|\(c\)|©)(?:[\s,.–-]|(?i:\(c\)|©|by\b)|\d{2,4}\b)*"
    r"([A-Z][\w&-]*(?: +(?:[A-Z][\w&-]*|&))*)"
)
_NO_HOLDER = frozenset("the all project foundation regents university contributors authors free red".split())
_FIRST = re.compile(r"[A-Za-z][A-Za-z&-]{2,}")


def vendor(known: Evidence, knowledge: Knowledge, *, hidden: frozenset[str] = frozenset()) -> Guess | None:
    """The likeliest maker; None where nothing tells.

    `hidden` are names that our own tables of brands and market names are not asked for; registries are.
    """
    return next(_ladder(known, knowledge, hidden), None)


def known_as(
    number: int, knowledge: Knowledge, hidden: frozenset[str] = frozenset(), *, beside: str = ""
) -> str:
    """The name people know a registered maker by, and an owner behind it in brackets.

    Of names that makers share a number under (`HP/HPE`) the one that the text `beside` names, else the first.
    """
    maker = knowledge.maker(number)
    if maker is None:
        return ""
    name = maker.alias or _LEGAL.sub("", maker.organisation)
    if (today := _today(name, hidden)) != name:
        return today
    head, _, rest = name.partition(" (")
    if maker.alias and "/" in head:
        told = set(words_in(beside))
        parts = head.split("/")
        return next((part for part in parts if told.issuperset(words_in(part)[:1])), parts[0])
    return name if rest.rstrip(")") in knowledge.brands or rest.endswith("Electric)") else head


def _today(registered: str, hidden: frozenset[str]) -> str:
    """What a registered name is called today, without its legal form."""
    today = MARKET.get(registered, "")
    return today if today and not hidden & set(words_in(today)) else _LEGAL.sub("", registered)


def _ladder(known: Evidence, knowledge: Knowledge, hidden: frozenset[str]) -> Iterator[Guess]:
    own, descr = known.enterprise, known.descr
    yield from _owner(known, knowledge, hidden)
    if own > 0 and own not in AGENTS and (name := known_as(own, knowledge, hidden, beside=descr)):
        yield Guess(name, 0.9, f"sysObjectID is under enterprise {own}, registered by {name}", "registry")
    brand, made = brand_in(descr, knowledge, hidden), manufacturer(known)
    told = [
        (brand, Guess(brand, 0.85, f"sysDescr names {brand}", "reading")),
        (made, Guess(made, 0.85, f"the device names {made} as its manufacturer", "standard")),
    ]
    # What uname says first is the system, and no company.
    yield from (guess for name, guess in (reversed(told) if unix(descr) else told) if name)
    for number in enterprises(known):
        if number not in AGENTS and (name := known_as(number, knowledge, hidden, beside=descr)):
            yield Guess(name, 0.75, f"it answers in the subtree of enterprise {number}, {name}", "registry")
    if (word := first_word(known.descr)) and not unix(known.descr):
        yield Guess(word, 0.5, f"sysDescr begins with {word}", "reading")
    if card := _card(known, knowledge, hidden):
        yield Guess(card, 0.5, f"its network cards are registered by {card}", "registry")
    if own > 0 and own not in AGENTS - {0} and (name := known_as(own, knowledge, hidden, beside=descr)):
        yield Guess(name, 0.3, f"its agent is by {name}", "registry")


def _owner(known: Evidence, knowledge: Knowledge, hidden: frozenset[str]) -> Iterator[Guess]:
    """Who the device itself names beside the number that somebody once registered."""
    if made := printer_maker(known):
        yield Guess(made, 0.9, f"its IEEE 1284 device identifier names {made}", "standard")
    registered = knowledge.maker(known.enterprise) if known.enterprise > 0 else None
    holder = copyright_of(known.descr)
    if holder and not (registered and _alike(holder, f"{registered.alias} {registered.organisation}")):
        holder = brand_in(holder, knowledge, hidden) or holder
        yield Guess(holder, 0.9, f"the copyright in sysDescr is of {holder}", "reading")


@lru_cache(maxsize=1)
def _brands(knowledge: Knowledge) -> dict[str, str]:
    """Brand in lower case -> the name it is known by; a maker's other names lead to the same."""
    found = {word: word.capitalize() for word in sorted(MAKER_WORDS) if len(word) > 3}
    for alias in sorted(knowledge.brands):
        for part in re.split(r"[(),/]", alias):
            name = part.strip()
            if len(name) > 2:
                found[name.lower()] = alias if alias.startswith(name) else name
    for maker, products in PRODUCTS.items():
        told = found.get(maker, maker.title() if len(maker) > 4 else maker.upper())
        found |= dict.fromkeys(products.split(), told)
    return {name: told for name, told in found.items() if name not in COMMON | EVERYDAY}


def first_word(text: str) -> str:
    """A name in front of a text, as makers put theirs: "" for none."""
    found = re.match(r"\W*([A-Z][A-Za-z-]{3,20})\b(?!\d)", text)
    return found[1] if found is not None and found[1].lower() not in NO_BRAND | EVERYDAY else ""


def unix(descr: str) -> bool:
    """Whether it is the output of uname, whose second word is the host's own name."""
    return re.match(r"(Linux|FreeBSD|OpenBSD|NetBSD|SunOS|Darwin|AIX) ", descr) is not None


def brand_in(text: str, knowledge: Knowledge, hidden: frozenset[str] = frozenset()) -> str:
    """The first brand a text names; "" where it names none."""
    brands = _brands(knowledge)
    registered = {brand.lower() for brand in knowledge.brands}
    words = re.findall(r"[A-Za-z0-9&-]+", text[:200])
    for at in range(len(words)):
        for width in (3, 2, 1):
            name = " ".join(words[at : at + width]).lower()
            ours = name not in registered and bool(hidden & set(words_in(f"{name} {brands.get(name, '')}")))
            if name in brands and not ours and (len(name) > 3 or words[at].isupper()):
                return brands[name]
    return ""


def manufacturer(known: Evidence) -> str:
    """What UPS-MIB, LLDP-MED, the radio, DMI or the chassis of ENTITY-MIB tell; "" where that is no name."""
    told = [known.text(UPS_MAKER), known.text(f"{LLDP_MAKER}.0")]
    told += [text_of(one.value) for one in list(known.column(RADIO_MAKER).values())[:1]]
    told += [text_of(one.value) for one in known.varbinds if EXTENDED_MAKER in one.oid][:1]
    kinds = known.column(CLASSES)
    told += [
        text_of(one.value)
        for index, one in known.column(MANUFACTURERS).items()
        if index not in kinds or kinds[index].value in CHASSIS
    ]
    for name in told:
        if _FIRST.search(name) and name.lower() not in COMMON and len(name) <= 60:
            return name
    return ""


def printer_maker(known: Evidence) -> str:
    """The maker in an IEEE 1284 device identifier, wherever it is told; "" for none."""
    for rows in known.columns.values():
        one = next(iter(rows.values()))
        if isinstance(one.value, bytes) and b"M" in one.value and b";" in one.value:
            found = _DEVICE_ID.search(text_of(one.value))
            if found is not None:
                return found[1].strip()
    return ""


def copyright_of(descr: str) -> str:
    """Who a copyright in a description names, without legal form; "" where it is nobody who makes devices."""
    held = _HOLDER.search(descr)
    words = re.split(r" +All\b", held[1])[0].split() if held is not None else []
    if not words or {one.lower() for one in words} & _NO_HOLDER:
        return ""
    return _LEGAL.sub("", " ".join(words[:4]))


def _alike(holder: str, registered: str) -> bool:
    """Whether two names share a word that says something, or one begins as the other."""
    ours, theirs = set(words_in(holder)) - NO_BRAND, set(words_in(registered)) - NO_BRAND
    flat = re.sub(r"[^a-z0-9]", "", holder.lower())
    return bool(ours & theirs) or re.sub(r"[^a-z0-9]", "", registered.lower()).startswith(flat[:5])


def _card(known: Evidence, knowledge: Knowledge, hidden: frozenset[str]) -> str:
    """The maker of most network cards, but for those that software invents."""
    counts: Counter[str] = Counter()
    for one in known.column(CARDS).values():
        if isinstance(one.value, bytes) and len(one.value) == 6 and not one.value[0] & 3 and any(one.value):
            counts[knowledge.card(one.value)] += 1
    del counts[""]
    named = [(count, name) for name, count in counts.items() if not name.lower().startswith(VIRTUAL)]
    return _today(max(named)[1], hidden) if named else ""
