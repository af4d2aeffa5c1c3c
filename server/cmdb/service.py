"""What other practices ask of the CMDB."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.cmdb.classes import catalogue
from server.cmdb.editing import create, edit, revert
from server.cmdb.graphs import ABSENT, graph, graph_at
from server.cmdb.history import as_of, differences, versions
from server.cmdb.impact import Impact
from server.cmdb.impact import impact as impact_of
from server.cmdb.importing import ImportResult, import_rows
from server.cmdb.links import Neighbour, end, neighbours, relate
from server.cmdb.models import Ci, CiVersion
from server.cmdb.observing import bind, dry_run, observe, take
from server.cmdb.places import location_path
from server.kernel.errors import NotFoundError
from server.kernel.i18n import N_
from server.kernel.remembered import by_ids

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
    return by_ids(session, Ci, ids)


def icon(class_code: str) -> str:
    """The Tabler icon of a class."""
    return catalogue().of(class_code).icon


def impact(session: Session, ci_id: int) -> Impact:
    """What stops, is cut off, loses redundancy or cannot be told when the CI stops."""
    return impact_of(graph(session), ci_id)


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
