"""Which of several sources' values is shown, and why each of the others is not.

Every source keeps its own claim of every attribute. A ranking orders the sources and says how
long each one's word is good; when it is not, the next source takes over. The result depends on
the claims alone, never on the order in which they came.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

UNRANKED = 99  # sources that the ranking does not name come last

Value = Any  # text, number, truth value or a list of them, as JSON has them


@dataclass(frozen=True)
class Claim:
    """What one source says of one attribute.

    Args:
        source: kind and name, as `agent:agent-b1-01`, `import:racks.csv`, `entered`.
        value: the value it claims.
        since_at: when it first claimed this value, UTC.
        seen_at: when it last confirmed it, UTC.
        reverted: a person took this value of this source out of the race.
    """

    source: str
    value: Value
    since_at: datetime
    seen_at: datetime
    reverted: bool = False


@dataclass(frozen=True)
class Rank:
    """A source's place (1 is best) and how long its word is good; None: for ever."""

    place: int
    ttl: timedelta | None = None


@dataclass(frozen=True)
class Verdict:
    """A claim and why it is shown or not.

    `reason` is one of: shown, agrees, lower_rank, older, expired, reverted.
    """

    claim: Claim
    place: int
    reason: str
    expired_at: datetime | None = None


@dataclass(frozen=True)
class Settled:
    """The value shown (None where nobody has a say) and the verdict on every claim, best first.

    `conflict`: living claims differ. `stale`: even the best claim is past its time.
    """

    shown: Claim | None
    verdicts: tuple[Verdict, ...]
    conflict: bool = False
    stale: bool = False


def rank_of(ranking: Mapping[str, Rank], source: str) -> Rank:
    """The rank of a source: by its full name, else by its kind, else last."""
    return ranking.get(source) or ranking.get(source.split(":", 1)[0]) or Rank(UNRANKED)


def settle(claims: Iterable[Claim], ranking: Mapping[str, Rank], *, now: datetime) -> Settled:
    """Choose the value to show.

    Living claims go before expired ones, then rank decides, then the newer value, then the
    source's name, so that the choice is the same whatever the order. Reverted claims never win.

    Args:
        claims: at most one per source.
        ranking: by source kind or full source name.
        now: the moment of the choice, UTC.
    """
    rows = []
    for claim in claims:
        rank = rank_of(ranking, claim.source)
        ends = None if rank.ttl is None else claim.seen_at + rank.ttl
        expired = ends is not None and ends < now
        rows.append(
            (claim.reverted, expired, rank.place, -claim.since_at.timestamp(), claim.source, claim, ends)
        )
    rows.sort(key=lambda row: row[:5])
    if not rows:
        return Settled(None, ())
    best = rows[0]
    shown = None if best[0] else best[5]
    verdicts = []
    conflict = False
    for reverted, expired, place, _newer, _source, claim, ends in rows:
        alike = shown is not None and same(claim.value, shown.value)
        if shown is claim:
            reason = "shown"
        elif reverted:
            reason = "reverted"
        elif expired and not best[1]:
            reason = "expired"
        elif alike:
            reason = "agrees"
        else:
            reason = "lower_rank" if place > best[2] else "older"
        conflict |= not reverted and not expired and not alike
        verdicts.append(Verdict(claim, place, reason, ends if expired else None))
    return Settled(shown, tuple(verdicts), conflict, bool(best[1]) and shown is not None)


def same(one: Value, other: Value) -> bool:
    """Whether two sources mean the same value: case, outer space, `2` and `2.0` do not matter."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return sorted(map(_plain, one)) == sorted(map(_plain, other))
    return _plain(one) == _plain(other)


def _plain(value: Value) -> str:
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) and not value.is_integer() else str(int(value))
    text = " ".join(str(value).split()).casefold()
    try:
        number = float(text) if text and len(text) <= 18 and text[0] in "-0123456789." else None
    except ValueError:
        return text
    is_number = number is not None and text in {str(number), str(int(number)) if number.is_integer() else ""}
    return _plain(number) if is_number and number is not None else text
