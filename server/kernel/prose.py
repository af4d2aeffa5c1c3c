"""Markdown that people write, as HTML that cannot harm whoever reads it.

CommonMark with tables, rendered by markdown-it with raw HTML off, then cleaned by nh3 to a short list of
tags. Links go to http, https, mailto or this site; pictures only to this site (a remote picture tells its
owner who reads). Sources: CommonMark 0.31; OWASP cross-site scripting prevention.
"""

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

LARGEST = 20_000  # characters; longer text is cut
DEEPEST = 20  # quotes, lists and brackets in one another; each of a run is looked at so often

_TAGS = frozenset(
    "a blockquote br code del em h2 h3 h4 hr img li ol p pre strong table tbody td th thead tr ul".split()
)
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}, "code": {"class"}}
_markdown = MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": DEEPEST}).enable(
    ["table", "strikethrough"]
)


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
    raw = _markdown.render(text[:LARGEST]).replace("<h1>", "<h2>").replace("</h1>", "</h2>")
    clean = nh3.clean(
        raw,
        tags=set(_TAGS),
        attributes=_ATTRIBUTES,
        attribute_filter=_keep,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return Markup(clean)  # noqa: S704  cleaned just above
