"""The article that another one only points at: it is shown and suggested in place of the pointer."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from server.knowledge import pointers
from server.knowledge.models import Article, Case, State


def target_of(session: Session, article: Article, allowed: ColumnElement[bool]) -> Article | None:
    """The article that this one does nothing but name, by number or title; None if it says something.

    Args:
        session: the running transaction.
        article: it may be a pointer.
        allowed: which articles may be found.
    """
    texts = {name: getattr(article, name) for name in pointers.PARTS}
    for one in pointers.pointer_of(texts).targets:
        number = pointers.NUMBER.search(one)
        named = Article.number == number.group() if number else func.lower(Article.title) == one.lower()
        chosen = select(Article).where(named, Article.id != article.id, allowed)
        found = session.scalar(chosen.order_by(Article.id).limit(1))
        if found is not None:
            return found
    return None


def followed(session: Session, records: Mapping[str, Article | Case]) -> dict[str, Article | Case]:
    """The same with published articles in place of those that only point at them."""
    found = dict(records)
    for key, record in records.items():
        if isinstance(record, Article):
            target = target_of(session, record, Article.state == State.PUBLISHED)
            found[key] = target or record
    return found
