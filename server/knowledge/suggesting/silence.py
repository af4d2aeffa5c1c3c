"""When the desk says that nothing is known: the threshold, and what each one would have been worth here.

A suggestion is shown where the probability that it is right reaches the threshold. What that is worth is
measured on the desk's own judged tickets: each is asked once as it is, and once with what helped taken away,
as if nobody had written it down. Two things bound what can be had. Where the right article is not the first,
answering is wrong at any threshold; and a near article about the same part shares most words with the right
one, so that words alone cannot always tell that the right one is missing.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from ml import rerank
from ml.features import Rows
from server.kernel.errors import InvalidError
from server.kernel.events import emit
from server.kernel.i18n import N_
from server.knowledge.suggesting.learned import LEAST_SCORE, Silence

ONLY = 1  # the row
LOWEST, HIGHEST = 0.2, 0.95
POINTS = tuple(round(0.05 * step, 2) for step in range(4, 20))


class Point(msgspec.Struct, frozen=True):
    """A threshold and what it would have been worth; all are 0 to 1.

    Args:
        least: the threshold.
        answered: of tickets whose fix was known, how many would have been answered.
        right: of these answers, how many were right; None where there were none.
        silent: of the same tickets with their fix taken away, on how many nothing would have been said.
    """

    least: float
    answered: float
    right: float | None
    silent: float


class Curve(msgspec.Struct, frozen=True):
    """What each threshold would have been worth, and on how many tickets that was measured."""

    points: tuple[Point, ...] = ()
    tickets: int = 0


class Measured(msgspec.Struct, frozen=True):
    """The threshold that holds, and the curve of the desk.

    Args:
        least: the threshold.
        curve: empty before enough tickets are judged.
        tickets: on how many it was measured.
        measured_at: when.
    """

    least: float
    curve: tuple[Point, ...]
    tickets: int
    measured_at: datetime | None


def curve(asked: Sequence[tuple[rerank.Judged, rerank.Weights]]) -> Curve:
    """What each threshold would have been worth on those judged tickets that something helped.

    Args:
        asked: tickets, each with a ranker that was not made of it.
    """
    helped = [(one, weights) for one, weights in asked if one.right.any()]
    if not helped:
        return Curve()
    there = [_first(weights, one.rows, one.kinds) for one, weights in helped]
    nothing = np.asarray([_first(weights, *one.without())[0] for one, weights in helped])
    sure, place = np.asarray([one[0] for one in there]), [one[1] for one in there]
    right = np.asarray(
        [at is not None and bool(one.right[at]) for (one, _by), at in zip(helped, place, strict=True)]
    )
    return Curve(tuple(_point(least, sure, right, nothing) for least in POINTS), len(helped))


def _first(weights: rerank.Weights, rows: Rows, kinds: rerank.Kinds | None) -> tuple[float, int | None]:
    """How sure the first answer is, and which of the candidates it is; None where there is none."""
    if not len(rows):
        return 0.0, None
    worths = rerank.worth(weights, rows)
    first = int(np.argmax(worths))
    return float(rerank.sureness(weights, rows, worths, kinds)[first]), first


def _point(least: float, sure: NDArray[Any], right: NDArray[Any], nothing: NDArray[Any]) -> Point:
    answers = sure >= least
    of_them = round(float(right[answers].mean()), 4) if answers.any() else None
    silent = round(float((nothing < least).mean()), 4)
    return Point(least, round(float(answers.mean()), 4), of_them, silent)


def measured(session: Session) -> Measured:
    """The threshold and the latest curve."""
    row = session.get(Silence, ONLY)
    if row is None:
        return Measured(LEAST_SCORE, (), 0, None)
    return Measured(row.least, msgspec.convert(row.curve, tuple[Point, ...]), row.tickets, row.measured_at)


def keep(session: Session, found: Curve, *, now: datetime) -> None:
    """Keep a new curve; nothing measured leaves the old one."""
    if found.tickets:
        row = _row(session)
        row.curve, row.tickets, row.measured_at = msgspec.to_builtins(list(found.points)), found.tickets, now


def set_least(session: Session, least: float) -> None:
    """Suggest from this probability on.

    Raises:
        InvalidError: it is below 0.2, where nearly all is a guess, or above 0.95, which nothing reaches.
    """
    if not LOWEST <= least <= HIGHEST:
        raise InvalidError(
            N_("Choose a threshold from 20 to 95 %: below it all is guessing, above it all is silence."),
            field="/least",
        )
    _row(session).least = round(least, 2)
    emit(session, "knowledge", {"least": round(least, 2)})


def _row(session: Session) -> Silence:
    row = session.get(Silence, ONLY)
    if row is None:
        row = Silence(id=ONLY, least=LEAST_SCORE, curve=[], tickets=0)
        session.add(row)
    return row
