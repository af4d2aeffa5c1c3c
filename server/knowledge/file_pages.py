"""Files at articles, and articles from files."""

import asyncio
from typing import Any

from aiohttp.web_request import FileField
from sqlalchemy.orm import Session

from server.kernel.errors import DeskError, ForbiddenError, InvalidError
from server.kernel.formdata import said_of
from server.kernel.i18n import N_
from server.kernel.web import Call, Pages, web
from server.knowledge import entering, files, finding, importing, service
from server.knowledge.models import Article, ArticleFile

filed = Pages("knowledge")
FORM_REST = 64 * 1024  # bytes of a form beside its file
ITEMS_SHOWN = 200


def _sent(call: Call) -> tuple[str, bytes]:
    """The file of a form.

    Raises:
        InvalidError: no file was chosen.
    """
    given: Any = call.form.get("file")
    if not isinstance(given, FileField) or not given.filename:
        raise InvalidError(N_("Choose a file."), field="/file")
    with given.file as stream:
        return given.filename, stream.read()


@filed.post("/knowledge/{number}/files", permission="knowledge.write", body_limit=files.LARGEST + FORM_REST)
async def attach(call: Call, number: str) -> web.Response:
    """Keep a file at an article."""
    name, content = _sent(call)

    def kept(session: Session) -> ArticleFile:
        article = _editable(session, call, number)
        return files.attach(session, article, name, content, by=call.actor.id, now=call.now)

    one = await call.db.run(kept)
    return call.redirect(f"/knowledge/{number}#files", N_("{name} is attached."), name=one.name)


def _editable(session: Session, call: Call, number: str) -> Article:
    article = finding.visible(session, number, call.actor)
    if not service.may_edit(call.actor, article):
        raise ForbiddenError(N_("Your roles do not include this step."), permission="knowledge.publish")
    return article


@filed.get("/knowledge/{number}/files/{storage}", permission="knowledge.read")
async def give(call: Call, number: str, storage: str) -> web.Response:
    """A file, to be kept; pictures also to be shown, with `?show=1`."""

    def read(session: Session) -> tuple[ArticleFile, bytes]:
        return files.read(session, finding.visible(session, number, call.actor), storage)

    kept, content = await call.db.read(read)
    inline = call.request.query.get("show") == "1"
    return web.Response(body=content, content_type=kept.media, headers=files.headers(kept, inline=inline))


@filed.post("/knowledge/{number}/files/{storage}/remove", permission="knowledge.write")
async def remove(call: Call, number: str, storage: str) -> web.Response:
    """Take a file away."""

    def taken(session: Session) -> ArticleFile:
        return files.remove(session, _editable(session, call, number), storage)

    one = await call.db.run(taken)
    return call.redirect(f"/knowledge/{number}#files", N_("{name} is removed."), name=one.name)


@filed.get("/knowledge/import", permission="knowledge.publish")
async def form(call: Call) -> web.Response:
    """The form of an import."""
    return _shown(call)


@filed.post("/knowledge/import", permission="knowledge.publish", body_limit=importing.LARGEST + FORM_REST)
async def try_it(call: Call) -> web.Response:
    """Read an upload and tell what would become of each document; nothing is changed."""
    try:
        name, content = _sent(call)
        items = await call.db.read(_tried, name, content)
        await asyncio.to_thread(entering.weigh, name, content, items)
    except DeskError as error:
        return _shown(call, error=said_of(error), status=error.status)
    upload = await call.db.run(entering.keep, name, content, by=call.actor.id, now=call.now)
    return _shown(call, items=items, token=upload.token)


def _tried(session: Session, name: str, content: bytes) -> list[importing.Item]:
    return importing.compared(session, importing.read(name, content))


@filed.post("/knowledge/import/{token}", permission="knowledge.publish")
async def take_in(call: Call, token: str) -> web.Response:
    """Take in what was tried; the run goes on in the background."""
    run = await call.db.run(
        entering.begin,
        token,
        submit=bool(call.form.get("submit")),
        pointing=bool(call.form.get("pointing")),
        by=call.actor.id,
        now=call.now,
    )
    return call.redirect(f"/knowledge/runs/{run.id}")


def _shown(call: Call, *, status: int = 200, **context: Any) -> web.Response:
    nothing: dict[str, Any] = {"items": [], "token": "", "error": ""}
    context = nothing | context
    context["items"] = sorted(context["items"], key=lambda one: not one.error)
    shown = sum(len(one.pictures) for one in context["items"] if one.fits)
    return call.render("knowledge/import.html", status=status, **context, shown=shown, most=ITEMS_SHOWN)
