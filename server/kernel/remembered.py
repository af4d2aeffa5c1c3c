"""What one page has read already, so that its parts need not ask for the same again.

Only in transactions that read: there a row cannot change between two questions. In one that
writes, everything is asked anew.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

READING = "reading"  # set in the info of a session that only reads
T = TypeVar("T")
Row = TypeVar("Row")


def keep(session: Session, rows: Iterable[Any]) -> None:
    """Hold rows with an `id` that came with another question, for `by_ids`."""
    if session.info.get(READING):
        kept = session.info.setdefault("kept", {})
        kept.update({(type(row), row.id): row for row in rows if row is not None})


def by_ids(session: Session, model: type[Row], ids: Collection[int]) -> dict[int, Row]:
    """Rows by id; those that are not there are left out. Asks only for what is not held."""
    kept = session.info.get("kept", {})
    found: dict[int, Row] = {number: kept[model, number] for number in ids if (model, number) in kept}
    missing = set(ids) - set(found)
    if missing:
        id_of: Any = model.id  # type: ignore[attr-defined]  # every model that is asked for has one
        rows = session.scalars(select(model).where(id_of.in_(missing))).all()
        keep(session, rows)
        found.update({row.id: row for row in rows})  # type: ignore[attr-defined]  # as above
    return found


def once(session: Session, key: str, make: Callable[[], T]) -> T:
    """What `make` returns, made once for a transaction that reads."""
    if not session.info.get(READING):
        return make()
    made: dict[str, T] = session.info.setdefault("once", {})
    if key not in made:
        made[key] = make()
    return made[key]
