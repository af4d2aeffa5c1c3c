"""All rooms with how they stand."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.cmdb import graphs, places, providers
from server.cmdb.models import Ci, Location, Presence
from server.kernel.i18n import loc


@dataclass(frozen=True)
class RoomRow:
    """A room in the list: its worst alert, how many items it holds and how many nobody sees."""

    code: str
    name: str
    place: str
    worst: str
    alerting: int
    items: int
    unseen: int
    has_plan: bool


def all_rooms(session: Session) -> list[RoomRow]:
    """Rooms worst first, then by name."""
    room_of = graphs.room_of_places(session)
    spots = places.all_places(session)
    names = places.texts(spots)
    rows = session.execute(
        select(Ci.location_id, Ci.id, Ci.presence).where(
            Ci.location_id.is_not(None), Ci.state.not_in(graphs.ABSENT)
        )
    ).all()
    alerts = providers.alerts_of(session, [row.id for row in rows])
    held: dict[int, list[tuple[int, Presence]]] = {}
    for row in rows:
        held.setdefault(room_of.get(row.location_id, 0), []).append((row.id, row.presence))
    shown = [_row(one, held.get(one.id, ()), alerts, names) for one in spots if one.kind == "room"]
    return sorted(shown, key=lambda row: (providers.RANK[row.worst], row.name))


def _row(
    room: Location, items: Sequence[tuple[int, Presence]], alerts: dict[int, str], names: dict[int, str]
) -> RoomRow:
    found = [alerts[one] for one, _presence in items if one in alerts]
    unseen = sum(presence in {Presence.MISSING, Presence.SUSPECT} for _one, presence in items)
    calm = "unknown" if unseen else "ok"
    return RoomRow(
        room.code,
        loc(room.name),
        names[room.id],
        min((*found, calm), key=providers.RANK.__getitem__),
        len(found),
        len(items),
        unseen,
        bool(room.plan),
    )
