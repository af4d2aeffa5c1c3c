"""The board: the queue's incidents in columns by state, each column bounded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, union_all
from sqlalchemy.orm import Session

from server.incidents import table
from server.incidents.models import OPEN_STATES, Incident, State
from server.incidents.states import Step, allowed
from server.kernel.call import Actor
from server.kernel.listing import ListPage
from server.kernel.listing import page as list_page
from server.kernel.listing import query as sql

MOST_CARDS = 12  # of a column; the list has them all
BOARD = replace(table.QUEUE, url="/incidents/board", page_size=1, prepare=None)
"""The queue's filters, views and order at the board's address."""
MOVES = ("accept", "start", "resume", "hold", "resolve", "close", "reopen", "assign")
"""The steps a card offers; what ends an incident as no incident is done on its record."""


@dataclass(frozen=True)
class Card:
    """One incident: as the queue shows it, and the steps this person can take with it."""

    line: table.Line
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Lane:
    """One state: how many there are, the first of them in the queue's order, and the list of all."""

    state: State
    total: int
    cards: tuple[Card, ...]
    list_url: str


@dataclass(frozen=True)
class Board:
    """The page: tabs, filters and counts of the queue, and the lanes."""

    page: ListPage
    lanes: tuple[Lane, ...]

    @property
    def list_url(self) -> str:
        """The same view as a list."""
        return table.QUEUE.url + (self.page.wish.query() or "?view=")


def board(session: Session, query: Iterable[tuple[str, str]], *, actor: Actor, now: datetime) -> Board:
    """Read the board: two queries for lanes and cards besides those of the queue.

    Open states always have a lane, ended ones where the view holds any.
    """
    page = list_page(session, BOARD, query, actor=actor, now=now)
    found = sql.statement(BOARD, page.wish, actor, now=now, session=session)
    states = tuple(State)
    totals = dict(
        zip(
            states,
            sql.counts(session, [found.where(Incident.state == state) for state in states]),
            strict=True,
        )
    )
    filled = [found.where(Incident.state == state) for state in states if totals[state]]
    incidents = _firsts(session, filled, page.wish.sort)
    lines = table.lines(session, incidents, actor, now)
    cards = [Card(line, _moves(incident, actor)) for incident, line in zip(incidents, lines, strict=True)]
    lanes = tuple(
        Lane(
            state,
            totals[state],
            tuple(card for card in cards if card.line.row.state == state.value),
            _list_of(page, state),
        )
        for state in states
        if state in OPEN_STATES or totals[state]
    )
    return Board(page, lanes)


def _firsts(session: Session, lanes: Sequence[Select[Any]], sort: str) -> Sequence[Incident]:
    """The first incidents of each lane, in one query."""
    if not lanes:
        return []
    firsts = [
        sql.ordered(BOARD, sort, lane).with_only_columns(Incident.id).limit(MOST_CARDS).subquery()
        for lane in lanes
    ]
    shown = union_all(*(select(first.c.id) for first in firsts))
    return session.scalars(sql.ordered(BOARD, sort, select(Incident).where(Incident.id.in_(shown)))).all()


def _moves(incident: Incident, actor: Actor) -> tuple[Step, ...]:
    can = {step.name: step for step in allowed(incident, actor)}
    return tuple(can[name] for name in MOVES if name in can)


def _list_of(page: ListPage, state: State) -> str:
    """The list of what a lane holds."""
    filters = {**page.wish.filters, "state": (state.value,)}
    return table.QUEUE.url + replace(page.wish, filters=filters, view="", page=1, open="").query()
