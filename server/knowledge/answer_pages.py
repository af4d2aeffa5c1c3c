"""Asking in whole sentences: what is known, and where a language model is set up, a draft from it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.orm import Session

from server.kernel.api import Api, ApiModel
from server.kernel.call import Actor, Call
from server.kernel.errors import ConflictError, InvalidError
from server.kernel.formdata import said_of
from server.kernel.i18n import N_
from server.kernel.prose import html
from server.kernel.web import Pages, web
from server.knowledge import answering, finding
from server.knowledge.answering import Draft, NoAnswerError
from server.knowledge.api import Text
from server.knowledge.suggesting import reranking, silence
from server.knowledge.suggesting.reasons import Reasons, reasons
from server.knowledge.suggesting.suggest import NEXT_SCORE, Query, Suggestion

log = structlog.get_logger(__name__)
asking = Pages("knowledge")
answers = Api("knowledge")
SHOWN = 8


@dataclass(frozen=True)
class Found:
    """An answer and why it is shown."""

    suggestion: Suggestion
    why: Reasons


@dataclass(frozen=True)
class Known:
    """What is known for a question.

    Args:
        sure: what would be suggested on an incident that says this.
        near: what is too unsure for that; a reader who asks may judge it.
    """

    sure: Sequence[Found] = ()
    near: Sequence[Found] = ()


def known(session: Session, text: str, actor: Actor) -> Known:
    """What is known for a question, as far as this person may see it; the likeliest first."""
    if not text:
        return Known()
    query = Query(text, language=actor.language)
    found = finding.suggested(session, query, actor, limit=SHOWN, least=NEXT_SCORE)
    least = silence.measured(session).least
    near = [one for one in found if one.score < least]
    return Known(
        [Found(one, reasons(one, text)) for one in found if one.score >= least],
        [Found(one, reasons(one, text)) for one in near],
    )


class AskIn(ApiModel):
    """A question in words."""

    text: Text


class DraftOut(ApiModel):
    """A draft with the numbers of the articles it cites."""

    text: str
    cited: list[str]


async def _drafted(call: Call, text: str) -> Draft:
    question = await call.db.read(answering.asked, text, actor=call.actor)
    return await answering.draft(question, call.settings)


@asking.get("/knowledge/ask", permission="knowledge.read")
async def form(call: Call) -> web.Response:
    """The question, and what is known."""
    return await _page(call, call.request.query.get("q", ""))


@asking.post("/knowledge/ask", permission="knowledge.read")
async def ask(call: Call) -> web.Response:
    """A draft from what is known; what is known is shown in any case."""
    text = str(call.form.get("q", ""))
    try:
        drafted = await _drafted(call, text)
    except (NoAnswerError, InvalidError, ConflictError) as error:
        return await _page(call, text, refusal=said_of(error))
    return await _page(call, text, drafted=drafted)


async def _page(call: Call, text: str, *, drafted: Draft | None = None, refusal: str = "") -> web.Response:
    text = text.strip()[: answering.LONGEST_QUESTION]
    folder = call.settings.reranker_folder
    reranker = await asyncio.to_thread(reranking.usable, folder)
    return call.render(
        "knowledge/ask.html",
        text=text,
        known=await call.db.read(known, text, call.actor),
        ordered=reranker is not None,
        amiss=reranker is None and bool(folder),
        drafted=html(drafted.linked) if drafted else "",
        cited=drafted.cited if drafted else (),
        refusal=refusal,
        on=bool(call.settings.llm_url),
    )


@answers.post(
    "/knowledge/answers",
    permission="knowledge.read",
    body=AskIn,
    answer=DraftOut,
    errors={502: "No draft: the language model was not reached, or said nothing usable."},
    summary=N_("Draft an answer from the articles"),
)
async def answer(call: Call, body: AskIn) -> DraftOut:
    """By the language model that the settings name; refused unless it cites the articles it was given."""
    return DraftOut.model_validate(await _drafted(call, body.text))
