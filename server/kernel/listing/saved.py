"""Views that people save: personal, or shared with all who may see the page."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Index, String, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.kernel.db import Base
from server.kernel.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from server.kernel.i18n import N_

if TYPE_CHECKING:
    from server.kernel.call import Actor

MOST_PER_PERSON = 30
SHARE = "view.share"


class SavedView(Base):
    """A named query of a table page."""

    __tablename__ = "saved_view"
    __called__ = N_("Saved view")

    id: Mapped[int] = mapped_column(primary_key=True)
    listing: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(60))
    query: Mapped[str] = mapped_column(String(2000))  # as in the URL, without its question mark
    owner_id: Mapped[int]  # a person; the kernel knows no table of persons
    shared: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]

    __table_args__ = (
        Index("uq_saved_view_name", "listing", "owner_id", "name", unique=True),
        Index("ix_saved_view_shared", "listing", "shared"),
    )


def views_of(session: Session, listing: str, actor: "Actor") -> Sequence[SavedView]:
    """The views this person has on a page: own ones and shared ones, by name."""
    return session.scalars(
        select(SavedView)
        .where(SavedView.listing == listing, or_(SavedView.owner_id == actor.id, SavedView.shared))
        .order_by(SavedView.shared, SavedView.name, SavedView.id)
        .limit(2 * MOST_PER_PERSON)
    ).all()


def save(
    session: Session, listing: str, *, name: str, query: str, shared: bool, actor: "Actor", now: datetime
) -> SavedView:
    """Keep a view under `name`; a view of that name and owner takes the new query."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= 60:
        raise InvalidError(N_("Give the view a name of 1 to 60 characters."), field="/name", limit=60)
    if len(query) > 2000:
        raise InvalidError(N_("This view has too many filters to be saved."), field="/query", limit=2000)
    if shared and not actor.may(SHARE):
        raise ForbiddenError(N_("Your roles do not permit sharing views."))
    mine = select(SavedView).where(SavedView.listing == listing, SavedView.owner_id == actor.id)
    found = session.scalar(mine.where(SavedView.name == name))
    if found is None:
        kept = session.scalar(select(func.count()).select_from(mine.subquery())) or 0
        if kept >= MOST_PER_PERSON:
            raise ConflictError(
                N_("You have {most} views here already. Delete one first."), most=MOST_PER_PERSON
            )
        found = SavedView(listing=listing, name=name, owner_id=actor.id, created_at=now)
        session.add(found)
    found.query, found.shared = query, shared
    session.flush()
    return found


def delete(session: Session, view_id: int, *, actor: "Actor") -> SavedView:
    """Delete an own view, or a shared one with the right to share."""
    found = session.get(SavedView, view_id)
    if found is None or (found.owner_id != actor.id and not (found.shared and actor.may(SHARE))):
        raise NotFoundError(N_("There is no such view."))
    session.delete(found)
    return found
