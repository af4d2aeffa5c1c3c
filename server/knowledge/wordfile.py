"""Word documents (.docx) as Markdown: headings, steps, bullets, tables, links and pictures.

Source: ECMA-376 part 1, chapters 17 (17.9: numbering) and 20.1 (DrawingML); part 2, 9.3 (relationships).
"""

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from posixpath import normpath
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from server.kernel.errors import InvalidError
from server.kernel.i18n import N_
from server.knowledge import files

XML_MOST = 20 * 1024 * 1024  # bytes of a part of a Word document
DEEPEST_LIST = 8
MAIN = "word/document.xml"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_BLIP = "{http://schemas.openxmlformats.org/drawingml/2006/main}blip"
_REL = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
_WEB = ("http://", "https://", "mailto:")


@dataclass(frozen=True)
class _Book:
    """What paragraphs refer to: links and pictures by id, and which lists are bullets."""

    links: Mapping[str, str]
    pictures: Mapping[str, str]
    bullets: frozenset[tuple[str, str]]  # id of a list, level


def markdown_of(content: bytes, name: str) -> str:
    """A document as Markdown; a picture's target is its path in the archive.

    Raises:
        InvalidError: it is no Word document, is not harmless, or declares entities.
    """
    with files.opened(content, name) as archive:
        names = set(archive.namelist())
        if MAIN not in names:
            raise InvalidError(N_("{name} is no Word document."), field="/file", name=name)
        body = _xml(archive, MAIN, name).find(f"{_W}body")
        links, pictures = _relations(archive, names, name)
        book = _Book(links, pictures, _bullets(archive, names, name))
    return "\n".join(_blocks(body, book)) if body is not None else ""


def _xml(archive: zipfile.ZipFile, part: str, name: str) -> Element:
    raw = files.part(archive, part, limit=XML_MOST)
    try:
        root: Element = ElementTree.fromstring(raw, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, RecursionError) as error:
        raise InvalidError(N_("The XML of {name} cannot be taken."), field="/file", name=name) from error
    return root


def _relations(archive: zipfile.ZipFile, names: set[str], name: str) -> tuple[dict[str, str], dict[str, str]]:
    """Links to the web, and pictures that lie in the archive, by their ids."""
    part = "word/_rels/document.xml.rels"
    links: dict[str, str] = {}
    pictures: dict[str, str] = {}
    if part not in names:
        return links, pictures
    for one in _xml(archive, part, name).iter(_REL):
        key, target = one.get("Id", ""), one.get("Target", "")
        if one.get("TargetMode") == "External":
            if target.startswith(_WEB) and not re.search(r"[\s<>()]", target):
                links[key] = target
            continue
        path = normpath(f"word/{target}" if not target.startswith("/") else target[1:])
        if path in names and not re.search(r"[\s<>()]", path):
            pictures[key] = path
    return links, pictures


def _bullets(archive: zipfile.ZipFile, names: set[str], name: str) -> frozenset[tuple[str, str]]:
    part = "word/numbering.xml"
    if part not in names:
        return frozenset()
    root = _xml(archive, part, name)
    found: dict[str, set[str]] = {}
    for abstract in root.iter(f"{_W}abstractNum"):
        levels = {
            level.get(f"{_W}ilvl", "0")
            for level in abstract.iter(f"{_W}lvl")
            if _value(level, "numFmt") in {"bullet", "none"}
        }
        found[abstract.get(f"{_W}abstractNumId", "")] = levels
    return frozenset(
        (one.get(f"{_W}numId", ""), level)
        for one in root.iter(f"{_W}num")
        for level in found.get(_value(one, "abstractNumId"), ())
    )


def _value(element: Element | None, name: str) -> str:
    one = element.find(f"{_W}{name}") if element is not None else None
    return one.get(f"{_W}val", "") if one is not None else ""


def _blocks(body: Element, book: _Book) -> Iterator[str]:
    """Paragraphs and tables as lines of Markdown."""
    counted = [0] * DEEPEST_LIST
    for block in body:
        if block.tag == f"{_W}tbl":
            yield from _table(block, book)
            continue
        for paragraph in [block] if block.tag == f"{_W}p" else block.iter(f"{_W}p"):
            said = _text(paragraph, book).strip()
            how = paragraph.find(f"{_W}pPr")
            item = how.find(f"{_W}numPr") if how is not None else None
            if item is not None:
                yield _item(item, said, book, counted)
                continue
            if said:
                counted = [0] * DEEPEST_LIST
            yield _paragraph(said, _value(how, "pStyle").lower())


def _paragraph(said: str, style: str) -> str:
    heading = re.match(r"(?:heading|标题)\s*(\d)", style) or re.fullmatch(r"(\d)", style)
    if style == "title":
        return f"# {said}"
    if heading and said:
        return f"\n{'#' * min(6, int(heading.group(1)) or 1)} {said}\n"
    return f"\n{said}\n"


def _item(item: Element, said: str, book: _Book, counted: list[int]) -> str:
    level = _value(item, "ilvl") or "0"
    depth = min(int(level), DEEPEST_LIST - 1) if level.isascii() and level.isdigit() and len(level) < 4 else 0
    counted[depth] += 1
    counted[depth + 1 :] = [0] * (DEEPEST_LIST - depth - 1)
    mark = "-" if (_value(item, "numId"), level) in book.bullets else f"{counted[depth]}."
    return f"{'   ' * depth}{mark} {said}"


def _table(table: Element, book: _Book) -> Iterator[str]:
    """A table as one of Markdown, its first row as the heading; a table within a cell is its text."""
    yield ""
    for place, row in enumerate(table.iterfind(f"{_W}tr")):
        cells = [
            " ".join(_text(one, book) for one in cell.iter(f"{_W}p")).replace("|", "\\|")
            for cell in row.iterfind(f"{_W}tc")
        ]
        yield "| " + " | ".join(" ".join(cell.split()) for cell in cells) + " |"
        if place == 0:
            yield "|" + "---|" * max(1, len(cells))
    yield ""


def _text(paragraph: Element, book: _Book) -> str:
    said: list[Any] = []
    for node in paragraph:
        target = book.links.get(node.get(f"{_R}id", "")) if node.tag == f"{_W}hyperlink" else None
        words = "".join(_words(node, book))
        label = re.sub(r"[\[\]\n]", " ", words).strip()
        said.append(f"[{label}]({target})" if target and label else words)
    return "".join(said)


def _words(node: Element, book: _Book) -> Iterator[str]:
    for one in node.iter():
        if one.tag == f"{_W}t":
            yield one.text or ""
        elif one.tag in {f"{_W}br", f"{_W}cr"}:
            yield "\n"
        elif one.tag == f"{_W}tab":
            yield " "
        elif one.tag == _BLIP and (path := book.pictures.get(one.get(f"{_R}embed", ""))):
            yield f"![]({path})"
