"""Places: a tree from the site down to the rack."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, bindparam, literal, select
from sqlalchemy.orm import Session

from server.cmdb.marks import touch_graph
from server.cmdb.models import Ci, Location, LocationKind
from server.kernel.errors import InvalidError, NotFoundError
from server.kernel.events import emit
from server.kernel.i18n import N_, loc

DEEPEST = 12  # levels of places that are looked through


def location(session: Session, code: str) -> Location:
    """The place of a code."""
    found = session.scalar(select(Location).where(Location.code == code))
    if found is None:
        raise NotFoundError(N_("There is no place {code}."), code=code)
    return found


def save(
    session: Session,
    code: str,
    *,
    name: Mapping[str, str],
    kind: str,
    parent: str | None = None,
    plan: Mapping[str, Any] | None = None,
) -> Location:
    """Create the place or bring it up to date; a plan that is not given stays."""
    if not code.strip() or not any(name.values()):
        raise InvalidError(N_("A place needs a code and a name."), field="/code")
    if kind not in {one.value for one in LocationKind}:
        raise InvalidError(N_("There is no kind of place {kind}."), field="/kind", kind=kind)
    above = location(session, parent) if parent else None
    place = session.scalar(select(Location).where(Location.code == code))
    if place is None:
        place = Location(code=code[:60], name=dict(name), kind=LocationKind(kind), plan={})
        session.add(place)
    if above is not None and place.id is not None and place.id in {one.id for one in path(session, above.id)}:
        raise InvalidError(N_("A place cannot lie inside itself."), field="/parent")
    place.name, place.kind = dict(name), LocationKind(kind)
    place.parent_id = above.id if above else None
    if plan is not None:
        place.plan = dict(plan)
    session.flush()
    touch_graph(session)
    emit(session, "rooms", {"code": code})
    return place


def path(session: Session, location_id: int | None) -> list[Location]:
    """The place and all around it, from the outside in."""
    if location_id is None:
        return []
    return list(session.scalars(_line(), {"location": location_id}))


@functools.cache
def _line() -> Select[Any]:
    """The place of `:location` and all around it; made once, for it takes longer than to ask it."""
    up = select(Location.id, Location.parent_id, literal(0).label("depth")).where(
        Location.id == bindparam("location")
    )
    line = up.cte("line", recursive=True)
    line = line.union_all(
        select(Location.id, Location.parent_id, line.c.depth + 1)
        .join(line, Location.id == line.c.parent_id)
        .where(line.c.depth < DEEPEST)
    )
    return select(Location).join(line, Location.id == line.c.id).order_by(line.c.depth.desc())


def location_path(session: Session, ci: Ci) -> list[Location]:
    """Where a CI stands, from the outside in; empty where it is not known."""
    return path(session, ci.location_id)


def all_places(session: Session) -> Sequence[Location]:
    """Every place, by code."""
    return session.scalars(select(Location).order_by(Location.code)).all()


def texts(places: Sequence[Location]) -> dict[int, str]:
    """Each place with those around it in one line, as `HQ · Room B1 · Rack 05`."""
    by_id = {one.id: one for one in places}
    said: dict[int, str] = {}
    for place in places:
        words, at, steps = [loc(place.name)], place.parent_id, 0
        while at is not None and at in by_id and steps < len(LocationKind) * 2:
            words.append(loc(by_id[at].name))
            at, steps = by_id[at].parent_id, steps + 1
        said[place.id] = " · ".join(reversed(words))
    return said


def below(session: Session, location_id: int) -> set[int]:
    """The place and all places inside it."""
    children: dict[int | None, list[int]] = {}
    for one, parent in session.execute(select(Location.id, Location.parent_id)):
        children.setdefault(parent, []).append(one)
    found, queue = {location_id}, [location_id]
    while queue:
        for child in children.get(queue.pop(), ()):
            if child not in found:
                found.add(child)
                queue.append(child)
    return found


def rooms(session: Session) -> Sequence[Location]:
    """All machine rooms, by code."""
    return session.scalars(
        select(Location).where(Location.kind == LocationKind.ROOM).order_by(Location.code)
    ).all()
