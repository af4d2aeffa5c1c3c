"""What helps while an incident is typed, over the API: incidents like it, and what it probably is."""

from typing import Annotated

from pydantic import Field
from sqlalchemy.orm import Session

from server.cmdb import service as cmdb
from server.incidents import guesses
from server.incidents.alike import alike
from server.kernel.api import Api, ApiModel, Moment
from server.kernel.call import Call
from server.kernel.i18n import N_

typing_api = Api("incidents")


class Typed(ApiModel):
    """What is typed so far: the summary in the first line, and the item if it is known."""

    text: Annotated[str, Field(min_length=1, max_length=20_000)]
    ci: Annotated[str, Field(max_length=20)] | None = None
    limit: Annotated[int, Field(ge=1, le=20)] = 4


class AlikeOut(ApiModel):
    """An open incident like it.

    `same_item`: about the same item; `outage`: the typed item fails because of what that incident is about;
    `likeness`: share of words in common, 0 to 1; `words`: those of the text, as they stand in it.
    """

    number: str
    title: str
    state: str
    priority: int
    same_item: bool
    outage: bool
    likeness: float
    opened_at: Moment
    words: tuple[str, ...]


class GuessOut(ApiModel):
    """What a field probably is, how sure that is, and the words of the text that speak for it.

    `right`: the share of such guesses that were right on past texts that were held out, `texts` of them.
    """

    field: Annotated[str, Field(description="category, priority or group")]
    value: str
    sure: Annotated[float, Field(ge=0, le=1)]
    words: tuple[str, ...]
    right: Annotated[float, Field(ge=0, le=1)]
    texts: int


@typing_api.post(
    "/incidents/alike",
    permission="incident.read",
    body=Typed,
    answer=list[AlikeOut],
    summary=N_("Find open incidents like a text"),
)
async def find_alike(call: Call, body: Typed) -> list[AlikeOut]:
    """Duplicates, and the outage behind it; the likeliest first."""

    def find(session: Session) -> list[AlikeOut]:
        ci = cmdb.ci(session, body.ci) if body.ci else None
        found = alike(session, body.text, ci.id if ci is not None else None, call.actor, limit=body.limit)
        return [AlikeOut.model_validate(one) for one in found]

    return await call.db.read(find)


@typing_api.post(
    "/incidents/guesses",
    permission="incident.create",
    body=Typed,
    answer=list[GuessOut],
    summary=N_("Guess category, priority and group from a text"),
)
async def guess(call: Call, body: Typed) -> list[GuessOut]:
    """A field that is not sure enough is left out; nothing is filled in."""
    found = await call.db.read(guesses.guesses, body.text)
    return [GuessOut.model_validate(one) for one in found]
