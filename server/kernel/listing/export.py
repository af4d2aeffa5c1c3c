"""The rows of a table page as a CSV file that a spreadsheet opens without harm."""

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from server.kernel.i18n import _, loc, local
from server.kernel.listing import query as sql
from server.kernel.listing.declare import Listing
from server.kernel.listing.page import wished

if TYPE_CHECKING:
    from server.kernel.call import Actor

MOST_ROWS = 50_000
BATCH = 1_000
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def neutral(value: Any) -> str:
    """A cell's text; what a spreadsheet would take for a formula is led by an apostrophe.

    Numbers stay numbers, moments are told in the reader's zone. A text that looks led so already is led once
    more: whoever takes one apostrophe off gets what was written.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime):
        return local(value).strftime("%Y-%m-%d %H:%M:%S%z")
    text = loc(value) if isinstance(value, dict) else str(value)
    text = text.replace("\x00", "")
    behind = text.lstrip("'")
    return f"'{text}" if behind.lstrip(" ").startswith(_DANGEROUS) or behind[:1] in _DANGEROUS else text


def as_csv(
    session: Session, listing: Listing, query: Iterable[tuple[str, str]], *, actor: "Actor", now: datetime
) -> bytes:
    """All rows that the wish asks for, at most MOST_ROWS, as UTF-8 with its mark."""
    pairs = [(key, value) for key, value in query if key not in {"format", "page"}]
    wish = wished(session, listing, pairs, actor)
    found = sql.ordered(listing, wish.sort, sql.statement(listing, wish, actor, now=now, session=session))
    single = len(found.column_descriptions) == 1
    columns = [column for column in listing.columns if column.csv]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([neutral(_(column.label)) for column in columns])
    for start in range(0, MOST_ROWS, BATCH):
        result = session.execute(found.offset(start).limit(BATCH))
        rows: Any = result.scalars().all() if single else result.all()
        shown = listing.prepare(session, rows, actor, now) if listing.prepare else rows
        writer.writerows([[neutral(column.of(row)) for column in columns] for row in shown])
        if len(rows) < BATCH:
            break
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8")
