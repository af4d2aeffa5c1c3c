"""The pages of knowledge: list, article, form."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from server.kernel.errors import DeskError
from server.kernel.formdata import FormError
from server.kernel.i18n import N_, _
from server.kernel.listing import show
from server.kernel.prose import html
from server.kernel.web import Call, Pages, web
from server.knowledge import finding, record, service, words
from server.knowledge.models import Article, State, Verdict
from server.knowledge.table import ARTICLES

pages = Pages("knowledge")

DONE = {
    State.DRAFT: N_("{number} is a draft again."),
    State.SUBMITTED: N_("{number} waits for review."),
    State.PUBLISHED: N_("{number} is published and will be suggested."),
    State.EXPIRED: N_("{number} is marked as expired and is suggested no more."),
    State.RETIRED: N_("{number} is retired."),
}


class ArticleForm(BaseModel):
    """What the form of an article holds."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Field(min_length=1, max_length=200)]
    language: Annotated[str, Field(pattern="^(en|zh)$")]
    symptom: Annotated[str, Field(max_length=20_000)] = ""
    cause: Annotated[str, Field(max_length=20_000)] = ""
    solution: Annotated[str, Field(max_length=20_000)] = ""
    ci_class: Annotated[str, Field(max_length=200)] = ""
    model: Annotated[str, Field(max_length=200)] = ""
    alert: Annotated[str, Field(max_length=200)] = ""
    service: Annotated[str, Field(max_length=200)] = ""
    version: Annotated[int, Field(ge=1)] = 1
    translation_of: Annotated[str, Field(pattern=r"^KB-\d{1,12}$")] | None = None
    source_ticket: Annotated[str, Field(pattern=r"^INC-\d{1,12}$")] | None = None

    def texts(self) -> dict[str, Any]:
        """The article's fields."""
        facets = {name: getattr(self, name) for name in ("ci_class", "model", "alert", "service")}
        return {
            "title": self.title,
            "language": self.language,
            "symptom": self.symptom,
            "cause": self.cause,
            "solution": self.solution,
            "applies_to": {
                name: [part.strip() for part in value.split(",") if part.strip()]
                for name, value in facets.items()
                if value.strip()
            },
        }


@pages.get("/knowledge", permission="knowledge.read")
async def listed(call: Call) -> web.StreamResponse:
    """The list."""
    return await show(call, ARTICLES, "knowledge/list.html")


@pages.get("/knowledge/new", permission="knowledge.write")
async def new(call: Call) -> web.Response:
    """The form of a new article; empty, a translation, or prefilled from a resolved incident."""
    values: dict[str, Any] = {"language": call.actor.language}
    source = call.request.query.get("translate")
    if source:
        original = await call.db.read(finding.visible, source, call.actor)
        values = _values(original) | {
            "language": "zh" if original.language == "en" else "en",
            "translation_of": original.translation_of or original.number,
            "version": 1,
        }
    ticket = call.request.query.get("from")
    if ticket:
        case = await call.db.read(service.case, ticket)
        values |= service.draft_of(case) | {"source_ticket": case.number}
    return call.render("knowledge/form.html", values=values, errors={}, number="")


@pages.post("/knowledge/new", permission="knowledge.write")
async def create(call: Call) -> web.Response:
    """Begin an article."""
    try:
        form = call.form_as(ArticleForm)
        texts = form.texts() | {"translation_of": form.translation_of, "source_ticket": form.source_ticket}
        made = await call.db.run(service.write, texts, by=call.actor.id, now=call.now)
    except FormError as error:
        return _again(call, error.errors, "")
    return call.redirect(f"/knowledge/{made.number}", N_("{number} is begun."), number=made.number)


@pages.post("/knowledge/preview", permission="knowledge.write")
async def preview(call: Call) -> web.Response:
    """The three texts of the form as they will be read."""
    parts = [(_(label), html(str(call.form.get(name, "")))) for name, label in record.PARTS]
    return call.fragment("knowledge/_prose.html", parts=[part for part in parts if part[1]])


@pages.get("/knowledge/{number}", permission="knowledge.read")
async def shown(call: Call, number: str) -> web.Response:
    """The article; `?for=INC-...` notes that it was opened there."""
    view = await call.db.read(record.view, number, actor=call.actor)
    call.topics = ("knowledge",)
    return call.render("knowledge/article.html", view=view, words=words)


@pages.get("/knowledge/{number}/edit", permission="knowledge.write")
async def edit(call: Call, number: str) -> web.Response:
    """The form of a known article."""
    article = await call.db.read(finding.visible, number, call.actor)
    return call.render("knowledge/form.html", values=_values(article), errors={}, number=number)


@pages.post("/knowledge/{number}/edit", permission="knowledge.write")
async def change(call: Call, number: str) -> web.Response:
    """Change its texts."""
    await call.db.read(finding.visible, number, call.actor)
    try:
        form = call.form_as(ArticleForm)
        await call.db.run(
            service.revise, number, form.texts(), version=form.version, by=call.actor.id, now=call.now
        )
    except FormError as error:
        return _again(call, error.errors, number)
    except DeskError as error:
        return _again(call, {"title": str(error)}, number)
    return call.redirect(f"/knowledge/{number}", N_("{number} is changed."), number=number)


@pages.post("/knowledge/{number}/move", permission="knowledge.write")
async def move(call: Call, number: str) -> web.Response:
    """Submit, publish, send back, expire, retire."""
    await call.db.read(finding.visible, number, call.actor)
    to = State(str(call.form.get("to", ""))) if call.form.get("to") in set(State) else State.DRAFT
    service.may_move(call.actor, to)
    await call.db.run(service.move, number, to, by=call.actor.id, now=call.now)
    return call.redirect(f"/knowledge/{number}", DONE[to], number=number)


@pages.post("/knowledge/{number}/opinion", permission="knowledge.read")
async def opinion(call: Call, number: str) -> web.Response:
    """A reader says that it helped on a ticket, or did not."""
    await call.db.read(finding.visible, number, call.actor)
    verdict = {"helped": Verdict.FIXED, "not_helped": Verdict.NOT_HELPED}.get(str(call.form.get("verdict")))
    if verdict is not None:
        ticket = f"P-{call.actor.id}"  # a reader without a ticket counts once
        await call.db.run(service.record_outcome, number, ticket, verdict, by=call.actor.id, now=call.now)
    return call.redirect(f"/knowledge/{number}", N_("Thank you: it counts for the order of suggestions."))


def _again(call: Call, errors: dict[str, str], number: str) -> web.Response:
    values = {name: call.form.get(name, "") for name in ArticleForm.model_fields}
    return call.render("knowledge/form.html", status=422, values=values, errors=errors, number=number)


def _values(article: Article) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(article, name) for name in ("title", "language", "version")}
    values |= {name: getattr(article, name) for name, _label in record.PARTS}
    values |= {name: ", ".join(map(str, found)) for name, found in article.applies_to.items()}
    return values
