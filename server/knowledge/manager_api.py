"""What the knowledge manager looks at, and the shelf for everybody, over the API."""

from typing import Annotated

from pydantic import Field
from sqlalchemy.orm import Session

from server.kernel.api import Api, ApiModel, Moment
from server.kernel.call import Call
from server.kernel.i18n import N_
from server.knowledge import gaps, portal, quality, tending
from server.knowledge.api import ArticleOut
from server.knowledge.models import Article
from server.knowledge.suggesting import silence
from server.knowledge.tending import Reason

managing = Api("knowledge")
Share = Annotated[float, Field(ge=0, le=1)] | None


class GapOut(ApiModel):
    """A missing article: the tickets for which nothing was known, and what they have in common."""

    key: Annotated[str, Field(description="the ticket that stands for them all")]
    title: str
    tickets: list[str]
    facets: dict[str, str]
    words: list[str]
    lately: Annotated[int, Field(description="tickets of the last 30 days")]
    hours: Annotated[float, Field(description="until they were resolved, all together")]
    weekly: list[int]
    first_at: Moment
    last_at: Moment


class WeekOut(ApiModel):
    """Seven days that end `at`; shares are 0 to 1, null where there was nothing to judge."""

    at: Moment
    tickets: int
    first_right: Share
    five_right: Share
    asked: int
    answered: Share
    applied: int
    held: int
    searches: int
    solved: int


class PointOut(ApiModel):
    """What a threshold would have been worth; all are 0 to 1.

    `answered`: of tickets whose fix was known. `right`: of these answers, null where there were none.
    `silent`: of the same tickets with their fix taken away, on how many nothing would have been said.
    """

    least: float
    answered: float
    right: Share
    silent: float


class SilenceOut(ApiModel):
    """From which probability on fixes are suggested, and the curve measured on the desk's judged tickets."""

    least: Annotated[float, Field(description="0 to 1")]
    curve: list[PointOut]
    tickets: Annotated[int, Field(description="on how many the curve was measured")]
    measured_at: Moment | None


class SilenceIn(ApiModel):
    """The threshold that is wanted."""

    least: Annotated[float, Field(ge=silence.LOWEST, le=silence.HIGHEST)]


class WaitingOut(ApiModel):
    """An article that wants its reviewer, and why."""

    article: str
    title: str
    reason: Reason
    since: Moment | None
    count: int
    tried: int


class ShelfQuery(ApiModel):
    """What is looked for; without words the latest articles."""

    words: Annotated[str, Field(max_length=200)] = ""


@managing.get(
    "/knowledge/gaps",
    permission="knowledge.publish",
    answer=list[GapOut],
    summary=N_("List the articles that are missing"),
)
async def missing(call: Call) -> list[GapOut]:
    """That first which would have saved most hours."""
    return [GapOut.model_validate(one) for one in await call.db.read(gaps.missing, now=call.now)]


@managing.post(
    "/knowledge/gaps/{ticket}/dismiss",
    permission="knowledge.publish",
    summary=N_("Say that no article is wanted for a ticket and its like"),
)
async def dismiss(call: Call, ticket: str) -> None:
    """Their gaps are closed."""
    await call.db.run(gaps.dismiss, ticket, now=call.now)


@managing.get(
    "/knowledge/quality",
    permission="knowledge.read",
    answer=list[WeekOut],
    summary=N_("Show the quality of suggestions week by week"),
)
async def weekly(call: Call) -> list[WeekOut]:
    """The oldest week first."""
    return [WeekOut.model_validate(one) for one in await call.db.read(quality.weeks, now=call.now)]


@managing.get(
    "/knowledge/silence",
    permission="knowledge.read",
    answer=SilenceOut,
    summary=N_("Show when nothing is suggested, and what each threshold would have been worth"),
)
async def quiet(call: Call) -> SilenceOut:
    """The lowest threshold first."""
    return SilenceOut.model_validate(await call.db.read(silence.measured))


@managing.put(
    "/knowledge/silence",
    permission="knowledge.publish",
    body=SilenceIn,
    answer=SilenceOut,
    summary=N_("Set from which probability on fixes are suggested"),
)
async def set_quiet(call: Call, body: SilenceIn) -> SilenceOut:
    """It holds from the next ticket on."""
    await call.db.run(silence.set_least, body.least)
    return await quiet(call)


@managing.get(
    "/knowledge/review",
    permission="knowledge.publish",
    answer=list[WaitingOut],
    summary=N_("List what waits for the reviewer"),
)
async def review(call: Call) -> list[WaitingOut]:
    """The most pressing kind first."""

    def read(session: Session) -> list[WaitingOut]:
        return [
            WaitingOut(
                article=one.article.number,
                title=one.article.title,
                reason=one.reason,
                since=one.since,
                count=one.count,
                tried=one.tried,
            )
            for one in tending.queue(session, now=call.now)
        ]

    return await call.db.read(read)


@managing.get(
    "/portal/articles",
    signed_in=True,
    query=ShelfQuery,
    answer=list[ArticleOut],
    summary=N_("Find articles that are for everybody"),
)
async def shelf(call: Call, query: ShelfQuery) -> list[ArticleOut]:
    """The best fit first, each topic once, in the reader's language where there is one."""
    found = await call.db.read(portal.look, portal.words(query.words), call.actor.language)
    return [_out(one) for one in found]


def _out(article: Article) -> ArticleOut:
    """An article without what end users have no use for: the ticket it came from."""
    return ArticleOut.model_validate(article).model_copy(update={"source_ticket": None})
