"""What home shows beside the numbers: my queue, the major incident, rooms, alerts, who has how much."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, case, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from server.accounts import service as accounts
from server.accounts.models import Group, Person
from server.alerts.models import Alert, AlertState, Severity
from server.cmdb import places
from server.cmdb import service as cmdb
from server.cmdb.models import Ci, Location, LocationKind, Presence
from server.desk import figures
from server.desk.numbers import HEADS, SOON, mine, next_due
from server.incidents import views
from server.incidents.models import OPEN_STATES, Incident, Watch
from server.kernel.call import Actor
from server.kernel.i18n import _, format_duration, format_left, format_unit, loc
from server.kernel.remembered import keep
from server.metrics import service as metrics
from server.metrics.models import Series
from server.sla.clocks import ClockView

QUEUE = 12
LOADS, STEWARD = "loads", "steward"  # of the sums
NEXT_FIRST = (next_due.asc().nulls_last(), Incident.priority, Incident.id)
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


@dataclass(frozen=True)
class Urgent:
    """What needs somebody now.

    Attributes:
        queue: what waits for me, the least time left first.
        risk: for those who lead, whoever has it: late, or within half an hour of it.
        major: the newest open incident of the first priority.
    """

    queue: Sequence[Line]
    risk: Sequence[Line]
    major: Incident | None


def urgent(session: Session, actor: Actor, now: datetime) -> Urgent:
    """The three at once, with the item, group and person of each incident, in two questions."""
    visible = views.visible_statement(actor).where(Incident.state.in_(OPEN_STATES))
    parts = [
        _part("queue", visible.where(mine(actor)), QUEUE),
        _part("major", visible.where(Incident.priority == 1), 1, Incident.opened_at.desc()),
    ]
    if leads(actor):
        parts.append(_part("risk", visible.where(next_due < now + SOON), QUEUE))
    part = union_all(*parts).subquery()
    query = (
        select(part.c.part, Incident, Ci, Group, Person)
        .join(part, part.c.id == Incident.id)
        .outerjoin(Ci, Ci.id == Incident.ci_id)
        .outerjoin(Group, Group.id == Incident.group_id)
        .outerjoin(Person, Person.id == Incident.assignee_id)
        .order_by(*NEXT_FIRST)
    )
    found: dict[str, list[Incident]] = {}
    for name, incident, *beside in session.execute(query):
        keep(session, beside)
        found.setdefault(name, []).append(incident)
    queue, risk = found.get("queue", []), found.get("risk", [])
    lines = {
        line.row.number: line for line in _shown(session, list(dict.fromkeys([*queue, *risk])), actor, now)
    }
    first = found.get("major", [None])[0]
    return Urgent([lines[one.number] for one in queue], [lines[one.number] for one in risk], first)


def _part(name: str, wanted: Select[Any], limit: int, *order: Any) -> Select[Any]:
    few = wanted.with_only_columns(literal(name).label("part"), Incident.id.label("id"))
    return select(few.order_by(*(order or NEXT_FIRST)).limit(limit).subquery())


def _lines(session: Session, wanted: Any, actor: Actor, now: datetime, limit: int) -> list[Line]:
    return _shown(session, session.scalars(wanted.order_by(*NEXT_FIRST).limit(limit)).all(), actor, now)


def _shown(session: Session, found: Sequence[Incident], actor: Actor, now: datetime) -> list[Line]:
    return [Line(row, left(row.clock)) for row in views.rows(session, found, actor, now)]


def load_figures(now: datetime) -> Select[Any]:
    """What has to be asked for `loads`."""
    late = func.sum(case((next_due < now, 1), else_=0))
    return (
        figures.row(LOADS, [func.count(Incident.id), late], who=Incident.assignee_id)
        .where(Incident.state.in_(OPEN_STATES), Incident.assignee_id.is_not(None))
        .group_by(Incident.assignee_id)
        .order_by(func.count(Incident.id).desc(), Incident.assignee_id)
        .limit(8)
    )


def loads(session: Session, sums: figures.Sums) -> list[Load]:
    """Open and late incidents per person, the fullest hands first."""
    rows = sorted(sums.get(LOADS, []), key=lambda row: (-row[1], row[0]))
    people = accounts.people_by_ids(session, [row[0] for row in rows])
    return [Load(loc(people[one].name), number, late) for one, number, late, _none in rows if one in people]


def leads(actor: Actor) -> bool:
    """Whether this person looks after the work of others."""
    return bool(actor.roles & HEADS)


@dataclass(frozen=True)
class Firing:
    """How many alerts fire now at one place, of one severity and state; `place` None: of no known place."""

    place: int | None
    severity: Severity
    state: AlertState
    number: int


def alerts(session: Session) -> list[Firing]:
    """All that fires now, counted."""
    query = (
        select(Ci.location_id, Alert.severity, Alert.state, func.count())
        .select_from(Alert)
        .outerjoin(Ci, Ci.id == Alert.ci_id)
        .where(Alert.resolved_at.is_(None))
        .group_by(Ci.location_id, Alert.severity, Alert.state)
    )
    return [Firing(*row) for row in session.execute(query)]


def firing(found: Sequence[Firing]) -> dict[str, int]:
    """Alerts that fire now, by severity; suppressed ones apart under `suppressed`."""
    counted: dict[str, int] = {}
    for severity, state, number in ((one.severity, one.state, one.number) for one in found):
        key = "suppressed" if state is AlertState.SUPPRESSED else severity.value
        counted[key] = counted.get(key, 0) + number
    return counted


def rooms(session: Session, firing_now: Sequence[Firing], now: datetime) -> list[RoomState]:
    """Every machine room: worst alert, climate, or for how long nothing was heard."""
    every = places.all_places(session)
    room_of = _room_of(every)
    known = [place for place in every if place.kind is LocationKind.ROOM]
    if not known:
        return []
    worst, counted = _alerts_by_room(firing_now, room_of)
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


def _alerts_by_room(
    found: Sequence[Firing], room_of: Mapping[int, int]
) -> tuple[dict[int, str], dict[int, int]]:
    worst: dict[int, str] = {}
    counted: dict[int, int] = {}
    for one in found:
        room = room_of.get(one.place or 0)
        if room is None or one.state is AlertState.SUPPRESSED:
            continue
        counted[room] = counted.get(room, 0) + one.number
        if RANK[one.severity.value] < RANK.get(worst.get(room, ""), 9):
            worst[room] = one.severity.value
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
    placed = [query.where(Ci.location_id.is_not(None)).group_by(Ci.location_id) for query in (seen, stored)]
    for place, at in session.execute(union_all(*placed)):
        room = room_of.get(place or 0)
        if room is not None and at is not None and (room not in found or at > found[room]):
            found[room] = at
    return found


def _climate_by_room(session: Session, room_of: Mapping[int, int]) -> dict[int, str]:
    """The warmest and the most humid sensor of each room, in words."""
    query = (
        select(Series, Ci.location_id)
        .join(Ci, Ci.id == Series.ci_id)
        .where(Series.metric.in_(CLIMATE), Ci.location_id.is_not(None))
        .limit(500)
    )
    series = {}
    for one, place in session.execute(query):
        keep(session, [one])
        series[one.id] = (one.metric, place)
    highest: dict[int, dict[str, float]] = {}
    for number, latest in metrics.latest_by_ids(session, list(series)).items() if series else ():
        metric, place = series[number]
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


def steward_figures() -> Select[Any]:
    """What has to be asked for `stewardship`."""
    wanted = (Ci.conflicts > 0, Ci.presence == Presence.MISSING, Ci.presence == Presence.SUSPECT)
    return figures.row(STEWARD, [func.sum(case((one, 1), else_=0)) for one in wanted])


def stewardship(sums: figures.Sums) -> tuple[int, int, int]:
    """For those who keep the CMDB: items with conflicts, missing items, items in doubt."""
    _none, conflicts, missing, suspect = sums[STEWARD][0]
    return conflicts, missing, suspect
