"""HTML as Markdown, in one pass. Scripts, styles and what is hidden are left out.

Source: HTML Living Standard, chapters 4 and 13; tables as GitHub Flavored Markdown 4.10.
"""

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

from server.knowledge.references import LONGEST_TARGET, is_relative

SILENT = frozenset({"script", "style", "template", "noscript", "iframe", "object", "svg", "math", "head"})
BLOCKS = frozenset({"p", "div", "section", "article", "table", "blockquote", "main", "header", "footer"})
OUTSIDE = ("http://", "https://", "mailto:")
DEEPEST_LIST = 8


def markdown_of(said: str) -> tuple[str, str]:
    """A page as Markdown, and its title ("" for none)."""
    reader = _Reader()
    reader.feed(said)
    reader.close()
    return reader.markdown(), " ".join(reader.title.split())


def _target(value: str | None) -> str:
    """Where a link leads, as Markdown can hold it; "" for what is not taken."""
    target = (value or "").strip()
    if len(target) > LONGEST_TARGET or not (target.startswith(OUTSIDE) or is_relative(target)):
        return ""
    return quote(target, safe="/:?#@!$&'*+,;=%~[]-._")


class _Reader(HTMLParser):
    """Nothing is kept on a stack but lists and links. A row of a table is one line, whatever stands in it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.title = ""
        self._silent = ""
        self._silent_depth = 0
        self._in_title = False
        self._lists: list[list[Any]] = []
        self._links: list[str] = []
        self._pre = False
        self._tables = 0  # how deep
        self._cells = 0  # of the row that is read
        self._first = False  # whether that row is the table's first

    def markdown(self) -> str:
        """What was read."""
        said = "".join(self.out)
        return re.sub(r"[ \t]+\n", "\n", re.sub(r"\n{3,}", "\n\n", said)).strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title" and not self.title:
            self._in_title = True
        elif self._silent:
            self._silent_depth += tag == self._silent
        elif tag in SILENT:
            self._silent, self._silent_depth = tag, 1
        elif tag == "a":
            self._links.append(_target(dict(attrs).get("href")))
            self.out.append("[" if self._links[-1] else "")
        elif tag == "img":
            found = dict(attrs)
            target, label = _target(found.get("src")), re.sub(r"[\[\]\s]+", " ", found.get("alt") or "")
            self.out.append(f"![{label.strip()}]({target})" if is_relative(target) else "")
        elif tag in {"table", "tr", "td", "th"}:
            self._open_table(tag)
        elif self._tables:
            self.out.append(_inline(tag) or (" " if tag in {"br", "li", *BLOCKS} else ""))
        else:
            self._open_block(tag)

    def _open_block(self, tag: str) -> None:
        if re.fullmatch(r"h[1-6]", tag):
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

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif self._silent:
            self._silent_depth -= tag == self._silent
            self._silent = self._silent if self._silent_depth > 0 else ""
        elif tag == "a" and self._links:
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
            self.out.append(_inline(tag) or ("\n\n" if tag in BLOCKS or re.fullmatch(r"h[1-6]", tag) else ""))

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif self._silent:
            return
        elif self._tables:
            self.out.append(re.sub(r"\s+", " ", data).replace("|", "\\|"))
        else:
            self.out.append(data if self._pre else re.sub(r"\s+", " ", data))


def _inline(tag: str) -> str:
    return {"code": "`", "b": "**", "strong": "**"}.get(tag, "")
