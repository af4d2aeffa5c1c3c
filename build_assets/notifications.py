"""Compile `agent/listeners/notifications.bin`: what traps are called, and the objects that only traps tell.

    python -m build_assets.notifications FACTS_DIR [OUT]

FACTS_DIR as for `build_assets.knowledge`, with `notifications.tsv.xz`: names and OIDs of notifications and
traps compiled from the SMI documents that makers publish, v1 traps in v2 form.
"""

import json
import lzma
import sys
from pathlib import Path

from agent.knowledge import MAGIC, Key, key_of, pack
from build_assets.knowledge import MAX_ENUM, blocks, lines

PROVENANCE = (
    "Notifications and the objects only they tell: compiled from the SMI documents of device makers and of "
    "the IETF and IEEE (names, OIDs, enumerations; no descriptions)."
)


def tables(folder: Path) -> tuple[list[str], dict[str, list[tuple[Key, str]]]]:
    """Module names, and both tables sorted by OID."""
    numbers: dict[str, int] = {}
    traps: dict[Key, str] = {}
    for row in lines(folder / "notifications.tsv"):
        key = key_of(row[0])
        if key:
            traps[key] = f"{numbers.setdefault(row[2], len(numbers))}\t{row[1]}"
    objects: dict[Key, str] = {}
    for row in lines(folder / "objects.tsv"):
        if row[9] == "accessible-for-notify" and row[3] in {"scalar", "column"}:
            enum = row[8] if len(row[8]) <= MAX_ENUM else row[8][:MAX_ENUM].rpartition(",")[0]
            number = numbers.setdefault(row[1], len(numbers))
            kept = [str(number), row[2], row[3][0], row[4], enum, row[11], row[12], row[13]]
            objects[key_of(row[0])] = "\t".join(kept)
    return list(numbers), {"notifications": sorted(traps.items()), "objects": sorted(objects.items())}


def build(folder: Path) -> bytes:
    """The whole file."""
    modules, found = tables(folder)
    body = bytearray()
    places: dict[str, list[list[object]]] = {}
    for name, rows in found.items():
        for part in blocks(rows):
            packed = pack(part)
            places.setdefault(name, []).append([part[0][0], len(body), len(packed)])
            body += packed
    head = {"provenance": PROVENANCE, "modules": modules, "brands": [], "tables": places}
    packed_head = lzma.compress(json.dumps(head, separators=(",", ":")).encode())
    return MAGIC + len(packed_head).to_bytes(4, "big") + packed_head + bytes(body)


def main() -> int:
    """Write the file; 2 with a sentence where the tables are not there."""
    folder = Path(sys.argv[1])
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("agent/listeners/notifications.bin")
    if not (folder / "notifications.tsv.xz").exists():
        sys.stderr.write(f"{folder} holds no table of notifications.\n")
        return 2
    data = build(folder)
    out.write_bytes(data)
    sys.stdout.write(f"{out}: {len(data) / 1e6:.1f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
