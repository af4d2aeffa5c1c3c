"""What makers and registries say about devices: one packed file that is looked up, never loaded.

Tables: scalars and columns of MIB documents by OID, the names of the nodes above them, products by
sysObjectID, enterprise numbers, the words that each enterprise's documents speak of, and hardware address
prefixes. The file holds sorted, front-coded lines in LZMA blocks behind an index of first
keys; a look-up reads one block, and the last `BLOCKS` stay unpacked. Provenance stands in the file's head
(`Knowledge.provenance`); `build_assets/knowledge.py` writes it.
"""

import json
import lzma
import mmap
import re
from bisect import bisect_right
from collections import OrderedDict
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

MAGIC = b"WDKNOW1\n"
FILTERS: list[dict[str, Any]] = [{"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": 1 << 18, "lc": 4}]
BLOCKS = 24  # unpacked blocks kept, of about 0.4 MB each
Key = tuple[int, ...]
_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


class Fact(NamedTuple):
    """A scalar or column of a MIB. Reading in `unit` = value * `scale`; `enum` is `1=ok,2=failed`.

    `hint` says what scale and unit rest on: `units` (the MIB's own clause) is sure, all else is read from
    its text. `access` is `w` where an object can be written, so a setting; `convention` the name of its type
    where that is none of SMI's own and no text; `range` its bounds as `0..100`.
    """

    module: str
    name: str
    kind: str  # s scalar, c column
    syntax: str
    enum: str
    scale: str
    unit: str
    hint: str
    access: str
    convention: str
    range: str


class Named(NamedTuple):
    """A fact, the OID it stands at, and the rest of the instance below it."""

    oid: str
    tail: str
    fact: Fact


class Product(NamedTuple):
    """What a sysObjectID means: the maker's symbol, and the model that its words spell."""

    symbol: str
    model: str
    vendor: str


class Notification(NamedTuple):
    """A trap or notification of a MIB."""

    module: str
    name: str


class Maker(NamedTuple):
    """Who registered an enterprise number; the name people know the maker by, where they differ."""

    organisation: str
    alias: str


class Subject(NamedTuple):
    """What an enterprise's documents speak of: words and how much each tells, the most telling first."""

    objects: dict[str, float]
    products: dict[str, float]  # and modules


class Block(NamedTuple):
    """Sorted keys and their lines."""

    keys: list[Key]
    lines: list[str]


@lru_cache(maxsize=20_000)
def words_of(name: str) -> tuple[str, ...]:
    """The words of a MIB name: `upsIdentModel` is ups, ident, model."""
    return tuple(piece.lower() for piece in _PIECES.findall(name) if not piece.isdigit())


def unpack(data: bytes) -> Block:
    """Lines of a block: `SHARED rest`, the number of leading arcs shared with the line before."""
    keys: list[Key] = []
    lines: list[str] = []
    last: Key = ()
    for line in data.decode().split("\n"):
        arcs, _, rest = line.partition("\t")
        shared, _, own = arcs.partition(" ")
        last = last[: int(shared)] + tuple(map(int, own.split(".")))
        keys.append(last)
        lines.append(rest)
    return Block(keys, lines)


def pack(rows: list[tuple[Key, str]]) -> bytes:
    """The opposite of `unpack`, packed; rows must be sorted by key."""
    out: list[str] = []
    last: Key = ()
    for key, rest in rows:
        shared = 0
        while shared < min(len(last), len(key) - 1) and last[shared] == key[shared]:
            shared += 1
        out.append(f"{shared} {'.'.join(map(str, key[shared:]))}\t{rest}")
        last = key
    return lzma.compress("\n".join(out).encode(), format=lzma.FORMAT_RAW, filters=FILTERS)


def key_of(oid: str) -> Key:
    """An OID as numbers; () for what is none."""
    try:
        return tuple(map(int, oid.strip(".").split(".")))
    except ValueError:
        return ()


class Knowledge:
    """The packed file at `path`. Raises OSError where it cannot be read, ValueError where it is another."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if self._map[: len(MAGIC)] != MAGIC:
            raise ValueError(f"{path} is no knowledge file.")
        start = len(MAGIC) + 4
        size = int.from_bytes(self._map[len(MAGIC) : start], "big")
        head = json.loads(lzma.decompress(self._map[start : start + size]))
        self.provenance: str = head["provenance"]
        self.modules: list[str] = head["modules"]
        self.brands: list[str] = head["brands"]
        self._base = start + size
        self._first: dict[str, list[Key]] = {}
        self._places: dict[str, list[tuple[int, int]]] = {}
        for name, blocks in head["tables"].items():
            self._first[name] = [tuple(first) for first, _, _ in blocks]
            self._places[name] = [(offset, length) for _, offset, length in blocks]
        self._kept: OrderedDict[tuple[str, int], Block] = OrderedDict()

    def named(self, oid: str) -> Named | None:
        """The scalar or column that an instance belongs to."""
        found = self._longest("objects", key_of(oid))
        if found is None:
            return None
        key, line = found
        number, *rest = line.split("\t")
        stem = ".".join(map(str, key))
        fact = Fact(self.modules[int(number)], *rest)
        return Named(stem, oid.strip(".")[len(stem) + 1 :], fact)

    def below(self, oid: str, *, limit: int = 20_000) -> list[tuple[str, Fact]]:
        """All scalars and columns below a node, in order."""
        root = key_of(oid)
        out: list[tuple[str, Fact]] = []
        first = self._first["objects"]
        number = max(0, bisect_right(first, root) - 1)
        while number < len(first) and first[number][: len(root)] <= root and len(out) < limit:
            block = self._block("objects", number)
            for key, line in zip(block.keys, block.lines, strict=True):
                if key[: len(root)] == root and len(out) < limit:
                    module, *rest = line.split("\t")
                    out.append((".".join(map(str, key)), Fact(self.modules[int(module)], *rest)))
            number += 1
        return out

    def product(self, sys_object_id: str) -> Product | None:
        """What a sysObjectID means, where a maker's document says it."""
        key = key_of(sys_object_id)
        found = self._longest("products", key)
        if found is None or found[0] != key:
            return None
        return Product(*found[1].split("\t"))

    def path(self, sys_object_id: str) -> list[str]:
        """The names of the nodes that a sysObjectID passes below its enterprise, from the top."""
        found: dict[Key, str] = {}
        for table in ("nodes", "products"):
            key = key_of(sys_object_id)
            while table in self._first and (one := self._longest(table, key)) is not None:
                found[one[0]] = one[1].split("\t", 1)[0]
                key = one[0][:-1]
        return [found[key] for key in sorted(found)]

    def subject(self, number: int) -> Subject:
        """What an enterprise's documents speak of; empty where there are none."""
        found = self._longest("subjects", (number,)) if "subjects" in self._first else None
        told, named = found[1].split("\t") if found is not None else ("", "")
        return Subject(_rated(told), _rated(named))

    def notification(self, oid: str) -> Notification | None:
        """What a trap is called; None where this file has no such table or name."""
        key = key_of(oid)
        found = self._longest("notifications", key) if "notifications" in self._first else None
        if found is None or found[0] != key:
            return None
        number, name = found[1].split("\t")
        return Notification(self.modules[int(number)], name)

    def maker(self, number: int) -> Maker | None:
        """Who registered an enterprise number."""
        found = self._longest("enterprises", (number,))
        return Maker(*found[1].split("\t")) if found is not None else None

    def card(self, mac: bytes) -> str:
        """Whose hardware address it is; "" unknown."""
        digits = tuple(int(digit, 16) for digit in mac.hex())
        found = self._longest("cards", digits)
        return found[1] if found is not None else ""

    def _longest(self, table: str, key: Key) -> tuple[Key, str] | None:
        """The entry whose key is the longest beginning of a key."""
        while key:
            number = bisect_right(self._first[table], key) - 1
            if number < 0:
                return None
            block = self._block(table, number)
            place = bisect_right(block.keys, key) - 1
            found = block.keys[place]
            shared = 0
            while shared < len(found) and shared < len(key) and found[shared] == key[shared]:
                shared += 1
            if shared == len(found):
                return found, block.lines[place]
            key = key[:shared]
        return None

    def _block(self, table: str, number: int) -> Block:
        block = self._kept.get((table, number))
        if block is None:
            offset, size = self._places[table][number]
            start = self._base + offset
            packed = self._map[start : start + size]
            block = unpack(lzma.decompress(packed, format=lzma.FORMAT_RAW, filters=FILTERS))
            self._kept[table, number] = block
            if len(self._kept) > BLOCKS:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end((table, number))
        return block


def _rated(text: str) -> dict[str, float]:
    """`word rate word rate`, rates in tenths."""
    parts = text.split()
    return {word: int(rate) / 10 for word, rate in zip(parts[::2], parts[1::2], strict=True)}


@cache
def packaged() -> Knowledge:
    """The knowledge of the package."""
    return Knowledge(Path(str(resources.files("agent.knowledge"))) / "facts.bin")
