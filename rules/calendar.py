"""Business time: working hours of a week in a zone, with holidays and working days moved.

Durations are worked time. On days when the clock is changed an hour that is skipped is not worked and one
that comes twice is worked twice, if it lies inside of the hours; an edge of the hours that does not exist
is taken at the first instant that does, one that comes twice at the first.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Span = tuple[int, int]  # minutes since midnight, 0 to 1440, first before second
DAY = 1440
FAR = 3660  # days: a calendar without a working hour in ten years has none


class CalendarError(ValueError):
    """A calendar without any working hour, or with hours that mean nothing."""


@dataclass(frozen=True)
class Calendar:
    """Working hours.

    Attributes:
        timezone: IANA name; the hours are local.
        week: spans by weekday, 0 Monday to 6 Sunday; a day that is missing is free.
        days: spans of single days, which overrule the week: a holiday has none.
        always: every minute counts (24x7); hours and days are then not looked at.
    """

    timezone: str = "UTC"
    week: Mapping[int, tuple[Span, ...]] = field(default_factory=dict)
    days: Mapping[date, tuple[Span, ...]] = field(default_factory=dict)
    always: bool = False

    def __post_init__(self) -> None:
        for spans in (*self.week.values(), *self.days.values()):
            last = 0
            for start, end in spans:
                if not last <= start < end <= DAY:
                    raise CalendarError(f"hours from minute {start} to {end} do not fit into their day")
                last = end

    def on(self, day: date) -> tuple[Span, ...]:
        """The spans of one day."""
        special = self.days.get(day)
        return special if special is not None else self.week.get(day.weekday(), ())


ALWAYS = Calendar(always=True)


def working(calendar: Calendar, at: datetime) -> bool:
    """Whether work goes on at a moment."""
    if calendar.always:
        return True
    day = at.astimezone(ZoneInfo(calendar.timezone)).date()
    return any(start <= at < end for start, end in _spans(calendar, day))


def between(calendar: Calendar, start: datetime, end: datetime) -> timedelta:
    """Worked time from `start` to `end`; nothing if `end` is not later."""
    if end <= start:
        return timedelta()
    if calendar.always:
        return end - start
    total = timedelta()
    for begin, until in _from(calendar, start):
        if begin >= end:
            break
        total += min(until, end) - max(begin, start)
    return total


def after(calendar: Calendar, start: datetime, worked: timedelta) -> datetime:
    """The first moment by which `worked` time has passed since `start`, UTC.

    Raises:
        CalendarError: no hours are worked in the ten years from there.
    """
    start = start.astimezone(UTC)
    if calendar.always or worked <= timedelta():
        return start + max(worked, timedelta())
    left = worked
    for begin, until in _from(calendar, start):
        here = max(begin, start)
        if until - here >= left:
            return here + left
        left -= until - here
    raise CalendarError("the calendar has no working hours")


def _from(calendar: Calendar, start: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Worked spans as instants that end after `start`, for ten years."""
    day = start.astimezone(ZoneInfo(calendar.timezone)).date()
    for ahead in range(FAR):
        for begin, until in _spans(calendar, day + timedelta(days=ahead)):
            if until > start:
                yield begin, until


def _spans(calendar: Calendar, day: date) -> list[tuple[datetime, datetime]]:
    zone = ZoneInfo(calendar.timezone)
    spans = ((_instant(zone, day, a), _instant(zone, day, b)) for a, b in calendar.on(day))
    return [(begin, until) for begin, until in spans if begin < until]


def _instant(zone: ZoneInfo, day: date, minute: int) -> datetime:
    """The first instant at or after a local time that exists."""
    if minute == DAY:
        day, minute = day + timedelta(days=1), 0
    local = datetime.combine(day, time(minute // 60, minute % 60), zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    # In a gap: between the readings with the offset of after and of before lies the change.
    low, high = local.replace(fold=1).astimezone(UTC), instant
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset():
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)
