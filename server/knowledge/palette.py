"""Articles in the command palette, and how many wait for the reviewer."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.kernel.call import Actor
from server.kernel.practice import PaletteEntry
from server.knowledge.finding import has, visible_to
from server.knowledge.models import Article, State

MOST = 5


def to_review(session: Session, actor: Actor, _now: datetime) -> tuple[int, bool]:
    """How many articles wait for this reviewer."""
    if not actor.may("knowledge.publish"):
        return 0, False
    waiting = select(func.count()).select_from(Article).where(Article.state == State.SUBMITTED)
    return session.scalar(waiting) or 0, False


def search(session: Session, actor: Actor, text: str) -> list[PaletteEntry]:
    """Published articles that have the words, by number or text."""
    if not actor.may("knowledge.read"):
        return []
    query = select(Article).where(visible_to(actor), Article.state != State.RETIRED)
    for word in text.split()[:6]:
        query = query.where(has(word))
    found = session.scalars(query.order_by(Article.changed_at.desc()).limit(MOST))
    return [
        PaletteEntry(one.title, f"/knowledge/{one.number}", one.number, "book-2", 0.6 - 0.01 * place)
        for place, one in enumerate(found)
    ]
