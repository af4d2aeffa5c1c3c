"""From counters to rates: never negative, no spike where a counter wrapped or began anew."""

import numpy as np

from server.metrics.samples import Times, Values

WRAP_32, WRAP_64 = 2.0**32, 2.0**64
NEAR_END, NEAR_BEGIN = 0.75, 0.25  # a wrap goes from the last quarter of the range to the first


def rates(at: Times, values: Values) -> tuple[Times, Values]:
    """Growth for each second between neighbouring samples, at the time of the later one.

    Where the counter fell it either wrapped (from the last quarter of 32 or 64 bits to the first:
    the way round is counted) or began anew: then, as beside a null, the rate is null.

    Args:
        at: milliseconds, increasing.
        values: the counter; nulls as NaN.
    """
    if len(at) < 2:
        return at[:0], values[:0]
    before, after = values[:-1], values[1:]
    seconds = np.diff(at) / 1000.0
    grown = after - before
    fell = grown < 0
    if fell.any():
        for end in (WRAP_32, WRAP_64):
            wrapped = fell & (before < end) & (before >= NEAR_END * end) & (after <= NEAR_BEGIN * end)
            grown = np.where(wrapped, grown + end, grown)
        grown = np.where(grown < 0, np.nan, grown)
    return at[1:], grown / seconds
