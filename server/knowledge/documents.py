"""Documents of other programs as the texts of articles: Markdown, HTML, Word. Pure, and bounded.

A heading that names a part (symptom, cause, solution, in English or Chinese) begins that part; what stands
before the first one is the symptom, and a text without such headings is a solution. Front matter of
`key: value` lines gives title, language and what the article applies to.

Source: CommonMark 0.31.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from server.kernel.errors import InvalidError
from server.kernel.i18n import N_
from server.knowledge import webpage, wordfile

LONGEST_PART = 20_000  # characters of symptom, cause or solution
LONGEST_TITLE = 200
PARTS = ("symptom", "cause", "solution")
FACETS = ("ci_class", "model", "alert", "service")

_NAMES = {
    "symptom": (
        "symptom symptoms problem issue error environment 现象 故障现象 症状 问题 问题描述 问题现象 故障描述"
    ),
    "cause": "cause causes reason root-cause 原因 根本原因 故障原因 原因分析 问题原因",
    "solution": (
        "solution solutions fix resolution workaround steps answer remedy procedure "
        "解决 解决方案 解决方法 解决办法 处理 处理方法 处理步骤 处理过程 处置 处置步骤 变通方案 操作步骤"
    ),
}
_PART_OF = {word: part for part, words in _NAMES.items() for word in words.split()}
_HEADING = re.compile(r"(#{1,6})[ \t]+(.*)")
_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_HAN = re.compile(r"[\u3400-\u9fff]")
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
    """An HTML file, by way of Markdown."""
    markdown, title = webpage.markdown_of(said)
    if title and not re.search(r"^# ", markdown, re.MULTILINE):
        markdown = f"# {title}\n\n{markdown}"
    return of_markdown(markdown, name)


def of_word(content: bytes, name: str) -> Document:
    """A Word document (.docx), by way of Markdown.

    Raises:
        InvalidError: it is no Word document, is not harmless, or declares entities.
    """
    return of_markdown(wordfile.markdown_of(content, name), name)


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
        heading = None if fenced else _HEADING.fullmatch(line)
        if heading is not None:
            words = heading.group(2).rstrip().rstrip("#").rstrip()
            named = part_named(words)
            if named:
                current = named
                lines.setdefault(current, [])
                continue
            if len(heading.group(1)) == 1 and not title:
                title = re.sub(r"[*_`]", "", words).strip()
                continue
        lines.setdefault(current, []).append(line)
    parts = {name: "\n".join(kept).strip() for name, kept in lines.items()}
    rest = parts.pop("", "")
    if rest and not parts:
        return title, {"solution": rest}
    if rest:
        parts["symptom"] = f"{rest}\n\n{parts.get('symptom', '')}".strip()
    return title, parts
