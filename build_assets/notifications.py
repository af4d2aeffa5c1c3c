"""Compile `agent/listeners/notifications.bin`: what traps are called, and the objects that only traps tell.

    python -m build_assets.notifications FACTS_DIR [OUT]

FACTS_DIR as for `build_assets.knowledge`, with `notifications.tsv.xz`: names and OIDs of notifications and
traps compiled from the SMI documents that makers publish, v1 traps in v2 form.
"""

import sys
from pathlib import Path

from agent.knowledge import Key, key_of
from build_assets.knowledge import MAX_ENUM, lines, whole, write

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
    return whole(modules, found, provenance=PROVENANCE, brands=[])


if __name__ == "__main__":
    sys.exit(write(build, "notifications.tsv.xz", "agent/listeners/notifications.bin"))
