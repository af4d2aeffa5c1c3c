"""HTML as Markdown, in one pass. Scripts, styles and what is not for reading are left out.

Pages come from anybody, and both `html.parser` and html5ever take quadratic time for some of them
(unfinished tags, deep nesting). Here a sign is looked at a bounded number of times and nothing is kept on a
stack but lists and links; what comes out is text until `server.kernel.prose` shows it.

Source: HTML Living Standard, chapters 4 and 13; tables as GitHub Flavored Markdown 4.10.
"""

import re
from collections.abc import Iterator
from html import unescape
from string import ascii_lowercase, ascii_uppercase
from typing import Any
from urllib.parse import quote

from server.knowledge.references import LONGEST_TARGET, is_relative

SILENT = frozenset(
    {"script", "style", "title", "template", "noscript", "iframe", "object", "svg", "math", "textarea"}
)
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
BLOCKS = frozenset({"p", "div", "section", "article", "table", "blockquote", "main", "header", "footer"})
OUTSIDE = ("http://", "https://", "mailto:")
DEEPEST_LIST = 8
TITLE_WITHIN = 20_000  # characters from the beginning


_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)  # keeps the length, as str.lower does not
_TAG = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9]{0,15})(?P<rest>(?:[\s/][^<>]{0,4000})?)>")
_ATTRIBUTE = re.compile(
    r"(?<![A-Za-z-])(href|src|alt)\s{0,9}=\s{0,9}(?:\"([^\"]{0,600})\"|'([^']{0,600})'|([^\s\"'>]{1,600}))",
    re.IGNORECASE,
)


def markdown_of(said: str) -> tuple[str, str]:
    """A page as Markdown, and its title ("" for none)."""
    reader = _Reader()
    for kind, name, value in _pieces(said):
        if kind == "text":
            reader.text(unescape(value))
        elif kind == "end":
            reader.close(name)
        else:
            reader.open(name, value)
    title = re.search(r"<title>([^<]{1,1000})</title", said[:TITLE_WITHIN], re.IGNORECASE)
    return reader.markdown(), " ".join(unescape(title.group(1)).split()) if title else ""


def _pieces(said: str) -> Iterator[tuple[str, str, str]]:
    """Text, beginnings of elements (with what stands in the tag) and ends, in their order."""
    lower = said.translate(_LOWER)
    at = 0
    while at < len(said):
        sign = said.find("<", at)
        if sign < 0:
            yield "text", "", said[at:]
            return
        if sign > at:
            yield "text", "", said[at:sign]
        at = sign
        if said.startswith("<!--", at):
            at = _behind(said, "-->", at + 4)
        elif said.startswith(("<!", "<?"), at):
            at = _behind(said, ">", at)
        elif (tag := _TAG.match(said, at)) is not None:
            name, at = tag["name"].lower(), tag.end()
            if tag["end"]:
                yield "end", name, ""
            elif name in SILENT:
                at = _behind(lower, f"</{name}", at)
                at = _behind(said, ">", at) if at < len(said) else at
            else:
                yield "open", name, tag["rest"]
        else:
            yield "text", "", "<"
            at += 1


def _behind(said: str, mark: str, at: int) -> int:
    found = said.find(mark, at)
    return len(said) if found < 0 else found + len(mark)


def _attributes(rest: str) -> dict[str, str]:
    """Those attributes of a tag that are of use; of two alike the first counts."""
    found: dict[str, str] = {}
    for one in _ATTRIBUTE.finditer(rest):
        found.setdefault(one[1].lower(), unescape(one[2] or one[3] or one[4] or ""))
    return found


def _target(value: str) -> str:
    """Where a link leads, as Markdown can hold it; "" for what is not taken."""
    target = value.strip()
    if len(target) > LONGEST_TARGET or not (target.startswith(OUTSIDE) or is_relative(target)):
        return ""
    return quote(target, safe="/:?#@!$&'*+,;=%~[]-._")


class _Reader:
    """What was read so far. A row of a table is one line, whatever stands in it."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self._lists: list[list[Any]] = []
        self._links: list[str] = []
        self._pre = False
        self._tables = 0  # how deep
        self._cells = 0  # of the row that is read
        self._first = False  # whether that row is the table's first

    def markdown(self) -> str:
        """What was read."""
        said = "".join(self.out)
        said = "\n".join(line.rstrip(" \t") for line in said.split("\n"))
        return re.sub(r"\n{3,}", "\n\n", said).strip()

    def open(self, tag: str, rest: str) -> None:
        """An element begins; `rest` is what else stands in its tag."""
        if tag == "a":
            self._links.append(_target(_attributes(rest).get("href", "")))
            self.out.append("[" if self._links[-1] else "")
        elif tag == "img":
            found = _attributes(rest)
            target, label = _target(found.get("src", "")), re.sub(r"[\[\]\s]+", " ", found.get("alt", ""))
            self.out.append(f"![{label.strip()}]({target})" if is_relative(target) else "")
        elif tag in {"table", "tr", "td", "th"}:
            self._open_table(tag)
        elif self._tables:
            self.out.append(_inline(tag) or (" " if tag in {"br", "li", *BLOCKS} else ""))
        else:
            self._open_block(tag)

    def _open_block(self, tag: str) -> None:
        if tag in HEADINGS:
            self.out.append("\n\n" + "#" * int(tag[1]) + " ")
        elif tag in {"ul", "ol"}:
            if len(self._lists) < DEEPEST_LIST:
                self._lists.append([tag, 0])
            self.out.append("\n")
        elif tag == "li":
            self._item()
        elif tag == "pre":
            self._pre = True
            self.out.append("\n\n```\n")
        elif tag == "br":
            self.out.append("\n" if self._pre else "  \n")
        elif not self._pre:
            self.out.append(_inline(tag) or ("\n" if tag in BLOCKS else ""))

    def _item(self) -> None:
        if not self._lists:
            self._lists.append(["ul", 0])
        kind = self._lists[-1]
        kind[1] += 1
        self.out.append("\n" + "   " * (len(self._lists) - 1) + (f"{kind[1]}. " if kind[0] == "ol" else "- "))

    def _open_table(self, tag: str) -> None:
        """A table within a cell is its text."""
        if tag == "table":
            self._tables += 1
            if self._tables == 1:
                self._first = True
                self.out.append("\n\n")
        elif self._tables > 1:
            self.out.append(" ")
        elif self._tables and tag == "tr":
            self._end_row()
        elif self._tables:
            self._cells += 1
            self.out.append("| ")

    def _end_row(self) -> None:
        if self._cells:
            self.out.append(" |\n" + ("|---" * self._cells + "|\n" if self._first else ""))
            self._cells, self._first = 0, False

    def close(self, tag: str) -> None:
        """An element ends."""
        if tag == "a" and self._links:
            target = self._links.pop()
            self.out.append(f"]({target})" if target else "")
        elif tag == "table":
            if self._tables == 1:
                self._end_row()
                self.out.append("\n")
            self._tables = max(0, self._tables - 1)
        elif tag in {"td", "th", "tr"}:
            self.out.append(" ")
        elif self._tables:
            self.out.append(_inline(tag))
        else:
            self._close_block(tag)

    def _close_block(self, tag: str) -> None:
        if tag in {"ul", "ol"}:
            if self._lists:
                self._lists.pop()
            self.out.append("\n")
        elif tag == "pre":
            self._pre = False
            self.out.append("\n```\n\n")
        elif not self._pre:
            self.out.append(_inline(tag) or ("\n\n" if tag in BLOCKS or tag in HEADINGS else ""))

    def text(self, data: str) -> None:
        """Text of the page."""
        if self._tables:
            self.out.append(re.sub(r"\s+", " ", data).replace("|", "\\|"))
        else:
            self.out.append(data if self._pre else re.sub(r"\s+", " ", data))


def _inline(tag: str) -> str:
    return {"code": "`", "b": "**", "strong": "**"}.get(tag, "")
