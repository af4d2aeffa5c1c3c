"""The rankers over the API: which there are, how good each was, and which is live."""

from typing import Annotated

from pydantic import Field

from server.kernel import jobs
from server.kernel.api import Api, ApiModel, Moment
from server.kernel.call import Call
from server.kernel.i18n import N_
from server.knowledge.suggesting import learning, training
from server.knowledge.suggesting.learned import Standing

ranking_api = Api("knowledge")


class RankerOut(ApiModel):
    """A ranker; number 0 is the one before any feedback.

    `figures`: on tickets it was not made of, how well it ordered them `before` and `after`, how often its
    first suggestion was right, by what chance the gain is an accident, and the loss of the part of the
    tickets that fared worst.
    """

    number: int
    standing: Standing
    made_at: Moment | None
    live_at: Moment | None
    figures: dict[str, float]


class PutBack(ApiModel):
    """Which ranker is to be live."""

    number: Annotated[int, Field(ge=0, le=2_000_000_000)]


@ranking_api.get(
    "/rankers", permission="knowledge.publish", answer=list[RankerOut], summary=N_("List the rankers")
)
async def rankers(call: Call) -> list[RankerOut]:
    """The latest first."""
    return [RankerOut.model_validate(one) for one in await call.db.read(learning.history)]


@ranking_api.post(
    "/rankers/live",
    permission="knowledge.publish",
    body=PutBack,
    answer=list[RankerOut],
    summary=N_("Put a ranker back"),
)
async def put_back(call: Call, body: PutBack) -> list[RankerOut]:
    """It was live before, or is the one before any feedback."""
    await call.db.run(learning.put_back, body.number, by=call.actor.id, now=call.now)
    return await rankers(call)


@ranking_api.post(
    "/rankers/learn", permission="knowledge.publish", status=202, summary=N_("Learn a new ranker now")
)
async def learn(call: Call) -> None:
    """In the background; it goes live only if it is better."""
    await call.db.run(jobs.enqueue, training.JOB, {}, now=call.now, key=training.JOB)
