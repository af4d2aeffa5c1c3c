"""Markdown that people write, as HTML that cannot harm whoever reads it.

CommonMark with tables, rendered by markdown-it with raw HTML off, then cleaned by nh3 to a short list of
tags. Signs that change what a person sees of a text stand as a mark; a table that would be blown up by cells
that nobody wrote stays text. Links go to http, https, mailto or this site; pictures only to this site (a
remote picture tells its owner who reads). Sources: CommonMark 0.31; OWASP cross-site scripting prevention.
"""

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from server.kernel.inert import inert

LARGEST = 20_000  # characters; longer text is cut
DEEPEST = 20  # quotes, lists and brackets in one another; each of a run is looked at so often

MOST_CELLS = 8_000  # of all tables of a text, those that short rows leave out among them

_TAGS = frozenset(
    "a blockquote br code del em h2 h3 h4 hr img li ol p pre strong table tbody td th thead tr ul".split()
)
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}, "code": {"class"}}
_PLAIN = {"html": False, "linkify": False, "maxNesting": DEEPEST}
_markdown = MarkdownIt("commonmark", _PLAIN).enable(["table", "strikethrough"])
_tableless = MarkdownIt("commonmark", _PLAIN).enable(["strikethrough"])
_RULE = frozenset(" \t>|:-")  # signs of the line below the heads of a table


def _cells(text: str) -> int:
    """How many cells the tables of a text would have at most: each row has as many as its heads."""
    cells = columns = 0
    for line in text.splitlines():
        if "|" in line and "-" in line and _RULE.issuperset(line):
            columns = max(columns, line.count("|") + 1)
        elif not line.strip():
            columns = 0
        cells += columns
    return cells


def _keep(tag: str, attribute: str, value: str) -> str | None:
    local = value.startswith("/") and not value.startswith(("//", "/\\"))
    if tag == "img" and attribute == "src":
        return value if local else None
    if tag == "a" and attribute == "href":
        return value if local or value.startswith(("http://", "https://", "mailto:", "#")) else None
    return value


@lru_cache(maxsize=512)
def html(text: str) -> Markup:
    """Markdown as safe HTML. A first-level heading becomes a second-level one: the page has its own."""
    said = inert(text[:LARGEST])
    markdown = _markdown if _cells(said) <= MOST_CELLS else _tableless
    raw = markdown.render(said).replace("<h1>", "<h2>").replace("</h1>", "</h2>")
    clean = nh3.clean(
        raw,
        tags=set(_TAGS),
        attributes=_ATTRIBUTES,
        attribute_filter=_keep,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return Markup(clean)  # noqa: S704  cleaned just above
