"""Time as a loaded machine had it: what is late because everything is late does not count."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

TICK_S = 0.02


class Pace:
    """Seconds in which the loop really came round, never more than went by on the wall.

    A deadline of the loop and this count wait for the same machine, so that a test which bounds the one by
    the other says what it means on an idle machine and on a busy one.
    """

    def __init__(self) -> None:
        self.ticks = 0

    @property
    def seconds(self) -> float:
        return self.ticks * TICK_S

    async def count(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.ticks += 1


@contextlib.asynccontextmanager
async def pace() -> AsyncIterator[Pace]:
    """Counted while the block runs."""
    counted = Pace()
    task = asyncio.create_task(counted.count())
    try:
        yield counted
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
