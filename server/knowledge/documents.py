"""Documents of other programs as the texts of articles: Markdown, HTML, Word. Pure, and bounded.

A heading that names a part (symptom, cause, solution, in English or Chinese) begins that part; what stands
before the first one is the symptom, and a text without such headings is a solution. Front matter of
`key: value` lines gives title, language and what the article applies to.

Sources: CommonMark; ECMA-376 part 1 (WordprocessingML).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from server.kernel.errors import InvalidError
from server.kernel.i18n import N_
from server.knowledge import files

LONGEST_PART = 20_000  # characters of symptom, cause or solution
LONGEST_TITLE = 200
XML_MOST = 20 * 1024 * 1024  # bytes of the text of a Word document
FACETS = ("ci_class", "model", "alert", "service")

_PARTS = {
    "symptom": (
        "symptom symptoms problem issue error environment 现象 故障现象 症状 问题 问题描述 问题现象 故障描述"
    ),
    "cause": "cause causes reason root-cause 原因 根本原因 故障原因 原因分析 问题原因",
    "solution": (
        "solution solutions fix resolution workaround steps answer remedy procedure "
        "解决 解决方案 解决方法 解决办法 处理 处理方法 处理步骤 处理过程 处置 处置步骤 变通方案 操作步骤"
    ),
}
_PART_OF = {word: part for part, words in _PARTS.items() for word in words.split()}
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_HAN = re.compile(r"[\u3400-\u9fff]")
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_NUMBER = re.compile(r"^(?:\d+(?:\.\d+)*[.、)]?|[一二三四五六七八九十]+、)\s*")


@dataclass(frozen=True)
class Document:
    """What a file says: title, parts and facets, not yet judged."""

    title: str
    parts: dict[str, str]
    language: str
    facets: dict[str, list[str]] = field(default_factory=dict)
    audience: str = ""


def decoded(content: bytes) -> str:
    """Bytes as text: UTF-8, UTF-16 with its mark, else GB18030.

    Raises:
        InvalidError: none of them.
    """
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    encodings = ["utf-16"] if marked else ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            said = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in said:
            break
        return said
    raise InvalidError(N_("The text is neither UTF-8 nor GB18030; save it as UTF-8."), field="/file")


def of_markdown(said: str, name: str) -> Document:
    """A Markdown file."""
    meta: dict[str, str] = {}
    found = _FRONT.match(said)
    if found:
        meta = {key.strip().lower(): value.strip() for key, _, value in _pairs(found.group(1))}
        said = said[found.end() :]
    title, parts = _divided(said.replace("\r\n", "\n").replace("\r", "\n"))
    whole = meta.get("title", "").strip("'\"") or title or _from_name(name)
    language = meta.get("language", "").strip("'\"").lower()[:2]
    return Document(
        title=whole,
        parts=parts,
        language=language if language in {"en", "zh"} else language_of(f"{whole}{said}"),
        facets={facet: listed(meta[facet]) for facet in FACETS if listed(meta.get(facet, ""))},
        audience=meta.get("audience", "").strip("'\""),
    )


def of_html(said: str, name: str) -> Document:
    """An HTML file, by way of Markdown. Scripts, styles and what is hidden are left out."""
    reader = _Reader()
    reader.feed(said)
    reader.close()
    markdown = reader.markdown()
    if reader.title.strip() and not re.search(r"^# ", markdown, re.MULTILINE):
        markdown = f"# {' '.join(reader.title.split())}\n\n{markdown}"
    return of_markdown(markdown, name)


def of_word(content: bytes, name: str) -> Document:
    """A Word document (.docx), by way of Markdown.

    Raises:
        InvalidError: it is no Word document, is not harmless, or declares entities.
    """
    with files.opened(content, name) as archive:
        if "word/document.xml" not in archive.namelist():
            raise InvalidError(N_("{name} is no Word document."), field="/file", name=name)
        raw = files.part(archive, "word/document.xml", limit=XML_MOST)
    try:
        root = ElementTree.fromstring(raw, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, RecursionError) as error:
        raise InvalidError(N_("The XML of {name} cannot be taken."), field="/file", name=name) from error
    body = root.find(f"{_W}body")
    return of_markdown("\n".join(_blocks(body)) if body is not None else "", name)


def listed(value: str) -> list[str]:
    """`a, b` or `[a, b]` as a list."""
    inner = value.strip().removeprefix("[").removesuffix("]")
    return [one.strip().strip("'\"") for one in re.split(r"[,;，；]", inner) if one.strip().strip("'\"")]


def language_of(said: str) -> str:
    """`zh` for a text that is mostly Han, else `en`."""
    han = len(_HAN.findall(said))
    return "zh" if han * 8 > len(re.findall(r"[A-Za-z]", said)) and han > 1 else "en"


def _pairs(front: str) -> Iterator[tuple[str, str, str]]:
    for line in front.splitlines()[:100]:
        if ":" in line and not line.lstrip().startswith("#"):
            yield line.partition(":")


def _from_name(name: str) -> str:
    stem = name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or name
    return " ".join(stem.replace("_", " ").replace("-", " ").split())


def part_named(heading: str) -> str:
    """The part that a heading names: symptom, cause, solution, or "" for none."""
    plain = _NUMBER.sub("", re.sub(r"[*_`:：]", "", heading)).strip().lower()
    return _PART_OF.get(plain.replace("root cause", "root-cause"), "")


def _divided(said: str) -> tuple[str, dict[str, str]]:
    """A Markdown text as its title and its parts."""
    title, current, fenced = "", "", False
    lines: dict[str, list[str]] = {"": []}
    for line in said.split("\n"):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        heading = None if fenced else _HEADING.match(line)
        if heading is not None:
            named = part_named(heading.group(2))
            if named:
                current = named
                lines.setdefault(current, [])
                continue
            if len(heading.group(1)) == 1 and not title:
                title = re.sub(r"[*_`]", "", heading.group(2)).strip()
                continue
        lines.setdefault(current, []).append(line)
    parts = {name: "\n".join(kept).strip() for name, kept in lines.items()}
    rest = parts.pop("", "")
    if rest and not parts:
        return title, {"solution": rest}
    if rest:
        parts["symptom"] = f"{rest}\n\n{parts.get('symptom', '')}".strip()
    return title, parts


class _Reader(HTMLParser):
    """HTML to Markdown, in one pass: nothing is kept on a stack but lists and links."""

    SILENT = frozenset({"script", "style", "template", "noscript", "iframe", "object", "svg", "math", "head"})
    BLOCKS = frozenset({"p", "div", "section", "article", "table", "blockquote", "main", "header", "footer"})

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

    def markdown(self) -> str:
        """What was read."""
        said = "".join(self.out)
        return re.sub(r"[ \t]+\n", "\n", re.sub(r"\n{3,}", "\n\n", said)).strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title":
            self._in_title = True
        elif self._silent:
            self._silent_depth += tag == self._silent
        elif tag in self.SILENT:
            self._silent, self._silent_depth = tag, 1
        elif re.fullmatch(r"h[1-6]", tag):
            self.out.append("\n\n" + "#" * int(tag[1]) + " ")
        elif tag in {"ul", "ol"}:
            if len(self._lists) < 8:
                self._lists.append([tag, 0])
            self.out.append("\n")
        elif tag == "li":
            self._item()
        elif tag == "pre":
            self._pre = True
            self.out.append("\n\n```\n")
        elif tag == "a":
            href = dict(attrs).get("href") or ""
            self._links.append(href if href.startswith(("http://", "https://", "mailto:")) else "")
            self.out.append("[" if self._links[-1] else "")
        else:
            self.out.append(self._opening(tag))

    def _opening(self, tag: str) -> str:
        if tag == "br":
            return "  \n" if not self._pre else "\n"
        if tag == "code" and not self._pre:
            return "`"
        if tag in {"b", "strong"}:
            return "**"
        if tag in {"td", "th"}:
            return " | "
        return "\n" if tag in self.BLOCKS or tag == "tr" else ""

    def _item(self) -> None:
        if not self._lists:
            self._lists.append(["ul", 0])
        kind = self._lists[-1]
        kind[1] += 1
        self.out.append("\n" + "   " * (len(self._lists) - 1) + (f"{kind[1]}. " if kind[0] == "ol" else "- "))

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif self._silent:
            self._silent_depth -= tag == self._silent
            self._silent = self._silent if self._silent_depth > 0 else ""
        elif tag in {"ul", "ol"}:
            if self._lists:
                self._lists.pop()
            self.out.append("\n")
        elif tag == "pre":
            self._pre = False
            self.out.append("\n```\n\n")
        elif tag == "a" and self._links:
            href = self._links.pop()
            self.out.append(f"]({href})" if href else "")
        elif tag in {"b", "strong"}:
            self.out.append("**")
        elif tag == "code" and not self._pre:
            self.out.append("`")
        elif tag in self.BLOCKS or re.fullmatch(r"h[1-6]", tag):
            self.out.append("\n\n")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif not self._silent:
            self.out.append(data if self._pre else re.sub(r"\s+", " ", data))


def _blocks(body: Element) -> Iterator[str]:
    """Paragraphs and tables of a Word document as lines of Markdown."""
    number = 0
    for block in body:
        if block.tag == f"{_W}tbl":
            for row in block.iter(f"{_W}tr"):
                cells = [" ".join(map(_text, cell.iter(f"{_W}p"))).strip() for cell in row.iter(f"{_W}tc")]
                yield "- " + " | ".join(cells)
            yield ""
            continue
        for paragraph in [block] if block.tag == f"{_W}p" else block.iter(f"{_W}p"):
            said = _text(paragraph).strip()
            style, item = _style(paragraph)
            number = number + 1 if item else 0
            heading = re.match(r"(?:heading|标题)\s*(\d)", style) or re.fullmatch(r"(\d)", style)
            if style == "title":
                yield f"# {said}"
            elif heading and said:
                yield f"\n{'#' * min(6, int(heading.group(1)) or 1)} {said}\n"
            elif item:
                yield f"{number}. {said}"
            else:
                yield f"{said}\n"


def _text(paragraph: Element) -> str:
    said = []
    for node in paragraph.iter():
        if node.tag == f"{_W}t":
            said.append(node.text or "")
        elif node.tag in {f"{_W}br", f"{_W}cr"}:
            said.append("\n")
        elif node.tag == f"{_W}tab":
            said.append(" ")
    return "".join(said)


def _style(paragraph: Element) -> tuple[str, bool]:
    how = paragraph.find(f"{_W}pPr")
    if how is None:
        return "", False
    style = how.find(f"{_W}pStyle")
    name = style.get(f"{_W}val", "") if style is not None else ""
    return name.lower(), how.find(f"{_W}numPr") is not None
