"""The portal's pages of knowledge: search, article, and whether it solved it.

Reading a page changes nothing; a page tells by itself, with a request of its own, that it was looked for.
"""

from urllib.parse import quote

from sqlalchemy.orm import Session

from server.kernel.errors import InvalidError
from server.kernel.i18n import N_
from server.kernel.web import Call, Pages, web
from server.knowledge import files, portal, record, service, words
from server.knowledge.models import Article, ArticleFile, Told
from server.knowledge.portal import HOME
from server.knowledge.references import plain

shelf = Pages("knowledge")
NEAR_SHOWN = 3
SHORTEST = 3  # characters of a report from which something may be near


@shelf.get(HOME, signed_in=True)
async def search(call: Call) -> web.Response:
    """What fits the words, and the way to report what nothing fits."""
    said = portal.words(call.request.query.get("q", ""))
    found = await call.db.read(portal.look, said, call.actor.language)
    return call.render("knowledge/portal.html", said=said, found=found, plain=plain)


@shelf.get(HOME + "/near", signed_in=True)
async def near(call: Call) -> web.Response:
    """What may help, while a report is typed."""
    query = call.request.query
    said = portal.words(f"{query.get('summary', '')} {query.get('description', '')}")
    found = await call.db.read(portal.look, said, call.actor.language) if len(said) >= SHORTEST else ()
    return call.fragment("knowledge/_near.html", said=said, found=found[:NEAR_SHOWN], plain=plain)


@shelf.get(HOME + "/{number}", signed_in=True)
async def shown(call: Call, number: str) -> web.Response:
    """An article; `?q=` is what was looked for."""
    said = portal.words(call.request.query.get("q", ""))

    def read(session: Session) -> tuple[Article, list[ArticleFile], list[Article]]:
        article = portal.article(session, number)
        return article, list(files.of_article(session, article)), portal.translations(session, article)

    article, kept, translations = await call.db.read(read)
    parts = record.parts_of(portal.told(service.texts_of(article)))
    return call.render(
        "knowledge/portal_article.html",
        article=article,
        parts=parts,
        said=said,
        files=kept,
        translations=translations,
        words=words,
    )


@shelf.get(HOME + "/{number}/files/{storage}", signed_in=True)
async def give(call: Call, number: str, storage: str) -> web.Response:
    """A file of an article for everybody."""

    def read(session: Session) -> tuple[ArticleFile, bytes]:
        return files.read(session, portal.article(session, number), storage)

    kept, content = await call.db.read(read)
    inline = call.request.query.get("show") == "1"
    return web.Response(body=content, content_type=kept.media, headers=files.headers(kept, inline=inline))


@shelf.post(HOME + "/searches", signed_in=True)
async def counted(call: Call) -> web.Response:
    """A search was shown, or an article was opened from it."""
    said, article = str(call.form.get("q", "")), str(call.form.get("article", ""))[:20]
    await call.db.run(portal.searched, said, actor=call.actor, now=call.now, opened=article)
    return web.Response(status=204)


@shelf.post(HOME + "/told", signed_in=True)
async def tell(call: Call) -> web.Response:
    """It is solved, or it is to be reported."""
    told = str(call.form.get("told", ""))
    if told not in {Told.SOLVED.value, Told.REPORTED.value}:
        raise InvalidError(N_("Choose one of: {expected}."), field="/told", expected="reported, solved")
    said, article = str(call.form.get("q", "")), str(call.form.get("article", ""))[:20]
    search = await call.db.run(portal.tell, said, Told(told), article, actor=call.actor, now=call.now)
    if search.told is Told.SOLVED:
        return call.redirect(HOME, N_("Good to hear. Nothing was reported."))
    if not call.may("incident.create"):
        return call.redirect(HOME, N_("Call the service desk; your roles do not include reporting here."))
    return call.redirect(f"/incidents/new?summary={quote(search.words)}")
