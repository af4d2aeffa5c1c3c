"""Doing one thing to the ticked rows of a table page. What is left out is named with its reason."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from server.kernel.errors import ConflictError, InvalidError, NotFoundError
from server.kernel.formdata import said_of

MOST = 200
REASONS_TOLD = 3
Skipped = Mapping[str, str]


class Chosen(BaseModel):
    """The ticked rows."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[list[str], Field(min_length=1, max_length=MOST)]


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
