"""Tables of the sample store: what is measured, what just arrived, what is packed.

A report's samples are one row of `metric_head`, on disk when it is acknowledged. Packing moves
all heads into one chunk a series and day; a finished day gets its roll-ups. Times are in
milliseconds since 1970, UTC; a slot is a day, counted from 1970-01-01.
"""

import enum
from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base

ROW_ID = BigInteger().with_variant(Integer, "sqlite")


class Kind(enum.StrEnum):
    """How the values of a series are to be read."""

    GAUGE = "gauge"  # a level: may go up and down
    COUNTER = "counter"  # only grows, wraps or starts anew; shown as a rate
    STATE = "state"  # a number that stands for a word in `states`


class Series(Base):
    """One measured thing: a metric of a CI with its labels. Registered once, then known by its id."""

    __tablename__ = "metric_series"
    __audited__ = False  # says what a machine measures, no person's act

    id: Mapped[int] = mapped_column(primary_key=True)
    ci_id: Mapped[int] = mapped_column(index=True)
    metric: Mapped[str] = mapped_column(String(200))
    labels: Mapped[dict[str, str]]
    labels_key: Mapped[str] = mapped_column(String(400))  # canonical text of the labels
    unit: Mapped[str] = mapped_column(String(40), default="")
    kind: Mapped[Kind]
    states: Mapped[dict[str, str]] = mapped_column(default=dict)  # value as text -> its word
    last_value: Mapped[float | None]  # as of the last packing; `service.latest` knows newer ones
    last_at: Mapped[datetime | None]
    created_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("ci_id", "metric", "labels_key"),)


class Head(Base):
    """The samples of one committed batch of reports, not packed yet."""

    __tablename__ = "metric_head"
    __audited__ = False  # samples are facts of machines

    id: Mapped[int] = mapped_column(ROW_ID, primary_key=True)
    received_at: Mapped[datetime]
    from_ms: Mapped[int] = mapped_column(BigInteger)
    to_ms: Mapped[int] = mapped_column(BigInteger)
    n: Mapped[int]
    body: Mapped[bytes] = mapped_column(LargeBinary)  # codec.encode_head

    __table_args__ = (Index("ix_metric_head_to_ms", "to_ms"), {"sqlite_autoincrement": True})


class Chunk(Base):
    """All samples of one series on one day."""

    __tablename__ = "metric_chunk"
    __audited__ = False  # samples are facts of machines

    slot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    series_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    n: Mapped[int]
    times: Mapped[int] = mapped_column(BigInteger)  # digest of its `ChunkTimes`
    body: Mapped[bytes] = mapped_column(LargeBinary)  # codec.encode_values


class ChunkTimes(Base):
    """The times of a chunk. Series polled together share one row, which is most of the saving."""

    __tablename__ = "metric_chunk_times"
    __audited__ = False  # samples are facts of machines

    slot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    digest: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    body: Mapped[bytes] = mapped_column(LargeBinary)  # codec.encode_times


class Rollup(Base):
    """One series on one day in buckets of `resolution_s`: lowest, highest, mean, last, count."""

    __tablename__ = "metric_rollup"
    __audited__ = False  # derived from samples

    resolution_s: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    slot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    series_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[bytes] = mapped_column(LargeBinary)  # codec.encode_rolled


class Slot(Base):
    """A day of the store: when it last changed and when it was last rolled up."""

    __tablename__ = "metric_slot"
    __audited__ = False  # bookkeeping of the store

    slot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    packed_at: Mapped[datetime]
    rolled_at: Mapped[datetime | None]


class StoreState(Base):
    """One row. `generation` grows with each packing: the fence between packers, the news for caches."""

    __tablename__ = "metric_store"
    __audited__ = False  # bookkeeping of the store

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    token: Mapped[str] = mapped_column(String(32))  # of this store, so that a cache never outlives it
    generation: Mapped[int]


class Firing(Base):
    """A server rule that fires on a series; told once, remembered over restarts."""

    __tablename__ = "metric_firing"
    __audited__ = False  # the alert that follows is the record

    series_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rule: Mapped[str] = mapped_column(String(80), primary_key=True)
    severity: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[datetime]
    told_at: Mapped[datetime]
