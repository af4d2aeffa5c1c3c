"""Which target holds for which priority, and by which calendar."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from rules.calendar import ALWAYS, Calendar, after
from server.kernel.errors import InvalidError
from server.kernel.i18n import N_
from server.sla.models import BusinessCalendar, SlaTarget

HOUR = 3600
ALWAYS_CODE, OFFICE_CODE = "always", "office"
OFFICE_ZONE = "Asia/Shanghai"
DEFAULTS: Mapping[int, tuple[int, int, str]] = {
    1: (15 * 60, 4 * HOUR, ALWAYS_CODE),
    2: (30 * 60, 8 * HOUR, ALWAYS_CODE),
    3: (2 * HOUR, 27 * HOUR, OFFICE_CODE),  # three working days of nine hours
    4: (4 * HOUR, 45 * HOUR, OFFICE_CODE),
    5: (9 * HOUR, 90 * HOUR, OFFICE_CODE),
}
OFFICE = Calendar(OFFICE_ZONE, dict.fromkeys(range(5), ((510, 1050),)))  # Monday to Friday 8:30-17:30
LONGEST = 366 * 24 * HOUR


@dataclass(frozen=True)
class Targets:
    """What a priority promises."""

    priority: int
    response: timedelta
    resolution: timedelta
    calendar_code: str
    calendar: Calendar


def calendar(session: Session, code: str) -> Calendar:
    """A calendar by its code; office hours where the code is not known."""
    if code == ALWAYS_CODE:
        return ALWAYS
    row = session.get(BusinessCalendar, code)
    if row is None:
        return OFFICE
    return Calendar(
        row.timezone,
        {int(day): tuple((a, b) for a, b in spans) for day, spans in row.week.items()},
        {date.fromisoformat(day): tuple((a, b) for a, b in spans) for day, spans in row.days.items()},
    )


def targets(session: Session, priority: int) -> Targets:
    """The targets of a priority, 1 to 5."""
    row = session.get(SlaTarget, priority)
    response, resolution, code = (
        (row.response_s, row.resolution_s, row.calendar) if row is not None else DEFAULTS[priority]
    )
    return Targets(
        priority, timedelta(seconds=response), timedelta(seconds=resolution), code, calendar(session, code)
    )


def all_targets(session: Session) -> list[Targets]:
    """The targets of all priorities."""
    return [targets(session, priority) for priority in DEFAULTS]


def deadlines(session: Session, priority: int, opened_at: datetime) -> tuple[datetime, datetime]:
    """When a ticket of this priority must be answered and resolved, if its clocks never pause."""
    found = targets(session, priority)
    return after(found.calendar, opened_at, found.response), after(
        found.calendar, opened_at, found.resolution
    )


def set_target(session: Session, priority: int, *, response_s: int, resolution_s: int, calendar: str) -> None:
    """Change a target. Clocks that run keep what they were started with until their priority changes."""
    if priority not in DEFAULTS:
        raise InvalidError(N_("Priorities are 1 to 5."), field="/priority")
    if not 0 < response_s <= resolution_s <= LONGEST:
        raise InvalidError(
            N_("The response must be due before the resolution, and both within a year."), field="/response_s"
        )
    if calendar not in {ALWAYS_CODE, OFFICE_CODE} and session.get(BusinessCalendar, calendar) is None:
        raise InvalidError(N_("There is no calendar {code}."), field="/calendar", code=calendar)
    row = session.get(SlaTarget, priority)
    if row is None:
        session.add(
            SlaTarget(priority=priority, response_s=response_s, resolution_s=resolution_s, calendar=calendar)
        )
    else:
        row.response_s, row.resolution_s, row.calendar = response_s, resolution_s, calendar
    session.flush()
