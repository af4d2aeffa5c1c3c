"""The portal's pages of knowledge: search, article, and whether it solved it."""

from urllib.parse import quote

from sqlalchemy.orm import Session

from server.kernel.errors import InvalidError
from server.kernel.i18n import N_
from server.kernel.web import Call, Pages, web
from server.knowledge import files, portal, record, service
from server.knowledge.models import Article, ArticleFile, Told

shelf = Pages("knowledge")
HOME = "/portal/knowledge"


@shelf.get(HOME, signed_in=True)
async def search(call: Call) -> web.Response:
    """What fits the words, and the way to report what nothing fits."""
    said = " ".join(call.request.query.get("q", "")[:200].replace("\x00", " ").split())
    found = await call.db.read(portal.look, said)
    counted = 0
    if said:
        kept = await call.db.run(portal.searched, said, len(found), actor=call.actor, now=call.now)
        counted = kept.id
    return call.render("knowledge/portal.html", said=said, found=found, search=counted)


@shelf.get(HOME + "/{number}", signed_in=True)
async def shown(call: Call, number: str) -> web.Response:
    """An article; `?search=` names the search that led here."""
    search = _search(call.request.query.get("search", ""))

    def read(session: Session) -> tuple[Article, list[ArticleFile]]:
        article = portal.article(session, number)
        return article, list(files.of_article(session, article))

    article, kept = await call.db.read(read)
    if search:
        await call.db.run(portal.opened, search, number, actor=call.actor)
    parts = record.parts_of(service.texts_of(article))
    return call.render(
        "knowledge/portal_article.html", article=article, parts=parts, search=search, files=kept
    )


@shelf.get(HOME + "/{number}/files/{storage}", signed_in=True)
async def give(call: Call, number: str, storage: str) -> web.Response:
    """A file of an article for everybody."""

    def read(session: Session) -> tuple[ArticleFile, bytes]:
        return files.read(session, portal.article(session, number), storage)

    kept, content = await call.db.read(read)
    inline = call.request.query.get("show") == "1"
    return web.Response(body=content, content_type=kept.media, headers=files.headers(kept, inline=inline))


@shelf.post(HOME + "/searches/{number}", signed_in=True)
async def tell(call: Call, number: int) -> web.Response:
    """It is solved, or it is to be reported."""
    said = str(call.form.get("told", ""))
    if said not in {Told.SOLVED.value, Told.REPORTED.value}:
        raise InvalidError(N_("Choose one of: {expected}."), field="/told", expected="reported, solved")
    article = str(call.form.get("article", ""))[:20]
    search = await call.db.run(portal.tell, number, Told(said), article, actor=call.actor, now=call.now)
    if search.told is Told.SOLVED:
        return call.redirect(HOME, N_("Good to hear. Nothing was reported."))
    if not call.may("incident.create"):
        return call.redirect(HOME, N_("Call the service desk; your roles do not include reporting here."))
    return call.redirect(f"/incidents/new?summary={quote(search.words)}")


def _search(said: str) -> int:
    """The number of a search in the address; 0 for none."""
    return int(said) if said.isascii() and said.isdigit() and len(said) <= 18 else 0
