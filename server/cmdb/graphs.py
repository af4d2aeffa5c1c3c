"""The dependency graph of all living items, built once per change and process."""

from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from rules.topology import Edge, Graph, Node, RelationKind
from server.cmdb.marks import graph_stamp
from server.cmdb.models import Ci, CiState, Location, LocationKind, Relation

ABSENT = (CiState.ORDERED, CiState.RETURNED, CiState.RETIRED, CiState.SCRAPPED)
KINDS = {str(kind.value) for kind in RelationKind}

_built: dict[str, Graph] = {}  # by database; the graph carries its stamp as version


def graph(session: Session) -> Graph:
    """The present graph. The same object as long as neither items nor relations change.

    One short query tells whether another process has changed them. Do not alter what it returns.
    """
    stamp = graph_stamp(session)
    key = str(session.get_bind().engine.url)
    known = _built.get(key)
    if known is not None and known.version == stamp and stamp:
        return known
    built = _build(session, stamp, Relation.ended_at.is_(None))
    if stamp:
        _built[key] = built
    return built


def graph_at(session: Session, at: datetime, *, known_at: datetime | None = None) -> Graph:
    """The graph as it was true at `at`, by what was known at `known_at` (None: by now)."""
    living = and_(Relation.since_at <= at, or_(Relation.ended_at.is_(None), Relation.ended_at > at))
    if known_at is not None:
        living = and_(living, Relation.recorded_at <= known_at)
    return _build(session, 0, living)


def _build(session: Session, version: int, living: Any) -> Graph:
    places = room_of_places(session)
    nodes = [
        Node(
            row.id,
            row.name,
            row.class_code,
            places.get(row.location_id),
            row.criticality,
            row.seen_at is not None,
        )
        for row in session.execute(
            select(Ci.id, Ci.name, Ci.class_code, Ci.location_id, Ci.criticality, Ci.seen_at).where(
                Ci.state.not_in(ABSENT)
            )
        )
    ]
    rows = session.execute(
        select(Relation.id, Relation.kind, Relation.from_id, Relation.to_id, Relation.attributes)
        .where(living)
        .order_by(Relation.id)
    ).all()
    edges = [
        Edge(
            RelationKind(row.kind),
            row.from_id,
            row.to_id,
            str(row.attributes.get("group") or ""),
            str(row.attributes.get("source_port") or ""),
            str(row.attributes.get("target_port") or ""),
            row.id,
        )
        for row in rows
        if row.kind in KINDS
    ]
    monitors = {edge.target for edge in edges if edge.kind is RelationKind.MONITORED_BY}
    return Graph(nodes, edges, version=version, monitors=sorted(monitors))


def room_of_places(session: Session) -> dict[int | None, int]:
    """For each place the room it lies in; a place outside of rooms stands for itself."""
    rows = session.execute(select(Location.id, Location.parent_id, Location.kind)).all()
    parent = {row.id: row.parent_id for row in rows}
    kind = {row.id: row.kind for row in rows}
    rooms: dict[int | None, int] = {}
    for place in parent:
        at: int | None = place
        seen: set[int] = set()
        while at is not None and kind.get(at) is not LocationKind.ROOM and at not in seen:
            seen.add(at)
            at = parent.get(at)
        rooms[place] = place if at is None or at in seen else at
    return rooms
