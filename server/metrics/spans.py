"""The time range of a page or a question: `?from=&to=` in UTC, or `?last=1h`."""

import re
from datetime import datetime, timedelta

from server.kernel.errors import InvalidError
from server.kernel.i18n import N_

LONGEST = timedelta(days=800)
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
SPAN = re.compile(r"([1-9][0-9]{0,4})([mhd])")


def span(
    from_at: datetime | None, to_at: datetime | None, last: str | None, *, now: datetime
) -> tuple[datetime, datetime]:
    """Begin and end of what is asked for; the last hour if nothing is said.

    Raises:
        InvalidError: not a range, or longer than 800 days.
    """
    if last is not None:
        match = SPAN.fullmatch(last)
        if match is None:
            raise InvalidError(N_("Write a time range as 30m, 6h or 7d."), field="/last")
        end = to_at or now
        length = int(match[1]) * UNITS[match[2]]
        if length > LONGEST:
            raise InvalidError(N_("A range is at most {days} days long."), field="/last", days=LONGEST.days)
        return end - length, end
    end = to_at or now
    begin = from_at or end - timedelta(hours=1)
    if begin >= end:
        raise InvalidError(N_("The range ends before it begins."), field="/to")
    if end - begin > LONGEST:
        raise InvalidError(N_("A range is at most {days} days long."), field="/from", days=LONGEST.days)
    return begin, end
