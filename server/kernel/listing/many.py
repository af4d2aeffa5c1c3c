"""Doing one thing to the ticked rows of a table page. What is left out is named with its reason."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy.orm import Session

from server.kernel.errors import ConflictError, InvalidError, NotFoundError
from server.kernel.formdata import said_of
from server.kernel.i18n import N_
from server.kernel.listing import query as sql
from server.kernel.listing.declare import Expression, Listing
from server.kernel.listing.page import wished

if TYPE_CHECKING:
    from server.kernel.call import Actor

MOST = 200
LONGEST_WISH = 8_000
REASONS_TOLD = 3
Skipped = Mapping[str, str]


class Chosen(BaseModel):
    """The ticked rows."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[list[str], Field(min_length=1, max_length=MOST)]


class ChosenOrAll(BaseModel):
    """The ticked rows, or the filters (a query string as in the page's address) of all that match."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[list[str], Field(max_length=MOST)] = []
    matching: Annotated[str, Field(max_length=LONGEST_WISH)] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if bool(self.id) == (self.matching is not None):
            raise ValueError(N_("Choose rows, or all that match."))
        return self


def matching(
    session: Session,
    listing: Listing,
    wish: Iterable[tuple[str, str]],
    column: Expression,
    *,
    actor: "Actor",
    now: datetime,
) -> list[Any]:
    """This column of all rows that match, in the wished order: at most `listing.whole`.

    Raises:
        InvalidError: an unknown field or value.
    """
    asked = wished(session, listing, wish, actor)
    found = sql.ordered(listing, asked.sort, sql.statement(listing, asked, actor, now=now, session=session))
    return list(session.scalars(found.with_only_columns(column).limit(listing.whole)))


def each(session: Session, numbers: Sequence[str], do: Callable[[str], object]) -> tuple[int, Skipped]:
    """Do one thing to each; what its state or a right forbids is left out with the reason."""
    done, skipped = 0, {}
    for number in dict.fromkeys(numbers):
        try:
            with session.begin_nested():
                do(number)
            done += 1
        except (ConflictError, NotFoundError, InvalidError) as error:
            skipped[number] = said_of(error)
    return done, skipped


def why(skipped: Skipped) -> str:
    """The first few of what was left out, each with its reason, for a message."""
    return "; ".join(f"{number}: {reason}" for number, reason in list(skipped.items())[:REASONS_TOLD])
