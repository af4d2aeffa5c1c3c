"""How samples are written: heads plain (they live for two hours), chunks through pcodec.

pcodec finds the decimal step of a sensor, the slope of a counter and the sameness of a state by
itself, keeps every bit (nulls with their reasons too) and reads back at about a nanosecond a value.
Times are kept as milliseconds within their day.
"""

import hashlib
from typing import Any

import numpy as np
from pcodec import ChunkConfig, standalone

from server.metrics.samples import DAY_MS, Block, Rolled, Times, Values

CONFIG = ChunkConfig(compression_level=4)
COLUMNS = 5  # of a roll-up row after its times


def encode_head(blocks: list[Block]) -> bytes:
    """Blocks as `count, ids, times, values` in little-endian columns."""
    count = sum(len(block) for block in blocks)
    return b"".join(
        [
            count.to_bytes(4, "little"),
            *(block.ids.astype("<u4", copy=False).tobytes() for block in blocks),
            *(block.at.astype("<i8", copy=False).tobytes() for block in blocks),
            *(block.values.astype("<f8", copy=False).tobytes() for block in blocks),
        ]
    )


def decode_head(body: bytes) -> Block:
    """What `encode_head` wrote, as one block."""
    count = int.from_bytes(body[:4], "little")
    values_at = 4 + 12 * count
    return Block(
        np.frombuffer(body, "<u4", count, 4),
        np.frombuffer(body, "<i8", count, 4 + 4 * count),
        np.frombuffer(body, "<f8", count, values_at),
    )


def encode_times(at: Times, slot: int) -> tuple[int, bytes]:
    """Times of one day, with the digest they are found by."""
    within = (at - slot * DAY_MS).astype(np.uint32)
    digest = hashlib.blake2b(within.tobytes(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True), _pack(within)


def decode_times(body: bytes, slot: int) -> Times:
    """What `encode_times` wrote."""
    within: Times = _unpack(body).astype(np.int64)
    return within + slot * DAY_MS


def encode_values(values: Values) -> bytes:
    """Values bit by bit."""
    return _pack(np.ascontiguousarray(values))


def decode_values(body: bytes) -> Values:
    """What `encode_values` wrote."""
    values: Values = _unpack(body).astype(np.float64, copy=False)
    return values


def encode_rolled(rolled: Rolled, slot: int, resolution_s: int) -> bytes:
    """A roll-up's columns, each packed and led by its length; means rounded to seven digits."""
    bucket = ((rolled.at - slot * DAY_MS) // (resolution_s * 1000)).astype(np.uint32)
    columns = (
        bucket,
        rolled.low,
        rolled.high,
        rolled.mean.astype(np.float32),
        rolled.last,
        rolled.count.astype(np.uint32),
    )
    packed = [_pack(np.ascontiguousarray(column)) for column in columns]
    return b"".join(len(column).to_bytes(4, "little") + column for column in packed)


def decode_rolled(body: bytes, slot: int, resolution_s: int) -> Rolled:
    """What `encode_rolled` wrote."""
    columns, place = [], 0
    while place < len(body):
        length = int.from_bytes(body[place : place + 4], "little")
        columns.append(_unpack(body[place + 4 : place + 4 + length]))
        place += 4 + length
    at = columns[0].astype(np.int64) * (resolution_s * 1000) + slot * DAY_MS
    low, high, mean, last, count = (column.astype(np.float64, copy=False) for column in columns[1:])
    return Rolled(at, low, high, mean, last, count)


def _pack(column: Any) -> bytes:
    return bytes(standalone.simple_compress(column, CONFIG))


def _unpack(body: bytes) -> Any:
    return standalone.simple_decompress(body)
