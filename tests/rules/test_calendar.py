"""Business time against an oracle that steps minute by minute."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.calendar import ALWAYS, Calendar, CalendarError, after, between, working

WEEK = dict.fromkeys(range(5), ((510, 720), (780, 1050)))
OFFICE = Calendar("Asia/Shanghai", WEEK, {date(2026, 10, 1): (), date(2026, 10, 10): ((510, 1050),)})
ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC")
SPANS = st.sampled_from([(), ((510, 1050),), ((0, 1440),), ((0, 60), (240, 720)), ((480, 720), (1320, 1440))])
CALENDARS = st.builds(
    Calendar,
    timezone=st.sampled_from(ZONES),
    week=st.dictionaries(st.integers(0, 6), SPANS, min_size=1),
    days=st.dictionaries(st.dates(date(2026, 3, 1), date(2026, 4, 30)), SPANS, max_size=5),
)
MOMENTS = st.datetimes(datetime(2026, 3, 1), datetime(2026, 4, 30)).map(  # noqa: DTZ001  zone given next
    lambda at: at.replace(second=0, microsecond=0, tzinfo=UTC)
)


def counted(calendar: Calendar, start: datetime, end: datetime) -> int:
    """Minutes from start to end whose wall clock lies in the hours of its day."""
    zone, minutes = ZoneInfo(calendar.timezone), 0
    while start < end:
        wall = start.astimezone(zone)
        minute = wall.hour * 60 + wall.minute
        minutes += any(a <= minute < b for a, b in calendar.on(wall.date()))
        start += timedelta(minutes=1)
    return minutes


@settings(deadline=None, max_examples=60)
@given(calendar=CALENDARS, start=MOMENTS, minutes=st.integers(0, 4000))
def test_worked_time_is_what_stepping_through_the_minutes_counts(
    calendar: Calendar, start: datetime, minutes: int
) -> None:
    end = start + timedelta(minutes=minutes)
    assert between(calendar, start, end) == timedelta(minutes=counted(calendar, start, end))


@settings(deadline=None, max_examples=60)
@given(calendar=CALENDARS, start=MOMENTS, minutes=st.integers(1, 3000))
def test_the_deadline_is_the_first_moment_by_which_the_time_is_worked(
    calendar: Calendar, start: datetime, minutes: int
) -> None:
    worked = timedelta(minutes=minutes)
    if not any(calendar.week.values()):
        return
    due = after(calendar, start, worked)
    assert between(calendar, start, due) == worked
    assert between(calendar, start, due - timedelta(minutes=1)) < worked


def test_four_hours_from_friday_afternoon_end_on_monday() -> None:
    friday = datetime(2026, 11, 20, 16, 30, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert after(OFFICE, friday, timedelta(hours=4)) == datetime(
        2026, 11, 23, 11, 30, tzinfo=ZoneInfo("Asia/Shanghai")
    )


def test_a_holiday_is_free_and_a_moved_working_day_is_not() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    assert not working(OFFICE, datetime(2026, 10, 1, 10, 0, tzinfo=zone))
    assert working(OFFICE, datetime(2026, 10, 10, 10, 0, tzinfo=zone))


def test_always_is_every_minute() -> None:
    start = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)
    assert after(ALWAYS, start, timedelta(hours=4)) == start + timedelta(hours=4)
    assert between(ALWAYS, start, start) == timedelta()


def test_hours_that_begin_in_the_skipped_hour_begin_when_it_is_over() -> None:
    night = Calendar("Europe/Berlin", {6: ((150, 300),)})  # 2:30 to 5:00 on Sundays
    change = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)  # 2:00 becomes 3:00
    assert working(night, change)
    assert not working(night, change - timedelta(minutes=1))
    assert between(night, change - timedelta(days=1), change + timedelta(days=1)) == timedelta(hours=2)


def test_a_calendar_without_hours_is_refused_when_it_is_asked() -> None:
    with pytest.raises(CalendarError):
        after(Calendar(), datetime(2026, 1, 1, tzinfo=UTC), timedelta(minutes=1))
    with pytest.raises(CalendarError):
        Calendar(week={0: ((600, 500),)})
