"""What speaks for a text being a model, version or serial number, beside where it stands."""

import re
from collections import Counter
from collections.abc import Iterator

from agent.discover.candidate import Candidate
from agent.discover.evidence import Evidence, words_in

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
KERNELS = ("Linux ", "SunOS ", "FreeBSD ", "NetBSD ", "OpenBSD ", "AIX ", "HP-UX ")
_NO_DIGIT = re.compile(r"[^0-9]")
_DATE = re.compile(
    r"\b(19|20)\d\d[-/.]?\d\d|\d{1,2}[-/]\d{1,2}[-/]\d{2,4}|\d:\d\d|"
    r"\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\b"
)


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


def source_of(one: Candidate) -> str:
    """The feature that says where a text stands."""
    return next((key for key in one.features if key.startswith(("at ", "level ", "d ", "in "))), "?")


def particular(value: str, host: str, source: str) -> dict[str, float]:
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


def repeated(found: list[Candidate], descr: str) -> None:
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


def agreement(found: list[Candidate], known: Evidence) -> None:
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
        source = source_of(one)
        for other in sorted(has):
            one.features[f"{source} beside {other}"] = 0.5
        one.features[f"few {min(len(found), 64).bit_length()}"] = 0.5
