"""What the page of a room shows: the drawing with live values, the numbers, the table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import hypot
from typing import Any

from sqlalchemy.orm import Session

from server.cmdb import places, providers
from server.cmdb.classes import catalogue
from server.cmdb.models import Ci, Location, LocationKind
from server.cmdb.readings import Reading, number
from server.kernel.call import Actor
from server.kernel.errors import NotFoundError
from server.kernel.i18n import N_, _, format_number, loc, ngettext
from server.rooms import attention
from server.rooms.labels import Label, Mark, of_door
from server.rooms.plan import Box, Plan, Spot, read
from server.rooms.stock import Stock, take_stock
from server.rooms.words import float_of, people, providers_word, short, state_word

MARKS = {"critical": "c", "major": "j", "minor": "m", "unknown": "u"}
SENSED = {
    "climate": ("room_temperature_celsius", "room_humidity_ratio"),
    "smoke": ("smoke_state",),
    "leak": ("leak_state",),
    "camera": (),
    "access": ("access_persons_inside",),
}
UNIT_LINES = {
    "ups": ("ups_output_source", "ups_battery_charge_ratio", "ups_output_load_ratio", "ups_output_watts"),
    "air_conditioner": ("cooling_unit_state", "cooling_supply_air_temperature_celsius"),
    "panel": ("contact_state",),
}
UNITS_SHOWN = 3
MARK_RADIUS = {"climate": 20}  # of a sensor on the plan; the others 13
ROWS_SHOWN = 300  # of the table
WATTS = 1000.0


@dataclass(frozen=True)
class RackShown:
    """A rack of the plan with what stands in it."""

    code: str
    label: str
    x: float
    y: float
    w: float
    d: float
    mark: str
    power: str
    measured: bool
    feeds: Sequence[tuple[str, str]]  # (A, on | bat | off | unk)
    items: Sequence[Ci]
    severity: str


@dataclass(frozen=True)
class UnitShown:
    """A standing unit with up to three lines; `tone` colours the first."""

    box: Box
    name: str
    url: str
    mark: str
    severity: str
    lines: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Sensed:
    """A sensor, door or aisle with its reading in words."""

    name: str
    text: str
    severity: str
    x: float
    y: float
    short: str
    kind: str
    url: str
    box: Box | None = None
    label: Label | None = None  # of a door


@dataclass(frozen=True)
class Kpi:
    """One number of the room."""

    label: str
    value: str
    note: str
    tone: str = ""


@dataclass(frozen=True)
class RoomView:
    """All that the page shows."""

    room: Location
    path: Sequence[Location]
    plan: Plan | None
    stock: Stock
    worst: str
    headline: str
    racks: Sequence[RackShown]
    units: Sequence[UnitShown]
    aisles: Sequence[Sensed]
    sensors: Sequence[Sensed]
    doors: Sequence[Sensed]
    kpis: Sequence[Kpi]
    attention: Sequence[attention.Matter]
    inside: str
    rows: Sequence[Mapping[str, Any]]
    values_at: datetime | None
    feeds: Mapping[str, str] = field(default_factory=dict)


def view(session: Session, code: str, *, actor: Actor, now: datetime) -> RoomView:
    """A room by the code of its place; NotFoundError where that is no room."""
    room = places.location(session, code)
    if room.kind is not LocationKind.ROOM:
        raise NotFoundError(N_("There is no room {code}."), code=code)
    plan = read(room.plan)
    stock = take_stock(session, room, _named(plan), now=now)
    feeds = feed_states(stock)
    sensors = [_sensor(stock, spot) for spot in plan.sensors] if plan else []
    aisles = [_aisle(box, sensors) for box in plan.aisles] if plan else []
    doors = [_labelled(_door(stock, box), plan) for box in plan.doors] if plan else []
    units = [_unit(stock, box) for box in plan.units] if plan else []
    said = [(one.severity, one.name, one.lines[0][0]) for one in units if one.severity != "unknown"]
    said += [(one.severity, one.name, one.text) for one in (*sensors, *doors) if one.severity != "unknown"]
    worst = min((one[0] for one in said), key=providers.RANK.__getitem__, default="ok")
    alarm = min((*stock.alerts.values(), "ok"), key=providers.RANK.__getitem__)
    return RoomView(
        room=room,
        path=places.path(session, room.parent_id),
        plan=plan,
        stock=stock,
        worst=min(worst, alarm, key=providers.RANK.__getitem__),
        headline=_headline(said, worst),
        racks=_racks(plan, stock, feeds) if plan else (),
        units=units,
        aisles=aisles,
        sensors=sensors,
        doors=doors,
        kpis=_kpis(stock, aisles, sensors),
        attention=attention.of(session, [one.id for one in stock.items], room.id, actor=actor),
        inside=_inside(stock),
        rows=_rows(stock),
        values_at=max((one.at for own in stock.readings.values() for one in own if one.at), default=None),
        feeds=feeds,
    )


def _headline(said: Sequence[tuple[str, str, str]], worst: str) -> str:
    """What is worst in the room in words, as `UPS-B1-A: on battery`; "" where nothing is."""
    if worst not in {"critical", "major", "minor"}:
        return ""
    _severity, name, text = next(one for one in said if one[0] == worst)
    return _("{name}: {text}").format(name=name, text=text)


def feed_states(stock: Stock) -> dict[str, str]:
    """Each feed of the room by what its UPS says: on, bat, off, unk."""
    states: dict[str, str] = {}
    for one in stock.items:
        feed = one.attributes.get("feed")
        if one.class_code != "ups" or not feed:
            continue
        source = stock.value(one, "ups_output_source")
        word = source.text if source and not source.old else ""
        states[str(feed)] = {"battery": "bat", "none": "off"}.get(word, "on" if word else "unk")
    return dict(sorted(states.items()))


def _named(plan: Plan | None) -> list[str]:
    if plan is None:
        return []
    boxes = [one.device for one in (*plan.units, *plan.doors, *plan.aisles)]
    return sorted({one for one in (*boxes, *(spot.device for spot in plan.sensors)) if one})


def _racks(plan: Plan, stock: Stock, feeds: Mapping[str, str]) -> list[RackShown]:
    inside: dict[str, list[Ci]] = {}
    for one in stock.items:
        inside.setdefault(stock.place_code.get(one.location_id or 0, ""), []).append(one)
    shown = []
    for rack in plan.racks:
        items = inside.get(rack.code, [])
        measured = [stock.value(one, "pdu_power_watts") for one in items if one.class_code == "pdu"]
        worst = min(
            (stock.alerts.get(one.id, "ok") for one in items), key=providers.RANK.__getitem__, default="ok"
        )
        watts = [float_of(one) for one in measured if one is not None and not one.old]
        kilowatts = sum(watts) / WATTS if watts else rack.kw
        shown.append(
            RackShown(
                code=rack.code,
                label=(rack.name or rack.code).rsplit("-", 1)[-1],
                x=rack.x,
                y=rack.y,
                w=rack.w,
                d=rack.d,
                mark=MARKS.get(worst, ""),
                power="" if kilowatts is None else f"{format_number(kilowatts, 1)} kW",
                measured=bool(watts),
                feeds=tuple(feeds.items()),
                items=items,
                severity=worst,
            )
        )
    return shown


def _unit(stock: Stock, box: Box) -> UnitShown:
    ci = stock.of(box.device)
    name = ci.name if ci else loc(box.name) or box.device or box.code
    if ci is None:
        return UnitShown(box, name, "", "u", "unknown", [(_("not recorded"), "")])
    lines = []
    for metric in UNIT_LINES.get(box.kind, ()):
        found = stock.value(ci, metric)
        if found is not None:
            lines.append((_("no answer") if found.old else short(found), "" if found.old else found.severity))
    health = stock.health[ci.id]
    if not lines:
        lines = [(_("no data"), "")]
    worst = min((health, *(tone for _text, tone in lines if tone)), key=providers.RANK.__getitem__)
    return UnitShown(box, name, f"/cis/{ci.number}", MARKS.get(worst, ""), worst, lines[:UNITS_SHOWN])


def _matching(found: Sequence[Reading], name: Mapping[str, str]) -> Reading | None:
    """The reading whose label is in the name of the spot on the plan; the only one where there is one."""
    said = name.get("en", "").casefold()
    for one in found:
        words = [value.casefold() for key, value in one.labels.items() if key not in {"place", "row"}]
        if any(word and (word in said or said in word) for word in words if said):
            return one
    return found[0] if len(found) == 1 else None


def _sensor(stock: Stock, spot: Spot) -> Sensed:
    ci = stock.of(spot.device)
    name = loc(spot.name) or (ci.name if ci else spot.device) or ""
    url = f"/cis/{ci.number}" if ci else ""
    found = [_matching(stock.values(ci, metric), spot.name) for metric in SENSED.get(spot.kind, ())]
    known = [one for one in found if one is not None]
    fresh = [one for one in known if not one.old and one.at is not None]
    if ci is None:
        return Sensed(name, _("not recorded"), "unknown", spot.x, spot.y, "?", spot.kind, url)
    if not SENSED.get(spot.kind):
        severity = stock.health[ci.id]
        text = _("answers") if severity == "ok" else providers_word(severity)
        return Sensed(name, text, severity, spot.x, spot.y, "", spot.kind, url)
    if not fresh:
        last = next((one.at for one in known if one.at), None)
        text = _("no data") if last is None else _("silent")
        return Sensed(name, text, "unknown", spot.x, spot.y, "?", spot.kind, url)
    severity = next(
        (one.severity for one in fresh if one.severity),
        stock.alerts.get(ci.id, "ok") if spot.kind == "climate" else "ok",
    )
    text = (
        people(round(float_of(fresh[0])))
        if spot.kind == "access"
        else " · ".join(state_word(one.text) for one in fresh)
    )
    return Sensed(name, text, severity, spot.x, spot.y, _digits(fresh[0]), spot.kind, url)


def _digits(one: Reading) -> str:
    if one.value is None or one.state:
        return ""
    return format_number(one.value, 1)


def _aisle(box: Box, sensors: Sequence[Sensed]) -> Sensed:
    """An aisle takes the reading of the climate sensors nearest to it."""

    def far(one: Sensed) -> float:
        x = max(box.x - one.x, 0.0, one.x - box.x - box.w)
        y = max(box.y - one.y, 0.0, one.y - box.y - box.d)
        return hypot(x, y)

    near = sorted((one for one in sensors if one.kind == "climate"), key=far)
    inside = [one for one in near if far(one) == 0] or near[:1]
    fresh = [one for one in inside if one.short not in {"", "?"}]
    name = loc(box.name)
    if not fresh:
        return Sensed(name, _("no data"), "unknown", box.x, box.y, "?", box.kind, "", box)
    worst = min((one.severity for one in fresh), key=providers.RANK.__getitem__)
    warmest = max(fresh, key=lambda one: float(one.short))
    return Sensed(
        name,
        number("room_temperature_celsius", "°C", float(warmest.short)),
        worst,
        box.x,
        box.y,
        warmest.short,
        box.kind,
        warmest.url,
        box,
    )


def _door(stock: Stock, box: Box) -> Sensed:
    ci = stock.of(box.device)
    name = loc(box.name)
    found = _matching(stock.values(ci, "door_state"), box.name)
    if ci is None or found is None or found.old:
        return Sensed(
            name, _("no data"), "unknown", box.x, box.y, "?", "door", f"/cis/{ci.number}" if ci else "", box
        )
    severity = found.severity or ("ok" if found.text == "closed" else "info")
    return Sensed(
        name, state_word(found.text), severity, box.x, box.y, found.text, "door", f"/cis/{ci.number}", box
    )


def _labelled(door: Sensed, plan: Plan) -> Sensed:
    """A door with the place of its label, which no sensor's mark covers."""
    assert door.box is not None
    label = of_door(
        door.box,
        door.name,
        door.text,
        marks=[Mark(one.x, one.y, MARK_RADIUS.get(one.kind, 13)) for one in plan.sensors],
        boxes=plan.units,
        width=plan.width,
        depth=plan.depth,
    )
    return replace(door, label=label)


def _inside(stock: Stock) -> str:
    counts = [
        stock.value(one, "access_persons_inside") for one in stock.items if one.class_code == "access_control"
    ]
    known = [one for one in counts if one is not None and not one.old]
    if not known:
        return ""
    return people(round(sum(float_of(one) for one in known)))


def _kpis(stock: Stock, aisles: Sequence[Sensed], sensors: Sequence[Sensed]) -> list[Kpi]:
    alarms = [one for one in sensors if one.kind in {"leak", "smoke"}]
    return [*_warmest(aisles), *_supply(stock), *([_alarmed(alarms)] if alarms else [])]


def _warmest(aisles: Sequence[Sensed]) -> list[Kpi]:
    """Of the cold aisles and of the hot ones, where there are some."""
    kpis = []
    for kind, label in (("cold", _("Warmest cold aisle")), ("hot", _("Hot aisle"))):
        known = [one for one in aisles if one.kind == kind and one.short != "?"]
        if any(one.kind == kind for one in aisles):
            warmest = max(known, key=lambda one: float(one.short), default=None)
            note = warmest.name if warmest else _("no sensor answers")
            kpis.append(Kpi(label, warmest.text if warmest else "?", note))
    return kpis


def _supply(stock: Stock) -> list[Kpi]:
    """Load of the feeds and the shortest battery, where there is a UPS."""
    upses = [one for one in stock.items if one.class_code == "ups"]
    if not upses:
        return []
    watts = [stock.value(one, "ups_output_watts") for one in upses]
    said = [format_number(float_of(one) / WATTS, 0) if one and not one.old else "?" for one in watts]
    on_battery = [
        one.name for one in upses if (got := stock.value(one, "ups_output_source")) and got.text == "battery"
    ]
    tone = "bad" if on_battery else ""
    note = _("{names} on battery").format(names=", ".join(on_battery)) if on_battery else _("mains")
    feeds = " / ".join(str(one.attributes.get("feed", "")) for one in upses)
    load = Kpi(_("Load {feeds}").format(feeds=feeds), " / ".join(said) + " kW", note, tone)
    left = [
        value
        for one in upses
        if (value := stock.value(one, "ups_battery_runtime_seconds"))
        and not value.old
        and value.value is not None
    ]
    shortest = min(left, key=float_of, default=None)
    text = shortest.text if shortest else "?"
    return [load, Kpi(_("Battery"), text, _("shortest of {n}").format(n=len(upses)), tone)]


def _alarmed(alarms: Sequence[Sensed]) -> Kpi:
    """What the sensors of leaks and smoke say together."""
    bad = [one for one in alarms if one.severity in {"critical", "major", "minor"}]
    silent = sum(one.severity == "unknown" for one in alarms)
    heads = ngettext("1 sensor", "{n} sensors", len(alarms)).format(n=len(alarms))
    note = _("{heads}, {n} silent").format(heads=heads, n=silent) if silent else heads
    value = bad[0].name if bad else _("none") if silent < len(alarms) else "?"
    return Kpi(_("Leak, smoke"), value, note, "bad" if bad else "")


def _rows(stock: Stock) -> list[Mapping[str, Any]]:
    """The table twin: items with their main values, the worst first and no more than a page bears."""
    classes = catalogue()

    def line(one: Ci) -> Mapping[str, Any]:
        own = list(stock.readings.get(one.id, ()))
        head = classes.of(one.class_code).headline
        own.sort(key=lambda got: (head.index(got.metric) if got.metric in head else len(head), got.metric))
        return {
            "ci": one,
            "icon": classes.of(one.class_code).icon,
            "label": loc(classes.of(one.class_code).label),
            "health": stock.health[one.id],
            "place": stock.place_code.get(one.location_id or 0, ""),
            "values": own[:3],
        }

    order = sorted(stock.items, key=lambda one: (providers.RANK[stock.health[one.id]], one.sort_name))
    return [line(one) for one in order[:ROWS_SHOWN]]
