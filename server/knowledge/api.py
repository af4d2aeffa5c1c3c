"""Knowledge over the API: articles, their life, and suggestions for a text."""

from typing import Annotated

from pydantic import Field
from sqlalchemy.orm import Session

from server.kernel.api import Api, ApiModel, Moment, Page, PageQuery
from server.kernel.call import Call
from server.kernel.errors import ForbiddenError
from server.kernel.i18n import N_
from server.knowledge import finding, proposals, service
from server.knowledge.models import Audience, Kind, NoteKind, State, Verdict
from server.knowledge.suggesting import learning
from server.knowledge.suggesting.suggest import Query

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
    kind: Kind = Kind.ARTICLE
    audience: Audience = Audience.ENGINEERS


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
    review_due_at: Moment | None


class NoteIn(ApiModel):
    """A report of an error in an article, or a comment."""

    kind: Annotated[NoteKind, Field(description="report or comment")] = NoteKind.REPORT
    text: Annotated[str, Field(min_length=1, max_length=service.LONGEST_NOTE)]


class Remark(ApiModel):
    """Why an article is sent back."""

    text: Annotated[str, Field(min_length=1, max_length=service.LONGEST_NOTE)]


class VersionOut(ApiModel):
    """An earlier version of an article."""

    version: int
    at: Moment
    texts: ArticleTexts


class Revert(ApiModel):
    """Which version to put back, and the version that was seen."""

    to: Annotated[int, Field(ge=1, le=1_000_000)]
    version: Annotated[int, Field(ge=1, le=1_000_000)]


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
    """A fix to try, with its reasons.

    `fixed` of `tried` times it held, `fixed_here` of `tried_here` on tickets that share the facet `here`;
    `said` are the words that matched as they stand in the text. `score` is the probability that it is right.
    """

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
    said: tuple[str, ...]
    here: tuple[str, str] | None
    fixed_here: int
    tried_here: int


class OutcomeIn(ApiModel):
    """What came of a suggestion on a ticket."""

    ticket: Annotated[str, Field(pattern=r"^[A-Z]{2,4}-\d{1,12}$")]
    verdict: Verdict
    text: Annotated[
        str,
        Field(max_length=20_000, description="what the ticket says, where it is kept in another program"),
    ] = ""


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
    await _needs_edit(call, number)
    texts = body.model_dump(exclude={"version"})
    changed = await call.db.run(
        service.revise, number, texts, version=body.version, by=call.actor.id, now=call.now
    )
    return ArticleOut.model_validate(changed)


async def _needs_edit(call: Call, number: str) -> None:
    article = await call.db.read(finding.visible, number, call.actor)
    if not service.may_edit(call.actor, article):
        raise ForbiddenError(
            N_("{number} is published; propose the change to its reviewer."),
            permission="knowledge.publish",
            number=number,
        )


@api.post(
    "/articles/{number}/proposals",
    permission="knowledge.write",
    body=ArticleChange,
    status=202,
    answer=ArticleOut,
    summary=N_("Propose a change of a published article"),
)
async def propose(call: Call, number: str, body: ArticleChange) -> ArticleOut:
    """Kept aside until a reviewer has decided; the article is answered as it stands."""
    await call.db.read(finding.visible, number, call.actor)
    texts = body.model_dump(exclude={"version"})
    await call.db.run(proposals.propose, number, texts, version=body.version, by=call.actor.id, now=call.now)
    return ArticleOut.model_validate(await call.db.read(finding.visible, number, call.actor))


@api.post(
    "/articles/{number}/move",
    permission="knowledge.write",
    body=Step,
    answer=ArticleOut,
    summary=N_("Submit, publish, expire or retire an article"),
)
async def step(call: Call, number: str, body: Step) -> ArticleOut:
    """Another state; publishing and retiring are the reviewer's."""
    article = await call.db.read(finding.visible, number, call.actor)
    service.may_move(call.actor, article, body.to)
    moved = await call.db.run(
        service.move,
        number,
        body.to,
        by=call.actor.id,
        now=call.now,
        own_review=call.settings.knowledge_own_review,
    )
    return ArticleOut.model_validate(moved)


@api.post(
    "/articles/{number}/send-back",
    permission="knowledge.publish",
    body=Remark,
    answer=ArticleOut,
    summary=N_("Send a submitted article back to its author"),
)
async def send_back(call: Call, number: str, body: Remark) -> ArticleOut:
    """With the reason, which the author reads."""
    returned = await call.db.run(service.send_back, number, body.text, by=call.actor.id, now=call.now)
    return ArticleOut.model_validate(returned)


@api.post(
    "/articles/{number}/confirm",
    permission="knowledge.publish",
    answer=ArticleOut,
    summary=N_("Say that an article is still right"),
)
async def confirm(call: Call, number: str) -> ArticleOut:
    """Its next review is a year away."""
    return ArticleOut.model_validate(
        await call.db.run(service.confirm, number, by=call.actor.id, now=call.now)
    )


@api.post(
    "/articles/{number}/notes",
    permission="knowledge.read",
    body=NoteIn,
    status=201,
    answer=ArticleOut,
    summary=N_("Report an error in an article, or comment on it"),
)
async def say(call: Call, number: str, body: NoteIn) -> ArticleOut:
    """A report reaches the knowledge manager; remarks are the reviewer's, see send-back."""
    kind = body.kind if body.kind is not NoteKind.REMARK else NoteKind.COMMENT
    article = await call.db.read(finding.visible, number, call.actor)

    def noted(session: Session) -> None:
        service.note(
            session, service.article(session, number), kind, body.text, by=call.actor.id, now=call.now
        )

    await call.db.run(noted)
    return ArticleOut.model_validate(article)


@api.get(
    "/articles/{number}/versions",
    permission="knowledge.read",
    answer=list[VersionOut],
    summary=N_("List the earlier versions of an article"),
)
async def versions(call: Call, number: str) -> list[VersionOut]:
    """The newest first."""
    article = await call.db.read(finding.visible, number, call.actor)
    rows = await call.db.read(finding.versions, article)
    return [VersionOut.model_validate(row) for row in rows]


@api.post(
    "/articles/{number}/revert",
    permission="knowledge.write",
    body=Revert,
    answer=ArticleOut,
    summary=N_("Put an earlier version of an article back"),
)
async def revert(call: Call, number: str, body: Revert) -> ArticleOut:
    """As a new version; nothing is lost."""
    await _needs_edit(call, number)
    back = await call.db.run(
        service.revert, number, body.to, version=body.version, by=call.actor.id, now=call.now
    )
    return ArticleOut.model_validate(back)


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
    found = await call.db.read(finding.suggested, query, call.actor, limit=body.limit)
    return [SuggestionOut.model_validate(one) for one in found]


@api.post(
    "/suggestions/{number}/outcome",
    permission="knowledge.read",
    body=OutcomeIn,
    summary=N_("Say what came of a suggestion"),
)
async def outcome(call: Call, number: str, body: OutcomeIn) -> None:
    """Helped, did not help, not relevant, applied."""
    await call.db.read(finding.suggestion, number, call.actor)
    await call.db.run(
        learning.judge,
        number,
        body.ticket,
        body.verdict,
        text=body.text,
        language=call.actor.language,
        by=call.actor.id,
        now=call.now,
    )
