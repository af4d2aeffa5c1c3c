"""What came of a suggestion: how often it was applied and held, in all and where things are alike."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.knowledge.models import Outcome, Verdict

HELD_SO_FAR = (2.0, 0.5)  # successes and failures that everything begins with
OUTCOMES_WEIGH = 1.2  # worth of a factor of e in the odds that it holds
MOST_SURER = 2.0  # times the odds
ASIDE_WEIGHS = 0.25  # of a failure; what does not fit here may fit elsewhere
STEADY = 5  # so many failures, with at most one success to three of them, are no accident
STEADY_FAILURE = 8.0  # worth

HERE = ("model", "alert", "ci_class")  # the closest first
TRIED = (Verdict.FIXED, Verdict.CAME_BACK, Verdict.NOT_HELPED)
OUTCOMES_READ = 2_000  # the latest, of the suggestions that are shown


@dataclass(frozen=True)
class Held:
    """How often a suggestion was applied and held, or did not.

    Args:
        held, failed: on so many tickets.
        doubt: what else speaks against it, in failures.
    """

    held: int = 0
    failed: int = 0
    doubt: float = 0.0

    @property
    def fails(self) -> bool:
        """Whether it fails steadily."""
        return self.failed >= STEADY and self.failed >= 3 * self.held

    @property
    def holds(self) -> float:
        """The probability that it holds where it was meant to be applied, 0 to 1."""
        held, failed = HELD_SO_FAR
        return (self.held + held) / (self.held + held + self.failed + self.doubt + failed)

    @property
    def worth(self) -> float:
        """What that adds to its worth; nothing before anything is known."""
        return OUTCOMES_WEIGH * math.log(self.odds) - STEADY_FAILURE * self.fails

    @property
    def odds(self) -> float:
        """By how much the odds that it holds are those of what nothing is known of."""
        held, failed = HELD_SO_FAR
        return (self.held + held) / (self.failed + self.doubt + failed) * failed / held

    def surer(self, sure: float) -> float:
        """The probability that it is right, where it is `sure` that it fits before this is known.

        What has often held is asked for often; where it does not fit it holds no better than anything.
        """
        odds = sure / max(1 - sure, 1e-9) * min(self.odds, MOST_SURER)
        return odds / (1 + odds)


def outcomes(session: Session, keys: Sequence[str]) -> dict[str, Held]:
    """By suggestion; a case's own resolution is not counted.

    That a person puts it aside is said of that ticket. It weighs from the second person on, and however often
    one does so no more than one failure: nobody silences alone what has held.
    """
    if not keys:
        return {}
    persons = func.count(func.distinct(func.coalesce(Outcome.by_id, 0)))
    rows = session.execute(
        select(Outcome.suggestion, Outcome.verdict, func.count(), persons)
        .where(Outcome.suggestion.in_(keys))
        .group_by(Outcome.suggestion, Outcome.verdict)
    )
    by_key: dict[str, dict[Verdict, int]] = defaultdict(dict)
    doubt: dict[str, float] = {}
    for key, verdict, count, people in rows:
        by_key[key][verdict] = count
        if verdict is Verdict.NOT_RELEVANT:
            doubt[key] = min(ASIDE_WEIGHS * count, float(people - 1))
    return {
        key: Held(
            verdicts.get(Verdict.FIXED, 0),
            verdicts.get(Verdict.CAME_BACK, 0) + verdicts.get(Verdict.NOT_HELPED, 0),
            doubt.get(key, 0.0),
        )
        for key, verdicts in by_key.items()
    }


def here(session: Session, keys: Sequence[str], facets: Mapping[str, str]) -> dict[str, tuple[str, int, int]]:
    """The closest facet of the ticket that has outcomes, how many held there and how many were tried."""
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    rows = session.execute(
        select(Outcome.suggestion, Outcome.verdict, Outcome.facets)
        .where(Outcome.suggestion.in_(keys), Outcome.verdict.in_(TRIED))
        .order_by(Outcome.id.desc())
        .limit(OUTCOMES_READ)
    )
    for key, verdict, of_ticket in rows:
        for name in HERE:
            if facets.get(name) and of_ticket.get(name) == facets[name]:
                counts[key, name][0] += verdict is Verdict.FIXED
                counts[key, name][1] += 1
    found: dict[str, tuple[str, int, int]] = {}
    for name in HERE:
        for key in keys:
            if (key, name) in counts and key not in found:
                found[key] = (name, *counts[key, name])  # type: ignore[assignment]  # always two
    return found
