"""The seam between those who have samples and the place where samples rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy.orm import Session

from server.kernel.db import Database
from server.metrics.samples import Block, Points, Rolled


@dataclass(frozen=True)
class Retention:
    """How long samples are kept: as they came, and in buckets of five minutes and of an hour."""

    raw: timedelta = timedelta(days=14)
    five_minutes: timedelta = timedelta(days=90)
    hour: timedelta = timedelta(days=730)


class SampleStore(Protocol):
    """Keeps samples; every implementation passes the same contract tests.

    Whatever was appended in a committed transaction is on disk and is read from then on. The same
    samples again, late or in another order change nothing in what is read.
    """

    def append(self, session: Session, blocks: Sequence[Block], *, received_at: datetime) -> None:
        """Keep the samples, in the caller's transaction."""

    def read(self, session: Session, ids: Sequence[int], from_ms: int, to_ms: int) -> dict[int, Points]:
        """Samples in `from_ms <= at < to_ms` for each series asked for, as they came."""

    def read_rolled(
        self, session: Session, ids: Sequence[int], resolution_s: int, from_ms: int, to_ms: int
    ) -> dict[int, Rolled]:
        """Buckets whose begin is in the range, of the days that are rolled up."""

    def latest(self, session: Session, ids: Sequence[int]) -> dict[int, tuple[int, float]]:
        """Time (ms) and value of the newest sample of those series that have one."""

    def raw_from(self, session: Session, now: datetime) -> int:
        """The first moment (ms) whose samples are still kept as they came."""

    def pack(self, db: Database, *, now: datetime) -> int:
        """Bring what waits into its resting form; returns how many samples that were."""

    def roll(self, db: Database, *, now: datetime) -> int:
        """Make the buckets of finished days; returns how many days."""

    def retire(self, db: Database, *, now: datetime) -> int:
        """Delete what is older than its retention; returns how many rows."""
