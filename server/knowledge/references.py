"""What a Markdown text refers to: links and pictures, and leading them elsewhere. Pure.

Only inline links are meant (`[label](target)`); what stands in code is left as it is.
Source: CommonMark 0.31, 6.3 and 6.4.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from posixpath import normpath
from urllib.parse import unquote

LONGEST_TARGET = 500
_CODE_OR_LINK = re.compile(
    r"(?P<fence>^ {0,3}(?:```|~~~)[^\n]*\n(?:(?! {0,3}(?:```|~~~))[^\n]*\n?)*(?: {0,3}(?:```|~~~)[^\n]*)?)"
    r"|(?P<code>`[^`\n]*`)"
    r"|(?P<sign>!?)\[(?P<label>[^\[\]]{0,500})\]"
    rf"\(\s{{0,9}}<?(?P<target>[^()<>\s]{{1,{LONGEST_TARGET}}})>?(?:\s{{1,9}}[\"'][^\"'\n]{{0,200}}[\"'])?\s{{0,9}}\)",
    re.MULTILINE,
)
_MARKS = re.compile(r"^[ \t]*(?:#{1,6}[ \t]|>|[-+*][ \t]|[|:-]+[ \t]*$)|\*\*|`+|\|", re.MULTILINE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True)
class Reference:
    """A link, or a picture, and where it leads."""

    label: str
    target: str
    picture: bool


def is_relative(target: str) -> bool:
    """Whether a target leads to a neighbour: no scheme, no host, not from the root, not within the page."""
    return bool(target) and target[0] not in "/\\#?" and not _SCHEME.match(target)


def references(said: str) -> Iterator[Reference]:
    """All links and pictures of a text, in their order."""
    for found in _CODE_OR_LINK.finditer(said):
        if found["target"]:
            yield Reference(found["label"], found["target"], found["sign"] == "!")


def led(said: str, lead: Callable[[Reference], str | None]) -> str:
    """The text with its links and pictures as `lead` wants them; None leaves one as it is."""

    def anew(found: re.Match[str]) -> str:
        if not found["target"]:
            return found.group()
        wanted = lead(Reference(found["label"], found["target"], found["sign"] == "!"))
        return found.group() if wanted is None else wanted

    return _CODE_OR_LINK.sub(anew, said)


def plain(said: str, *, most: int = 300) -> str:
    """The beginning of a text in one line, without the marks of Markdown; of links their labels."""
    words = led(said[: most * 4], lambda one: "" if one.picture else one.label)
    return " ".join(_MARKS.sub(" ", words).split())[:most]


def neighbour(source: str, target: str) -> str:
    """The path in a folder that a target in the document `source` means, "" if it leads out of it."""
    plain = unquote(target.partition("#")[0].partition("?")[0]).replace("\\", "/")
    if not plain or not is_relative(target):
        return ""
    path = normpath(f"{source.rpartition('/')[0]}/{plain}".lstrip("/"))
    return "" if path.startswith(("..", "/")) or "\x00" in path else path
