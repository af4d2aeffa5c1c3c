"""Who is silent and why: mutes by matcher, with an end."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Matcher:
    """What a mute covers: a CI, a rule, or both; each None or empty covers all."""

    id: int
    until: datetime
    ci_id: int | None = None
    rule: str = ""

    def covers(self, ci_id: int | None, rule: str) -> bool:
        """Whether an alert of this CI and rule is covered. A matcher without any word covers nothing."""
        if self.ci_id is None and not self.rule:
            return False
        return self.ci_id in (None, ci_id) and self.rule in ("", rule)


def muted_by(matchers: Iterable[Matcher], ci_id: int | None, rule: str, at: datetime) -> Matcher | None:
    """The living matcher that covers the alert; of several, the one that ends last."""
    living = [m for m in matchers if at < m.until and m.covers(ci_id, rule)]
    return max(living, key=lambda m: (m.until, m.id), default=None)
