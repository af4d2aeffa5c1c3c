"""Articles from files: a folder of documents as ZIP, a CSV table, single Markdown, HTML or Word files.

Pictures that a document shows come along as files of its article, and links between documents become links
between articles. A document that only points at another one is left out unless it is wanted.

It is tried first: every document is told with what would become of it. Taking it in (`entering`) reads the
same upload again and enters what can be taken; what cannot is named, duplicates are left out.
"""

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.kernel.errors import DeskError, InvalidError, TooLargeError
from server.kernel.i18n import N_
from server.kernel.listing.export import neutral
from server.knowledge import documents, files, pointers
from server.knowledge.documents import FACETS, LONGEST_PART, LONGEST_TITLE, Document
from server.knowledge.models import Article, Audience, State
from server.knowledge.references import Reference, is_relative, neighbour, references

LARGEST = 20 * 1024 * 1024  # bytes of an upload
ONE_MOST = 5 * 1024 * 1024  # bytes of one document in an archive
MOST_ITEMS = 2_000
LONGEST_NAME = 80
TELLING = 40  # a solution shorter than this says nothing about whether two articles are the same
COLUMNS = ("title", "symptom", "cause", "solution", "language", "audience", *FACETS)
IGNORED = (".ds_store", "thumbs.db")
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")
_READERS = (".md", ".markdown", ".txt", ".html", ".htm", ".docx", ".csv")


@dataclass(frozen=True)
class Item:
    """One document: what it would become, or why it cannot be taken.

    `same_as` names the article (or the earlier document of the upload) that says the same already,
    `points_at` what the document only points at. `path` is where it lies in an archive, `pictures` are the
    paths of those that it shows (of a Word document: within itself), `goes_with` is, of a picture, the
    document that shows it.
    """

    source: str
    texts: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""  # msgid
    places: Mapping[str, Any] = field(default_factory=dict)
    same_as: str = ""
    number: str = ""  # of the article that was made
    path: str = ""
    pictures: tuple[str, ...] = ()
    goes_with: str = ""
    points_at: str = ""

    @property
    def title(self) -> str:
        """Its title, "" where it could not be read."""
        return str(self.texts.get("title", ""))

    @property
    def fits(self) -> bool:
        """Whether it can be taken in."""
        return not (self.error or self.same_as or self.goes_with)


def read(name: str, content: bytes) -> list[Item]:
    """All documents of an upload, each judged by itself.

    Raises:
        TooLargeError, InvalidError: the upload as a whole cannot be taken.
    """
    if len(content) > LARGEST:
        raise TooLargeError(
            N_("{name} is larger than {limit} bytes."), field="/file", limit=LARGEST, name=name
        )
    lower = name.lower()
    if not content:
        raise InvalidError(N_("Choose a file; this one is empty."), field="/file")
    if lower.endswith(".zip"):
        found = list(_of_archive(name, content))
    elif lower.endswith(".csv"):
        found = list(_of_table(name, documents.decoded(content)))
    elif lower.endswith(_READERS):
        found = list(_of_file(name, content))
    else:
        raise InvalidError(
            N_("Choose a ZIP archive, a CSV table, or a Markdown, HTML or Word file (.docx)."), field="/file"
        )
    if not found:
        raise InvalidError(N_("{name} holds no document that can be read."), field="/file", name=name)
    return found


def _of_archive(name: str, content: bytes) -> Iterator[Item]:
    with files.opened(content, name) as archive:
        paths = [one.filename for one in archive.infolist() if not one.is_dir() and not _hidden(one.filename)]
        wanted = [one for one in paths if one.lower().endswith(_READERS)]
        if len(wanted) > MOST_ITEMS:
            raise _too_many(name)
        shown: dict[str, str] = {}
        made = 0
        for path in wanted:
            for item in _of_part(archive, path, frozenset(paths)):
                made += 1
                if made > MOST_ITEMS:
                    raise _too_many(name)
                if not path.lower().endswith(".docx"):
                    shown |= {one: item.source for one in item.pictures if one not in shown}
                yield item
        for path in paths:
            if path not in wanted:
                yield _beside(archive, path, shown)


def _of_part(archive: zipfile.ZipFile, path: str, paths: frozenset[str]) -> Iterator[Item]:
    """The documents of one file of an archive, with the pictures beside it that they show."""
    shown = path[-LONGEST_NAME:]
    try:
        raw = files.part(archive, path, limit=ONE_MOST)
    except DeskError as error:
        yield _refused(shown, error)
        return
    for item in _of_file(shown, raw):
        if item.pictures or path.lower().endswith(".csv"):
            yield replace(item, path=path)
            continue
        near = (neighbour(path, one.target) for one in _pictures(item.texts))
        yield replace(item, path=path, pictures=_few(one for one in near if one in paths))


def _pictures(texts: Mapping[str, Any]) -> Iterator[Reference]:
    for name in documents.PARTS:
        found = references(str(texts.get(name, "")))
        yield from (one for one in found if one.picture and is_relative(one.target))


def _few(paths: Iterator[str]) -> tuple[str, ...]:
    wanted = dict.fromkeys(one for one in paths if one.lower().endswith(PICTURES))
    return tuple(wanted)[: files.MOST_FILES]


def _beside(archive: zipfile.ZipFile, path: str, shown: Mapping[str, str]) -> Item:
    """A file that is no document: a picture goes with what shows it."""
    name = path[-LONGEST_NAME:]
    if not path.lower().endswith(PICTURES):
        return Item(name, error=N_("Of a kind that is not read."))
    if path not in shown:
        return Item(name, error=N_("No document shows this picture."))
    try:
        content = files.part(archive, path, limit=files.LARGEST)
        if files.media_of(content, name) not in files.SAFE_TO_SHOW:
            raise files.FileTypeError(name)
    except DeskError as error:
        return _refused(name, error)
    return Item(name, goes_with=shown[path])


def _hidden(path: str) -> bool:
    parts = path.replace("\\", "/").split("/")
    return parts[0] == "__MACOSX" or any(one.startswith(".") for one in parts) or parts[-1].lower() in IGNORED


def _too_many(name: str) -> InvalidError:
    return InvalidError(
        N_("{name} holds more than {limit} documents; divide it."), field="/file", limit=MOST_ITEMS, name=name
    )


def _of_file(name: str, content: bytes) -> Iterator[Item]:
    lower = name.lower()
    try:
        if lower.endswith(".csv"):
            yield from _of_table(name, documents.decoded(content))
            return
        if lower.endswith(".docx"):
            found = documents.of_word(content, name)
        elif lower.endswith((".html", ".htm")):
            found = documents.of_html(documents.decoded(content), name)
        else:
            found = documents.of_markdown(documents.decoded(content), name)
    except DeskError as error:
        yield _refused(name, error)
        return
    item = _judged(name, found)
    if lower.endswith(".docx"):
        item = replace(item, pictures=_few(one.target for one in _pictures(item.texts)))
    yield item


def _of_table(name: str, said: str) -> Iterator[Item]:
    reader = csv.reader(io.StringIO(said, newline=""), strict=True)
    try:
        head = [column.strip().lower() for column in next(reader, [])]
        unknown = [column for column in head if column not in COLUMNS]
        if "title" not in head or unknown or len(set(head)) < len(head):
            raise InvalidError(
                N_("The first line must name the columns, title among them. Known are: {columns}."),
                field="/file",
                columns=", ".join(COLUMNS),
            )
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            place = f"{name}:{reader.line_num}"
            if len(row) != len(head):
                yield Item(
                    place,
                    error=N_("The row has {found} cells, the first line {wanted}."),
                    places={"found": len(row), "wanted": len(head)},
                )
                continue
            yield _judged(place, _of_row(dict(zip(head, map(_bare, row), strict=True))))
    except csv.Error as error:
        raise InvalidError(
            N_("Line {line} is no CSV: {reason}."), field="/file", line=reader.line_num, reason=str(error)
        ) from error


def _bare(cell: str) -> str:
    """A cell without the apostrophe that our own export led it with."""
    return cell[1:] if cell.startswith("'") and neutral(cell[1:]) == cell else cell


def _of_row(row: Mapping[str, str]) -> Document:
    parts = {name: row.get(name, "").strip() for name in documents.PARTS}
    said = row["title"] + "".join(parts.values())
    return Document(
        title=row["title"].strip(),
        parts=parts,
        language=row.get("language", "").strip().lower() or documents.language_of(said),
        facets={name: documents.listed(row[name]) for name in FACETS if documents.listed(row.get(name, ""))},
        audience=row.get("audience", "").strip(),
    )


def _refused(source: str, error: DeskError) -> Item:
    return Item(source, error=error.msgid, places={"limit": error.limit, **error.places})


def _judged(source: str, found: Document) -> Item:
    """A document as the texts of an article, or what is wrong with it."""
    texts = {
        "title": found.title,
        **{name: found.parts.get(name, "") for name in documents.PARTS},
        "language": found.language,
        "applies_to": found.facets,
        "audience": found.audience or Audience.ENGINEERS.value,
    }
    wrong = _wrong(found)
    if wrong is not None:
        error, places = wrong
        return Item(source, {"title": found.title[:LONGEST_TITLE]}, error, places)
    return Item(source, texts, points_at=_pointed(texts))


def _pointed(texts: Mapping[str, Any]) -> str:
    """What a document surely only points at, as people would name it; "" where it says something."""
    pointer = pointers.pointer_of(texts)
    return pointer.targets[-1] if pointer.sure else ""


def _wrong(found: Document) -> tuple[str, dict[str, Any]] | None:
    """What is wrong with a document, the first thing that is."""
    return next(_faults(found), None)


def _faults(found: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    if not found.title.strip():
        yield N_("It has no title."), {}
    if len(found.title) > LONGEST_TITLE:
        yield N_("The title is longer than {limit} characters."), {"limit": LONGEST_TITLE}
    for name, said in found.parts.items():
        if len(said) > LONGEST_PART:
            long = {"part": name, "limit": LONGEST_PART}
            yield N_("The part {part} is longer than {limit} characters."), long
    if not any(said.strip() for said in found.parts.values()):
        yield N_("It has a title and no text."), {}
    if found.language not in {"en", "zh"}:
        named = {"language": found.language[:20]}
        yield N_("The language {language} is not kept here; write en or zh."), named
    if found.audience and found.audience not in set(Audience):
        yield N_("The audience is engineers or everybody."), {}
    if any(len(values) > 20 or any(len(one) > 200 for one in values) for values in found.facets.values()):
        yield N_("What it applies to: at most 20 names of 200 characters each."), {}


def compared(session: Session, items: Sequence[Item]) -> list[Item]:
    """The documents, those marked that say what an article, or an earlier one of them, says already."""
    titles: dict[tuple[str, str], str] = {}
    said: dict[str, str] = {}
    rows = session.execute(
        select(Article.number, Article.title, Article.language, Article.solution).where(
            Article.state != State.RETIRED
        )
    )
    for number, title, language, solution in rows:
        titles[_key(title), language] = number
        if len(_key(solution)) >= TELLING:
            said[_key(solution)] = number
    found = []
    for item in items:
        if item.error or item.goes_with:
            found.append(item)
            continue
        titled, solution = (_key(item.title), str(item.texts["language"])), _key(item.texts["solution"])
        known = titles.get(titled) or said.get(solution, "")
        found.append(replace(item, same_as=known) if known else item)
        titles.setdefault(titled, known or item.source)
        if len(solution) >= TELLING:
            said.setdefault(solution, known or item.source)
    return found


def _key(said: str) -> str:
    return " ".join(said.casefold().split())
