"""A new master key: every stored secret is sealed anew, in short transactions.

What is done stays done: a run that was interrupted is taken up where it stopped, because each
sealed value tells which key sealed it. The desk may run meanwhile.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.kernel import audit
from server.kernel.db import Base, Database
from server.kernel.errors import DeskError, UnavailableError
from server.kernel.secrets import Keys, sealed_by

BATCH = 50  # secrets of one transaction


@dataclass
class Outcome:
    """What a rotation did: secrets by their names, as `credential Core switches`."""

    key: str  # the name of the key that seals now
    resealed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # no key here opens them


def models() -> list[type[Any]]:
    """Every model that keeps a sealed value: column `sealed`, bound to its `seal_context`."""
    found = (mapper.class_ for mapper in Base.registry.mappers if "sealed" in mapper.columns)
    return sorted(found, key=lambda model: str(model.__tablename__))


def uses(session: Session) -> Counter[str]:
    """How many secrets each key has sealed, by its name."""
    return Counter(
        sealed_by(sealed) for model in models() for sealed in session.scalars(select(model.sealed)) if sealed
    )


def rotate(database: Database, keys: Keys) -> Outcome:
    """Put a new key first, unless an earlier rotation is unfinished, and seal all secrets with it."""
    unfinished = set(database.read_now(uses)) - {keys.names[0]}
    if not (unfinished and len(keys.names) > 1):
        keys.rotate()
    outcome = Outcome(keys.names[0])
    for model in models():
        last: int | None = 0
        while last is not None:
            last = database.run_now(_reseal, model, keys, last, outcome)
    return outcome


def _reseal(session: Session, model: type[Any], keys: Keys, after: int, outcome: Outcome) -> int | None:
    """Seal the next secrets of a table anew; the last id of this batch, None at the table's end."""
    query = select(model).where(model.id > after).order_by(model.id).limit(BATCH).with_for_update()
    rows = session.scalars(query).all()
    done, refused = [], []
    for row in rows:
        name = f"{model.__tablename__} {row.name}"
        if not row.sealed or sealed_by(row.sealed) == outcome.key:
            continue
        try:
            row.sealed = keys.seal(keys.unseal(row.sealed, row.seal_context), row.seal_context)
            done.append(name)
        except DeskError:
            refused.append(name)
    if done:
        audit.note(session, {"table": "master_key", "kind": "reseal", "key": [outcome.key], "after": done})
    session.flush()
    outcome.resealed += done
    outcome.refused += refused
    return rows[-1].id if len(rows) == BATCH else None


def forget(database: Database, keys: Keys) -> tuple[str, ...]:
    """Forget the keys that seal nothing any more; returns their names.

    Raises:
        UnavailableError: a secret is still sealed with one of them.
    """

    def checked(session: Session) -> tuple[str, ...]:
        left = {name: number for name, number in uses(session).items() if name != keys.names[0]}
        if left:
            raise UnavailableError(
                f"{sum(left.values())} secrets are sealed with {', '.join(left)}. Rotate first."
            )
        gone = keys.forget()
        if gone:
            audit.note(session, {"table": "master_key", "kind": "forget", "key": list(gone)})
        return gone

    return database.run_now(checked)
