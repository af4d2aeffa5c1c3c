"""Brings the outbox to the server: events first, samples after, in order; what was taken is let go."""

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from agent.durable import replace
from agent.link import Link, Told
from agent.outbox import STREAMS, STRIDE, Outbox
from agent.parcel import Parcel, report, series_of
from agent.registry import Registry
from agent.segment import Record
from rules.wire import Answer, ItemAnswer, Stream

LONGEST_S = 60.0  # between two tries
DENIED_S = 60.0
SERIES_AT_ONCE = 5_000
QUARANTINE = 4 * 1024 * 1024  # bytes of what the server refused; the older half goes


class _Split(msgspec.Struct):
    """A record the server found too large: the ends of its parts, in things. On disk before one is sent."""

    stream: Stream
    number: int
    ends: list[int]
    done: int = 0  # things that were taken


@dataclass(slots=True)
class Delivery:
    """The sending half of the agent. `agent` is its number, `folder` for what was refused."""

    outbox: Outbox
    registry: Registry
    link: Link
    agent: int
    folder: Path
    now: Callable[[], float]
    on_generation: Callable[[str], None] = lambda _: None
    ids: dict[int, int] = field(default_factory=dict)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    quarantined: int = 0
    failures: int = 0
    reason: str = ""
    _random: random.Random = field(default_factory=random.Random)

    async def run(self) -> None:
        """Send for ever; waits where there is nothing, and longer each time where the server is away."""
        while True:
            self.wake.clear()
            pause = await self.send_next()
            if pause is None:
                continue
            if pause == 0.0:
                await self.wake.wait()
            else:
                await asyncio.sleep(pause)

    async def send_next(self) -> float | None:
        """Send the most urgent record. None: go on; 0: nothing waits; else seconds to wait."""
        for stream in STREAMS:
            record = self.outbox.next(stream)
            if record is not None:
                return await self._send(stream, record)
        return 0.0

    async def _send(self, stream: Stream, record: Record) -> float | None:
        try:
            parcel = msgspec.msgpack.decode(record.body, type=Parcel)
        except msgspec.MsgspecError as error:
            self._quarantine(
                stream, record.number, {"code": "unreadable", "message": str(error)}, record.body
            )
            self.outbox.acknowledge(stream, record.number)
            return None
        pause = await self._number_series(parcel)
        if pause is not None:
            return pause
        split = self._split_of(stream, record.number, parcel.things)
        while split.ends:
            end = split.ends[0]
            pause = await self._send_part(stream, record, parcel, split, end)
            if pause is not None:
                return pause
        self.outbox.acknowledge(stream, record.number)
        self._split_path.unlink(missing_ok=True)
        return None

    async def _send_part(
        self, stream: Stream, record: Record, parcel: Parcel, split: _Split, end: int
    ) -> float | None:
        """One report. None: taken, refused for good, or cut smaller; else seconds to wait."""
        start = split.done
        part = parcel if (start, end) == (0, parcel.things) else parcel.part(start, end)
        told = await self.link.report(
            report(
                part,
                agent=self.agent,
                stream=stream,
                sequence=record.number * STRIDE + start,
                sent_at=self.now(),
                ids=self.ids,
            )
        )
        if isinstance(told, Told):
            if told.kind == "too_large" and end - start > 1:
                split.ends.insert(0, (start + end) // 2)
                self._save(split)
                return None
            if told.kind not in {"too_large", "refused"}:
                return self._pause(told)
            self._quarantine(stream, record.number, {"code": told.kind, "message": told.reason}, _json(part))
        elif told.status == "retry_later":
            return self._pause(Told("wait", reason="The server asks to try again later.", after_s=5.0))
        else:
            self._items(stream, record.number, part, told)
        self.failures, self.reason = 0, ""
        split.done = split.ends.pop(0)
        if split.ends:
            self._save(split)
        return None

    async def _number_series(self, parcel: Parcel) -> float | None:
        """Have the server number the series of a parcel that it does not know yet."""
        unknown = series_of(parcel) - self.ids.keys()
        if not unknown:
            return None
        definitions = self.registry.definitions(unknown)
        for key in unknown - definitions.keys():
            self.ids[key] = 0
        keys = sorted(definitions)
        for start in range(0, len(keys), SERIES_AT_ONCE):
            some = keys[start : start + SERIES_AT_ONCE]
            told = await self.link.series([definitions[key] for key in some])
            if isinstance(told, Told):
                if told.kind in {"refused", "too_large"}:
                    told = [0] * len(some)
                else:
                    return self._pause(told)
            self.ids.update(zip(some, told, strict=True))
        return None

    def _items(self, stream: Stream, number: int, part: Parcel, answer: Answer) -> None:
        """Do as the answer says: put aside what was refused, send again what shall come later."""
        if answer.generation:
            self.on_generation(answer.generation)
        again = Parcel(trace=part.trace)
        for one in answer.items:
            thing = _thing(part, one)
            if thing is None or one.status in {"accepted", "duplicate"}:
                continue
            if one.status == "retry_later":
                getattr(again, "blocks" if one.kind == "samples" else one.kind).append(thing)
            else:
                reason = {"code": one.code, "field": one.field, "message": one.message}
                self._quarantine(stream, number, reason, _json(thing))
        if again.things:
            self.outbox.append(stream, msgspec.msgpack.encode(again), items=again.items)
            self.outbox.sync()
            self.outbox.release()

    def _pause(self, told: Told) -> float:
        """How long to wait: as the server says, else longer with every failure, with jitter."""
        self.failures += 1
        self.reason = told.reason
        if told.kind == "wait":
            return told.after_s
        if told.kind == "denied":
            return DENIED_S
        return min(LONGEST_S, 2.0 ** min(self.failures - 1, 6)) * self._random.uniform(0.5, 1.0)

    @property
    def _split_path(self) -> Path:
        return self.folder / "split.json"

    def _split_of(self, stream: Stream, number: int, things: int) -> _Split:
        """How a record is cut: as it was before a restart, or not at all."""
        try:
            split = msgspec.json.decode(self._split_path.read_bytes(), type=_Split)
        except (OSError, msgspec.MsgspecError):
            return _Split(stream, number, [things])
        if (split.stream, split.number) != (stream, number) or split.ends[-1:] != [things]:
            return _Split(stream, number, [things])
        return split

    def _save(self, split: _Split) -> None:
        replace(self._split_path, msgspec.json.encode(split))

    def _quarantine(self, stream: Stream, number: int, reason: dict[str, str], content: bytes) -> None:
        """Keep what the server will never take, with its reason, within a bound."""
        self.quarantined += 1
        path = self.folder / "quarantine.jsonl"
        line = {"at": self.now(), "stream": stream, "number": number, **reason}
        text = json.dumps(line | {"item": content[:65_536].decode("utf-8", "replace")}, ensure_ascii=False)
        with path.open("a", encoding="utf-8") as file:
            file.write(text + "\n")
        if path.stat().st_size > QUARANTINE:
            path.replace(path.with_name("quarantine.old.jsonl"))


def _thing(part: Parcel, answer: ItemAnswer) -> msgspec.Struct | None:
    things = part.blocks if answer.kind == "samples" else getattr(part, answer.kind)
    return things[answer.index] if 0 <= answer.index < len(things) else None


def _json(thing: msgspec.Struct) -> bytes:
    return msgspec.json.encode(thing)
