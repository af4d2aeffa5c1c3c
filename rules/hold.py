"""Does a condition hold for long enough? One step per sample, on any clock that does not run backwards.

Source: the fields `for` and `keep_firing_for` of Prometheus alerting rules.
"""

from typing import Literal, NamedTuple

Phase = Literal["idle", "pending", "firing", "leaving"]
Turn = Literal["firing", "resolved"]


class Hold(NamedTuple):
    """The standing of one condition. `Hold()` before the first sample.

    `since` is when the phase began; `started_at` when the condition that fires first held, 0 where none
    does; `flips` counts how often it went and came back while the alert stood.
    """

    phase: Phase = "idle"
    since: float = 0.0
    started_at: float = 0.0
    flips: int = 0

    @property
    def fires(self) -> bool:
        """Whether the server has been told that the condition holds."""
        return self.phase in {"firing", "leaving"}


IDLE = Hold()


def step(hold: Hold, *, met: bool, at: float, for_s: float, keep_s: float) -> tuple[Hold, Turn | None]:
    """Advance a condition by one sample.

    A change of mind must last `for_s` to fire and `keep_s` to resolve, so one odd sample tells nobody
    anything. A gap in the samples counts as the last value.

    Args:
        hold: the standing after the previous sample.
        met: whether the condition holds in this sample.
        at: when the sample was taken, seconds. After a clock set back the current phase is timed anew.
        for_s: how long the condition must hold before it fires, seconds.
        keep_s: how long it must be gone before it resolves, seconds.

    Returns:
        The new standing (the same object where nothing changed), and the news, or None.
    """
    if met:
        return _met(hold, at, for_s)
    if hold.phase == "idle":
        return hold, None
    if hold.phase == "pending":
        return IDLE, None
    return _gone(hold, at, keep_s)


def _met(hold: Hold, at: float, for_s: float) -> tuple[Hold, Turn | None]:
    phase = hold.phase
    if phase == "firing":
        return hold, None
    if phase == "leaving":
        return Hold("firing", at, hold.started_at, hold.flips + 1), None
    since = at if phase == "idle" else hold.since
    if at - since >= for_s:
        return Hold("firing", at, since, 0), "firing"
    return (Hold("pending", at), None) if phase == "idle" or at < since else (hold, None)


def _gone(hold: Hold, at: float, keep_s: float) -> tuple[Hold, Turn | None]:
    since = at if hold.phase == "firing" else hold.since
    if at - since >= keep_s:
        return IDLE, "resolved"
    if hold.phase == "firing" or at < since:
        return Hold("leaving", at, hold.started_at, hold.flips), None
    return hold, None
