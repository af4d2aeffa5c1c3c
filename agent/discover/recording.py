"""A device from a file: a recording of varbinds, asked as discovery asks the network.

One varbind a line, `OID|tag|value`; `x` behind the tag: the value is hex, `e`: it has backslash escapes.
Lines that are unusable are left out.
"""

import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from agent.knowledge import key_of
from agent.transports import ber
from agent.transports.ber import Raw

_NUMBERS = frozenset("2 65 66 67 70 71".split())


def parse(text: str) -> dict[str, Raw]:
    """The varbinds of a recording, in the order of a walk."""
    values: dict[str, Raw] = {}
    for line in text.split("\n"):
        oid, _, rest = line.partition("|")
        tag, _, written = rest.partition("|")
        oid = oid.strip(". \r")
        if tag and key_of(oid):
            try:
                values[oid] = _value(tag, written.rstrip("\r"))
            except (ValueError, UnicodeError):
                continue
    return dict(sorted(values.items(), key=lambda item: key_of(item[0])))


def _value(tag: str, written: str) -> Raw:
    kind = tag.rstrip("xe")
    if tag.endswith("x"):
        raw = bytes.fromhex(written)
    elif tag.endswith("e"):
        raw = written.encode().decode("unicode_escape").encode("latin-1")
    else:
        raw = written.encode()
    if kind in _NUMBERS:
        return int(raw)
    if kind == "6":
        return raw.decode().strip(". ")
    if kind == "64":
        return raw.decode() if b"." in raw else ".".join(map(str, raw))
    if kind == "68":
        return ber.value_of(ber.OPAQUE, raw)
    return None if kind == "5" else raw


def recordings(path: Path) -> Iterator[tuple[str, dict[str, Raw]]]:
    """Name and varbinds of each `*.snmprec` in a folder or a tar archive, sorted by name."""
    if path.is_dir():
        for file in sorted(path.glob("*.snmprec")):
            yield file.stem, parse(file.read_text(encoding="utf-8", errors="replace"))
        return
    with tarfile.open(path) as archive:
        members = sorted((one for one in archive if one.name.endswith(".snmprec")), key=lambda one: one.name)
        for member in members:
            body = archive.extractfile(member)
            if body is not None:
                yield Path(member.name).stem, parse(body.read().decode("utf-8", errors="replace"))


class Recorded:
    """A recording as a `Reader`."""

    def __init__(self, values: Mapping[str, Raw]) -> None:
        self.values = values

    async def get(self, oids: Sequence[str]) -> Mapping[str, Raw]:
        """Instances that are in the recording."""
        return {oid: self.values[oid] for oid in oids if oid in self.values}

    async def walk(self, roots: Sequence[str], *, limit: int = 10_000) -> Mapping[str, Raw]:
        """All below some roots."""
        stems = tuple(root.strip(".") + "." for root in roots)
        found = [item for item in self.values.items() if item[0].startswith(stems)]
        return dict(found[:limit])
