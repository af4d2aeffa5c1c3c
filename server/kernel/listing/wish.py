"""What a reader asks of a table page, as it stands in the URL.

`?state=new&state=assigned&ci=UPS-*&q=words&sort=-opened&page=2`; or the text form in one value,
`?text=state:new,assigned ci:UPS-* words`. An unknown field or sort is refused, so that nothing can
be learned of columns that are not shown.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from server.kernel.errors import InvalidError
from server.kernel.i18n import N_
from server.kernel.listing.declare import COUNT_LIMIT, Listing, View

NO_FIELD = N_("There is no field {name} to filter by.")
TOO_MANY = N_("At most {most} values can be chosen for one field.")
TOO_LONG = N_("This value is longer than {most} characters.")
NO_PAGE = N_("Pages run from 1 to {most}. Narrow the filter to see more.")
MOST_VALUES = 20
LONGEST_VALUE = 200
FURTHER = frozenset({"sort", "page", "view", "q", "text", "open", "format", "preview", "fragment"})
_TOKEN = re.compile(r'([A-Za-z_][\w-]*):((?:"[^"]*"|[^\s",]+)(?:,(?:"[^"]*"|[^\s",]+))*)|"([^"]*)"|(\S+)')
_VALUE = re.compile(r'"([^"]*)"|([^,]+)')
_BARE = re.compile(r'^[^\s",:]+$')


@dataclass(frozen=True)
class Wish:
    """Filters by field, words to search, order, page (from 1), and the view it came from."""

    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    words: str = ""
    sort: str = ""
    page: int = 1
    view: str = ""
    open: str = ""

    def pairs(self, *, page: bool = False) -> list[tuple[str, str]]:
        """As query parameters, in a fixed order."""
        found = [(key, value) for key in sorted(self.filters) for value in self.filters[key]]
        found += [("q", self.words)] if self.words else []
        found += [("sort", self.sort)] if self.sort else []
        found += [("view", self.view)] if self.view else []
        found += [("page", str(self.page))] if page and self.page > 1 else []
        return found

    def query(self, *, page: bool = False) -> str:
        """As a query string with its question mark; "" where nothing is asked."""
        pairs = self.pairs(page=page)
        return f"?{urlencode(pairs)}" if pairs else ""

    def text(self) -> str:
        """As the text form that experts type."""
        parts = [f"{key}:{','.join(map(_quoted, self.filters[key]))}" for key in sorted(self.filters)]
        return " ".join([*parts, *([self.words] if self.words else [])])

    def same(self, other: "Wish") -> bool:
        """Whether both ask for the same rows in the same order."""
        return (dict(self.filters), self.words, self.sort) == (dict(other.filters), other.words, other.sort)

    def without(self, key: str) -> "Wish":
        """The wish without one filter, on its first page."""
        kept = {name: values for name, values in self.filters.items() if name != key}
        return replace(self, filters=kept, page=1)


def _quoted(value: str) -> str:
    return value if _BARE.match(value) else f'"{value}"'


def read(listing: Listing, query: Iterable[tuple[str, str]]) -> Wish:
    """Read the wish from query parameters.

    Raises:
        InvalidError: an unknown field, sort or view, a bad page, a value too long or not text.
    """
    given: dict[str, list[str]] = {}
    for key, value in query:
        if listing.filter(key) is None and key not in FURTHER:
            raise InvalidError(
                N_("There is no field {name} to filter by."), field=f"/{key[:60]}", name=key[:60]
            )
        given.setdefault(key, []).append(_checked(key, value))
    wish = Wish()
    if "text" in given:
        wish = from_text(listing, given.pop("text")[-1])
    filters = {key: _values(key, given[key]) for key in given if listing.filter(key) is not None}
    filters = {key: values for key, values in filters.items() if values}
    sort = given.get("sort", [""])[-1]
    if sort and not _sortable(listing, sort):
        raise InvalidError(N_("This table cannot be sorted that way."), field="/sort")
    return replace(
        wish,
        filters={**wish.filters, **filters},
        words=" ".join(part for part in (wish.words, *given.get("q", [])) if part).strip(),
        sort=sort or wish.sort,
        page=_page(listing, given.get("page", ["1"])[-1]),
        view=given.get("view", [""])[-1],
        open=given.get("open", [""])[-1],
    )


def from_text(listing: Listing, text: str) -> Wish:
    """Read the text form, `state:new,assigned ci:UPS-* words`."""
    filters: dict[str, tuple[str, ...]] = {}
    words: list[str] = []
    for key, values, quoted, word in _TOKEN.findall(text):
        if not key:
            words.append(quoted or word)
            continue
        if listing.filter(key) is None:
            raise InvalidError(NO_FIELD, field="/text", name=key[:60])
        read_values = [one or other for one, other in _VALUE.findall(values)]
        filters[key] = _values(key, [*filters.get(key, ()), *read_values])
    return Wish(filters, " ".join(words))


def of_view(listing: Listing, view: View) -> Wish:
    """What a shipped view asks for."""
    return replace(from_text(listing, view.text), sort=view.sort, view=view.key)


def _sortable(listing: Listing, sort: str) -> bool:
    column = listing.column(sort.removeprefix("-"))
    return column is not None and column.sort is not None


def _values(key: str, values: Iterable[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(value.strip() for value in values if value.strip()))
    if len(found) > MOST_VALUES:
        raise InvalidError(
            TOO_MANY,
            field=f"/{key}",
            limit=MOST_VALUES,
            most=MOST_VALUES,
        )
    return found


def _checked(key: str, value: str) -> str:
    limit = LONGEST_VALUE * (10 if key == "text" else 1)
    if len(value) > limit:
        raise InvalidError(TOO_LONG, field=f"/{key}", limit=limit, most=limit)
    if any(ord(sign) < 32 or 0xD800 <= ord(sign) <= 0xDFFF for sign in value):
        raise InvalidError(N_("This value has signs that are no text."), field=f"/{key}")
    return value


def _page(listing: Listing, text: str) -> int:
    most = COUNT_LIMIT // listing.page_size
    if not (text.isascii() and text.isdigit() and len(text) < 7 and 1 <= int(text) <= most):
        raise InvalidError(
            NO_PAGE,
            field="/page",
            limit=most,
            most=most,
        )
    return int(text)
