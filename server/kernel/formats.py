"""Times, durations and numbers, for the eye of the reader: language and zone of the request.

English dates read `20 Nov 2026`, Chinese `2026年11月20日`; tables keep `2026-11-20` in both. The
clock has 24 hours. Between a figure and its unit stands a no-break space, except before % and °.
"""

from datetime import date, datetime, timedelta
from typing import Literal

from babel.dates import format_date as babel_date
from babel.dates import get_timezone_name

from server.kernel.catalogue import _, pgettext
from server.kernel.language import current_language, current_zone

LOCALES = {"en": "en_GB", "zh": "zh_CN"}
PATTERNS = {
    "time": "%H:%M:%S",
    "minute": "%H:%M",
    "day": "{day}",
    "date": "{date}",
    "table": "%Y-%m-%d %H:%M",
    "moment": "{date} %H:%M",
    "full": "{date} %H:%M:%S {offset}",
    "offset": "%H:%M:%S {offset}",
}
NBSP = "\u00a0"

Style = Literal["time", "minute", "day", "date", "moment", "table", "full", "offset"]


def local(at: datetime) -> datetime:
    """The moment in the reader's zone."""
    return at.astimezone(current_zone())


def offset(at: datetime) -> str:
    """The reader's offset from UTC at that moment, as `+08:00`."""
    text = local(at).strftime("%z")
    return f"{text[:3]}:{text[3:]}"


def format_moment(at: datetime, style: Style = "moment") -> str:
    """A moment in the reader's zone.

    Styles: `time` 03:07:16, `minute` 03:07, `day` 20 Nov, `date` 20 Nov 2026, `table`
    2026-11-20 03:07, `moment` 20 Nov 2026 03:07, `full` 20 Nov 2026 03:07:16 +08:00,
    `offset` 03:07:16 +08:00.
    """
    here = local(at)
    pattern = (
        PATTERNS[style].replace("{date}", format_date(here.date())).replace("{day}", format_day(here.date()))
    )
    return here.strftime(pattern.replace("{offset}", offset(at)))


def format_date(day: date) -> str:
    """A date: `20 Nov 2026`, `2026年11月20日`."""
    if current_language() == "zh":
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {_month(day)} {day.year}"


def format_day(day: date) -> str:
    """A date within the year: `20 Nov`, `11月20日`."""
    if current_language() == "zh":
        return f"{day.month}月{day.day}日"
    return f"{day.day} {_month(day)}"


def format_weekday(day: date) -> str:
    """The date with its weekday: `Friday 20 November 2026`, `2026年11月20日 星期五`."""
    locale = LOCALES[current_language()]
    pattern = "y年M月d日 EEEE" if current_language() == "zh" else "EEEE d MMMM y"
    return str(babel_date(day, pattern, locale=locale))


def _month(day: date) -> str:
    return ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[day.month - 1]


def zone_name() -> str:
    """The reader's zone by its name in the reader's language, as `China Time`."""
    return str(get_timezone_name(current_zone(), locale=LOCALES[current_language()]))


def format_relative(at: datetime, now: datetime) -> str:
    """How far a moment is from now: `11 min ago`, `in 2 h`, `just now`."""
    ahead = at > now
    seconds = int(abs((now - at).total_seconds()))
    if seconds < 5:
        return _("just now")
    span = format_duration(timedelta(seconds=seconds), parts=1)
    return _("in {span}").format(span=span) if ahead else _("{span} ago").format(span=span)


def format_duration(span: timedelta, *, parts: int = 2) -> str:
    """A length of time in its `parts` largest units: `3 min 22 s`, `2 h 10 min`, `1 d 2 h`.

    Sign is not shown; the sentence around says whether time is left or over.
    """
    seconds = int(abs(span.total_seconds()))
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    units = (
        (days, _("{n} d")),
        (hours, _("{n} h")),
        (minutes, _("{n} min")),
        (seconds, _("{n} s")),
    )
    first = next((i for i, (n, _text) in enumerate(units) if n), len(units) - 1)
    chosen = [(n, text) for n, text in units[first : first + parts] if n or first == len(units) - 1]
    if len(chosen) > 1:  # Chinese shortens a minute beside other units
        chosen = [(n, pgettext("part", "{n} min") if text == units[2][1] else text) for n, text in chosen]
    return " ".join(text.format(n=n) for n, text in chosen)


def format_left(span: timedelta) -> str:
    """Time left or over as clocks tell it: `2 h 10 min`, `11 min`, and seconds in the last five minutes."""
    seconds = abs(span.total_seconds())
    return format_duration(span, parts=2 if seconds >= 3600 or seconds < 300 else 1)


def format_number(value: float, decimals: int | None = None) -> str:
    """A number with thousands parted by commas: `1,240`, `23.8`.

    Args:
        value: the number.
        decimals: fixed digits after the point; None shows whole numbers whole and others with
            up to four significant digits.
    """
    if decimals is not None:
        return f"{value:,.{decimals}f}"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    digits = max(0, min(6, 4 - len(str(int(abs(value))))))
    return f"{value:,.{digits}f}".rstrip("0").rstrip(".")


def format_unit(value: float, unit: str, decimals: int | None = None) -> str:
    """A number with its unit: `23.8 °C`, `120 kVA`, `71.4%`."""
    text = format_number(value, decimals)
    if not unit:
        return text
    return f"{text}{unit}" if unit in {"%", "°"} else f"{text}{NBSP}{unit}"


def format_count(n: int, limit: int = 10_000) -> str:
    """A count, exact up to `limit`: `1,240`, `10,000+`."""
    return f"{limit:,}+" if n > limit else f"{n:,}"


def format_bytes(n: float) -> str:
    """An amount of data: `32 GiB`."""
    size, unit = float(n), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if abs(size) < 1024:
            break
        size, unit = size / 1024, larger
    return f"{format_number(round(size, 1) if size < 100 else round(size))}{NBSP}{unit}"
