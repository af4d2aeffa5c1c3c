"""What home shows beside the numbers: my queue, the major incident, rooms, alerts, who has how much."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session

from server.accounts import service as accounts
from server.alerts.models import Alert, AlertState
from server.cmdb import places
from server.cmdb import service as cmdb
from server.cmdb.models import Ci, Location, LocationKind, Presence
from server.desk.numbers import HEADS, SOON, mine, next_due
from server.incidents import views
from server.incidents.models import OPEN_STATES, Incident, Watch
from server.kernel.call import Actor
from server.kernel.i18n import _, format_duration, format_left, format_unit, loc
from server.metrics import service as metrics
from server.metrics.models import Series
from server.sla.clocks import ClockView

QUEUE = 12
SILENT_AFTER = timedelta(minutes=10)
RANK = {"critical": 0, "major": 1, "minor": 2, "info": 3}
CLIMATE = {"room_temperature_celsius": "°C", "room_humidity_ratio": "%"}


@dataclass(frozen=True)
class Left:
    """Time left as `m.sla` shows it. `counts`: whether the browser may count it down."""

    kind: str
    percent: int
    text: str
    due: datetime | None
    counts: bool


@dataclass(frozen=True)
class Line:
    """One incident of the queue."""

    row: views.Row
    left: Left | None


@dataclass(frozen=True)
class RoomState:
    """A room in one line: worst severity, or unknown where nothing is heard."""

    name: str
    url: str
    severity: str
    alerts: int
    reading: str
    silent: str


@dataclass(frozen=True)
class Load:
    """How much a person has."""

    name: str
    open: int
    late: int


def left(clock: ClockView | None) -> Left | None:
    """A clock in words."""
    if clock is None:
        return None
    if clock.state == "paused":
        return Left("hold", clock.percent, _paused(clock.pause_reason), None, counts=False)
    words = format_left(clock.left)
    if clock.state in {"over", "missed"}:
        return Left("over", 100, _("{span} over").format(span=words), clock.due_at, counts=clock.always)
    kind = "warn" if clock.state == "warn" else "met" if clock.state == "met" else ""
    return Left(kind, clock.percent, words, clock.due_at, counts=clock.always)


def _paused(reason: str) -> str:
    words = {
        "user": _("paused: user"),
        "vendor": _("paused: vendor"),
        "change": _("paused: change"),
        "part": _("paused: part"),
    }
    return words.get(reason, _("paused"))


def queue(session: Session, actor: Actor, now: datetime, *, limit: int = QUEUE) -> list[Line]:
    """What waits for me, the least time left first, paused ones last."""
    wanted = views.visible_statement(actor).where(mine(actor), Incident.state.in_(OPEN_STATES))
    return _lines(session, wanted, actor, now, limit)


def watched(session: Session, actor: Actor, now: datetime) -> list[Line]:
    """What I watch and somebody else has."""
    watching = select(Watch.incident_id).where(Watch.person_id == actor.id)
    wanted = views.visible_statement(actor).where(
        Incident.id.in_(watching),
        Incident.state.in_(OPEN_STATES),
        or_(Incident.assignee_id.is_(None), Incident.assignee_id != actor.id),
    )
    return _lines(session, wanted, actor, now, 20)


def reported(session: Session, actor: Actor, now: datetime) -> list[Line]:
    """What I reported, or was reported for me, open or resolved within a week."""
    wanted = views.visible_statement(actor).where(
        or_(Incident.contact_id == actor.id, Incident.affected_id == actor.id),
        or_(Incident.state.in_(OPEN_STATES), Incident.resolved_at >= now - timedelta(days=7)),
    )
    return _lines(session, wanted, actor, now, 20)


def at_risk(session: Session, actor: Actor, now: datetime) -> list[Line]:
    """Whoever has it: late, or within half an hour of it."""
    wanted = views.visible_statement(actor).where(Incident.state.in_(OPEN_STATES), next_due < now + SOON)
    return _lines(session, wanted, actor, now, QUEUE)


def _lines(session: Session, wanted: Any, actor: Actor, now: datetime, limit: int) -> list[Line]:
    ordered = wanted.order_by(next_due.asc().nulls_last(), Incident.priority, Incident.id)
    found = session.scalars(ordered.limit(limit)).all()
    return [Line(row, left(row.clock)) for row in views.rows(session, found, actor, now)]


def major(session: Session, actor: Actor) -> Incident | None:
    """The newest open incident of the first priority, for those who may see it."""
    wanted = views.visible_statement(actor).where(Incident.priority == 1, Incident.state.in_(OPEN_STATES))
    return session.scalars(wanted.order_by(Incident.opened_at.desc()).limit(1)).first()


def loads(session: Session, now: datetime) -> list[Load]:
    """Open and late incidents per person, the fullest hands first."""
    late = func.sum(case((next_due < now, 1), else_=0))
    query = (
        select(Incident.assignee_id, func.count(), late)
        .where(Incident.state.in_(OPEN_STATES), Incident.assignee_id.is_not(None))
        .group_by(Incident.assignee_id)
        .order_by(func.count().desc(), Incident.assignee_id)
        .limit(8)
    )
    rows = session.execute(query).all()
    people = accounts.people_by_ids(session, [row[0] for row in rows])
    return [Load(loc(people[one].name), number, behind or 0) for one, number, behind in rows if one in people]


def leads(actor: Actor) -> bool:
    """Whether this person looks after the work of others."""
    return bool(actor.roles & HEADS)


def firing(session: Session) -> dict[str, int]:
    """Alerts that fire now, by severity; suppressed ones apart under `suppressed`."""
    query = (
        select(Alert.severity, Alert.state, func.count())
        .where(Alert.resolved_at.is_(None))
        .group_by(Alert.severity, Alert.state)
    )
    counted: dict[str, int] = {}
    for severity, state, number in session.execute(query):
        key = "suppressed" if state is AlertState.SUPPRESSED else severity.value
        counted[key] = counted.get(key, 0) + number
    return counted


def rooms(session: Session, now: datetime) -> list[RoomState]:
    """Every machine room: worst alert, climate, or for how long nothing was heard."""
    every = places.all_places(session)
    room_of = _room_of(every)
    known = [place for place in every if place.kind is LocationKind.ROOM]
    if not known:
        return []
    worst, counted = _alerts_by_room(session, room_of)
    heard = _heard_by_room(session, room_of)
    climate = _climate_by_room(session, room_of)
    shown = []
    for room in known:
        seen = heard.get(room.id)
        silent = seen is None or now - seen > SILENT_AFTER
        severity = worst.get(room.id, "unknown" if silent else "ok")
        words = "" if not silent else _("no data yet")
        if silent and seen is not None:
            words = _("silent for {span}").format(span=format_duration(now - seen, parts=1))
        shown.append(
            RoomState(
                loc(room.name),
                f"/rooms/{room.code}",
                severity,
                counted.get(room.id, 0),
                climate.get(room.id, "") if not silent else "",
                words,
            )
        )
    order = {**RANK, "unknown": 4, "ok": 5}
    return sorted(shown, key=lambda one: (order.get(one.severity, 4), one.name))


def _room_of(every: Sequence[Location]) -> dict[int, int]:
    """The room that each place lies in, if it lies in one."""
    by_id = {place.id: place for place in every}
    found: dict[int, int] = {}
    for place in every:
        here: Location | None = place
        while here is not None and here.kind is not LocationKind.ROOM:
            here = by_id.get(here.parent_id or 0)
        if here is not None:
            found[place.id] = here.id
    return found


def _alerts_by_room(session: Session, room_of: Mapping[int, int]) -> tuple[dict[int, str], dict[int, int]]:
    query = (
        select(Ci.location_id, Alert.severity, func.count())
        .join(Alert, Alert.ci_id == Ci.id)
        .where(Alert.resolved_at.is_(None), Alert.state != AlertState.SUPPRESSED, Ci.location_id.is_not(None))
        .group_by(Ci.location_id, Alert.severity)
    )
    worst: dict[int, str] = {}
    counted: dict[int, int] = {}
    for place, severity, number in session.execute(query):
        room = room_of.get(place or 0)
        if room is None:
            continue
        counted[room] = counted.get(room, 0) + number
        if RANK[severity.value] < RANK.get(worst.get(room, ""), 9):
            worst[room] = severity.value
    return worst, counted


def _heard_by_room(session: Session, room_of: Mapping[int, int]) -> dict[int, datetime]:
    """When something in the room last told anything: was seen, or had a value stored."""
    seen = select(Ci.location_id, func.max(Ci.seen_at)).where(Ci.seen_at.is_not(None))
    stored = (
        select(Ci.location_id, func.max(Series.last_at))
        .join(Series, Series.ci_id == Ci.id)
        .where(Series.last_at.is_not(None))
    )
    found: dict[int, datetime] = {}
    for query in (seen, stored):
        placed = query.where(Ci.location_id.is_not(None)).group_by(Ci.location_id)
        for place, at in session.execute(placed):
            room = room_of.get(place or 0)
            if room is not None and at is not None and (room not in found or at > found[room]):
                found[room] = at
    return found


def _climate_by_room(session: Session, room_of: Mapping[int, int]) -> dict[int, str]:
    """The warmest and the most humid sensor of each room, in words."""
    query = (
        select(Series.id, Series.metric, Ci.location_id)
        .join(Ci, Ci.id == Series.ci_id)
        .where(Series.metric.in_(CLIMATE), Ci.location_id.is_not(None))
        .limit(500)
    )
    series = {one: (metric, place) for one, metric, place in session.execute(query)}
    highest: dict[int, dict[str, float]] = {}
    for one, latest in metrics.latest_by_ids(session, list(series)).items() if series else ():
        metric, place = series[one]
        room = room_of.get(place or 0)
        if room is None or latest.value is None:
            continue
        of_room = highest.setdefault(room, {})
        of_room[metric] = max(latest.value, of_room.get(metric, latest.value))
    return {room: _climate_words(values) for room, values in highest.items()}


def _climate_words(values: Mapping[str, float]) -> str:
    said = []
    for metric, unit in CLIMATE.items():
        if metric in values:
            percent = metric.endswith("_ratio")
            said.append(format_unit(values[metric] * (100 if percent else 1), unit, 0 if percent else 1))
    return " · ".join(said)


def own_items(session: Session, actor: Actor) -> list[tuple[Ci, str, str]]:
    """My and my groups' configuration items that have an open alert: item, icon, worst severity."""
    rank = case(RANK, value=Alert.severity, else_=9)
    query = (
        select(Ci, func.min(rank))
        .join(Alert, Alert.ci_id == Ci.id)
        .where(
            or_(Ci.owner_id == actor.id, Ci.owner_group_id.in_(actor.groups or {0})),
            and_(Alert.resolved_at.is_(None), Alert.state != AlertState.SUPPRESSED),
        )
        .group_by(Ci.id)
        .order_by(func.min(rank), Ci.sort_name)
        .limit(8)
    )
    words = {number: key for key, number in RANK.items()}
    return [
        (ci, cmdb.icon(ci.class_code), words.get(worst, "unknown")) for ci, worst in session.execute(query)
    ]


def stewardship(session: Session) -> tuple[int, int, int]:
    """For those who keep the CMDB: items with conflicts, missing items, items in doubt."""
    query = select(
        func.coalesce(func.sum(case((Ci.conflicts > 0, 1), else_=0)), 0),
        func.coalesce(func.sum(case((Ci.presence == Presence.MISSING, 1), else_=0)), 0),
        func.coalesce(func.sum(case((Ci.presence == Presence.SUSPECT, 1), else_=0)), 0),
    )
    conflicts, missing, suspect = session.execute(query).one()
    return conflicts, missing, suspect
