"""Model, version and serial number: every text that may be one, and what speaks for it.

Candidates come from the chassis of ENTITY-MIB, from UPS-MIB, Printer-MIB and hrDevice, from the maker's
symbol of the sysObjectID, from the grammar of sysDescr, and from each enterprise object whose name says so.
A learned ranker (`agent.discover.recognise`) decides between them; its features are named here, so that
weights can be read: where the text stands, the words of the object's name, its neighbours in sysDescr, its
shape.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from agent.discover.evidence import ENTERPRISES, ENTITY, SYS_NAME, Evidence, Varbind, text_of, words_in
from agent.knowledge import Knowledge, words_of

Field = Literal["model", "version", "serial"]
FIELDS: tuple[Field, ...] = ("model", "version", "serial")
KEYWORDS: dict[Field, frozenset[str]] = {
    "model": frozenset(
        """model product type part pid pn platform chassis ident identification descr description name device
        hardware board sku order unit system card prod equipment family machine host box controller""".split()
    ),
    "version": frozenset(
        """version ver vers firmware software sw fw rev revision release rel image build os app application
        kernel package current running main boot system agent nms program""".split()
    ),
    "serial": frozenset(
        "serial sn ser tag servicetag sernum serialno id identifier number asset no num".split()
    ),
}
STRONG: dict[Field, frozenset[str]] = {
    "model": frozenset("model product type platform pid prod ident".split()),
    "version": frozenset("version ver vers firmware software sw fw rev revision release".split()),
    "serial": frozenset("serial sn ser servicetag sernum tag".split()),
}
PLACES: dict[str, dict[Field, str]] = {
    f"{ENTITY}2": {"model": "entDescr", "version": "entDescr"},
    f"{ENTITY}7": {"model": "entName"},
    f"{ENTITY}8": {"version": "entHardwareRev"},
    f"{ENTITY}9": {"version": "entFirmwareRev"},
    f"{ENTITY}10": {"version": "entSoftwareRev"},
    f"{ENTITY}11": {"serial": "entSerial"},
    f"{ENTITY}13": {"model": "entModel"},
    "1.3.6.1.2.1.43.5.1.1.17": {"serial": "prtSerial"},
    "1.3.6.1.2.1.43.5.1.1.16": {"model": "prtName"},
    "1.3.6.1.2.1.25.3.2.1.3": {"model": "hrDescr"},
    "1.3.6.1.2.1.33.1.1.2": {"model": "upsModel"},
    "1.3.6.1.2.1.33.1.1.3": {"version": "upsSoftware"},
    "1.3.6.1.2.1.33.1.1.4": {"version": "upsAgent"},
    "1.3.6.1.2.1.33.1.1.5": {"model": "upsName"},
    "1.3.6.1.2.1.25.6.3.1.2": {"version": "hrSoftware"},
    "1.3.111.2.802.3.1.5.1": {"version": "other"},
    "1.3.6.1.2.1.16.19.2": {"version": "probeSoftware"},
    "1.3.6.1.2.1.16.19.3": {"version": "probeHardware"},
    "1.2.840.10036.3.1.2.1.3": {"model": "dot11Product"},
    "1.2.840.10036.3.1.2.1.4": {"version": "dot11Version"},
    "1.3.6.1.2.1.10.127.1.1": {"model": "docsis"},
    "1.0.8802.1.1.2.1.5.4795.1.2.4": {"version": "lldpMedSoftware"},
    "1.0.8802.1.1.2.1.5.4795.1.2.5": {"serial": "lldpMedSerial"},
    "1.0.8802.1.1.2.1.5.4795.1.2.7": {"model": "lldpMedModel"},
    "1.0.8802.1.1.2.1.3.4": {"model": "lldpDescr"},
    "1.3.6.1.3.94.1.6.1.7": {"model": "fcProduct"},
    "1.3.6.1.3.94.1.6.1.8": {"serial": "fcSerial"},
    "1.3.6.1.4.1.2021.100.2": {"version": "ucdVersion"},
}
HR_DEVICE = "1.3.6.1.2.1.25.3.2.1."
COMMON = frozenset(  # words that name no product
    """a an and for of the in with by series generic unit one card module chassis slot rack hardware
    software firmware version device system systems product equipment machine appliance controller
    management manager managed smart web agent snmp embedded network networks networking internet
    ethernet fast gigabit ten port ports gbe poe fibre fiber channel optical wireless access point
    layer switch router gateway bridge server client adapter interface board blade node stack
    printer printserver print scanner camera ups pdu ats rectifier inverter battery power supply
    phase rackmount industrial sensor probe environment environmental monitor monitoring telecom
    air conditioner cooling terminal console remote linux unix windows os edition enterprise standard
    intel amd arm cpu processor x86 hw sw up to mfp multi function base main basic type model""".split()
)
OTHER_PARTS = frozenset(  # what an object is named for that tells of a part or of a release, not of the model
    """cpu processor disk drive dimm memory modem sim sfp transceiver fw firmware firm software soft kernel
    site location contact owner community user""".split()
)
KERNELS = ("Linux ", "SunOS ", "FreeBSD ", "NetBSD ", "OpenBSD ", "AIX ", "HP-UX ")
MAX_CANDIDATES = 160
MAX_ROWS = 6  # of one column
EMPTY = frozenset(
    "unknown none null n/a na not available undefined default unspecified private - -- noname 0".split()
)
_NO_DIGIT = re.compile(r"[^0-9]")
_TOKEN = re.compile(r"[^\s,;()\[\]{}\"'=|<>]+")
_KEYED = re.compile(
    r"\b(model|product|prod|version|vers|ver|firmware|fw|software|sw|release|rel|rev|revision|"
    r"serial(?: ?(?:number|no))?|s/?n|sn|pn|p/?n|pid|mn|type|hw|image|app|build|os|id|system|platform)\b"
    r"[ .:#=]*(?:number|no|name|version|type)?[ .:#=]*([A-Za-z0-9][^\s,;()\[\]\"']*)",
    re.IGNORECASE,
)
_DOTTED = re.compile(r"(?<![\w.])[vVrR]?\d+(?:\.\d+)+[\w.()\-]*", re.ASCII)
_HEAD = re.compile(
    r",|;| - | version| ver\b| vers\b| firmware| software| fw\b| sw\b| rev\b| v\d|\(|\r|\n", re.IGNORECASE
)
_RELEASE = re.compile(r"(?:version|ver|v|r|rel|release)?[ .]*\d+(?:\.\d+)+(?:[._-]?[a-z]{0,2}\d{0,4})?")
_DATE = re.compile(
    r"\b(19|20)\d\d[-/.]?\d\d|\d{1,2}[-/]\d{1,2}[-/]\d{2,4}|\d:\d\d|"
    r"\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\b"
)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MARK = re.compile(r"^[\s:;,.#\"'=]+|[\s:;,\"'=]+$")


@dataclass(slots=True)
class Candidate:
    """A text that may be the answer; `place` says where it stands, for people."""

    value: str
    place: str
    features: dict[str, float] = field(default_factory=dict)


def candidates(known: Evidence, knowledge: Knowledge, wanted: Field) -> list[Candidate]:
    """All that may be the answer to one field, with features, most promising sources first."""
    found: list[Candidate] = []
    found += _standard(known, wanted)
    found += _product(known, knowledge, wanted)
    found += _enterprise(known, wanted)
    found += _descr(known.descr, wanted)
    kept = [one for one in found if _possible(one.value, wanted, named=_named(one))][:MAX_CANDIDATES]
    _agreement(kept, known)
    if wanted == "model":
        host = known.text(SYS_NAME).lower()
        for one in kept:
            one.features |= _particular(one.value, host, _source(one))
    elif wanted == "version":
        _repeated(kept, known.descr)
    return kept


def _named(one: Candidate) -> bool:
    """Whether its place says plainly that it is a serial number: it need not have digits then."""
    return bool({"at entSerial", "at prtSerial", "level 0", "d key serial number"} & one.features.keys())


def _possible(value: str, wanted: Field, *, named: bool = False) -> bool:
    flat = value.lower().strip(" .")
    if flat in EMPTY or len(flat) < 2 or len(flat) > 90 or "<private>" in flat:
        return False
    if wanted != "serial" and _UUID.fullmatch(flat):
        return False
    if wanted == "model":
        return any(char.isalpha() for char in flat) and not _RELEASE.fullmatch(flat)
    digits = any(char.isdigit() for char in flat)
    if wanted == "serial" and named and flat.isalnum():
        return len(flat) >= 4
    return digits and (wanted == "version" or len(flat) >= 4)


def _tidy(value: str) -> str:
    return _MARK.sub("", value)


def _standard(known: Evidence, wanted: Field) -> Iterator[Candidate]:
    kinds = known.column(f"{ENTITY}5")
    inside = known.column(f"{ENTITY}4")
    types = known.column(f"{HR_DEVICE}2")
    for stem, fields in PLACES.items():
        label = fields.get(wanted)
        if label is None:
            continue
        seen = 0
        for index, one in known.column(stem).items():
            text = _tidy(text_of(one.value))
            if not text or seen >= MAX_ROWS:
                continue
            features = {f"at {label}": 1.0, f"row {min(seen, 4)}": 1.0, f"at {label} row {min(seen, 2)}": 1.0}
            if label.startswith("ent"):
                kind: object = kinds[index].value if index in kinds else "?"
                root = inside[index].value if index in inside else "?"
                if kind not in {3, 11, "?"} and seen:
                    continue
                features |= {f"ent {label} kind {kind!s}": 1.0, f"ent root {root == 0}": 1.0}
            elif label == "hrDescr" and index in types:
                features[f"hr kind {text_of(types[index].value).rpartition('.')[2]}"] = 1.0
            seen += 1
            yield Candidate(text, f"{label} ({stem}.{index})", features)
            if label in {"entDescr", "hrDescr", "lldpDescr", "entName"} and seen == 1:
                for inner in _descr(text, wanted):
                    yield Candidate(
                        inner.value,
                        f"{label} ({stem}.{index})",
                        {f"in {label} {name}": value for name, value in inner.features.items()}
                        | {f"in {label}": 1.0},
                    )


def _product(known: Evidence, knowledge: Knowledge, wanted: Field) -> Iterator[Candidate]:
    product = knowledge.product(known.object_id) if known.object_id else None
    if product is None or wanted != "model":
        return
    words = words_of(product.symbol)
    features = {"at product": 1.0, "product digits": float(any(char.isdigit() for char in product.symbol))}
    features |= {f"product {word}": 0.5 for word in words[:4]}
    yield Candidate(product.model, f"the maker's name of {known.object_id} is {product.symbol}", features)
    if product.model.split(" ", 1)[0].islower() and " " in product.model:
        rest = product.model.split(" ", 1)[1]
        yield Candidate(
            rest, f"the maker's name of {known.object_id} is {product.symbol}", {"at product rest": 1.0}
        )


def _enterprise(known: Evidence, wanted: Field) -> Iterator[Candidate]:
    own = f"{ENTERPRISES}{known.enterprise}."
    seen: Counter[str] = Counter()
    for level, one in _named_so(known, wanted)[:120]:
        seen[one.stem] += 1
        text = _tidy(text_of(one.value))
        if not text or (not isinstance(one.value, bytes) and wanted == "model"):
            continue
        features = _object_features(one, level)
        features[f"rows {min(len(known.columns[one.stem]).bit_length(), 4)}"] = 1.0
        features[f"row {min(seen[one.stem] - 1, 4)}"] = 1.0
        features["own" if one.stem.startswith(own) else "foreign"] = 1.0
        name = one.fact.name if one.fact is not None else one.stem
        yield Candidate(text, f"{name} ({one.oid})", features)
        if level < 3 and len(text) > 8 and " " in text and wanted != "serial":
            for inner in list(_descr(text, wanted))[:8]:
                inside = {f"in {key}": value for key, value in inner.features.items()}
                inside |= {f"in word {word}": 0.7 for word in one.words} | {"in object": 1.0}
                yield Candidate(inner.value, f"{name} ({one.oid})", inside)


def _named_so(known: Evidence, wanted: Field) -> list[tuple[int, Varbind]]:
    """Enterprise objects by how plainly their names speak of the field: 0 plainly, 3 without a name."""
    keys, strong = KEYWORDS[wanted], STRONG[wanted]
    found: list[tuple[int, int, Varbind]] = []
    for place, (stem, rows) in enumerate(known.columns.items()):
        if not stem.startswith(ENTERPRISES) or stem in PLACES:
            continue
        first = next(iter(rows.values()))
        words = set(first.words)
        if wanted == "model" and words & OTHER_PARTS:
            continue
        level = 3 if first.fact is None else 0 if words & strong else 1 if words & keys else 2
        if level < 2 or (len(rows) == 1 and isinstance(first.value, bytes)):
            found += [(level, place, one) for one in list(rows.values())[:MAX_ROWS]]
    found.sort(key=lambda item: (item[0], item[1]))
    return [(level, one) for level, _, one in found]


def _object_features(one: Varbind, level: int) -> dict[str, float]:
    words = one.words
    features = {
        f"level {level}": 1.0,
        f"last {words[-1] if words else '?'}": 1.0,
        f"end {' '.join(words[-2:])}": 1.0,
    }
    features |= {f"word {word}": 1.0 for word in words}
    features |= {f"pair {a} {b}": 0.7 for a, b in itertools.pairwise(words)}
    if one.fact is not None:
        features |= {f"module {word}": 0.4 for word in words_of(one.fact.module)}
        features[f"kind {one.fact.kind}"] = 1.0
        if not isinstance(one.value, bytes):
            features["number"] = 1.0
    return features


def _descr(descr: str, wanted: Field) -> Iterator[Candidate]:
    """By the grammar of descriptions: whole, head, what follows a keyword, tokens, dotted numbers."""
    if not descr:
        return
    if wanted == "model":
        yield from _heads(descr)
    for match in _KEYED.finditer(descr):
        key = match[1].lower()
        yield Candidate(_tidy(match[2]), f"sysDescr after {match[1]}", {"d keyed": 1.0, f"d key {key}": 1.5})
    yield from _tokens([match[0] for match in _TOKEN.finditer(descr)][:40], wanted)
    if wanted == "version":
        yield from _dotted(descr)


def _heads(descr: str) -> Iterator[Candidate]:
    def words(text: str) -> int:
        return min(text.count(" ") + 1, 8)

    if len(descr) <= 60:
        yield Candidate(_tidy(descr), "sysDescr", {"d whole": 1.0, f"d whole words {words(descr)}": 1.0})
    cut = _HEAD.split(descr, maxsplit=1)[0]
    if 2 < len(cut) < 60 and cut != descr:
        yield Candidate(_tidy(cut), "sysDescr", {"d head": 1.0, f"d head words {words(cut)}": 1.0})
        if " " in cut:
            yield Candidate(_tidy(cut.split(" ", 1)[1]), "sysDescr", {"d head rest": 1.0})


def _tokens(tokens: list[str], wanted: Field) -> Iterator[Candidate]:
    def plain(at: int, edge: str) -> str:
        return tokens[at].lower().strip(":.#") if 0 <= at < len(tokens) else edge

    for at, token in enumerate(tokens):
        digits = any(char.isdigit() for char in token)
        mixed = digits and any(char.isalpha() for char in token)
        if not (mixed or (digits if wanted != "model" else at < 4)):
            continue
        features = {
            "d token": 1.0,
            f"d at {min(at, 8)}": 1.0,
            f"d of {min(len(tokens), 12)}": 0.5,
            f"d before {plain(at - 1, '^')}": 1.0,
            f"d after {plain(at + 1, '$')}": 0.7,
            f"d last {at == len(tokens) - 1}": 0.5,
            f"d first word {tokens[0].lower()}": 0.7,
        }
        if at > 1:
            features[f"d before2 {plain(at - 2, '')}"] = 0.7
        yield Candidate(_tidy(token), f"sysDescr, word {at + 1}", features)
        if wanted == "model" and mixed and at and tokens[at - 1][0].isupper():
            both = {"d pair": 1.0, f"d pair at {min(at, 6)}": 1.0}
            yield Candidate(_tidy(f"{tokens[at - 1]} {token}"), f"sysDescr, word {at}", both)


def _dotted(descr: str) -> Iterator[Candidate]:
    for number, match in enumerate(list(_DOTTED.finditer(descr))[:8]):
        words = words_in(descr[max(0, match.start() - 24) : match.start()])
        features = {"d dotted": 1.0, f"d dotted {min(number, 3)}": 1.0, "d near": 1.0}
        features |= {f"d near {word}": 1.0 for word in words[-3:]}
        yield Candidate(_tidy(match[0]), "a dotted number in sysDescr", features)


def shape_of(value: str) -> str:
    """Runs of letters, digits and signs: `AP-7900B` is `A-9A`."""
    out: list[str] = []
    for char in value[:40]:
        kind = "9" if char.isdigit() else "a" if char.islower() else "A" if char.isalpha() else char
        if not out or out[-1] != kind:
            out.append(kind)
    return "".join(out)[:12]


def _looks(value: str) -> Iterator[str]:
    yield f"shape {shape_of(value)}"
    yield f"length {min(len(value), 40) // 3}"
    yield f"dots {min(value.count('.'), 4)}"
    yield f"spaces {min(value.count(' '), 4)}"
    if value.isdigit():
        yield "integer"
        yield f"integer of {min(len(value), 14)}"
    if value.isalpha():
        yield "letters"
    if re.fullmatch(r"(?:[0-9A-Fa-f]{2}[:\-. ]?){5}[0-9A-Fa-f]{2}", value):
        yield "mac"
    if re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}", value):
        yield "address"
    if _DATE.search(value.lower()):
        yield "date"
    if re.fullmatch(r"[vVrR]?\d+(\.\d+)+\S*", value):
        yield "dotted version"
    if re.search(r"x86_64|amd64|i\d86|mips|armv\d|smp|gnu|http|www|\.(com|net|org|bin|img)", value.lower()):
        yield "system word"
    if value.upper() == value:
        yield "upper"


def _source(one: Candidate) -> str:
    """The feature that says where a text stands."""
    return next((key for key in one.features if key.startswith(("at ", "level ", "d ", "in "))), "?")


def _particular(value: str, host: str, source: str) -> dict[str, float]:
    """Whether its words are of a product's name or of any, and whether the device's own name is in it."""
    words = words_in(value)
    common = sum(word in COMMON for word in words)
    numbers = sum(word.isdigit() for word in words)
    rest = len(words) - common - numbers
    features = {
        f"common {min(common, 4)}": 1.0,
        f"particular {min(rest, 3)}": 1.0,
        f"{source} particular {min(rest, 3)}": 0.5,
        f"common {common > 0} particular {min(rest, 2)} number {numbers > 0}": 1.0,
    }
    flat = value.lower()
    if len(host) > 2 and (host in flat or flat in host):
        features["own name"] = 1.0
    return features


def _repeated(found: list[Candidate], descr: str) -> None:
    """How often a description repeats a number; and whether it is that of a kernel, with others beside it."""
    digits = _NO_DIGIT.sub("", descr)
    elsewhere = {
        source
        for one in found
        for source in ("level 0", "at ", "in ")
        if "sysDescr" not in one.place and any(key.startswith(source) for key in one.features)
    }
    for one in found:
        own = _NO_DIGIT.sub("", one.value)
        if len(own) > 2:
            one.features[f"again {min(digits.count(own), 4)}"] = 1.0
        if descr.startswith(KERNELS) and "sysDescr" in one.place:
            one.features["of uname"] = 1.0
            one.features |= {f"of uname beside {source}": 1.0 for source in sorted(elsewhere)}


def _agreement(found: list[Candidate], known: Evidence) -> None:
    """What a text shares with others: the same value elsewhere, a place in sysDescr; and its shape."""
    flat = [re.sub(r"[^a-z0-9]", "", one.value.lower()) for one in found]
    counts = Counter(set(zip(flat, (one.place for one in found), strict=True)))
    same = Counter(value for value, _ in counts)
    descr = re.sub(r"[^a-z0-9]", "", known.descr.lower())
    has = {key for one in found for key in one.features if key.startswith(("at ", "d keyed", "level 0"))}
    for one, value in zip(found, flat, strict=True):
        one.features |= dict.fromkeys(_looks(one.value), 1.0)
        one.features["bias"] = 1.0
        one.features[f"said {min(same[value], 4)}"] = 1.0
        inside = sum(value in other and value != other for other in set(flat)) if len(value) > 3 else 0
        one.features[f"inside {min(inside, 4)}"] = 0.7
        if value and value in descr and not one.place.startswith("sysDescr"):
            one.features["in descr"] = 1.0
        source = _source(one)
        for other in sorted(has):
            one.features[f"{source} beside {other}"] = 0.5
        one.features[f"few {min(len(found), 64).bit_length()}"] = 0.5
