"""Compile `agent/knowledge/facts.bin` from tables of facts about devices.

    python -m build_assets.knowledge FACTS_DIR [OUT]

FACTS_DIR holds `objects.tsv.xz`, `products.tsv`, `enterprises.tsv` and `oui.tsv.xz`: names, OIDs, types,
units and enumerations compiled from the SMI documents that makers publish (no description text), IANA's
list of private enterprise numbers, and IEEE's registry of hardware addresses. The same tables give the same
bytes.

Kept of the objects are readable scalars and columns that can tell something about a device: whatever is no
counter, no row status and no part of a table's index, see `telling`. Of the nodes above them the names are
kept; of each enterprise the words its documents speak of and others do not, see `subjects`.
"""

import json
import lzma
import math
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from agent.knowledge import MAGIC, Key, key_of, pack, words_of

PROVENANCE = (
    "Objects and products: compiled from the SMI documents of device makers and of the IETF and IEEE "
    "(names, OIDs, types, units, enumerations; no descriptions). Enterprise numbers: IANA, 2024-08-23. "
    "Hardware addresses: IEEE MA-L, MA-M, MA-S."
)
BLOCK = 96_000  # characters before front coding
ENTERPRISES = (1, 3, 6, 1, 4, 1)
COMMON = 0.5  # share of the enterprises above which a word tells nothing
MAX_WORDS = 200  # of an enterprise's objects; of its products and modules fewer
MAX_NAMES = 60
SILENT = ("not-accessible", "accessible-for-notify", "write-only")
MAX_ENUM = 160
MAX_RANGE = 16
NUMBERS = re.compile("INTEGER|Integer32|Unsigned32|Gauge32")


def lines(path: Path) -> Iterator[list[str]]:
    """The lines of a table that may be packed."""
    packed = path.with_name(path.name + ".xz")
    with (
        lzma.open(packed, "rt", encoding="utf-8") if packed.exists() else path.open(encoding="utf-8") as file
    ):
        for line in file:
            if not line.startswith("#"):
                yield line.rstrip("\n").split("\t")


def telling(row: list[str]) -> bool:
    """Whether an object can tell something about its device."""
    kind, syntax, tc, access = row[3], row[4], row[5], row[9]
    if kind not in {"scalar", "column"} or access in SILENT:
        return False
    return not syntax.startswith("Counter") and tc not in {"RowStatus", "StorageType", "TimeStamp"}


def limits(row: list[str]) -> tuple[str, str, str]:
    """Whether an object is written to, the convention its type is named by, and the range of a number."""
    syntax, convention, bounds = row[4], row[5], row[6]
    written = "w" if row[9] in {"read-write", "read-create"} else ""
    named = "" if syntax in {"OCTET STRING", convention} else convention
    return written, named, bounds if NUMBERS.search(syntax) and len(bounds) <= MAX_RANGE else ""


def objects(folder: Path) -> tuple[list[str], list[tuple[Key, str]]]:
    """Module names, and the objects sorted by OID."""
    numbers: dict[str, int] = {}
    rows: dict[Key, str] = {}
    for row in lines(folder / "objects.tsv"):
        if telling(row):
            enum = row[8] if len(row[8]) <= MAX_ENUM else row[8][:MAX_ENUM].rpartition(",")[0]
            number = numbers.setdefault(row[1], len(numbers))
            hint = "units" if row[13].startswith("units") else row[13]
            kept = [str(number), row[2], row[3][0], row[4], enum, row[11], row[12], hint, *limits(row)]
            rows[key_of(row[0])] = "\t".join(kept)
    return list(numbers), sorted(rows.items())


def nodes(folder: Path) -> list[tuple[Key, str]]:
    """The names of the nodes below the enterprises that hold no value: branches, and what devices are."""
    found = ((key_of(row[0]), row[2]) for row in lines(folder / "objects.tsv") if row[3] == "identity")
    return sorted((key, name) for key, name in found if key[:6] == ENTERPRISES and len(key) > 7)


def telling_words(counts: dict[int, Counter[str]], total: int, most: int) -> dict[int, str]:
    """By enterprise: its words with how much each tells (tf-idf in tenths), the most telling first.

    `total` is the number of enterprises that have documents.
    """
    spread = Counter(word for words in counts.values() for word in words)
    found: dict[int, str] = {}
    for number, words in counts.items():
        rated = {
            word: (1 + math.log(count)) * math.log(total / spread[word])
            for word, count in words.items()
            if len(word) > 1 and spread[word] < COMMON * total
        }
        best = sorted(rated.items(), key=lambda item: (-item[1], item[0]))[:most]
        found[number] = " ".join(f"{word} {round(10 * rate)}" for word, rate in best)
    return found


def subjects(folder: Path) -> list[tuple[Key, str]]:
    """What each enterprise's documents speak of: words of its objects, and of its products and modules."""
    objects_of: defaultdict[int, Counter[str]] = defaultdict(Counter)
    modules_of: defaultdict[int, set[str]] = defaultdict(set)
    names_of: defaultdict[int, Counter[str]] = defaultdict(Counter)

    def count(into: defaultdict[int, Counter[str]], number: int, names: Iterable[str]) -> None:
        for name in names:
            into[number].update(set(words_of(name)))

    for row in lines(folder / "objects.tsv"):
        if row[3] in {"scalar", "column"} and (key := key_of(row[0]))[:6] == ENTERPRISES and len(key) > 7:
            count(objects_of, key[6], [row[2]])
            modules_of[key[6]].add(row[1])
    for number, modules in modules_of.items():
        count(names_of, number, sorted(modules))
    for row in lines(folder / "products.tsv"):
        if (key := key_of(row[0]))[:6] == ENTERPRISES and len(key) > 7:
            count(names_of, key[6], [row[1]])
    told = telling_words(objects_of, len(objects_of), MAX_WORDS)
    named = telling_words(names_of, len(objects_of), MAX_NAMES)
    numbers = sorted(told.keys() | named.keys())
    return [((number,), f"{told.get(number, '')}\t{named.get(number, '')}") for number in numbers]


def tables(folder: Path) -> tuple[list[str], dict[str, list[tuple[Key, str]]]]:
    """Everything that is packed."""
    modules, known = objects(folder)
    products = {key_of(row[0]): f"{row[1]}\t{row[3]}\t{row[2]}" for row in lines(folder / "products.tsv")}
    makers = {
        (int(row[0]),): f"{row[1]}\t{row[2]}" for row in lines(folder / "enterprises.tsv") if row[0].isdigit()
    }
    cards = {tuple(int(digit, 16) for digit in row[0]): row[2] for row in lines(folder / "oui.tsv")}
    return modules, {
        "objects": known,
        "nodes": nodes(folder),
        "subjects": subjects(folder),
        "products": sorted(products.items()),
        "enterprises": sorted(makers.items()),
        "cards": sorted(cards.items()),
    }


def blocks(rows: list[tuple[Key, str]]) -> Iterator[list[tuple[Key, str]]]:
    """Rows in the sizes that are packed together."""
    part: list[tuple[Key, str]] = []
    size = 0
    for key, rest in rows:
        part.append((key, rest))
        size += len(rest) + 4 * len(key)
        if size > BLOCK:
            yield part
            part, size = [], 0
    if part:
        yield part


def whole(
    modules: list[str], found: dict[str, list[tuple[Key, str]]], *, provenance: str, brands: list[str]
) -> bytes:
    """A file that `agent.knowledge` reads: its head, then all tables in blocks."""
    body = bytearray()
    places: dict[str, list[list[object]]] = {}
    for name, rows in found.items():
        for part in blocks(rows):
            packed = pack(part)
            places.setdefault(name, []).append([part[0][0], len(body), len(packed)])
            body += packed
    head = {"provenance": provenance, "modules": modules, "brands": brands, "tables": places}
    packed_head = lzma.compress(json.dumps(head, separators=(",", ":")).encode())
    return MAGIC + len(packed_head).to_bytes(4, "big") + packed_head + bytes(body)


def build(folder: Path) -> bytes:
    """The whole file."""
    modules, found = tables(folder)
    brands = sorted({row[2] for row in lines(folder / "enterprises.tsv") if row[2]})
    return whole(modules, found, provenance=PROVENANCE, brands=brands)


def write(make: Callable[[Path], bytes], needed: str, usual: str) -> int:
    """Write what is made of the folder that is named first; 2 with a sentence where `needed` is not in it."""
    folder = Path(sys.argv[1])
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(usual)
    if not (folder / needed).exists():
        sys.stderr.write(f"{folder} holds no {needed}.\n")
        return 2
    data = make(folder)
    out.write_bytes(data)
    sys.stdout.write(f"{out}: {len(data) / 1e6:.1f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(write(build, "enterprises.tsv", "agent/knowledge/facts.bin"))
