"""The pages of knowledge: list, article, form."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from server.kernel.errors import DeskError, ForbiddenError, InvalidError
from server.kernel.formdata import FormError, said_of
from server.kernel.i18n import N_, _
from server.kernel.listing import show
from server.kernel.prose import html
from server.kernel.web import Call, Pages, web
from server.knowledge import files, finding, gaps, proposals, record, service, words
from server.knowledge.models import Article, Audience, Kind, NoteKind, State, Verdict
from server.knowledge.table import ARTICLES

pages = Pages("knowledge")
TICKET = re.compile(r"INC-\d{1,12}")

DONE = {
    State.DRAFT: N_("{number} is a draft again."),
    State.SUBMITTED: N_("{number} waits for review."),
    State.REVIEWED: N_("{number} is reviewed and can be published."),
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
    kind: Kind = Kind.ARTICLE
    audience: Audience = Audience.ENGINEERS
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
            "kind": self.kind,
            "audience": self.audience,
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
    ticket, missing = call.request.query.get("from"), call.request.query.get("gap")
    if ticket and not call.actor.vendor:  # whose tickets a vendor may see is not known here
        case = await call.db.read(service.case, ticket)
        values |= service.draft_of(case) | {"source_ticket": case.number}
    elif missing and call.may("knowledge.publish"):
        gap = await call.db.read(gaps.of_ticket, missing)
        facets = {name: gap.facets.get(name, "") for name in ("ci_class", "model", "alert", "service")}
        values |= facets | {"title": gap.title[:200], "source_ticket": gap.ticket}
    return _form(call, values)


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
    written_in = {"en": "en", "zh": "zh-CN"}.get(str(call.form.get("language", "")), "")
    shown = [part for part in parts if part[1]]
    return call.fragment("knowledge/_prose.html", parts=shown, written_in=written_in)


@pages.get("/knowledge/{number}", permission="knowledge.read")
async def shown(call: Call, number: str) -> web.Response:
    """The article; with `?for=INC-...` the page tells that it was opened there."""
    view = await call.db.read(record.view, number, actor=call.actor)
    ticket = call.request.query.get("for", "")
    call.topics = ("knowledge",)
    return call.render(
        "knowledge/article.html",
        view=view,
        words=words,
        counted=record.counted,
        open_reports=record.open_reports(view),
        opened_for=ticket if TICKET.fullmatch(ticket) and view.article.state is State.PUBLISHED else "",
    )


@pages.post("/knowledge/{number}/opened", permission="knowledge.read")
async def opened(call: Call, number: str) -> web.Response:
    """It was opened on a ticket; the page tells so by itself."""
    ticket = str(call.form.get("ticket", ""))
    if not TICKET.fullmatch(ticket):
        raise InvalidError(N_("Name the incident, as INC-000001."), field="/ticket")

    def noted(session: Session) -> None:
        finding.suggestion(session, number, call.actor)
        service.record_outcome(session, number, ticket, Verdict.OPENED, by=call.actor.id, now=call.now)

    await call.db.run(noted)
    return web.Response(status=204)


@pages.get("/knowledge/{number}/edit", permission="knowledge.write")
async def edit(call: Call, number: str) -> web.Response:
    """The form of a known article; for those who may not publish it proposes a change."""
    article = await call.db.read(finding.visible, number, call.actor)
    proposes = not service.may_edit(call.actor, article)
    waiting = await call.db.read(proposals.waiting, article) if proposes else None
    pictures = await call.db.read(files.pictures, article)
    values = _values(article)
    if waiting is not None and waiting.by_id == call.actor.id and waiting.base_version == article.version:
        values |= _as_form(waiting.texts)
    return _form(call, values, number=number, proposes=proposes, pictures=pictures)


@pages.post("/knowledge/{number}/edit", permission="knowledge.write")
async def change(call: Call, number: str) -> web.Response:
    """Change its texts, or propose to."""
    article = await call.db.read(finding.visible, number, call.actor)
    at_once = service.may_edit(call.actor, article)
    try:
        form = call.form_as(ArticleForm)
        step = service.revise if at_once else proposals.propose
        await call.db.run(step, number, form.texts(), version=form.version, by=call.actor.id, now=call.now)
    except FormError as error:
        return _again(call, error.errors, number, proposes=not at_once)
    except DeskError as error:
        return _again(call, {"title": said_of(error)}, number, proposes=not at_once)
    done = N_("{number} is changed.") if at_once else N_("Your change of {number} waits for review.")
    return call.redirect(f"/knowledge/{number}", done, number=number)


@pages.post("/knowledge/{number}/move", permission="knowledge.write")
async def move(call: Call, number: str) -> web.Response:
    """Submit, take back, publish, expire, retire."""
    article = await call.db.read(finding.visible, number, call.actor)
    wanted = str(call.form.get("to", ""))
    if wanted not in set(State):
        raise InvalidError(N_("Choose one of: {expected}."), field="/to", expected=", ".join(sorted(State)))
    to = State(wanted)
    service.may_move(call.actor, article, to)
    await call.db.run(
        service.move,
        number,
        to,
        by=call.actor.id,
        now=call.now,
        own_review=call.settings.knowledge_own_review,
    )
    return call.redirect(f"/knowledge/{number}", DONE[to], number=number)


@pages.post("/knowledge/{number}/send-back", permission="knowledge.publish")
async def send_back(call: Call, number: str) -> web.Response:
    """Return it to its author, with the reason."""
    remark = str(call.form.get("text", ""))
    await call.db.run(service.send_back, number, remark, by=call.actor.id, now=call.now)
    return call.redirect(f"/knowledge/{number}", N_("{number} is sent back with your remark."), number=number)


@pages.post("/knowledge/{number}/confirm", permission="knowledge.publish")
async def confirm(call: Call, number: str) -> web.Response:
    """It is still right."""
    await call.db.run(service.confirm, number, by=call.actor.id, now=call.now)
    toast = N_("{number} is confirmed; its next review is in a year.")
    return call.redirect(f"/knowledge/{number}", toast, number=number)


@pages.post("/knowledge/{number}/proposal", permission="knowledge.publish")
async def decide(call: Call, number: str) -> web.Response:
    """Take a proposed change, or send it back with the reason."""
    if call.form.get("do") == "accept":
        await call.db.run(proposals.accept, number, by=call.actor.id, now=call.now)
        return call.redirect(f"/knowledge/{number}", N_("The change of {number} is taken."), number=number)
    remark = str(call.form.get("text", ""))
    await call.db.run(proposals.send_back, number, remark, by=call.actor.id, now=call.now)
    return call.redirect(f"/knowledge/{number}", N_("The change of {number} is sent back."), number=number)


@pages.post("/knowledge/{number}/notes", permission="knowledge.read")
async def say(call: Call, number: str) -> web.Response:
    """Report an error, or comment."""
    kind = NoteKind.REPORT if call.form.get("kind") == "report" else NoteKind.COMMENT
    said = str(call.form.get("text", ""))

    def noted(session: Session) -> None:
        article = finding.visible(session, number, call.actor)
        service.note(session, article, kind, said, by=call.actor.id, now=call.now)

    await call.db.run(noted)
    toast = N_("The knowledge manager is told.") if kind is NoteKind.REPORT else N_("Your comment is added.")
    return call.redirect(f"/knowledge/{number}", toast)


@pages.post("/knowledge/{number}/notes/{note}/done", permission="knowledge.publish")
async def settle(call: Call, number: str, note: int) -> web.Response:
    """A report was dealt with."""
    answer = str(call.form.get("answer", ""))
    await call.db.run(service.settle, number, note, answer=answer, by=call.actor.id, now=call.now)
    return call.redirect(f"/knowledge/{number}", N_("The report is settled."))


@pages.get("/knowledge/{number}/versions/{version}", permission="knowledge.read")
async def earlier(call: Call, number: str, version: int) -> web.Response:
    """An earlier version beside the present one."""
    view = await call.db.read(record.earlier, number, version, actor=call.actor)
    return call.render(
        "knowledge/version.html",
        view=view,
        words=words,
        counted=record.counted,
        may_edit=service.may_edit(call.actor, view.article),
    )


@pages.post("/knowledge/{number}/versions/{version}/revert", permission="knowledge.write")
async def revert(call: Call, number: str, version: int) -> web.Response:
    """Put an earlier version back."""
    article = await call.db.read(finding.visible, number, call.actor)
    if not service.may_edit(call.actor, article):
        raise ForbiddenError(N_("Your roles do not include this step."), permission="knowledge.publish")
    seen = str(call.form.get("seen", ""))
    await call.db.run(
        service.revert,
        number,
        version,
        version=int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else 0,
        by=call.actor.id,
        now=call.now,
    )
    toast = N_("{number} says what version {version} said.")
    return call.redirect(f"/knowledge/{number}", toast, number=number, version=version)


@pages.post("/knowledge/{number}/opinion", permission="knowledge.read")
async def opinion(call: Call, number: str) -> web.Response:
    """A reader says that it helped on a ticket, or did not."""
    await call.db.read(finding.visible, number, call.actor)
    verdict = {"helped": Verdict.FIXED, "not_helped": Verdict.NOT_HELPED}.get(str(call.form.get("verdict")))
    if verdict is not None:
        ticket = f"P-{call.actor.id}"  # a reader without a ticket counts once
        await call.db.run(service.record_outcome, number, ticket, verdict, by=call.actor.id, now=call.now)
    return call.redirect(f"/knowledge/{number}", N_("Thank you: it counts for the order of suggestions."))


def _again(call: Call, errors: dict[str, str], number: str, *, proposes: bool = False) -> web.Response:
    values = {name: call.form.get(name, "") for name in ArticleForm.model_fields}
    return _form(call, values, status=422, errors=errors, number=number, proposes=proposes)


def _form(call: Call, values: Mapping[str, Any], *, status: int = 200, **context: Any) -> web.Response:
    nothing: dict[str, Any] = {"errors": {}, "number": "", "proposes": False, "pictures": ()}
    context = nothing | context
    return call.render("knowledge/form.html", status=status, values=values, words=words, **context)


def _values(article: Article) -> dict[str, Any]:
    return _as_form(service.texts_of(article)) | {"version": article.version}


def _as_form(texts: Mapping[str, Any]) -> dict[str, Any]:
    """Texts as the form's fields hold them."""
    facets = {name: ", ".join(map(str, found)) for name, found in texts.get("applies_to", {}).items()}
    return {name: str(texts[name]) for name in texts if name != "applies_to"} | facets
