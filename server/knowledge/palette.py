"""Articles in the command palette, and how many wait for the reviewer."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.kernel.call import Actor
from server.kernel.practice import PaletteEntry
from server.knowledge import searching, tending
from server.knowledge.finding import visible_to
from server.knowledge.models import Article, State

MOST = 5


def to_review(session: Session, actor: Actor, _now: datetime) -> tuple[int, bool]:
    """How many articles, changes and reports of errors wait for this reviewer."""
    return (tending.count(session), False) if actor.may("knowledge.publish") else (0, False)


def search(session: Session, actor: Actor, text: str) -> list[PaletteEntry]:
    """Articles that have the words, the best fit first."""
    if not actor.may("knowledge.read"):
        return []
    query = searching.ranked(select(Article).where(visible_to(actor), Article.state != State.RETIRED), text)
    found = session.scalars(query.limit(MOST))
    return [
        PaletteEntry(one.title, f"/knowledge/{one.number}", one.number, "book-2", 0.6 - 0.01 * place)
        for place, one in enumerate(found)
    ]
