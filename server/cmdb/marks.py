"""Stamps of cached views. A random stamp stays right across roll-backs and processes."""

import secrets

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.cmdb.models import Mark
from server.kernel.db import insert_missing

GRAPH = "graph"
SEEN = "graph_stamp"  # of a session's info: the stamp read, None once the session has changed it
STAMP = select(Mark.stamp).where(Mark.name == GRAPH).scalar_subquery()  # to come with another question


def touch_graph(session: Session) -> None:
    """Say that items or relations have changed: every process builds its graph anew, once."""
    stamp = secrets.randbits(62)
    session.info[SEEN] = None
    found = session.execute(
        update(Mark).where(Mark.name == GRAPH).values(stamp=stamp).returning(Mark.name)
    ).all()
    if not found:
        insert_missing(session, Mark, {"name": GRAPH, "stamp": stamp})


def know_stamp(session: Session, stamp: int | None) -> None:
    """The stamp came with another question: this page need not ask for it."""
    session.info.setdefault(SEEN, stamp or 0)


def graph_stamp(session: Session) -> int:
    """The present stamp; 0 before the first change.

    A transaction that has changed nothing of the graph itself asks once.
    """
    seen: int | None = session.info.get(SEEN)
    if seen is None:
        seen = session.scalar(select(STAMP)) or 0
        if SEEN not in session.info:
            session.info[SEEN] = seen
    return seen
