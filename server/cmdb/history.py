"""The past of a CI: every version, any moment, two moments side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.cmdb.models import CiVersion


@dataclass(frozen=True)
class Difference:
    """An attribute that differs: `was` or `now` is None where it is missing on that side."""

    attribute: str
    was: Any
    now: Any


def versions(
    session: Session, ci_id: int, *, limit: int = 50, before: int | None = None
) -> Sequence[CiVersion]:
    """The versions of a CI, newest first; `before`: only those with a smaller revision."""
    query = select(CiVersion).where(CiVersion.ci_id == ci_id)
    if before is not None:
        query = query.where(CiVersion.revision < before)
    return session.scalars(query.order_by(CiVersion.revision.desc()).limit(limit)).all()


def version(session: Session, ci_id: int, revision: int) -> CiVersion | None:
    """One version by its number."""
    return session.scalar(select(CiVersion).where(CiVersion.ci_id == ci_id, CiVersion.revision == revision))


def as_of(
    session: Session, ci_id: int, at: datetime, *, known_at: datetime | None = None
) -> CiVersion | None:
    """The version that was true at `at`, by what was known at `known_at` (None: by now).

    Returns:
        None where the CI was not known then.
    """
    query = select(CiVersion).where(CiVersion.ci_id == ci_id, CiVersion.valid_at <= at)
    if known_at is not None:
        query = query.where(CiVersion.recorded_at <= known_at)
    return session.scalar(query.order_by(CiVersion.valid_at.desc(), CiVersion.revision.desc()).limit(1))


def differences(was: CiVersion | None, now: CiVersion | None) -> list[Difference]:
    """What differs between two versions, by attribute; None is a CI that was not there."""
    old = was.snapshot if was else {}
    new = now.snapshot if now else {}
    return [
        Difference(name, old.get(name), new.get(name))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]
