"""Entering what an import read: articles, the pictures that they show, and the links between them.

An upload is kept for a day after it was tried, so that it need not be sent again. It is taken in as a run.
"""

import secrets
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from server.kernel.db import Database
from server.kernel.errors import DeskError, InvalidError, NotFoundError
from server.kernel.events import emit
from server.kernel.i18n import N_
from server.knowledge import files, runs, searching, service
from server.knowledge.documents import LONGEST_PART, PARTS
from server.knowledge.importing import ONE_MOST, Item, compared, read
from server.knowledge.models import Article, Fate, ImportUpload, Run, RunKind, RunLine, State
from server.knowledge.references import Reference, is_relative, led, neighbour
from server.knowledge.runs import PORTION, Hold

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


def begin(session: Session, token: str, *, submit: bool, pointing: bool, by: int, now: datetime) -> Run:
    """Take an upload in, in the background; nobody can take it in a second time.

    Args:
        session: the running transaction.
        token: of the upload.
        submit: whether those that have a solution are handed to the reviewer at once; else they are drafts.
        pointing: whether documents that only point at another one are entered too.
        by: who imports.
        now: the present moment.

    Raises:
        NotFoundError: the upload is not kept any more, or is being taken in.
    """
    upload = kept(session, token, by=by)
    session.delete(upload)
    given = {"submit": submit, "pointing": pointing}
    return runs.begin(
        session, RunKind.IMPORT, given, by=by, now=now, name=upload.name, content=upload.content
    )


async def take_in(db: Database, run_id: int, *, hold: Hold, now: datetime) -> None:
    """Enter what can be taken of an upload, then attach its pictures and lead its links to the articles.

    A document that is known already is left out, so nothing comes twice if the same file is imported again.
    """
    upload, items = await db.read(_read, run_id)
    await db.run(_sized, run_id, len(items), hold=hold)
    for at in range(upload.done, len(items), PORTION):
        await db.run(_enter, run_id, at, items[at : at + PORTION], hold=hold, now=now)
    numbers = await db.read(_numbers, run_id)
    articles = {items[place].path: number for place, (_, number) in numbers.items() if items[place].path}
    entered = [
        replace(items[place], number=number) for place, (fate, number) in numbers.items() if fate is Fate.DONE
    ]
    for at in range(upload.joined, len(entered), PORTION):
        await db.run(_join, upload, entered[at : at + PORTION], articles, hold=hold, now=now)


def _read(session: Session, run_id: int) -> tuple[Run, list[Item]]:
    """The run with its upload, and its documents: always the same ones in the same order."""
    run = session.scalars(select(Run).where(Run.id == run_id).options(undefer(Run.content))).one()
    return run, compared(session, read(run.name, run.content or b""))


def _sized(session: Session, run_id: int, total: int, *, hold: Hold) -> None:
    runs.goes_on(session, run_id, hold=hold).total = total


def _enter(
    session: Session, run_id: int, first: int, items: Sequence[Item], *, hold: Hold, now: datetime
) -> None:
    run = runs.goes_on(session, run_id, hold=hold)
    pointing = bool(run.given["pointing"])
    new = []
    for place, item in enumerate(items, first):
        entered = ""
        if item.fits and (pointing or not item.points_at):
            entered = service.write(session, item.texts, by=run.by_id, now=now).number
        new.append(_line(run, place, item, entered))
    runs.told(session, run, new)


def _line(run: Run, place: int, item: Item, entered: str) -> RunLine:
    """What became of a document."""
    fate, number, reason = Fate.DONE, entered, ""
    places: dict[str, Any] = {}
    if item.error:
        fate, reason, places = Fate.REFUSED, item.error, dict(item.places)
    elif item.same_as:
        fate, places = Fate.KNOWN, {"source": item.same_as}
        number = item.same_as if item.same_as.startswith("KB-") else ""
    elif item.goes_with:
        fate, places = Fate.PICTURE, {"source": item.goes_with}
    elif not entered:
        fate, places = Fate.POINTING, {"target": item.points_at}
    return RunLine(
        run_id=run.id,
        place=place,
        fate=fate,
        source=item.source[:200],
        title=item.title[:200],
        number=number,
        reason=reason,
        places=places,
    )


def _numbers(session: Session, run_id: int) -> dict[int, tuple[Fate, str]]:
    """The articles of the documents that have one, by place in the upload."""
    rows = session.execute(
        select(RunLine.place, RunLine.fate, RunLine.number)
        .where(RunLine.run_id == run_id, RunLine.number != "")
        .order_by(RunLine.place)
    )
    return {place: (fate, number) for place, fate, number in rows}


def weigh(name: str, content: bytes, items: Sequence[Item]) -> None:
    """Raise InvalidError if the pictures of an upload are too many bytes together."""
    room = PICTURES_MOST
    with _opened(name, content) as archive:
        for item in items:
            room -= sum(len(picture) for _path, picture in _contents(archive, content, item) if item.fits)
            if room < 0:
                raise InvalidError(
                    N_("{name} shows more than {limit} bytes of pictures; divide it."),
                    field="/file",
                    limit=PICTURES_MOST,
                    name=name,
                )


@contextmanager
def _opened(name: str, content: bytes) -> Iterator[zipfile.ZipFile | None]:
    """The upload as an archive, None where it is a single document."""
    if not name.lower().endswith(".zip"):
        yield None
        return
    with files.opened(content, name) as archive:
        yield archive


def _join(
    session: Session,
    upload: Run,
    items: Sequence[Item],
    articles: Mapping[str, str],
    *,
    hold: Hold,
    now: datetime,
) -> None:
    """Attach the pictures of what was entered, lead links between documents to their articles, submit."""
    run = runs.goes_on(session, upload.id, hold=hold)
    content, by = upload.content or b"", run.by_id
    with _opened(upload.name, content) as archive:
        for item in items:
            article = service.article(session, item.number)
            pictures = {
                path: files.address(article, files.attach(session, article, path, picture, by=by, now=now))
                for path, picture in _contents(archive, content, item)
            }
            _lead(session, article, item, articles, pictures)
            if run.given["submit"] and article.solution.strip():
                service.move(session, article.number, State.SUBMITTED, by=by, now=now)
    run.joined += len(items)
    emit(session, "knowledge", {})


def _contents(archive: zipfile.ZipFile | None, content: bytes, item: Item) -> Iterator[tuple[str, bytes]]:
    """The pictures that a document shows; what is no picture by its content is left out."""
    if not item.pictures:
        return
    with ExitStack() as stack:
        where = archive
        if where is None or item.path.lower().endswith(".docx"):
            raw = content if where is None else files.part(where, item.path, limit=ONE_MOST)
            where = stack.enter_context(files.opened(raw, item.source))
        for path in item.pictures:
            try:
                picture = files.part(where, path, limit=files.LARGEST)
                fits = files.media_of(picture, path) in files.SAFE_TO_SHOW
            except DeskError:
                continue
            if fits:
                yield path, picture


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
