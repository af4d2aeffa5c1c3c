"""What the history page of an item shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from server.cmdb import history, links, service, words
from server.cmdb.models import Ci, CiVersion

SHOWN = 200


@dataclass(frozen=True)
class Past:
    """All versions, and what was asked for: a moment, or two versions side by side."""

    ci: Ci
    icon: str
    versions: Sequence[tuple[CiVersion, list[str]]]
    at: datetime | None
    then: CiVersion | None
    values: Sequence[tuple[str, str, bool]]
    relations: Sequence[tuple[str, links.Neighbour]]
    was: CiVersion | None
    now: CiVersion | None
    differences: Sequence[tuple[str, str, str, bool, bool]]


def view(
    session: Session,
    number: str,
    *,
    at: datetime | None,
    known_at: datetime | None = None,
    pair: tuple[int | None, int | None] = (None, None),
) -> Past:
    """The past of an item; `pair` are the revisions to compare, by default the last two."""
    ci = service.ci(session, number)
    versions = history.versions(session, ci.id, limit=SHOWN)
    names = words.names_for(session, *(one.snapshot for one in versions))
    then = history.as_of(session, ci.id, at, known_at=known_at) if at else None
    by_revision = {one.revision: one for one in versions}
    newest = pair[1] or ci.revision
    now = by_revision.get(newest)
    was = by_revision.get(pair[0] or newest - 1)
    return Past(
        ci=ci,
        icon=service.icon(ci.class_code),
        versions=[(one, words.changes(one.changes, names, most=8)) for one in versions],
        at=at,
        then=then,
        values=[
            (words.attribute(name), words.value(name, value, names), words.is_mono(name))
            for name, value in sorted((then.snapshot if then else {}).items())
        ],
        relations=_relations(session, ci, at),
        was=was,
        now=now,
        differences=[
            (
                words.attribute(one.attribute),
                words.value(one.attribute, one.was, names),
                words.value(one.attribute, one.now, names),
                one.was is None,
                one.now is None,
            )
            for one in history.differences(was, now)
        ],
    )


def _relations(session: Session, ci: Ci, at: datetime | None) -> list[tuple[str, links.Neighbour]]:
    if at is None:
        return []
    return [
        (words.relation(one.relation.kind, forward=one.forward), one)
        for one in links.neighbours(session, ci.id, at=at)
    ]
