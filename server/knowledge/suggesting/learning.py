"""What outcomes teach the ranker, and what keeps it from learning what is wrong.

Judged are applied fixes that held or did not, and what people said did not help or did not fit; a glance
counts for nothing. A new ranker is made of seven tenths of the judged tickets and goes live only if it orders
the others better by a paired test, and no worse those of any one time or person that has enough of them: what
a batch of wrong verdicts teaches harms the others' tickets. Where three tenths are too few to decide, each
ticket decides once about a ranker that was made without it. The one before can be put back. Training is done
in a process of its own (`training`), with nothing but numbers going in and out.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from ml import measure, rerank
from ml.features import NAMES, Rows
from server.kernel.errors import ConflictError, NotFoundError
from server.kernel.events import Signal, emit
from server.kernel.i18n import N_
from server.knowledge import service
from server.knowledge.models import Case, Outcome, Verdict
from server.knowledge.suggesting import shelves, silence
from server.knowledge.suggesting.learned import Question, Ranker, Standing
from server.knowledge.suggesting.ranking import Look, Ranking, nameless
from server.knowledge.suggesting.suggest import Query

MOST_TICKETS = 3_000  # the latest that are learned from
LONGEST_QUESTION = 4_000
LEARNED_SHARE = 7  # of ten; the others decide
FEWEST_HELD_OUT = 12
FEWEST_IN_TURN = 24  # judged tickets that teach, where each decides once
TURNS = 5
CHANCE = 0.05  # of a gain by accident
ENOUGH = 6  # held-out tickets of one time or person that have a say of their own
TOLERATED = 0.01  # mean loss on these
SEED = 20_261
VERDICT = Signal("verdict from outside")
"""Sent with `ticket`, `language` and `now`, before it is kept: who has the ticket tells what it asks."""
RIGHT = frozenset({Verdict.FIXED})
WRONG = frozenset({Verdict.CAME_BACK, Verdict.NOT_HELPED, Verdict.NOT_RELEVANT})


class Lesson(msgspec.Struct, array_like=True):
    """A judged ticket, as numbers: what training is sent.

    Args:
        ticket: its number; it decides on which side of the test it stands.
        by: who judged it, 0 for the desk itself.
        rows: its candidates' features, one after the other, as `packed` makes them.
        right, wrong: which candidates helped, and which did not.
        missing: the features as they would have been without what helped; empty where nothing did.
        kinds, missing_kinds: of which kind each candidate is, a byte each.
    """

    ticket: str
    by: int
    rows: bytes
    right: list[bool]
    wrong: list[bool]
    missing: bytes = b""
    kinds: bytes = b""
    missing_kinds: bytes = b""

    def judged(self) -> rerank.Judged:
        """As the ranker learns from it."""
        right = np.asarray(self.right, dtype=bool)
        return rerank.Judged(
            _unpacked(self.rows),
            right,
            np.asarray(self.wrong, dtype=bool),
            missing=_unpacked(self.missing) if right.any() and self.missing else None,
            kinds=_kinds(self.kinds),
            missing_kinds=_kinds(self.missing_kinds),
        )


def packed(rows: Rows) -> bytes:
    """Features as 16-bit floats: they are shares, and thousands of tickets have a hundred candidates each."""
    return rows.astype(np.float16).tobytes()


def _unpacked(rows: bytes) -> Rows:
    return np.frombuffer(rows, np.float16).astype(np.float32).reshape(-1, len(NAMES))


def _kinds(told: bytes) -> rerank.Kinds | None:
    return np.frombuffer(told, np.int8) if told else None


class Trained(msgspec.Struct):
    """A new ranker and how it did beside the old one on tickets that neither was made of.

    `curve` tells of the one of the two that is to be live what each threshold of silence is worth.
    """

    weights: rerank.Weights
    better: bool
    figures: dict[str, float]
    curve: silence.Curve = silence.Curve()


@dataclass(frozen=True)
class Made:
    """A ranker in the list of those that were made; number 0 is the one of the program."""

    number: int
    standing: Standing
    made_at: datetime | None
    live_at: datetime | None
    figures: Mapping[str, float]


def ask(session: Session, ticket: str, query: Query, *, now: datetime) -> None:
    """Remember what a ticket asked, so that what is said of its suggestions can teach."""
    question = session.get(Question, ticket) or Question(ticket=ticket, at=now)
    question.text, question.facets = query.text[:LONGEST_QUESTION], query.facets
    question.language = query.language
    session.add(question)


def judge(
    session: Session,
    suggestion: str,
    ticket: str,
    verdict: Verdict,
    *,
    text: str = "",
    language: str = "en",
    by: int,
    now: datetime,
) -> None:
    """Note from outside what came of a suggestion, with the question that it answered.

    Args:
        session: the running transaction.
        suggestion: number of an article or a past incident.
        ticket: its number, here or in another program.
        verdict: what came of it.
        text: what the ticket says; it counts where the desk does not have the ticket itself.
        language: of who judges.
        by: who judges.
        now: when.
    """
    VERDICT.send(session, ticket=ticket, language=language, now=now)
    question = session.get(Question, ticket)
    if question is None and text.strip():
        ask(session, ticket, Query(text, language=language), now=now)
    facets = question.facets if question is not None else {}
    service.record_outcome(session, suggestion, ticket, verdict, by=by, now=now, facets=facets)


def lessons(session: Session) -> list[Lesson]:
    """The judged tickets, the earliest first, each with the candidates of its own day."""
    questions = session.scalars(select(Question).order_by(Question.at.desc()).limit(MOST_TICKETS)).all()
    verdicts: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in session.scalars(select(Outcome).where(Outcome.verdict.in_(RIGHT | WRONG))):
        verdicts[outcome.ticket].append(outcome)
    resolved_at = dict(session.execute(select(Case.number, Case.resolved_at)).all())
    shelf = shelves.up_to_date(session)
    found = []
    for question in reversed(questions):
        told = verdicts.get(question.ticket)
        if told:
            with shelf.lock:
                one = _lesson(shelf.ranking, question, told, resolved_at)
            if one.right:
                found.append(one)
    return found


def _lesson(
    ranking: Ranking, question: Question, told: Sequence[Outcome], resolved_at: Mapping[str, datetime]
) -> Lesson:
    """What a question's candidates were on its day, and as if what helped had not been there."""
    facets = {name: str(value) for name, value in question.facets.items()}
    text = nameless(f"{question.text}\n{facets.get('alert', '')}".rstrip(), facets.get("ci", ""))
    helped = frozenset(one.suggestion for one in told if one.verdict in RIGHT)

    def looked(without: frozenset[str] = frozenset()) -> Look:
        look = ranking.look(text, facets=facets, without=without)
        keep = [
            resolved_at.get(key, question.at) <= question.at and key != question.ticket for key in look.keys
        ]
        kept = tuple(key for key, existed in zip(look.keys, keep, strict=True) if existed)
        there = np.asarray(keep, dtype=bool)
        return Look(kept, look.rows[there], look.kinds[there])

    look = looked()
    right = look.where(helped)
    missing = looked(helped) if right.any() else None
    return Lesson(
        question.ticket,
        told[0].by_id or 0,
        packed(look.rows),
        right.tolist(),
        look.where(frozenset(one.suggestion for one in told if one.verdict in WRONG)).tolist(),
        packed(missing.rows) if missing is not None else b"",
        look.kinds.tobytes(),
        missing.kinds.tobytes() if missing is not None else b"",
    )


def train(told: Sequence[Lesson], old: rerank.Weights) -> Trained | None:
    """A ranker that learned from most of the lessons, tried on the others; None where they are too few.

    Where too few are left for the trial, five rankers are made, each without a fifth and tried on that, and
    the one that is kept has learned from all.
    """
    judged = [one.judged() for one in told]
    turns = _turns(told, judged)
    if turns is None:
        return None
    made = [_made([judged[place] for place in learned]) for learned, _held_out in turns]
    held_out = [(place, new) for (_l, places), new in zip(turns, made, strict=True) for place in places]
    held_out.sort(key=lambda one: one[0])
    new = made[0] if len(turns) == 1 else _made(judged)
    before = np.asarray([quality(old, judged[place]) for place, _new in held_out])
    after = np.asarray([quality(tried, judged[place]) for place, tried in held_out])
    chance = measure.better_by_chance(after, before, seed=SEED)
    parts = _parts([(place, told[place]) for place, _new in held_out], len(told))
    worst = min((float((after[part] - before[part]).mean()) for part in parts), default=0.0)
    better = chance <= CHANCE and worst >= -TOLERATED
    return Trained(
        new,
        better,
        {
            "tickets": float(len(told)),
            "held_out": float(len(held_out)),
            "before": round(float(before.mean()), 4),
            "after": round(float(after.mean()), 4),
            "chance": round(chance, 4),
            "worst_part": round(worst, 4),
            "first_before": _first([(old, judged[place]) for place, _new in held_out]),
            "first_after": _first([(tried, judged[place]) for place, tried in held_out]),
        },
        silence.curve([(judged[place], tried if better else old) for place, tried in held_out]),
    )


def _turns(
    told: Sequence[Lesson], judged: Sequence[rerank.Judged]
) -> list[tuple[list[int], list[int]]] | None:
    """Places to learn from and to decide on: one turn, or five where one would decide on too few."""
    fold = measure.folds([one.ticket for one in told], 10, seed=SEED)
    learned = [place for place, one in enumerate(told) if fold[one.ticket] < LEARNED_SHARE]
    others = sorted(set(range(len(told))) - set(learned))
    held_out = [place for place in others if judged[place].teaches]
    if len(held_out) >= FEWEST_HELD_OUT:
        enough = sum(judged[place].teaches for place in learned) >= rerank.FEWEST
        return [(learned, held_out)] if enough else None
    teaching = [place for place, one in enumerate(judged) if one.teaches]
    if len(teaching) < FEWEST_IN_TURN:
        return None
    return [
        ([place for place in range(len(told)) if place not in part], part)
        for part in (teaching[turn::TURNS] for turn in range(TURNS))
    ]


def _made(judged: Sequence[rerank.Judged]) -> rerank.Weights:
    return rerank.calibrated(rerank.learn(judged, rerank.begun()), judged)


def quality(weights: rerank.Weights, one: rerank.Judged) -> float:
    """How well a judged ticket is ordered, 0 to 1: the first that helped high, what did not help behind."""
    order = np.argsort(-rerank.worth(weights, one.rows), kind="stable")
    places = np.empty(len(order))
    places[order] = np.arange(1, len(order) + 1)
    if one.right.any():
        return float(1 / places[one.right].min())
    return float(1 - 1 / places[one.wrong].min())


def _first(tried: Sequence[tuple[rerank.Weights, rerank.Judged]]) -> float:
    """The share of tickets whose first suggestion was one that helped, of those on which one helped."""
    hits = [bool(one.right[np.argmax(rerank.worth(by, one.rows))]) for by, one in tried if one.right.any()]
    return round(sum(hits) / len(hits), 4) if hits else 0.0


def _parts(held_out: Sequence[tuple[int, Lesson]], count: int) -> Iterable[list[int]]:
    """The held-out tickets of the earlier and the later half, and of each person, where they are enough."""
    parts: dict[object, list[int]] = defaultdict(list)
    for number, (place, one) in enumerate(held_out):
        parts["later" if 2 * place >= count else "earlier"].append(number)
        parts[one.by].append(number)
    return [part for part in parts.values() if len(part) >= ENOUGH]


# -- which ranker is live -----------------------------------------------------------------------


def take(session: Session, trained: Trained, *, now: datetime) -> Ranker:
    """Keep a new ranker with its figures; it goes live only if it was better."""
    made = Ranker(
        standing=Standing.LIVE if trained.better else Standing.REFUSED,
        made_at=now,
        live_at=now if trained.better else None,
        weights=msgspec.to_builtins(trained.weights),
        figures=dict(trained.figures),
    )
    if trained.better:
        _step_down(session)
    session.add(made)
    session.flush()
    silence.keep(session, trained.curve, now=now)
    emit(session, "knowledge", {"ranker": made.id})
    return made


def put_back(session: Session, number: int, *, by: int | None, now: datetime) -> None:
    """Rank with a ranker that was live before; 0 is the one of the program.

    Raises:
        NotFoundError: there is no such ranker.
        ConflictError: it was refused.
    """
    wanted = session.get(Ranker, number) if number else None
    if number and wanted is None:
        raise NotFoundError(N_("There is no ranker {number}."), number=str(number))
    if wanted is not None and wanted.standing is Standing.REFUSED:
        raise ConflictError(
            N_("Ranker {number} was no better on tickets it had not seen, so it cannot go live."),
            number=str(number),
        )
    if wanted is not None and wanted.standing is Standing.LIVE:
        return
    _step_down(session)
    if wanted is not None:
        wanted.standing, wanted.live_at, wanted.by_id = Standing.LIVE, now, by
        session.flush()
    emit(session, "knowledge", {"ranker": number})


def history(session: Session, *, limit: int = 50) -> list[Made]:
    """The rankers that were made, the latest first, and the one of the program behind them."""
    rows = session.scalars(select(Ranker).order_by(Ranker.id.desc()).limit(limit)).all()
    made = [Made(one.id, one.standing, one.made_at, one.live_at, one.figures) for one in rows]
    any_live = session.scalar(select(Ranker.id).where(Ranker.standing == Standing.LIVE)) is not None
    begun = Made(0, Standing.REPLACED if any_live else Standing.LIVE, None, None, {})
    return [*made, begun]


def live(session: Session) -> tuple[int, rerank.Weights]:
    """The live ranker's number and weights."""
    number = session.scalar(select(Ranker.id).where(Ranker.standing == Standing.LIVE)) or 0
    return number, shelves.weights_of(session, number)


def _step_down(session: Session) -> None:
    for one in session.scalars(select(Ranker).where(Ranker.standing == Standing.LIVE)):
        one.standing = Standing.REPLACED
    session.flush()
