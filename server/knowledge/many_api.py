"""A step with many articles over the API, how far it is, and reports of errors."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from sqlalchemy.orm import Session

from server.kernel.api import Api, ApiModel, Moment, Page, PageQuery
from server.kernel.call import Call
from server.kernel.i18n import N_
from server.kernel.listing.many import matching
from server.knowledge import bulk, finding, record, runs, service, words
from server.knowledge.models import (
    Article,
    ArticleNote,
    Audience,
    Fate,
    Kind,
    NoteKind,
    Run,
    RunKind,
    RunLine,
    State,
)
from server.knowledge.run_pages import views
from server.knowledge.table import ARTICLES, WHOLE

many_api = Api("knowledge")
Number = Annotated[str, Field(pattern=r"^KB-\d{1,12}$")]
StepName = Literal["submit", "review", "publish", "confirm", "retire"]


class Matching(ApiModel):
    """Which articles: those that pass every filter given; the values of one filter are joined by or."""

    state: Annotated[tuple[State, ...], Field(max_length=10)] = ()
    language: Annotated[tuple[Literal["en", "zh"], ...], Field(max_length=2)] = ()
    kind: Annotated[tuple[Kind, ...], Field(max_length=10)] = ()
    audience: Annotated[tuple[Audience, ...], Field(max_length=10)] = ()
    words: Annotated[str, Field(max_length=200)] = ""


class ManyIn(ApiModel):
    """A step, and the articles it is taken with: `numbers`, or all that match (`matching`)."""

    step: StepName
    numbers: Annotated[list[Number], Field(min_length=1, max_length=WHOLE)] | None = None
    matching: Annotated[Matching, Field(description=f"the {WHOLE} changed last, where more match")] | None = (
        None
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.numbers is None) == (self.matching is None):
            raise ValueError(N_("Give numbers, or what must match; not both."))
        return self


class RunOut(ApiModel):
    """An import or a step with many articles. `total` is null until its upload was read.

    `fates` counts what became of them: done, refused, known (says what an article says already), pointing
    (only points at another document), picture. `error` tells why it broke off, "" where it did not.
    """

    id: int
    kind: RunKind
    name: str
    total: int | None
    done: Annotated[int, Field(description="of how many it is known what became of them")]
    fates: dict[Fate, int]
    begun_at: Moment
    ended_at: Moment | None
    error: str


class LineOut(ApiModel):
    """What became of one document or article; `reason` says why it was left out."""

    place: int
    fate: Fate
    source: str
    title: str
    number: str
    reason: str


class LineQuery(PageQuery):
    """Which lines."""

    fate: Fate | None = None


class NoteOut(ApiModel):
    """What somebody said about an article."""

    id: int
    kind: NoteKind
    version: Annotated[int, Field(description="of the article when it was said")]
    text: str
    at: Moment
    done_at: Annotated[Moment | None, Field(description="when a report was settled")]


class Answer(ApiModel):
    """What the one who reported it is told."""

    answer: Annotated[str, Field(max_length=service.LONGEST_NOTE)] = ""


def _out(session: Session, run: Run) -> RunOut:
    [view] = views(session, [run])
    return RunOut(
        id=run.id,
        kind=run.kind,
        name=run.name,
        total=run.total,
        done=run.done,
        fates=view.counts,
        begun_at=run.at,
        ended_at=run.ended_at,
        error=words.said(run.error, run.places) if run.error else "",
    )


def _line(line: RunLine) -> LineOut:
    return LineOut(
        place=line.place,
        fate=line.fate,
        source=line.source,
        title=line.title,
        number=line.number,
        reason=words.of_line(line),
    )


def _pairs(wish: Matching) -> list[tuple[str, str]]:
    """As the address of the list asks for it."""
    said = wish.model_dump(mode="json", exclude={"words"})
    pairs = [(name, value) for name, values in said.items() for value in values]
    return [("view", ""), *pairs, *([("q", wish.words)] if wish.words else [])]


@many_api.post(
    "/articles/bulk",
    permission="knowledge.write",
    body=ManyIn,
    answer=RunOut,
    status=202,
    summary=N_("Take a step with many articles"),
)
async def take(call: Call, body: ManyIn) -> RunOut:
    """In the background; rights and states are checked for each, what is left out is named in its lines."""

    def begun(session: Session) -> RunOut:
        numbers = body.numbers
        if numbers is None:
            pairs = _pairs(body.matching or Matching())
            numbers = matching(session, ARTICLES, pairs, Article.number, actor=call.actor, now=call.now)
        return _out(session, bulk.begin(session, body.step, numbers, call.actor, now=call.now))

    return await call.db.run(begun)


@many_api.get(
    "/knowledge/runs/{run_id}",
    permission="knowledge.write",
    answer=RunOut,
    summary=N_("Show how far a run is"),
)
async def show(call: Call, run_id: int) -> RunOut:
    """An own one; reviewers see all."""
    return await call.db.read(lambda session: _out(session, runs.visible(session, run_id, call.actor)))


@many_api.get(
    "/knowledge/runs/{run_id}/lines",
    permission="knowledge.write",
    query=LineQuery,
    answer=Page[LineOut],
    summary=N_("List what became of each document or article of a run"),
)
async def lines(call: Call, query: LineQuery, run_id: int) -> Page[LineOut]:
    """In the order in which they were given."""

    def read(session: Session) -> Page[LineOut]:
        run = runs.visible(session, run_id, call.actor)
        found, total = runs.lines(session, run, query.fate, limit=query.limit, offset=query.offset)
        items = [_line(one) for one in found]
        return Page[LineOut](items=items, total=total, limit=query.limit, offset=query.offset)

    return await call.db.read(read)


@many_api.get(
    "/articles/{number}/notes",
    permission="knowledge.read",
    answer=list[NoteOut],
    summary=N_("List the reports, remarks and comments of an article"),
)
async def notes(call: Call, number: str) -> list[NoteOut]:
    """The newest first."""

    def read(session: Session) -> list[NoteOut]:
        found = record.notes(session, finding.visible(session, number, call.actor))
        return [NoteOut.model_validate(one) for one in found]

    return await call.db.read(read)


@many_api.post(
    "/articles/{number}/notes/{note}/settle",
    permission="knowledge.publish",
    body=Answer,
    answer=NoteOut,
    summary=N_("Say that a reported error was dealt with"),
)
async def settle(call: Call, body: Answer, number: str, note: int) -> NoteOut:
    """Who reported it is told, with the answer; a second time changes nothing."""

    def settled(session: Session) -> NoteOut:
        finding.visible(session, number, call.actor)
        service.settle(session, number, note, answer=body.answer, by=call.actor.id, now=call.now)
        return NoteOut.model_validate(session.get_one(ArticleNote, note))

    return await call.db.run(settled)
