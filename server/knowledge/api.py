"""Knowledge over the API: articles, their life, and suggestions for a text."""

from typing import Annotated

from pydantic import Field

from server.kernel.api import Api, ApiModel, Moment, Page, PageQuery
from server.kernel.call import Call
from server.kernel.i18n import N_
from server.knowledge import finding, service
from server.knowledge.models import State, Verdict
from server.knowledge.suggest import Query, suggest

api = Api("knowledge")
Text = Annotated[str, Field(max_length=20_000)]
Short = Annotated[str, Field(max_length=200)]


class AppliesTo(ApiModel):
    """For what an article is meant; empty lists say nothing."""

    alert: tuple[Short, ...] = ()
    ci_class: tuple[Short, ...] = ()
    model: tuple[Short, ...] = ()
    service: tuple[Short, ...] = ()


class ArticleTexts(ApiModel):
    """What people write in an article; Markdown."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    symptom: Text = ""
    cause: Text = ""
    solution: Text = ""
    language: Annotated[str, Field(pattern="^(en|zh)$")] = "en"
    applies_to: AppliesTo = AppliesTo()


class ArticleChange(ArticleTexts):
    """New texts, and the version they were made from."""

    version: Annotated[int, Field(ge=1, le=1_000_000)]


class ArticleOut(ArticleTexts):
    """An article."""

    number: str
    state: State
    version: int
    source_ticket: str | None
    translation_of: str | None
    created_at: Moment
    changed_at: Moment
    published_at: Moment | None


class ArticleQuery(PageQuery):
    """Which articles."""

    state: State | None = None
    words: Annotated[str, Field(max_length=200)] | None = None


class Step(ApiModel):
    """Where the article goes."""

    to: State


class Ask(ApiModel):
    """A ticket's text (its summary in the first line) and what else is known of it."""

    text: Annotated[str, Field(min_length=1, max_length=20_000)]
    alert: Short = ""
    ci: Short = ""
    ci_class: Short = ""
    model: Short = ""
    service: Short = ""
    limit: Annotated[int, Field(ge=1, le=20)] = 3


class SuggestionOut(ApiModel):
    """A fix to try, with its reasons; `fixed` of `tried` times it held."""

    number: str
    kind: str
    title: str
    language: str
    score: float
    words: tuple[str, ...]
    facets: dict[str, str]
    steps: tuple[str, ...]
    cause: str
    fixed: int
    tried: int


class OutcomeIn(ApiModel):
    """What came of a suggestion on a ticket."""

    ticket: Annotated[str, Field(pattern=r"^[A-Z]{2,4}-\d{1,12}$")]
    verdict: Verdict


@api.get(
    "/articles",
    permission="knowledge.read",
    query=ArticleQuery,
    answer=Page[ArticleOut],
    summary=N_("List articles"),
)
async def articles(call: Call, query: ArticleQuery) -> Page[ArticleOut]:
    """The articles this person may see, the latest change first."""
    rows, total = await call.db.read(
        finding.articles,
        call.actor,
        state=query.state,
        words=query.words,
        limit=query.limit,
        offset=query.offset,
    )
    items = [ArticleOut.model_validate(row) for row in rows]
    return Page[ArticleOut](items=items, total=total, limit=query.limit, offset=query.offset)


@api.post(
    "/articles",
    permission="knowledge.write",
    body=ArticleTexts,
    answer=ArticleOut,
    status=201,
    summary=N_("Begin an article"),
)
async def begin(call: Call, body: ArticleTexts) -> ArticleOut:
    """A new draft."""
    made = await call.db.run(service.write, body.model_dump(), by=call.actor.id, now=call.now)
    return ArticleOut.model_validate(made)


@api.get("/articles/{number}", permission="knowledge.read", answer=ArticleOut, summary=N_("Show an article"))
async def show(call: Call, number: str) -> ArticleOut:
    """One article."""
    return ArticleOut.model_validate(await call.db.read(finding.visible, number, call.actor))


@api.put(
    "/articles/{number}",
    permission="knowledge.write",
    body=ArticleChange,
    answer=ArticleOut,
    summary=N_("Change an article"),
)
async def change(call: Call, number: str, body: ArticleChange) -> ArticleOut:
    """New texts in place of the old, which stay as a version."""
    texts = body.model_dump(exclude={"version"})
    changed = await call.db.run(
        service.revise, number, texts, version=body.version, by=call.actor.id, now=call.now
    )
    return ArticleOut.model_validate(changed)


@api.post(
    "/articles/{number}/move",
    permission="knowledge.write",
    body=Step,
    answer=ArticleOut,
    summary=N_("Submit, publish, expire or retire an article"),
)
async def step(call: Call, number: str, body: Step) -> ArticleOut:
    """Another state; publishing and retiring are the reviewer's."""
    service.may_move(call.actor, body.to)
    moved = await call.db.run(service.move, number, body.to, by=call.actor.id, now=call.now)
    return ArticleOut.model_validate(moved)


@api.post(
    "/suggestions",
    permission="knowledge.read",
    body=Ask,
    answer=list[SuggestionOut],
    summary=N_("Suggest fixes for a text"),
)
async def suggestions(call: Call, body: Ask) -> list[SuggestionOut]:
    """What fixed this before; empty where nothing fits well enough."""
    query = Query(language=call.actor.language, **body.model_dump(exclude={"limit"}))
    found = await call.db.read(suggest, query, limit=body.limit)
    return [SuggestionOut.model_validate(one) for one in found]


@api.post(
    "/suggestions/{number}/outcome",
    permission="knowledge.read",
    body=OutcomeIn,
    summary=N_("Say what came of a suggestion"),
)
async def outcome(call: Call, number: str, body: OutcomeIn) -> None:
    """Helped, did not help, not relevant, applied."""
    await call.db.run(
        service.record_outcome, number, body.ticket, body.verdict, by=call.actor.id, now=call.now
    )
