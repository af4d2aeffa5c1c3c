"""The agent's two clocks, both injectable: the wall for people, the steady one for durations."""

import time


class Clock:
    """`wall` may be stepped by whoever sets it; `steady` begins at the wall's time and never runs back.

    Both are seconds since 1970; what is measured on `steady` keeps its meaning over a restart.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970, UTC."""
        return time.time()

    def steady(self) -> float:
        """Seconds on a clock that does not run backwards."""
        return time.monotonic() + self._offset
