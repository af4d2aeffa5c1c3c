"""What other practices ask of the CMDB."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.topology import REDUNDANT, Liveness
from server.cmdb.classes import catalogue
from server.cmdb.editing import create, edit, revert
from server.cmdb.graphs import ABSENT, graph, graph_at
from server.cmdb.history import as_of, differences, versions
from server.cmdb.importing import ImportResult, import_rows
from server.cmdb.links import Neighbour, end, neighbours, relate
from server.cmdb.models import Ci, CiVersion
from server.cmdb.observing import bind, dry_run, observe, take
from server.cmdb.places import location_path
from server.kernel.errors import NotFoundError
from server.kernel.i18n import N_

__all__ = [
    "ABSENT",
    "Impact",
    "ImportResult",
    "Neighbour",
    "as_of",
    "bind",
    "ci",
    "cis",
    "create",
    "differences",
    "dry_run",
    "edit",
    "end",
    "find_ci",
    "graph",
    "graph_at",
    "icon",
    "impact",
    "import_rows",
    "location_path",
    "neighbours",
    "observe",
    "recent_changes",
    "relate",
    "revert",
    "take",
    "versions",
]


@dataclass(frozen=True)
class Impact:
    """What a failure of one CI does, by CI id.

    `stops`: loses all of something it needs. `weakened`: loses one of several alternatives.
    `unknown`: hangs on something whose state cannot be told.
    """

    stops: tuple[int, ...]
    weakened: tuple[int, ...]
    unknown: tuple[int, ...]


def ci(session: Session, key: int | str) -> Ci:
    """The CI of an id or a number; NotFoundError where there is none."""
    found = find_ci(session, key)
    if found is None:
        raise NotFoundError(N_("There is no configuration item {number}."), number=key)
    return found


def find_ci(session: Session, key: int | str) -> Ci | None:
    """The CI of an id or a number, or None."""
    if isinstance(key, int):
        return session.get(Ci, key)
    return session.scalar(select(Ci).where(Ci.number == key))


def cis(session: Session, ids: Collection[int]) -> dict[int, Ci]:
    """CIs by id; those that are not there are left out."""
    if not ids:
        return {}
    return {one.id: one for one in session.scalars(select(Ci).where(Ci.id.in_(ids)))}


def icon(class_code: str) -> str:
    """The Tabler icon of a class."""
    return catalogue().of(class_code).icon


def impact(session: Session, ci_id: int, state: Liveness = Liveness.DOWN) -> Impact:
    """What stops, what loses redundancy and what cannot be told when the CI is in `state`."""
    whole = graph(session)
    fallen = whole.fallout({ci_id: state})
    stops = [one for one, value in fallen.items() if value is Liveness.DOWN and one != ci_id]
    unknown = [one for one, value in fallen.items() if value is Liveness.UNKNOWN and one != ci_id]
    touched: set[int] = set()
    for one in (ci_id, *stops):
        touched |= {
            step.source for step in whole.users(one) if step.kind in REDUNDANT and step.source not in fallen
        }
    return Impact(tuple(sorted(stops)), tuple(sorted(touched)), tuple(sorted(unknown)))


def recent_changes(
    session: Session, ci_ids: Collection[int], since: datetime
) -> Sequence[tuple[Ci, CiVersion]]:
    """Changes of some CIs since a moment, newest first; first versions are left out."""
    if not ci_ids:
        return []
    rows = session.execute(
        select(Ci, CiVersion)
        .join(CiVersion, CiVersion.ci_id == Ci.id)
        .where(Ci.id.in_(ci_ids), CiVersion.recorded_at >= since, CiVersion.revision > 1)
        .order_by(CiVersion.recorded_at.desc())
        .limit(50)
    )
    return [(row[0], row[1]) for row in rows]


def brief(one: Ci) -> Mapping[str, Any]:
    """Number, name, class and icon, as chips and API answers show a CI."""
    return {"number": one.number, "name": one.name, "class": one.class_code, "icon": icon(one.class_code)}
