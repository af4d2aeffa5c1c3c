"""Buckets: many samples as lowest, highest, mean, last and count."""

import numpy as np

from server.metrics.samples import Points, Rolled

RESOLUTIONS = (300, 3600)  # seconds


def roll(points: Points, resolution_ms: int) -> Rolled:
    """One series in buckets that begin at multiples of `resolution_ms`; nulls are left out."""
    real = ~np.isnan(points.values)
    at, values = points.at[real], points.values[real]
    return fold(Rolled(at, values, values, values, values, np.ones(len(at))), resolution_ms)


def fold(parts: Rolled, resolution_ms: int) -> Rolled:
    """Finer buckets (or single samples, count 1) in order of time as coarser ones."""
    if len(parts.at) == 0:
        return parts
    begin = parts.at - parts.at % resolution_ms
    first = np.flatnonzero(np.concatenate(([True], begin[1:] != begin[:-1])))
    last = np.concatenate((first[1:], [len(begin)])) - 1
    count = np.add.reduceat(parts.count, first)
    low = np.minimum.reduceat(parts.low, first)
    high = np.maximum.reduceat(parts.high, first)
    mean = np.add.reduceat(parts.mean * (parts.count / np.repeat(count, last - first + 1)), first)
    return Rolled(begin[first], low, high, np.clip(mean, low, high), parts.last[last], count)


def joined(parts: list[Rolled]) -> Rolled:
    """Stretches that follow each other as one."""
    if len(parts) == 1:
        return parts[0]
    empty = np.empty(0)
    if not parts:
        return Rolled(np.empty(0, np.int64), empty, empty, empty, empty, empty)
    return Rolled(
        np.concatenate([part.at for part in parts]),
        np.concatenate([part.low for part in parts]),
        np.concatenate([part.high for part in parts]),
        np.concatenate([part.mean for part in parts]),
        np.concatenate([part.last for part in parts]),
        np.concatenate([part.count for part in parts]),
    )
