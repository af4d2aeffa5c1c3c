"""What a condition is made of: thresholds with hysteresis, changes counted in a window, rates of counters."""

from dataclasses import dataclass, field

COUNTER_BITS = (32, 64)
MAX_CHANGES = 64  # moments of changes kept for one series


@dataclass(frozen=True, slots=True)
class Threshold:
    """Above or below a limit; once met, it stays so until the value passes `clear` on the other side.

    `clear` is never beyond the limit: for `above` at most the limit, for `below` at least.
    """

    limit: float
    clear: float
    above: bool = True

    def met(self, value: float, *, before: bool) -> bool:
        """Whether it is met now, given whether it was before."""
        if self.above:
            return value > self.limit or (before and value > self.clear)
        return value < self.limit or (before and value < self.clear)


@dataclass(slots=True)
class Changes:
    """How often a value changed within a sliding window of `within_s` seconds."""

    within_s: float
    last: float | None = None
    moments: list[float] = field(default_factory=list)

    def count(self, value: float, at: float) -> int:
        """Take the next value; how many changes the window now holds."""
        if self.last is not None and value != self.last:
            self.moments.append(at)
        self.last = value
        if self.moments:
            self.moments = [one for one in self.moments[-MAX_CHANGES:] if one > at - self.within_s]
        return len(self.moments)


def rate(before: float, after: float, elapsed_s: float) -> float | None:
    """The rise of a counter per second, or None where nobody can tell.

    A counter that fell has wrapped if it stood in the highest quarter of its 32 or 64 bits and is now in
    the lowest; otherwise the device began anew and the interval is a gap: never negative, never a spike.

    Args:
        before: raw count at the start, as the device gave it.
        after: raw count at the end.
        elapsed_s: seconds between them; None is returned where it is not positive.
    """
    if elapsed_s <= 0:
        return None
    if after >= before:
        return (after - before) / elapsed_s
    for bits in COUNTER_BITS:
        size = float(1 << bits)
        if before < size:
            if before >= 0.75 * size and after < 0.25 * size:
                return (size - before + after) / elapsed_s
            return None
    return None
