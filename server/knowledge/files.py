"""Files at articles: taken by their content, kept under random names, given out so that nothing runs.

Allowed are pictures (PNG, JPEG, GIF, WebP), PDF, plain text in UTF-8 and Office documents without macros;
what a file is, its first bytes say, not its name. A document that is an archive is looked through: unpacked
size, number of parts, links and paths are bounded (T20). Bytes lie in the database: half an upload leaves
nothing.
"""

import hashlib
import io
import re
import secrets
import unicodedata
import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePosixPath
from urllib.parse import quote

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.kernel.errors import InvalidError, NotFoundError, TooLargeError
from server.kernel.events import emit
from server.kernel.i18n import N_
from server.knowledge.models import Article, ArticleFile, FileContent

LARGEST = 10 * 1024 * 1024  # bytes of one file
MOST_FILES = 20  # of one article
UNPACKED_MOST = 100 * 1024 * 1024  # bytes of an archive, all parts together
PARTS_MOST = 5_000
RATIO_MOST = 200  # unpacked to packed, of one part over a megabyte
LONGEST_NAME = 100
SAFE_TO_SHOW = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
_OFFICE = {
    "word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt/presentation.xml": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
_ENDINGS = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
    _OFFICE["word/document.xml"]: ".docx",
    _OFFICE["xl/workbook.xml"]: ".xlsx",
    _OFFICE["ppt/presentation.xml"]: ".pptx",
}
_ALSO = {"image/jpeg": (".jpg", ".jpeg"), "text/plain": (".txt", ".log", ".csv", ".md", ".cfg", ".conf")}
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)


class FileTypeError(InvalidError):
    """The file is of a kind that is not taken."""

    code = "file_type"

    def __init__(self, name: str) -> None:
        super().__init__(
            N_("{name} is not taken: attach pictures, PDF, plain text, or Office documents without macros."),
            field="/file",
            name=name,
        )


def shown_name(given: str) -> str:
    """A name to show: no path, no control signs, no direction marks, not reserved, not long."""
    name = unicodedata.normalize("NFC", given).replace("\\", "/").rpartition("/")[2]
    kept = (sign for sign in name if unicodedata.category(sign)[0] != "C" and sign not in '<>:"|?*')
    name = re.sub(r"\s+", " ", "".join(kept)).strip(" .")
    if not name or _RESERVED.match(name):
        name = f"file-{name}".rstrip("-")
    stem, dot, ending = name.rpartition(".")
    if dot and len(ending) < 8:
        return f"{stem[: LONGEST_NAME - 8]}.{ending}"
    return name[: LONGEST_NAME - 8]


def clean_name(given: str, media: str) -> str:
    """A name to show whose ending is that of what the file is."""
    name = shown_name(given)
    endings = _ALSO.get(media, (_ENDINGS[media],))
    if name.lower().endswith(endings):
        return name
    return name[: LONGEST_NAME - len(endings[0])] + endings[0]


def media_of(content: bytes, name: str) -> str:
    """What a file is, by its content.

    Raises:
        FileTypeError: nothing that is taken.
        InvalidError: an archive that explodes, or has links or paths that lead out of it.
    """
    for magic, media in _MAGIC:
        if content.startswith(magic):
            return media
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content.startswith(b"PK\x03\x04"):
        return _office(content, name)
    return _plain(content, name)


def _plain(content: bytes, name: str) -> str:
    try:
        said = content.decode("utf-8")
    except UnicodeDecodeError:
        raise FileTypeError(name) from None
    if any(ord(sign) < 32 and sign not in "\t\r\n\f\x1b" for sign in said) or not said.strip():
        raise FileTypeError(name)
    head = said.lstrip("\ufeff \t\r\n")[:2000].lower()
    if re.search(r"<\s*(?:!doctype|html|svg|script|\?xml|iframe|body|head)\b|<\?xml", head):
        raise FileTypeError(name)
    return "text/plain"


def _office(content: bytes, name: str) -> str:
    with opened(content, name) as archive:
        names = set(archive.namelist())
        if any("vbaproject" in one.lower() or "activex" in one.lower() for one in names):
            raise FileTypeError(name)
        for part, media in _OFFICE.items():
            if part in names:
                return media
    raise FileTypeError(name)


def opened(content: bytes, name: str) -> zipfile.ZipFile:
    """An archive whose directory promises nothing dangerous. What is read of it is bounded by `part`.

    Raises:
        InvalidError: it is damaged, encrypted, too large when unpacked, or has links or outside paths.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, OverflowError) as error:
        raise InvalidError(N_("{name} is no whole archive."), field="/file", name=name) from error
    total = sum(one.file_size for one in parts)
    bomb = any(
        one.file_size > 1024 * 1024 and one.file_size > RATIO_MOST * max(1, one.compress_size)
        for one in parts
    )
    if total > UNPACKED_MOST or len(parts) > PARTS_MOST or bomb:
        raise InvalidError(
            N_("{name} unpacks to more than is taken: at most {limit} bytes in {parts} parts."),
            field="/file",
            limit=UNPACKED_MOST,
            parts=PARTS_MOST,
            name=name,
        )
    for one in parts:
        path = PurePosixPath(one.filename.replace("\\", "/"))
        link = (one.external_attr >> 16) & 0o170000 == 0o120000
        if link or path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", one.filename):
            raise InvalidError(
                N_("{name} has a link or a path that leads out of it: {part}."),
                field="/file",
                name=name,
                part=one.filename[:100],
            )
        if one.flag_bits & 0x1:
            raise InvalidError(N_("{name} is encrypted; unlock it first."), field="/file", name=name)
    return archive


def part(archive: zipfile.ZipFile, name: str, *, limit: int) -> bytes:
    """One part of an archive, read to `limit` bytes whatever its directory promised.

    Raises:
        InvalidError: it is longer, damaged, or packed in a way that is not known.
    """
    try:
        with archive.open(name) as stream:
            content = stream.read(limit + 1)
    except (
        zipfile.BadZipFile,
        OSError,
        EOFError,
        NotImplementedError,
        RuntimeError,
        KeyError,
        ValueError,
    ) as error:
        raise InvalidError(N_("{name} cannot be unpacked."), field="/file", name=name[:100]) from error
    except Exception as error:  # zlib.error and its like have no common base
        if type(error).__module__ not in {"zlib", "lzma", "_lzma", "bz2"}:
            raise
        raise InvalidError(N_("{name} cannot be unpacked."), field="/file", name=name[:100]) from error
    if len(content) > limit:
        raise InvalidError(
            N_("{name} is longer than {limit} bytes when unpacked."),
            field="/file",
            limit=limit,
            name=name[:100],
        )
    return content


def attach(
    session: Session, article: Article, name: str, content: bytes, *, by: int | None, now: datetime
) -> ArticleFile:
    """Keep a file at an article.

    Raises:
        TooLargeError: it is larger than a file may be.
        FileTypeError: of a kind that is not taken.
        InvalidError: empty, one too many, or an archive that is not harmless.
    """
    shown = shown_name(name)
    if len(content) > LARGEST:
        raise TooLargeError(
            N_("{name} is larger than {limit} bytes."), field="/file", limit=LARGEST, name=shown
        )
    if not content:
        raise InvalidError(N_("Choose a file; this one is empty."), field="/file")
    known = session.scalar(select(func.count()).where(ArticleFile.article_id == article.id)) or 0
    if known >= MOST_FILES:
        raise InvalidError(
            N_("{number} has {limit} files, more are not kept; take one away first."),
            field="/file",
            limit=MOST_FILES,
            number=article.number,
        )
    media = media_of(content, shown)
    storage = secrets.token_hex(20)
    session.add(FileContent(storage=storage, content=content))
    kept = ArticleFile(
        article_id=article.id,
        storage=storage,
        name=clean_name(name, media),
        media=media,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        by_id=by,
        at=now,
    )
    session.add(kept)
    session.flush()
    emit(session, "knowledge", {})
    return kept


def of_article(session: Session, article: Article) -> Sequence[ArticleFile]:
    """The files of an article, by name."""
    rows = session.scalars(
        select(ArticleFile)
        .where(ArticleFile.article_id == article.id)
        .order_by(ArticleFile.name, ArticleFile.id)
    )
    return list(rows)


def address(article: Article, kept: ArticleFile) -> str:
    """Where a picture of an article is shown."""
    return f"/knowledge/{article.number}/files/{kept.storage}?show=1"


def pictures(session: Session, article: Article) -> list[tuple[str, str]]:
    """The pictures of an article: the name of each, and the Markdown that shows it."""
    found = [one for one in of_article(session, article) if one.media in SAFE_TO_SHOW]
    labels = (re.sub(r"[^\w. -]", "", one.name) for one in found)
    return [
        (one.name, f"![{label}]({address(article, one)})") for one, label in zip(found, labels, strict=True)
    ]


def read(session: Session, article: Article, storage: str) -> tuple[ArticleFile, bytes]:
    """A file of this article and its bytes.

    Raises:
        NotFoundError: it is no file of this article.
    """
    kept = _kept(session, article, storage)
    content = session.get(FileContent, storage)
    if content is None:
        raise NotFoundError(N_("There is no such file."))
    return kept, content.content


def remove(session: Session, article: Article, storage: str) -> ArticleFile:
    """Take a file away, bytes and all."""
    kept = _kept(session, article, storage)
    content = session.get(FileContent, storage)
    if content is not None:
        session.delete(content)
    session.delete(kept)
    emit(session, "knowledge", {})
    return kept


def _kept(session: Session, article: Article, storage: str) -> ArticleFile:
    kept = session.scalar(
        select(ArticleFile).where(ArticleFile.article_id == article.id, ArticleFile.storage == storage)
    )
    if kept is None:
        raise NotFoundError(N_("There is no such file."))
    return kept


def headers(kept: ArticleFile, *, inline: bool) -> dict[str, str]:
    """How a file is given out: never as something that runs. Pictures may be shown in a page."""
    shown = inline and kept.media in SAFE_TO_SHOW
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", kept.name)
    disposition = "inline" if shown else "attachment"
    named = f"filename=\"{plain}\"; filename*=UTF-8''{quote(kept.name, safe='')}"
    return {
        "Content-Disposition": f"{disposition}; {named}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
