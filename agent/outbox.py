"""What the server has not acknowledged yet: two streams on disk, bounded, in order, safe against a crash.

`append` then `sync`: from then on a record survives a power cut. `release` lets it be sent; `acknowledge`
lets it go. Record numbers never come twice: a new outbox begins with the seconds of the clock times
1,000, and after damage at its end it goes on beyond the numbers it had reserved.

Full, it drops the least important first: the oldest samples, events only when nothing else is left; a
tenth of the room is kept for events. What is dropped or damaged is told in gap records, in the stream of
events.
"""

import errno
import io
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from agent import segment
from agent.durable import StorageFailedError, replace, sync, sync_directory
from agent.segment import Found, Record
from rules.wire import Gap, Stream

STREAMS: tuple[Stream, ...] = ("events", "samples")
SEGMENT = 1024 * 1024  # bytes, after which the next file begins
RESERVE = 10_000  # numbers set aside in the pointer at once
EVENTS_SHARE = 0.1
STRIDE = 65_536  # sequence of a report = number of its record * STRIDE + its first item, for reports in parts


class _Pointer(msgspec.Struct):
    """What must be known beside the segments, in `<stream>.pointer`."""

    acknowledged: int = 0
    reserved: int = 0
    gaps: list[Gap] = []


@dataclass(slots=True)
class _Segment:
    path: Path
    records: deque[Found]
    size: int


@dataclass(slots=True)
class _Stream:
    name: Stream
    pointer: _Pointer
    segments: deque[_Segment] = field(default_factory=deque)
    following: int = 1  # number of the next record
    released: int = 0
    synced: int = 0
    file: io.FileIO | None = None
    dirty: bool = False
    pointer_dirty: bool = False

    @property
    def size(self) -> int:
        return sum(one.size for one in self.segments)


@dataclass(slots=True)
class Depth:
    """How much waits."""

    records: int
    items: int
    size: int  # bytes on disk


class Outbox:
    """The outbox in a directory. All methods are for one thread at a time.

    Args:
        directory: made where it is not there.
        cap: bytes on disk, of both streams.
        max_age_s: older records are dropped.
        gap_body: makes a record's body of a gap.
        now: the wall clock, seconds.
    """

    def __init__(
        self,
        directory: Path,
        *,
        cap: int = 1 << 30,
        max_age_s: float = 72 * 3600.0,
        gap_body: Callable[[Gap], bytes],
        now: Callable[[], float],
    ) -> None:
        self.directory = directory
        self.cap = cap
        self.max_age_s = max_age_s
        self.damaged = 0
        self.dropped = 0  # items
        self.failed: StorageFailedError | None = None  # after a failed write or sync nothing is trusted
        self._gap_body = gap_body
        self._now = now
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._streams = {name: self._open(name) for name in STREAMS}
        self._tell_gaps()
        self.sync()
        for stream in self._streams.values():
            stream.released = stream.following - 1

    def append(self, name: Stream, body: bytes, *, items: int) -> int:
        """Add a record; its number, or 0 where it is a sample that had no room and is told as a gap.

        Raises StorageFailedError where the disk refuses, ValueError for a body beyond MAX_RECORD.
        """
        if self.failed is not None:
            raise self.failed
        if len(body) > segment.MAX_RECORD:
            raise ValueError(f"A record of {len(body)} bytes is larger than {segment.MAX_RECORD}.")
        stream = self._streams[name]
        record = Record(stream.following, self._now(), items, body)
        packed = segment.pack(record)
        place = self._segment_for(stream, len(packed)) if self._make_room(name, len(packed)) else None
        if place is None or not self._write(stream, place, packed):
            self._gap(stream, [Found(record.number, record.at, items, 0, len(packed))], "cap")
            stream.following += 1
            return 0
        place.records.append(Found(record.number, record.at, items, place.size, len(packed)))
        place.size += len(packed)
        stream.following += 1
        stream.dirty = True
        return record.number

    def _write(self, stream: _Stream, place: _Segment, packed: bytes) -> bool:
        """Write at the end of a segment; on a full disk samples make room once, then are refused."""
        assert stream.file is not None
        for last_try in (False, True):
            try:
                stream.file.seek(place.size)
                if stream.file.write(packed) == len(packed):
                    return True
                full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError as error:
                if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                    self.failed = StorageFailedError(place.path, error)
                    raise self.failed from error
                full = error
            stream.file.truncate(place.size)
            samples = self._streams["samples"]
            if not last_try and len(samples.segments) > 1:
                self._drop_first(samples, "cap")
        if stream.name == "samples":
            return False
        raise StorageFailedError(place.path, full)

    def sync(self) -> None:
        """Bring all to the disk. Raises StorageFailedError: then the program must end."""
        if self.failed is not None:
            raise self.failed
        try:
            self._sync()
        except StorageFailedError as error:
            self.failed = error
            raise

    def _sync(self) -> None:
        self._tell_gaps()
        for stream in self._streams.values():
            if stream.dirty and stream.file is not None:
                sync(stream.file.fileno(), stream.segments[-1].path)
                stream.dirty = False
            stream.synced = stream.following - 1
        self._save_pointers()

    def release(self) -> None:
        """Let everything that is synced be sent; nothing more after the disk has failed."""
        if self.failed is not None:
            return
        for stream in self._streams.values():
            stream.released = stream.synced

    def next(self, name: Stream) -> Record | None:
        """The oldest record to be sent, or None. What has become unreadable is skipped and counted."""
        stream = self._streams[name]
        while stream.segments:
            place = stream.segments[0]
            if not place.records:
                if place is stream.segments[-1]:
                    return None
                self._remove_first(stream)
                continue
            first = place.records[0]
            if first.number > stream.released:
                return None
            record = segment.read(place.path, first)
            if record is not None:
                return record
            self.damaged += 1
            self._gap(stream, [first], "damaged")
            self.acknowledge(name, first.number)
        return None

    def acknowledge(self, name: Stream, number: int) -> None:
        """The server has all records up to this number; they go."""
        stream = self._streams[name]
        if number <= stream.pointer.acknowledged:
            return
        stream.pointer.acknowledged = number
        stream.pointer_dirty = True
        while stream.segments:
            place = stream.segments[0]
            while place.records and place.records[0].number <= number:
                place.records.popleft()
            if place.records or place is stream.segments[-1]:
                break
            self._remove_first(stream)

    def unacknowledged(self, name: Stream, after: int) -> list[Record]:
        """The records with numbers above `after` that are still here."""
        found = []
        for place in self._streams[name].segments:
            for one in place.records:
                record = segment.read(place.path, one) if one.number > after else None
                if record is not None:
                    found.append(record)
        return found

    def depth(self, name: Stream) -> Depth:
        """How much of a stream waits."""
        stream = self._streams[name]
        records = [one for place in stream.segments for one in place.records]
        return Depth(len(records), sum(one.items for one in records), stream.size)

    def last(self, name: Stream) -> int:
        """The number of the newest record."""
        return self._streams[name].following - 1

    def drop_old(self) -> None:
        """Drop what is older than the bound; called now and then."""
        limit = self._now() - self.max_age_s
        for stream in self._streams.values():
            while len(stream.segments) > 1 and (not (r := stream.segments[0].records) or r[-1].at < limit):
                self._drop_first(stream, "age")
        self._tell_gaps()

    def close(self) -> None:
        """Sync (unless the disk has failed) and close the files."""
        try:
            if self.failed is None:
                self.sync()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the files as they are."""
        for stream in self._streams.values():
            if stream.file is not None:
                stream.file.close()
                stream.file = None

    def _open(self, name: Stream) -> _Stream:
        """Read a stream's directory: pointer, segments; what is damaged is skipped, counted and told."""
        path = self._pointer_path(name)
        try:
            pointer = msgspec.json.decode(path.read_bytes(), type=_Pointer)
        except (OSError, msgspec.MsgspecError, ValueError):
            pointer = _Pointer(reserved=int(self._now()) * 1000)
        stream = _Stream(name, pointer)
        last = 0
        for file in sorted(self.directory.glob(f"{name}-*.seg")):
            last = self._load(stream, file, last)
        stream.following = max(last, pointer.acknowledged, pointer.reserved) + 1
        pointer.reserved = stream.following + RESERVE
        stream.pointer_dirty = True
        return stream

    def _load(self, stream: _Stream, file: Path, last: int) -> int:
        try:
            scan = segment.scan(file)
        except OSError:
            self.damaged += 1
            file.replace(file.with_suffix(".unreadable"))
            return last
        acknowledged = stream.pointer.acknowledged
        for found in scan.records:
            if scan.damaged and found.number > last + 1 and last >= acknowledged and last:
                stream.pointer.gaps.append(Gap(stream.name, last + 1, found.number - 1, 0, "damaged"))
            last = found.number
        if scan.damaged:
            self.damaged += scan.damaged
            end = scan.records[-1] if scan.records else None
            if end is None or end.offset + end.size < file.stat().st_size:
                stream.pointer.gaps.append(Gap(stream.name, last + 1, last + 1, 0, "damaged"))
        waiting = deque(one for one in scan.records if one.number > acknowledged)
        if waiting:
            stream.segments.append(_Segment(file, waiting, file.stat().st_size))
        else:
            file.unlink()
        return last

    def _pointer_path(self, name: Stream) -> Path:
        return self.directory / f"{name}.pointer"

    def _save_pointers(self) -> None:
        for stream in self._streams.values():
            if stream.pointer_dirty:
                replace(self._pointer_path(stream.name), msgspec.json.encode(stream.pointer))
                stream.pointer_dirty = False

    def _segment_for(self, stream: _Stream, size: int) -> _Segment:
        """The open segment, or a new one where there is none or it is full."""
        if stream.following >= stream.pointer.reserved:
            stream.pointer.reserved = stream.following + RESERVE
            stream.pointer_dirty = True
            self._save_pointers()
        place = stream.segments[-1] if stream.segments else None
        if place is not None and stream.file is not None and place.size + size <= SEGMENT:
            return place
        if stream.file is not None:
            if stream.dirty and place is not None:
                sync(stream.file.fileno(), place.path)
            stream.file.close()
        path = self.directory / f"{stream.name}-{stream.following:020d}.seg"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise StorageFailedError(path, error) from error
        stream.file = io.FileIO(descriptor, "wb")
        sync_directory(self.directory)
        place = _Segment(path, deque(), 0)
        stream.segments.append(place)
        return place

    def _make_room(self, name: Stream, need: int) -> bool:
        """Drop the least important until there is room; False where a sample itself has to go."""
        limit = self.cap if name == "events" else int(self.cap * (1 - EVENTS_SHARE))
        samples, events = self._streams["samples"], self._streams["events"]
        while samples.size + events.size + need > limit:
            if samples.segments:
                self._drop_first(samples, "cap")
            elif name == "events" and events.segments:
                self._drop_first(events, "cap")
            else:
                return name == "events"
        return True

    def _drop_first(self, stream: _Stream, reason: str) -> None:
        place = stream.segments[0]
        if place.records:
            self._gap(stream, list(place.records), reason)
            stream.pointer.acknowledged = max(stream.pointer.acknowledged, place.records[-1].number)
        self._remove_first(stream)

    def _remove_first(self, stream: _Stream) -> None:
        """Delete the oldest segment, the pointer being on the disk before."""
        place = stream.segments.popleft()
        if not stream.segments and stream.file is not None:
            stream.file.close()
            stream.file = None
            stream.dirty = False
        stream.pointer_dirty = True
        self._save_pointers()
        place.path.unlink(missing_ok=True)

    def _gap(self, stream: _Stream, lost: list[Found], reason: str) -> None:
        items = sum(one.items for one in lost)
        self.dropped += items
        gap = Gap(stream.name, lost[0].number, lost[-1].number, items, reason, lost[0].at, lost[-1].at)
        stream.pointer.gaps.append(gap)
        stream.pointer_dirty = True

    def _tell_gaps(self) -> None:
        """Put the gaps that are not told yet into the stream of events."""
        for stream in self._streams.values():
            gaps, stream.pointer.gaps = stream.pointer.gaps, []
            for gap in gaps:
                self.append("events", self._gap_body(gap), items=0)
