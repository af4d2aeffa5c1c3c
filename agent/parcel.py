"""What one record of the outbox holds, and how it becomes a report.

Series have a number of the agent's own here (a hash of what they are), because the server that numbers
them may be away; they get the server's ids when the parcel is sent.
"""

import hashlib
import struct
from collections.abc import Mapping, Sequence

import msgspec

from rules.wire import (
    AlertNews,
    Finding,
    Gap,
    HeardSample,
    Observation,
    Progress,
    Report,
    SampleBlock,
    SeriesDef,
    Stream,
    TrialResult,
)

PARTS = (
    "blocks",
    "alerts",
    "observations",
    "gaps",
    "findings",
    "progress",
    "trials",
    "heard",
)  # in their order


class Block(msgspec.Struct, frozen=True, array_like=True):
    """Values of one moment; series as the agent's own uint64, values as float64, little-endian."""

    at: float
    series: bytes
    values: bytes


class Parcel(msgspec.Struct, frozen=True, omit_defaults=True):
    """Things that go to the server together."""

    trace: str = ""
    blocks: list[Block] = []
    alerts: list[AlertNews] = []
    observations: list[Observation] = []
    gaps: list[Gap] = []
    findings: list[Finding] = []
    progress: list[Progress] = []
    trials: list[TrialResult] = []
    heard: list[HeardSample] = []

    @property
    def things(self) -> int:
        """How many items a report of it has; part `a:b` of them is what `part` takes."""
        return sum(len(getattr(self, name)) for name in PARTS)

    @property
    def items(self) -> int:
        """Values and news in it."""
        values = sum(len(block.values) // 8 for block in self.blocks)
        return values + self.things - len(self.blocks) - len(self.gaps)

    def part(self, start: int, stop: int) -> "Parcel":
        """The things from `start` up to `stop`, in the order of PARTS."""
        taken: dict[str, Sequence[object]] = {}
        for name in PARTS:
            own = getattr(self, name)
            taken[name] = own[max(0, start) : max(0, stop)]
            start, stop = start - len(own), stop - len(own)
        return msgspec.convert({"trace": self.trace, **taken}, Parcel)


def number(definition: SeriesDef) -> int:
    """The agent's own number of a series: the same on every start, from what it is."""
    told = msgspec.msgpack.encode([definition.device, definition.metric, sorted(definition.labels.items())])
    return int.from_bytes(hashlib.blake2b(told, digest_size=8).digest(), "little")


def block(at: float, values: Mapping[int, float]) -> Block:
    """A block of the values of one moment by series."""
    count = len(values)
    return Block(at, struct.pack(f"<{count}Q", *values), struct.pack(f"<{count}d", *values.values()))


def series_of(parcel: Parcel) -> set[int]:
    """The series that a parcel has values of."""
    found: set[int] = set()
    for one in parcel.blocks:
        found.update(struct.unpack(f"<{len(one.series) // 8}Q", one.series))
    return found


def report(
    parcel: Parcel, *, agent: int, stream: Stream, sequence: int, sent_at: float, ids: Mapping[int, int]
) -> Report:
    """The parcel as a report. Values of series without an id (refused by the server) are left out."""
    return Report(
        agent=agent,
        stream=stream,
        sequence=sequence,
        sent_at=sent_at,
        trace=parcel.trace,
        samples=[_numbered(one, ids) for one in parcel.blocks],
        alerts=parcel.alerts,
        observations=parcel.observations,
        gaps=parcel.gaps,
        findings=parcel.findings,
        progress=parcel.progress,
        trials=parcel.trials,
        heard=parcel.heard,
    )


def _numbered(one: Block, ids: Mapping[int, int]) -> SampleBlock:
    count = len(one.series) // 8
    own = struct.unpack(f"<{count}Q", one.series)
    known = [ids.get(key, 0) for key in own]
    if all(known):
        return SampleBlock(one.at, struct.pack(f"<{count}I", *known), one.values)
    values = struct.unpack(f"<{count}d", one.values)
    kept = [(key, value) for key, value in zip(known, values, strict=True) if key]
    return SampleBlock(
        one.at,
        struct.pack(f"<{len(kept)}I", *(key for key, _ in kept)),
        struct.pack(f"<{len(kept)}d", *(value for _, value in kept)),
    )
