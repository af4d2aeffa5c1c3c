"""One page of a table, ready to be shown: rows, tabs, chips, counts, links."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from sqlalchemy.orm import Session

from server.kernel.errors import DeskError
from server.kernel.i18n import _, loc
from server.kernel.listing import query as sql
from server.kernel.listing import saved
from server.kernel.listing.declare import COUNT_LIMIT, Bulk, Choice, Column, Filter, Listing
from server.kernel.listing.wish import Wish, of_view, read

if TYPE_CHECKING:
    from server.kernel.call import Actor


@dataclass(frozen=True)
class Tab:
    """A view as a tab. `saved_id` is None for one that ships; `dirty` when filters were changed since."""

    label: str
    url: str
    count: int
    current: bool
    dirty: bool = False
    saved_id: int | None = None
    shared: bool = False
    mine: bool = False


@dataclass(frozen=True)
class Chip:
    """An active filter: its name, its values in words, and the link that takes it away."""

    key: str
    label: str
    values: tuple[str, ...]
    url: str


@dataclass(frozen=True)
class Field:
    """A filter as the panel offers it."""

    filter: Filter
    label: str
    values: tuple[str, ...]
    choices: tuple[tuple[str, str], ...]
    shown: str


@dataclass(frozen=True)
class ListPage:
    """What the macros of `_list.html` show."""

    listing: Listing
    wish: Wish
    rows: Sequence[Any]
    total: int
    tabs: tuple[Tab, ...]
    chips: tuple[Chip, ...]
    fields: tuple[Field, ...]
    bulk: tuple[Bulk, ...]
    may_share: bool
    now: datetime

    @property
    def pages(self) -> int:
        """How many pages can be opened."""
        size = self.listing.page_size
        return max(1, -(-min(self.total, COUNT_LIMIT) // size))

    @property
    def first(self) -> int:
        """The number of the first row shown, from 1; 0 where there is none."""
        return (self.wish.page - 1) * self.listing.page_size + 1 if self.rows else 0

    @property
    def last(self) -> int:
        """The number of the last row shown."""
        return self.first + len(self.rows) - 1 if self.rows else 0

    @property
    def sort(self) -> str:
        """The order in force."""
        return self.wish.sort or self.listing.sort

    def page_url(self, page: int) -> str:
        """The same view on another page."""
        return self.listing.url + replace(self.wish, page=page).query(page=True)

    def sort_url(self, column: Column) -> str:
        """The same view sorted by a column; down when it is already sorted up."""
        down = self.sort == column.key
        return (
            self.listing.url
            + replace(self.wish, sort=f"-{column.key}" if down else column.key, page=1).query()
        )

    def aria_sort(self, column: Column) -> str:
        """`ascending`, `descending` or "" for none."""
        return {column.key: "ascending", f"-{column.key}": "descending"}.get(self.sort, "")

    @property
    def csv_url(self) -> str:
        """The same rows as a file."""
        query = self.wish.query()
        return f"{self.listing.url}{query}{'&' if query else '?'}format=csv"

    @property
    def whole(self) -> int:
        """For how many rows beyond the page an action may be asked at once; 0 where the page shows all."""
        return min(self.total, self.listing.whole) if self.total > len(self.rows) else 0

    @property
    def matching(self) -> str:
        """What is asked for, as `listing.many.matching` takes it."""
        return urlencode(self.wish.pairs() or [("view", "")])

    @property
    def clear_url(self) -> str:
        """The page without any filter."""
        return f"{self.listing.url}?view="

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """What a form that changes filters must carry along."""
        return [(key, value) for key, value in self.wish.pairs() if key in {"sort", "view"}]


def page(
    session: Session,
    listing: Listing,
    query: Iterable[tuple[str, str]],
    *,
    actor: "Actor",
    now: datetime,
) -> ListPage:
    """Read one page of a listing: at most five queries besides those of `prepare`."""
    wish = wished(session, listing, query, actor)
    found = sql.statement(listing, wish, actor, now=now, session=session)
    tabs, total = _tabs(session, listing, wish, found, actor=actor, now=now)
    start = (wish.page - 1) * listing.page_size
    cut = sql.ordered(listing, wish.sort, found).offset(start).limit(listing.page_size)
    rows = _rows(session, cut)
    if listing.prepare is not None:
        rows = listing.prepare(session, rows, actor, now)
    offered = [_field(session, one, wish, actor) for one in listing.filters]
    return ListPage(
        listing=listing,
        wish=wish,
        rows=rows,
        total=total,
        tabs=tabs,
        chips=_chips(listing, wish, offered),
        fields=tuple(offered),
        bulk=tuple(one for one in listing.bulk if one.permission is None or actor.may(one.permission)),
        may_share=actor.may(saved.SHARE),
        now=now,
    )


def wished(session: Session, listing: Listing, query: Iterable[tuple[str, str]], actor: "Actor") -> Wish:
    """What is asked for: the first view where nothing is, the filters of a view that is only named."""
    pairs = list(query)
    wish = read(listing, pairs)
    if listing.views and not any(key not in {"page", "open"} for key, _value in pairs):
        return replace(of_view(listing, listing.views[0]), page=wish.page, open=wish.open)
    if wish.view and not wish.filters and not wish.words and not wish.sort:
        return _opened(listing, session, wish, actor)
    return wish


def _rows(session: Session, cut: Any) -> Sequence[Any]:
    result = session.execute(cut)
    return result.scalars().all() if len(cut.column_descriptions) == 1 else result.all()


def _opened(listing: Listing, session: Session, wish: Wish, actor: "Actor") -> Wish:
    """The wish of a view that is named and nothing else."""
    for view in listing.views:
        if view.key == wish.view:
            return replace(of_view(listing, view), page=wish.page, open=wish.open)
    for kept in saved.views_of(session, listing.name, actor):
        if f"v{kept.id}" == wish.view:
            return replace(
                read(listing, parse_qsl(kept.query)), view=wish.view, page=wish.page, open=wish.open
            )
    return wish


def _tabs(
    session: Session, listing: Listing, wish: Wish, found: Any, *, actor: "Actor", now: datetime
) -> tuple[tuple[Tab, ...], int]:
    """The tabs with their counts, and the count of the rows asked for, in one query."""
    wishes: list[tuple[str, Wish, saved.SavedView | None]] = []
    wishes += [(_(view.label), of_view(listing, view), None) for view in listing.views]
    for kept in saved.views_of(session, listing.name, actor):
        try:
            asked = replace(read(listing, parse_qsl(kept.query)), view=f"v{kept.id}")
        except DeskError:  # a field this view asks for is gone since it was saved
            continue
        wishes.append((kept.name, asked, kept))
    statements = [sql.statement(listing, asked, actor, now=now, session=session) for _l, asked, _k in wishes]
    total, *numbers = sql.counts(session, [found, *statements])
    tabs = tuple(
        Tab(
            label=label,
            url=f"{listing.url}?view={asked.view}",
            count=number,
            current=asked.view == wish.view,
            dirty=asked.view == wish.view and not asked.same(wish),
            saved_id=kept.id if kept else None,
            shared=kept.shared if kept else False,
            mine=kept is not None and kept.owner_id == actor.id,
        )
        for (label, asked, kept), number in zip(wishes, numbers, strict=True)
    )
    return tabs, total


def _field(session: Session, one: Filter, wish: Wish, actor: "Actor") -> Field:
    values = wish.filters.get(one.key, ())
    choices: Sequence[Choice] = sql.choices_of(one, session, actor) if one.kind == "choice" else ()
    named: Mapping[str, Any] = one.labels(session, values) if one.labels and values else {}
    words = {choice.value: _said(choice.label) for choice in choices}
    shown = [words.get(value) or _special(one, value) or _said(named.get(value, value)) for value in values]
    return Field(one, _(one.label), values, tuple(words.items()), ", ".join(shown))


def _said(label: Any) -> str:
    return _(label) if isinstance(label, str) else loc(label)


def _special(one: Filter, value: str) -> str:
    if value == "none":
        return _("nobody") if one.kind == "person" else _("none")
    if one.kind == "person" and value == "me":
        return _("me")
    return ""


def _chips(listing: Listing, wish: Wish, offered: Sequence[Field]) -> tuple[Chip, ...]:
    chips = []
    for one in offered:
        if one.values:
            rest = wish.without(one.filter.key)
            url = listing.url + (rest.query() or "?view=")
            chips.append(Chip(one.filter.key, one.label, (one.shown,), url))
    if wish.words:
        url = listing.url + (replace(wish, words="", page=1).query() or "?view=")
        chips.append(Chip("q", _("Words"), (wish.words,), url))
    return tuple(chips)
