"""What is counted of a device to tell its class: words of every source, standard MIBs present, table shapes.

Features are named `SOURCE:what`, so that weights can be read. Words of the lexicon and of the makers' table
are counted per source and class: a class of which no example was learned still speaks through its words.
"""

import itertools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from agent.discover.evidence import (
    ENTERPRISES,
    ENTITY,
    SYS_SERVICES,
    Evidence,
    enterprise_of,
    strings,
    words_in,
)
from agent.discover.lexicon import CLASSES, EVERYDAY, MAKER_WORDS, PATTERNS, WORDS
from agent.knowledge import Knowledge, Maker, words_of

IF_TYPE, HR_TYPE = "1.3.6.1.2.1.2.2.1.3", "1.3.6.1.2.1.25.3.2.1.2"
BLOCKS = {
    "descr": 1.0,
    "gram": 0.6,
    "name": 0.7,
    "module": 0.7,
    "org": 0.6,
    "product": 0.7,
    "text": 0.5,
    "mib": 0.7,
    "shape": 0.6,
    "node": 0.7,
}
LEXICON, MAKER, LINE, SUBJECT = 1.2, 1.6, 1.2, 0.6
MAX_MAKERS, MAX_SUBJECT = 3, 40
_UNAME = re.compile(r"^(Linux|FreeBSD|OpenBSD|NetBSD|SunOS|Darwin) .*(x86_64|amd64|i[3-6]86|sparc|SMP|ppc64)")
NET_SNMP, UCD = 8072, 2021
AGENTS = frozenset(  # authors of agents, of kits, and makers of chips: not whose device it is
    {0, 99, 311, 343, 2021, 2238, 3401, 4413, 4976, 6603, 8072, 12325, 17095, 17409, 27282}
)
MAX_WORDS = 400
STANDARD = {
    "1.3.6.1.2.1.33": "ups",
    "1.3.6.1.2.1.43": "printer",
    "1.3.6.1.2.1.25.4": "runs",
    "1.3.6.1.2.1.25.3": "hrdevice",
    "1.3.6.1.2.1.25.2": "hrstorage",
    "1.3.6.1.2.1.17": "bridge",
    "1.3.6.1.2.1.99": "entsensor",
    "1.3.6.1.2.1.47": "entity",
    "1.3.6.1.2.1.105": "poe",
    "1.3.6.1.2.1.14": "ospf",
    "1.3.6.1.2.1.15": "bgp",
    "1.2.840.10036": "dot11",
    "1.3.6.1.2.1.10.127": "docsis",
    "1.3.6.1.2.1.2": "interfaces",
    "1.3.6.1.2.1.31": "ifx",
    "1.0.8802": "lldp",
    "1.3.6.1.2.1.4": "ip",
    "1.3.6.1.2.1.10.166": "mpls",
    "1.3.6.1.2.1.68": "vrrp",
    "1.3.6.1.3.94": "fcmgmt",
    "1.3.6.1.2.1.75": "fibre",
    "1.3.6.1.2.1.16": "rmon",
    "1.3.6.1.2.1.10.94": "adsl",
    "1.3.6.1.2.1.10.251": "vdsl",
    "1.3.6.1.2.1.197": "ntp",
}


def traits(
    known: Evidence, knowledge: Knowledge, *, hidden: frozenset[str] = frozenset()
) -> dict[str, float]:
    """The features of one device. `hidden` are makers' words that the table of makers is not asked for."""
    sources = _sources(known, knowledge)
    path = [word for name in knowledge.path(known.object_id) for word in words_of(name)]
    sources["node"] = Counter(path)
    found: dict[str, float] = {}
    for source, counts in sources.items():
        weight = BLOCKS[source]
        norm = math.sqrt(sum((1 + math.log(count)) ** 2 for count in counts.values())) or 1.0
        for word, count in counts.items():
            found[f"{source}:{word}"] = weight * (1 + math.log(count)) / norm
    for source in ("descr", "name", "module", "product", "org", "text", "node"):
        found |= _classes(f"lex {source}", sources[source], WORDS, LEXICON)
    for source in ("org", "descr", "product"):
        words = Counter({word: n for word, n in sources[source].items() if word not in hidden})
        found |= _classes(f"maker {source}", words, MAKER_WORDS, MAKER)
    product = knowledge.product(known.object_id) if known.object_id else None
    for source, text in (
        ("descr", known.descr),
        ("product", " ".join(words_of(product.symbol)) if product else ""),
        ("node", " ".join(path)),
    ):
        lines = [name for name, pattern in PATTERNS.items() if pattern.search(text)]
        found |= {f"line {source}:{name}": LINE / math.sqrt(len(lines)) for name in lines}
    if unix_host(known):
        found["lex host:server"] = LINE
    return found | _subjects(known, knowledge)


def unix_host(known: Evidence) -> bool:
    """Whether it is a computer with Net-SNMP and nothing of a maker: a server, on processors of servers."""
    own = known.enterprise in {NET_SNMP, UCD, -1}
    foreign = set(enterprises(known)) - {NET_SNMP, UCD}
    return own and not foreign and _UNAME.search(known.descr) is not None


def _classes(
    label: str, counts: Counter[str], table: dict[str, dict[str, float]], weight: float
) -> dict[str, float]:
    points: dict[str, float] = defaultdict(float)
    for word, count in counts.items():
        for name, share in table.get(word, {}).items():
            points[name] += share * (1 + math.log(count))
    norm = math.sqrt(sum(value * value for value in points.values()))
    return {f"{label}:{name}": weight * points[name] / norm for name in CLASSES if name in points and norm}


def _subjects(known: Evidence, knowledge: Knowledge) -> dict[str, float]:
    """What the documents of its makers speak of, whether the device answers there or not."""
    own = [known.enterprise] if known.enterprise > 0 else []
    numbers = [number for number in dict.fromkeys(own + enterprises(known)) if number not in AGENTS]
    words: dict[str, float] = defaultdict(float)
    classes: dict[str, dict[str, float]] = {"objects": defaultdict(float), "products": defaultdict(float)}
    for place, number in enumerate(numbers[:MAX_MAKERS], 1):
        subject = knowledge.subject(number)
        for word, rate in list(subject.objects.items())[:MAX_SUBJECT]:
            words[word] += rate / place
        for source, rated in (("objects", subject.objects), ("products", subject.products)):
            for name, share in _speaks(rated).items():
                classes[source][name] += share / place
    found = {f"subject:{word}": SUBJECT * rate for word, rate in _unit(words).items()}
    for source, points in classes.items():
        found |= {f"lex {source}:{name}": share for name, share in _unit(points).items()}
    return found


def _speaks(rated: dict[str, float]) -> dict[str, float]:
    """How much rated words say of each class, as a vector of length one."""
    points: dict[str, float] = defaultdict(float)
    for word, rate in rated.items():
        for name, share in WORDS.get(word, {}).items():
            points[name] += share * rate
    return _unit(points)


def _unit(points: Mapping[str, float]) -> dict[str, float]:
    norm = math.sqrt(sum(value * value for value in points.values())) or 1.0
    return {name: value / norm for name, value in points.items()}


def _sources(known: Evidence, knowledge: Knowledge) -> dict[str, Counter[str]]:
    descr = known.descr
    words = [word for word in words_in(descr) if not word.isdigit()]
    tight = "".join(words_in(descr))
    padded = f" {descr.lower()[:160]} "
    grams = (padded[at : at + 4] for at in range(max(0, len(padded) - 3)))
    names, modules = _names(known)
    return {
        "descr": Counter([*words[:60], *_pairs(words[:40]), *_compounds(tight)]),
        "gram": Counter(gram for gram in grams if not any(char.isdigit() for char in gram)),
        "name": names,
        "module": modules,
        "org": Counter(_organisation(known, knowledge)),
        "product": Counter(_product(known, knowledge)),
        "text": _texts(known),
        "mib": Counter(_standard(known)),
        "shape": Counter(_shape(known)),
    }


def _pairs(words: list[str]) -> Iterable[str]:
    return (f"{one} {two}" for one, two in itertools.pairwise(words))


def _compounds(tight: str) -> Iterable[str]:
    """Long words of the lexicon inside written-together text: `accesspoint`, `smartups`."""
    return (word for word in WORDS if len(word) > 8 and word in tight)


def _names(known: Evidence) -> tuple[Counter[str], Counter[str]]:
    names: Counter[str] = Counter()
    modules: Counter[str] = Counter()
    for stem, rows in known.columns.items():
        first = next(iter(rows.values()))
        if first.fact is None or not stem.startswith(ENTERPRISES):
            continue
        names.update(first.words)
        modules.update(dict.fromkeys(words_of(first.fact.module), 1))
    return Counter(dict(names.most_common(MAX_WORDS))), modules


def _organisation(known: Evidence, knowledge: Knowledge) -> Iterable[str]:
    maker = knowledge.maker(known.enterprise) if known.enterprise > 0 else None
    if maker is not None and known.enterprise not in AGENTS:
        yield from _words(maker)
    for number in enterprises(known):
        other = knowledge.maker(number)
        if other is not None and number != known.enterprise and number not in AGENTS:
            yield from _words(other)


def _words(maker: Maker) -> Iterable[str]:
    words = words_in(f"{maker.organisation} {maker.alias}")
    return (word for word in words if len(word) > 1 and not word.isdigit() and word not in EVERYDAY)


def enterprises(known: Evidence) -> list[int]:
    """Enterprise numbers of which something answered, most answers first."""
    counts: Counter[int] = Counter()
    for stem in known.columns:
        if stem.startswith(ENTERPRISES):
            counts[enterprise_of(stem)] += 1
    return [number for number, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def _product(known: Evidence, knowledge: Knowledge) -> Iterable[str]:
    product = knowledge.product(known.object_id) if known.object_id else None
    if product is not None:
        yield from words_of(product.symbol)
    named = knowledge.named(known.object_id) if known.object_id else None
    if product is None and named is not None:
        yield from words_of(named.fact.module)


def _texts(known: Evidence) -> Counter[str]:
    found: Counter[str] = Counter()
    for varbind, text in strings(known):
        if not varbind.oid.startswith("1.3.6.1.2.1.1.") and len(found) < MAX_WORDS:
            found.update(word for word in words_in(text[:80]) if word.isalpha() and 2 < len(word) < 16)
    return found


def _standard(known: Evidence) -> Iterable[str]:
    roots = {".".join(stem.split(".")[:10]) for stem in known.columns}
    for prefix, label in STANDARD.items():
        if any(root == prefix or root.startswith(prefix + ".") for root in roots):
            yield label
    numbers = set(enterprises(known))
    yield f"enterprises {min(3, len(numbers - {NET_SNMP, UCD}))}"
    if known.enterprise == NET_SNMP:
        yield "netsnmp"
        if numbers <= {NET_SNMP, UCD}:
            yield "netsnmp alone"
    if not known.object_id:
        yield "no object id"
    yield from (f"enterprise {number}" for number in sorted(numbers)[:20])
    if known.enterprise > 0:
        yield f"own enterprise {known.enterprise}"


def _shape(known: Evidence) -> Iterable[str]:
    """Sizes and kinds of tables, in steps of doubling."""
    services = known.values.get(SYS_SERVICES)
    if isinstance(services, int):
        yield f"services {services}"
        yield from (f"layer {bit + 1}" for bit in range(7) if services >> bit & 1)
    for label, stem in (("if", IF_TYPE), ("ent", f"{ENTITY}5"), ("hr", HR_TYPE)):
        kinds = Counter(
            str(one.value).removeprefix("1.3.6.1.2.1.25.3.1.") for one in known.column(stem).values()
        )
        yield from (f"{label} {kind}" for kind in kinds)
        yield from (f"{label} {kind} x{count.bit_length()}" for kind, count in kinds.items())
        yield f"{label} rows {sum(kinds.values()).bit_length()}"
    yield f"values {min(8, len(known.varbinds).bit_length() // 2)}"
