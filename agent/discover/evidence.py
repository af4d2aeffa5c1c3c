"""What a device told, with the names its makers gave: the ground on which everything is recognised."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from agent.discover.units import NUMBER
from agent.knowledge import Fact, Knowledge, words_of
from agent.transports.ber import Raw
from rules.numbers import whole

SYS_DESCR, SYS_OBJECT_ID, SYS_NAME = "1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.2.0", "1.3.6.1.2.1.1.5.0"
SYS_SERVICES = "1.3.6.1.2.1.1.7.0"
ENTERPRISES = "1.3.6.1.4.1."
ENTITY = "1.3.6.1.2.1.47.1.1.1.1."
MAX_TEXT = 1_000  # characters of one value that are looked at
_WORDS = re.compile(r"[a-z]+|\d+")
_BLANK = re.compile(r"\s+")


@lru_cache(maxsize=20_000)
def words_in(text: str) -> tuple[str, ...]:
    """The words and numbers of a text in lower case."""
    return tuple(_WORDS.findall(text.lower()))


def text_of(value: Raw) -> str:
    """A value as a person reads it: printable, on one line; octets that are no text as hex; "" for none."""
    if value is None:
        return ""
    if not isinstance(value, bytes):
        return str(value)[:MAX_TEXT]
    raw = value[: 4 * MAX_TEXT].rstrip(b"\x00 ")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
        if sum(not 32 <= byte < 127 for byte in raw) * 4 > len(raw):
            return raw[:64].hex()
    if sum(char < " " and char not in "\r\n\t" for char in text) * 4 > len(text):
        return raw[:64].hex()
    kept = "".join(char if char.isprintable() else " " for char in text)
    return _BLANK.sub(" ", kept).strip()[:MAX_TEXT]


def number_of(value: Raw) -> float | None:
    """A number, also one written as text with a unit behind it; None for what is none, as OIDs are."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    found = NUMBER.fullmatch(text_of(value)) if isinstance(value, bytes) else None
    return float(found[1]) if found is not None else None


@dataclass(slots=True)
class Varbind:
    """One value with its name; `oid` of the instance, `stem` of the column, `tail` the index."""

    oid: str
    value: Raw
    stem: str
    tail: str
    fact: Fact | None

    @property
    def words(self) -> tuple[str, ...]:
        """The words of its name."""
        return words_of(self.fact.name) if self.fact is not None else ()


@dataclass(slots=True)
class Evidence:
    """All that one device told."""

    values: Mapping[str, Raw]
    varbinds: list[Varbind] = field(default_factory=list)
    columns: dict[str, dict[str, Varbind]] = field(default_factory=dict)  # stem -> index -> varbind

    def text(self, oid: str) -> str:
        """An instance as text."""
        return text_of(self.values.get(oid))

    @property
    def descr(self) -> str:
        """SysDescr."""
        return self.text(SYS_DESCR)

    @property
    def object_id(self) -> str:
        """SysObjectID, "" where it means nothing."""
        value = self.text(SYS_OBJECT_ID).strip(".")
        return value if value.count(".") > 4 else ""

    @property
    def enterprise(self) -> int:
        """The enterprise number of sysObjectID, -1 where it has none."""
        return enterprise_of(self.object_id)

    def column(self, stem: str) -> dict[str, Varbind]:
        """The rows of a column."""
        return self.columns.get(stem, {})


def enterprise_of(oid: str) -> int:
    """The enterprise number in an OID; -1 where it is of the standards."""
    if not oid.startswith(ENTERPRISES):
        return -1
    number = whole(oid[len(ENTERPRISES) :].split(".", 1)[0])
    return -1 if number is None else number


def evidence(values: Mapping[str, Raw], knowledge: Knowledge) -> Evidence:
    """Give every value its name."""
    found = Evidence(values)
    stems: dict[str, Fact] = {}
    last = ""
    for oid in values:
        if last and oid.startswith(last + "."):
            stem, tail, fact = last, oid[len(last) + 1 :], stems[last]
            varbind = Varbind(oid, values[oid], stem, tail, fact)
        else:
            named = knowledge.named(oid)
            if named is None:
                stem, _, tail = oid.rpartition(".")
                varbind = Varbind(oid, values[oid], stem, tail, None)
            else:
                last = named.oid
                stems[last] = named.fact
                varbind = Varbind(oid, values[oid], named.oid, named.tail, named.fact)
        found.varbinds.append(varbind)
        found.columns.setdefault(varbind.stem, {})[varbind.tail] = varbind
    return found


def strings(known: Evidence) -> Iterable[tuple[Varbind, str]]:
    """The texts of a device, without hardware addresses and the like."""
    for varbind in known.varbinds:
        if isinstance(varbind.value, bytes) and varbind.value:
            yield varbind, text_of(varbind.value)
