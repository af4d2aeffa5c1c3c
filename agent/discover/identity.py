"""Model, version and serial number: every text that may be one, and where it stands.

Candidates come from the chassis of ENTITY-MIB, from UPS-MIB, Printer-MIB and hrDevice, from the maker's
symbol of the sysObjectID, from the grammar of sysDescr, and from each enterprise object whose name says so.
A learned ranker (`agent.discover.recognise`) decides between them; its features have
names, so that weights can be read: where the text stands and the words of the object's name (here), its
neighbours in sysDescr (`agent.discover.descriptions`), its shape (`agent.discover.identity_features`).
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterator

from agent.discover.candidate import Candidate, Field
from agent.discover.descriptions import described, tidy
from agent.discover.evidence import ENTERPRISES, ENTITY, SYS_NAME, Evidence, Varbind, text_of
from agent.discover.identity_features import agreement, particular, repeated, source_of
from agent.knowledge import Knowledge, words_of

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
OTHER_PARTS = frozenset(  # what an object is named for that tells of a part or of a release, not of the model
    """cpu processor disk drive dimm memory modem sim sfp transceiver fw firmware firm software soft kernel
    site location contact owner community user""".split()
)
MAX_CANDIDATES = 160
MAX_ROWS = 6  # of one column
EMPTY = frozenset(
    "unknown none null n/a na not available undefined default unspecified private - -- noname 0".split()
)
_RELEASE = re.compile(r"(?:version|ver|v|r|rel|release)?[ .]*\d+(?:\.\d+)+(?:[._-]?[a-z]{0,2}\d{0,4})?")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def candidates(known: Evidence, knowledge: Knowledge, wanted: Field) -> list[Candidate]:
    """All that may be the answer to one field, with features, most promising sources first."""
    found: list[Candidate] = []
    found += _standard(known, wanted)
    found += _product(known, knowledge, wanted)
    found += _enterprise(known, wanted)
    found += described(known.descr, wanted)
    kept = [one for one in found if _possible(one.value, wanted, named=_named(one))][:MAX_CANDIDATES]
    agreement(kept, known)
    if wanted == "model":
        host = known.text(SYS_NAME).lower()
        for one in kept:
            one.features |= particular(one.value, host, source_of(one))
    elif wanted == "version":
        repeated(kept, known.descr)
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
            text = tidy(text_of(one.value))
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
                for inner in described(text, wanted):
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
        text = tidy(text_of(one.value))
        if not text or (not isinstance(one.value, bytes) and wanted == "model"):
            continue
        features = _object_features(one, level)
        features[f"rows {min(len(known.columns[one.stem]).bit_length(), 4)}"] = 1.0
        features[f"row {min(seen[one.stem] - 1, 4)}"] = 1.0
        features["own" if one.stem.startswith(own) else "foreign"] = 1.0
        name = one.fact.name if one.fact is not None else one.stem
        yield Candidate(text, f"{name} ({one.oid})", features)
        if level < 3 and len(text) > 8 and " " in text and wanted != "serial":
            for inner in list(described(text, wanted))[:8]:
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
