"""All rooms with how they stand."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.cmdb import graphs, places, providers
from server.cmdb.models import Ci, LocationKind, Presence
from server.kernel.i18n import loc
from server.rooms import attention


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


def all_rooms(session: Session) -> list[RoomRow]:
    """Rooms worst first, then by name."""
    room_of = graphs.room_of_places(session)
    spots = places.all_places(session)
    names = places.texts(spots)
    counted = session.execute(
        select(Ci.location_id, Ci.presence, func.count())
        .where(Ci.location_id.is_not(None), Ci.state.not_in(graphs.ABSENT))
        .group_by(Ci.location_id, Ci.presence)
    )
    items, unseen = Counter[int](), Counter[int]()
    for place, presence, count in counted:
        items[room_of[place]] += count
        unseen[room_of[place]] += count if presence in {Presence.MISSING, Presence.SUSPECT} else 0
    alerting: dict[int, dict[int, str]] = {}
    for place, ci_id, word in attention.firing(session):
        worst = alerting.setdefault(room_of.get(place, 0), {})
        worst[ci_id] = min(word, worst.get(ci_id, "ok"), key=providers.RANK.__getitem__)
    shown = [
        RoomRow(
            one.code,
            loc(one.name),
            names[one.id],
            _worst(alerting.get(one.id, {}).values(), unseen[one.id]),
            len(alerting.get(one.id, {})),
            items[one.id],
            unseen[one.id],
        )
        for one in spots
        if one.kind is LocationKind.ROOM
    ]
    return sorted(shown, key=lambda row: (providers.RANK[row.worst], row.name))


def _worst(found: Iterable[str], unseen: int) -> str:
    return min((*found, "unknown" if unseen else "ok"), key=providers.RANK.__getitem__)
