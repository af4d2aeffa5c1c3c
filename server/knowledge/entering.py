"""Entering what an import read: articles, the pictures that they show, and the links between them.

An upload is kept for a day after it was tried, so that it need not be sent again.
"""

import asyncio
import secrets
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from server.kernel.db import Database
from server.kernel.errors import DeskError, InvalidError, NotFoundError
from server.kernel.i18n import N_
from server.knowledge import files, searching, service
from server.knowledge.documents import LONGEST_PART, PARTS
from server.knowledge.importing import ONE_MOST, Item
from server.knowledge.models import Article, ImportUpload, State
from server.knowledge.references import Reference, is_relative, led, neighbour

PORTION = 50  # articles of one transaction
PICTURES_MOST = 100 * 1024 * 1024  # bytes of all pictures of an upload, each counted where it is shown


def keep(session: Session, name: str, content: bytes, *, by: int, now: datetime) -> ImportUpload:
    """Keep an upload that was tried, so that it can be taken in without sending it again."""
    upload = ImportUpload(
        token=secrets.token_hex(20), name=files.shown_name(name), content=content, by_id=by, at=now
    )
    session.add(upload)
    session.flush()
    return upload


def kept(session: Session, token: str, *, by: int) -> ImportUpload:
    """An upload of this person.

    Raises:
        NotFoundError: it was taken in, is a day old, or is somebody else's.
    """
    upload = session.get(ImportUpload, token)
    if upload is None or upload.by_id != by:
        raise NotFoundError(N_("This upload is no longer kept; choose the file again."))
    return upload


async def take_in(
    db: Database,
    token: str,
    items: Sequence[Item],
    *,
    submit: bool,
    pointing: bool = False,
    by: int,
    now: datetime,
) -> list[Item]:
    """Enter what can be taken as drafts, or at once for review; the upload is forgotten.

    A few articles at a time, so that nobody who writes meanwhile waits for all of them. What a fault in the
    middle leaves out is entered when the same file is imported again: what is known is left out.

    Args:
        db: the system of record.
        token: of the upload.
        items: what `read` and `compared` made of it.
        submit: whether those that have a solution are handed to the reviewer.
        pointing: whether documents that only point at another one are entered too.
        by: who imports.
        now: the present moment.

    Raises:
        NotFoundError: the upload is not kept any more, or is being taken in.
        InvalidError: the pictures are too many bytes together; nothing is entered.
    """
    await asyncio.to_thread(_weigh, await db.read(kept, token, by=by), items)
    upload = await db.run(_claim, token, by=by)
    done: list[Item] = []
    for portion in _portions(items):
        done += await db.run(_enter, portion, pointing=pointing, by=by, now=now)
    articles = {one.path: one.number for one in done if one.path and one.number}
    articles |= {one.path: one.same_as for one in done if one.path and one.same_as.startswith("KB-")}
    for portion in _portions([one for one in done if one.number]):
        await db.run(_join, upload, portion, articles, submit=submit, by=by, now=now)
    return done


def _portions(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    yield from (items[at : at + PORTION] for at in range(0, len(items), PORTION))


def _claim(session: Session, token: str, *, by: int) -> ImportUpload:
    """The upload, which nobody can take in a second time."""
    upload = kept(session, token, by=by)
    session.delete(upload)
    return upload


def _enter(session: Session, items: Sequence[Item], *, pointing: bool, by: int, now: datetime) -> list[Item]:
    return [
        replace(item, number=service.write(session, item.texts, by=by, now=now).number)
        if item.fits and (pointing or not item.points_at)
        else item
        for item in items
    ]


def _weigh(upload: ImportUpload, items: Sequence[Item]) -> None:
    """Raise InvalidError if the pictures are too many bytes together."""
    room = PICTURES_MOST
    with _opened(upload) as archive:
        for item in items:
            room -= sum(len(content) for _path, content in _contents(archive, upload, item) if item.fits)
            if room < 0:
                raise InvalidError(
                    N_("{name} shows more than {limit} bytes of pictures; divide it."),
                    field="/file",
                    limit=PICTURES_MOST,
                    name=upload.name,
                )


@contextmanager
def _opened(upload: ImportUpload) -> Iterator[zipfile.ZipFile | None]:
    """The upload as an archive, None where it is a single document."""
    if not upload.name.lower().endswith(".zip"):
        yield None
        return
    with files.opened(upload.content, upload.name) as archive:
        yield archive


def _join(
    session: Session,
    upload: ImportUpload,
    items: Sequence[Item],
    articles: Mapping[str, str],
    *,
    submit: bool,
    by: int,
    now: datetime,
) -> None:
    """Attach the pictures of what was entered, lead links between documents to their articles, submit."""
    with _opened(upload) as archive:
        for item in items:
            article = service.article(session, item.number)
            pictures = {
                path: files.address(article, files.attach(session, article, path, content, by=by, now=now))
                for path, content in _contents(archive, upload, item)
            }
            _lead(session, article, item, articles, pictures)
            if submit and article.solution.strip():
                service.move(session, article.number, State.SUBMITTED, by=by, now=now)


def _contents(
    archive: zipfile.ZipFile | None, upload: ImportUpload, item: Item
) -> Iterator[tuple[str, bytes]]:
    """The pictures that a document shows; what is no picture by its content is left out."""
    if not item.pictures:
        return
    with ExitStack() as stack:
        where = archive
        if where is None or item.path.lower().endswith(".docx"):
            raw = upload.content if where is None else files.part(where, item.path, limit=ONE_MOST)
            where = stack.enter_context(files.opened(raw, item.source))
        for path in item.pictures:
            try:
                content = files.part(where, path, limit=files.LARGEST)
                fits = files.media_of(content, path) in files.SAFE_TO_SHOW
            except DeskError:
                continue
            if fits:
                yield path, content


def _lead(
    session: Session,
    article: Article,
    item: Item,
    articles: Mapping[str, str],
    pictures: Mapping[str, str],
) -> None:
    """Write where the pictures and the neighbours of a document are now into its article."""

    def lead(one: Reference) -> str | None:
        if not is_relative(one.target):
            return None
        if one.picture:
            found = pictures.get(one.target) or pictures.get(neighbour(item.path, one.target))
            return f"![{one.label}]({found})" if found else one.label
        number = articles.get(neighbour(item.path, one.target))
        return f"[{one.label}](/knowledge/{number})" if number else None

    changed = False
    for name in PARTS:
        said = str(getattr(article, name))
        new = led(said, lead)
        if new != said and len(new) <= LONGEST_PART:
            setattr(article, name, new)
            changed = True
    if changed:
        searching.index(session, article)
