"""How a practice describes a table page: columns, filters, views, bulk actions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, Select
from sqlalchemy.orm import InstrumentedAttribute, Session

if TYPE_CHECKING:
    from server.kernel.call import Actor

Expression: TypeAlias = ColumnElement[Any] | InstrumentedAttribute[Any]
Kind = Literal[
    "text", "id", "number", "moment", "ago", "sev", "pri", "st", "person", "ci", "sla", "tag", "custom"
]
Phone = Literal["mark", "title", "meta", "end", "hide"]

PAGE_SIZE = 50
COUNT_LIMIT = 10_000


@dataclass(frozen=True)
class Column:
    """One column.

    The cell shows `value(row)`, by default the attribute or key `key` of the row, in the manner of
    `kind`; "custom" leaves it to the template's call block. `sort` is what the database orders by;
    a column without it cannot be sorted. On a phone a row has two lines: `phone` tells the cell's
    place there (mark at the left, title, meta below it, end at the right, hide).
    """

    key: str
    label: str  # marked with N_
    kind: Kind = "text"
    sort: Expression | tuple[Expression, ...] | None = None
    value: Callable[[Any], Any] | None = None
    href: Callable[[Any], str] | None = None
    unit: str = ""
    width: str = ""  # narrow, middle, wide
    phone: Phone = "hide"
    label_hidden: bool = False
    csv: bool = True

    def of(self, row: Any) -> Any:
        """The cell's value in `row`."""
        if self.value is not None:
            return self.value(row)
        return row.get(self.key) if isinstance(row, Mapping) else getattr(row, self.key, None)


@dataclass(frozen=True)
class Choice:
    """One value of a choice filter. `where` stands for several stored values, as `open` does."""

    value: str
    label: Any  # marked with N_, or a localized name
    where: ColumnElement[bool] | None = None


@dataclass(frozen=True)
class Filter:
    """One field to filter by.

    kinds: `text` (contains; `*` stands for anything and anchors the pattern), `choice` (any of),
    `person` (ids; `me`, `none`), `date` (`7d` back from now, `2026-11-01..2026-11-20` in the
    reader's zone, either end open). Values of one filter are joined by or, filters by and.

    `choices(session, actor)` and `labels(session, values)` may look names up in the database;
    `lookup` is the address that answers what is typed, for a person.
    """

    key: str
    label: str  # marked with N_
    kind: Literal["text", "choice", "person", "date"]
    column: Expression | None = None
    choices: "Sequence[Choice] | Callable[[Session, Actor], Sequence[Choice]]" = ()
    where: "Callable[[str], ColumnElement[bool]] | None" = None
    labels: Callable[[Session, Sequence[str]], Mapping[str, Any]] | None = None
    lookup: str = ""
    hint: str = ""  # marked with N_


@dataclass(frozen=True)
class View:
    """A view that ships with the page: a name and the text form of its filters."""

    key: str
    label: str  # marked with N_
    text: str = ""
    sort: str = ""


@dataclass(frozen=True)
class Bulk:
    """An action on the ticked rows, posted to `url` with one `id` for each.

    `skip(row)` says why a row would be left out, None if it would not; the bar counts them.
    `fields` names a dialog of the page that asks for more before posting.
    """

    key: str
    label: str  # marked with N_
    url: str
    permission: str | None = None
    skip: Callable[[Any], str | None] | None = None
    dialog: str = ""
    danger: bool = False


def _attribute(row: Any) -> str:
    return str(row.get("id") if isinstance(row, Mapping) else row.id)


@dataclass(frozen=True)
class Listing:
    """A table page.

    Args:
        name: unique in the house, as `incidents`; saved views are kept under it.
        url: where the page is.
        statement: `statement(actor)` selects what this person may see, before any filter.
        key: the unique column that settles equal rows.
        columns, filters, views, bulk: see there.
        search: columns that bare words are looked for in.
        finds: `finds(word)` in place of `search`, for records whose words are kept in a table of their own.
        sort: the order without another wish, as `due` or `-opened`.
        prepare: turns the page's rows into what the cells show, in one go: names, deadlines.
        row_id, row_url, preview_url: of a prepared row.
        topic: news of this topic offer fresh rows.
        whole: how many rows at most an action may be asked for that go beyond the page; 0: ticked ones only.
    """

    name: str
    url: str
    title: str  # marked with N_
    statement: "Callable[[Actor], Select[Any]]"
    key: Expression
    columns: Sequence[Column]
    filters: Sequence[Filter] = ()
    views: Sequence[View] = ()
    bulk: Sequence[Bulk] = ()
    search: Sequence[Expression] = ()
    finds: Callable[[str], ColumnElement[bool]] | None = None
    sort: str = ""
    prepare: "Callable[[Session, Sequence[Any], Actor, datetime], Sequence[Any]] | None" = None
    row_id: Callable[[Any], str] = _attribute
    row_url: Callable[[Any], str] | None = None
    preview_url: Callable[[Any], str] | None = None
    topic: str = ""
    whole: int = 0
    page_size: int = PAGE_SIZE

    def column(self, key: str) -> Column | None:
        """The column of that key, if there is one."""
        return next((column for column in self.columns if column.key == key), None)

    def filter(self, key: str) -> Filter | None:
        """The filter of that key, if there is one."""
        return next((found for found in self.filters if found.key == key), None)
