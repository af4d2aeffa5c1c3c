"""One file of the outbox: records one after the other, each with mark, length, checksum and number.

A record is `mark (4) | length of the body (u32) | number (u64) | moment (f64) | items (u32) | CRC-32
(u32) | body`, little-endian; the checksum covers all but the mark. What does not fit is skipped up to the
next mark whose checksum is right.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

MARK = b"WdR\x01"
_HEAD = struct.Struct("<4sIQdII")
_SUMMED = struct.Struct("<IQdI")
HEAD = _HEAD.size
MAX_RECORD = 16 * 1024 * 1024  # bytes of a body


class Record(NamedTuple):
    """A piece of the outbox. `items` are the values or news in it, `at` when it was put there."""

    number: int
    at: float
    items: int
    body: bytes


@dataclass(slots=True)
class Found:
    """Where a record stands in its segment."""

    number: int
    at: float
    items: int
    offset: int
    size: int  # with its head


@dataclass(slots=True)
class Scan:
    """What a segment holds: its records, and the bytes that are none."""

    records: list[Found]
    damaged: int = 0  # places
    lost: int = 0  # bytes


def pack(record: Record) -> bytes:
    """The record as it stands in the file."""
    head = _SUMMED.pack(len(record.body), record.number, record.at, record.items)
    checksum = zlib.crc32(record.body, zlib.crc32(head))
    return _HEAD.pack(MARK, len(record.body), record.number, record.at, record.items, checksum) + record.body


def scan(path: Path) -> Scan:
    """Read a segment through; raises OSError where the file cannot be read at all."""
    data = path.read_bytes()
    found = Scan([])
    offset, last = 0, -1
    while offset < len(data):
        head = _at(data, offset)
        if head is not None and head.number > last:
            found.records.append(head)
            last = head.number
            offset += head.size
            continue
        following = _next(data, offset + 1, last)
        found.damaged += 1
        found.lost += following - offset
        offset = following
    return found


def read(path: Path, place: Found) -> Record | None:
    """A record from its place, or None where it is damaged by now."""
    try:
        with path.open("rb") as file:
            file.seek(place.offset)
            data = file.read(place.size)
    except OSError:
        return None
    if _at(data, 0) is None:
        return None
    return Record(place.number, place.at, place.items, data[HEAD:])


def bodies(path: Path) -> Iterator[tuple[int, bytes]]:
    """The number and body of each record of a file, one at a time; nothing where there is no file."""
    try:
        data = path.read_bytes()
    except OSError:
        return
    offset = 0
    while offset < len(data):
        head = _at(data, offset)
        if head is None:
            offset = _next(data, offset + 1, -1)
            continue
        yield head.number, data[offset + HEAD : offset + head.size]
        offset += head.size


def _at(data: bytes, offset: int) -> Found | None:
    if len(data) - offset < HEAD:
        return None
    mark, length, number, at, items, checksum = _HEAD.unpack_from(data, offset)
    end = offset + HEAD + length
    if mark != MARK or length > MAX_RECORD or end > len(data):
        return None
    head = _SUMMED.pack(length, number, at, items)
    if zlib.crc32(memoryview(data)[offset + HEAD : end], zlib.crc32(head)) != checksum:
        return None
    return Found(number, at, items, offset, HEAD + length)


def _next(data: bytes, start: int, last: int) -> int:
    for offset in _marks(data, start):
        head = _at(data, offset)
        if head is not None and head.number > last:
            return offset
    return len(data)


def _marks(data: bytes, start: int) -> Iterator[int]:
    while (start := data.find(MARK, start)) >= 0:
        yield start
        start += 1
