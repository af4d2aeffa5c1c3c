"""The one clock. Services take `now` as a value; only the outermost code asks a clock."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time, UTC."""

    def now(self) -> datetime:
        """The present moment, with zone UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, with zone UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that a test moves by hand."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """The moment the test has set."""
        return self._now

    def forward(self, step: timedelta) -> datetime:
        """Move on by `step` (which may be negative) and return the new moment."""
        self._now += step
        return self._now
