"""The measurements of the day before a demo began: what its items would have told had somebody asked.

A room that began a minute ago has charts of a minute. Once the agent has polled it round, each series gets
a day that leads up to its present value: states as they are, gauges with the course of a working day and
some unrest, counters at their present rate. It is written past the rules, which judge what comes in now.
"""

from datetime import datetime, timedelta
from zlib import crc32
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.kernel import keys
from server.kernel.jobs import Work
from server.kernel.practice import Job
from server.metrics import service as metrics
from server.metrics.models import Kind, Series
from server.metrics.samples import Block, Points, Times, Values

JOB = "demo.yesterday"
AFTER = timedelta(seconds=80)  # of the seeding; the first round is done then
BACK = timedelta(hours=25)
EVERY_MS = 120_000
LATELY = timedelta(minutes=10)

BUSIEST = 15  # o'clock
SWING = 0.08  # of a gauge over a day, to either side
UNREST = 0.004  # of a gauge from one sample to the next
CALM = ("volt", "hertz", "temperature", "humidity", "charge", "total", "limit", "size")
CALM_SHARE = 0.1  # of the swing and unrest of others
SINCE_START = "uptime_seconds"
FEW = 20  # whole numbers up to it count things, which do not waver


async def tell(work: Work) -> None:
    """Write the day before for every series that was measured lately."""
    zone = ZoneInfo(work.app[keys.SETTINGS].timezone)
    await work.db.run(write, now=work.now, zone=zone)


def write(session: Session, *, now: datetime, zone: ZoneInfo) -> int:
    """Write it; returns how many series have a day now. A series that has one already keeps it."""
    now_ms, from_ms = (round(moment.timestamp() * 1000) for moment in (now, now - BACK))
    series = list(session.scalars(select(Series)))
    lately = metrics.store.read(session, [one.id for one in series], from_ms, now_ms + 1)
    oldest = round((now - LATELY).timestamp() * 1000)
    blocks = []
    for one in series:
        known = lately[one.id]
        if len(known) and known.at[0] >= oldest and not np.isnan(known.values).any():
            at = np.arange(int(known.at[0]) - EVERY_MS, from_ms, -EVERY_MS, dtype=np.int64)[::-1]
            if (values := _day(one, at, known, zone)) is not None:
                blocks.append(Block.of(np.full(len(at), one.id, np.uint32), at, values))
    metrics.append(session, blocks, now)
    return len(blocks)


def _day(series: Series, at: Times, known: Points, zone: ZoneInfo) -> Values | None:
    """The values that lead up to the first known one; None where none can be made up."""
    first = float(known.values[0])
    back_s = (int(known.at[0]) - at) / 1000
    if series.metric.endswith(SINCE_START):
        return np.where(first > back_s, first - back_s, np.nan) if first > back_s[0] else None
    if series.kind is Kind.COUNTER:
        apart = (int(known.at[-1]) - int(known.at[0])) / 1000
        rate = (float(known.values[-1]) - first) / apart if apart > 0 else 0.0
        return first - rate * back_s if 0 <= rate * back_s[0] <= first else None
    counts = first == round(first) and abs(first) <= FEW
    if series.kind is Kind.STATE or counts:
        return np.full(len(at), first)
    return first * (1 + _course(series, at, int(known.at[0]), zone))


def _course(series: Series, at: Times, end_ms: int, zone: ZoneInfo) -> Values:
    """By what share a gauge differs from its present value; nothing at the end."""
    share = CALM_SHARE if any(word in series.metric for word in CALM) else 1.0
    begin = datetime.fromtimestamp(end_ms / 1000, zone)
    hours = begin.hour + begin.minute / 60 - (end_ms - at) / 3_600_000
    wave = np.cos((np.append(hours, begin.hour + begin.minute / 60) - BUSIEST) * np.pi / 12)
    chance = np.random.default_rng(crc32(f"{series.ci_id} {series.metric} {series.labels_key}".encode()))
    unrest = np.convolve(chance.normal(0, 1, len(at) + 4), np.ones(5) / 5, "valid")
    course: Values = share * (SWING * (wave[:-1] - wave[-1]) + 2 * UNREST * unrest)
    return course


JOBS = (Job(JOB, tell),)
