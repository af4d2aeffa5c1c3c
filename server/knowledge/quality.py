"""How good the suggestions are, week by week, as outcomes tell it; and what the portal saved.

All figures are shares of what was judged; a week without anything to judge has none: a gap in the chart.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.knowledge.models import Case, Gap, Outcome, PortalSearch, Told, Verdict

WEEKS = 26
JUDGED = frozenset({Verdict.FIXED, Verdict.CAME_BACK, Verdict.NOT_HELPED, Verdict.NOT_RELEVANT})
TRIED = frozenset({Verdict.FIXED, Verdict.CAME_BACK, Verdict.NOT_HELPED})
AMONG = 5


@dataclass(frozen=True)
class Week:
    """One week of seven days that ends `at`; shares are 0 to 1, None where there was nothing to judge.

    Args:
        tickets: on which a suggestion was judged.
        first_right: of those, the share on which the first suggestion that was judged held.
        five_right: of those, the share on which one of the first five held.
        answered: of the tickets that asked, the share for which something was known.
        applied, held: fixes that were applied and judged, and those after which it stayed clear.
        searches, solved: of end users in the portal, and those that ended without a report.
    """

    at: datetime
    tickets: int
    first_right: float | None
    five_right: float | None
    asked: int
    answered: float | None
    applied: int
    held: int
    searches: int
    solved: int

    @property
    def held_share(self) -> float | None:
        """Of what was applied, the share that held."""
        return share(self.held, self.applied)

    @property
    def deflected(self) -> float | None:
        """Of the searches in the portal, the share that needed no report."""
        return share(self.solved, self.searches)


def share(part: int, whole: int) -> float | None:
    """A part of a whole, None of nothing."""
    return part / whole if whole else None


def weeks(session: Session, *, now: datetime, count: int = WEEKS) -> list[Week]:
    """The last weeks, the oldest first."""
    since = now - timedelta(days=7 * count)
    outcomes = session.execute(
        select(Outcome.ticket, Outcome.verdict, Outcome.at, Outcome.id)
        .where(Outcome.at > since, Outcome.verdict != Verdict.OPENED)
        .order_by(Outcome.id)
    ).all()
    by_week: dict[int, dict[str, list[Verdict]]] = defaultdict(lambda: defaultdict(list))
    asked: dict[int, set[str]] = defaultdict(set)
    for ticket, verdict, at, _id in outcomes:
        by_week[_week(at, now)][ticket].append(verdict)
        if not ticket.startswith("P-"):
            asked[_week(at, now)].add(ticket)
    gaps: dict[int, set[str]] = defaultdict(set)
    for ticket, at in session.execute(select(Gap.ticket, Gap.at).where(Gap.at > since)):
        gaps[_week(at, now)].add(ticket)
        asked[_week(at, now)].add(ticket)
    for ticket, at in session.execute(select(Case.number, Case.resolved_at).where(Case.resolved_at > since)):
        asked[_week(at, now)].add(ticket)
    searched: dict[int, list[Told]] = defaultdict(list)
    for told, at in session.execute(
        select(PortalSearch.told, PortalSearch.at).where(PortalSearch.at > since)
    ):
        searched[_week(at, now)].append(told)
    return [
        _told(now - timedelta(days=7 * back), by_week[back], asked[back], gaps[back], searched[back])
        for back in reversed(range(count))
    ]


def _week(at: datetime, now: datetime) -> int:
    """How many weeks back; what is later than now belongs to this one."""
    return max(0, int((now - at).total_seconds() // (7 * 86_400)))


def _told(
    at: datetime,
    judged: dict[str, list[Verdict]],
    asked: set[str],
    gaps: set[str],
    searched: Sequence[Told],
) -> Week:
    known = [[one for one in verdicts if one in JUDGED] for verdicts in judged.values()]
    known = [verdicts for verdicts in known if verdicts]
    tried = [one for verdicts in known for one in verdicts if one in TRIED]
    return Week(
        at=at,
        tickets=len(known),
        first_right=share(sum(verdicts[0] is Verdict.FIXED for verdicts in known), len(known)),
        five_right=share(sum(Verdict.FIXED in verdicts[:AMONG] for verdicts in known), len(known)),
        asked=len(asked),
        answered=share(len(asked - gaps), len(asked)),
        applied=len(tried),
        held=sum(one is Verdict.FIXED for one in tried),
        searches=len(searched),
        solved=sum(one is Told.SOLVED for one in searched),
    )


def together(found: Sequence[Week]) -> Week:
    """Several weeks as one, shares weighed by what they are of."""

    def mean(value: str, weight: str) -> float | None:
        known = [
            (getattr(one, value), getattr(one, weight)) for one in found if getattr(one, value) is not None
        ]
        whole = sum(n for _v, n in known)
        return sum(v * n for v, n in known) / whole if whole else None

    return Week(
        at=found[-1].at,
        tickets=sum(one.tickets for one in found),
        first_right=mean("first_right", "tickets"),
        five_right=mean("five_right", "tickets"),
        asked=sum(one.asked for one in found),
        answered=mean("answered", "asked"),
        applied=sum(one.applied for one in found),
        held=sum(one.held for one in found),
        searches=sum(one.searches for one in found),
        solved=sum(one.solved for one in found),
    )
