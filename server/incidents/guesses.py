"""Category, priority and group of a new incident, guessed from its words; silent where not sure enough.

Learned every night from what people have made of resolved incidents, in a process of its own; a guess fills
nothing in by itself, it is offered.
"""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from ml import classify, marking
from server.accounts import service as accounts
from server.incidents.facts import words_of
from server.incidents.guessed import Guesser
from server.incidents.models import Incident, State
from server.kernel.jobs import Work
from server.kernel.practice import Job, Schedule

JOB = "incident.guess"
FIELDS = ("category", "priority", "group")
MOST_TICKETS = 5_000  # the latest that are learned from
LONGEST_TEXT = 2_000
WORDS = 3


@dataclass(frozen=True)
class Guessed:
    """A guess for one field.

    Args:
        field, value: category, priority or group, and its code.
        sure: how likely it is right, 0 to 1.
        words: of the text, that speak for it.
        right: the share of such guesses that were right on past texts that were held out, 0 to 1.
        texts: how many those texts were.
    """

    field: str
    value: str
    sure: float
    words: tuple[str, ...]
    right: float
    texts: int


class GuessingFailedError(Exception):
    """The process ended with an error; the text is the end of what it said."""


def guesses(session: Session, text: str) -> list[Guessed]:
    """What can be said of a new incident from its words; a field that is not sure enough is left out."""
    found = []
    for row in session.scalars(select(Guesser).order_by(Guesser.field)):
        guess = classify.guess(msgspec.msgpack.decode(row.model, type=classify.Classifier), text)
        if guess is not None:
            words = tuple(marking.words(text, guess.words, "", most=WORDS))
            right, texts = float(row.figures.get("right", 0)), int(row.figures.get("texts", 0))
            found.append(Guessed(row.field, guess.label, guess.sure, words, right, texts))
    return found


def tasks(session: Session) -> dict[str, classify.Task]:
    """Resolved incidents and what they were in the end, field by field."""
    rows = session.scalars(
        select(Incident)
        .where(Incident.state.in_((State.RESOLVED, State.CLOSED)))
        .order_by(Incident.id.desc())
        .limit(MOST_TICKETS)
    ).all()
    groups = accounts.groups_by_ids(session, {one.group_id for one in rows})
    code_of = {number: group.code for number, group in groups.items()}
    texts = [text_of(one) for one in rows]
    labels = {
        "category": [one.category for one in rows],
        "priority": [str(one.priority) for one in rows],
        "group": [code_of.get(one.group_id or 0, "") for one in rows],
    }
    return {field: classify.Task(texts, labels[field]) for field in FIELDS}


def text_of(incident: Incident) -> str:
    """What is known of an incident when it is opened."""
    return words_of(incident)[:LONGEST_TEXT]


def take(session: Session, learned: Mapping[str, classify.Classifier | None], *, now: datetime) -> None:
    """Guess with these from now on; a field without a classifier is guessed no more."""
    for field in FIELDS:
        row, made = session.get(Guesser, field), learned.get(field)
        if made is None:
            if row is not None:
                session.delete(row)
            continue
        row = row or Guesser(field=field)
        row.made_at, row.model, row.figures = now, msgspec.msgpack.encode(made), dict(made.figures)
        session.add(row)
    session.flush()


async def learn(work: Work) -> None:
    """Learn anew from the incidents that are over."""
    told = await work.db.read(tasks)
    learned = await _in_process(told)

    def keep(session: Session) -> None:
        work.hold(session)
        take(session, learned, now=work.now)

    await work.db.run(keep)


async def _in_process(told: dict[str, classify.Task]) -> dict[str, classify.Classifier | None]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ml.classify", stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        said, complaint = await process.communicate(msgspec.msgpack.encode(told))
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise GuessingFailedError(complaint.decode(errors="replace")[-1_000:])
    return msgspec.msgpack.decode(said, type=dict[str, classify.Classifier | None])


JOBS = (Job(JOB, learn, timeout=timedelta(minutes=20), tries=2, width=1),)
SCHEDULES = (Schedule(JOB, JOB, cron="53 2 * * *"),)
