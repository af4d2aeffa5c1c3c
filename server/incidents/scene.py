"""The scene of an incident: the path of the fault, what is at risk, what is measured around the moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from rules.topology import Graph
from server.cmdb import providers
from server.cmdb import service as cmdb
from server.cmdb.classes import catalogue
from server.cmdb.models import Ci
from server.cmdb.readings import Reading, reading
from server.incidents import facts
from server.incidents.models import Incident
from server.incidents.particulars import AlertRow, RecordView
from server.kernel.i18n import N_, _, format_duration, format_moment, loc, ngettext
from server.metrics import charts
from server.metrics import service as metrics
from server.metrics.models import Kind

SPANS = {"1h": timedelta(hours=1), "6h": timedelta(hours=6), "24h": timedelta(hours=24)}
BEFORE = 0.3  # share of the window that lies before the moment
CHAIN = 4  # items of the path that fit side by side
LINES = 6  # curves of the chart
METRICS = 3
VERBS = {
    "powered_by": N_("feeds"),
    "cooled_by": N_("keeps cool"),
    "runs_on": N_("carries"),
    "depends_on": N_("carries"),
    "connects_to": N_("connects"),
    "member_of": N_("holds"),
    "backed_up_by": N_("backs up"),
}
RUNTIME = "ups_battery_runtime_seconds"
CHARGE = "ups_battery_charge_ratio"
SOURCE = "ups_output_source"
FIRST_LOOK = {
    "ups": (SOURCE, CHARGE, RUNTIME, "ups_output_load_ratio"),
    "air_conditioner": ("cooling_unit_state", "cooling_supply_air_temperature_celsius"),
}
RANK = providers.RANK


@dataclass(frozen=True)
class Node:
    """One item on the path of the fault. `verb`: what it does for the next one."""

    id: int
    number: str
    name: str
    icon: str
    tone: str
    label: str
    note: str
    cause: bool
    verb: str = ""


@dataclass(frozen=True)
class Path:
    """The chain from the cause to what it threatens, and who else hangs below the cause."""

    nodes: Sequence[Node]
    beside: Sequence[str]
    skipped: int


@dataclass(frozen=True)
class Headline:
    """What counts down at this item, as the battery of a UPS."""

    text: str
    tone: str
    icon: str


def readings(session: Session, ci: Ci | None, now: datetime) -> list[Reading]:
    """The newest values of the item, its headline first."""
    if ci is None:
        return []
    order = (*FIRST_LOOK.get(ci.class_code, ()), *catalogue().of(ci.class_code).headline)
    place = {metric: order.index(metric) for metric in order}
    found = [reading(one, now) for one in metrics.latest(session, ci.id)]
    found = [one for one in found if one.at is not None]
    return sorted(found, key=lambda one: (place.get(one.metric, len(place)), bool(one.labels), one.metric))


def headline(values: Sequence[Reading], now: datetime) -> Headline | None:
    """How long the battery lasts while it is in use; None where nothing counts down."""
    known = {one.metric: one for one in values}
    source, runtime = known.get(SOURCE), known.get(RUNTIME)
    if source is None or runtime is None or source.text != "battery" or runtime.value is None or runtime.old:
        return None
    ends = format_moment(now + timedelta(seconds=runtime.value), "minute")
    text = _("{span} of battery left, empty at {time}").format(
        span=format_duration(timedelta(seconds=runtime.value), parts=1), time=ends
    )
    return Headline(text, "crit" if runtime.value < 3600 else "major", icon="clock-bolt")


def at_risk(graph: Graph, ci_id: int | None, cause_id: int | None) -> list[str]:
    """The services that hang on the item or on the cause, the most critical first."""
    classes = catalogue()
    found: dict[int, tuple[int, str]] = {}
    for start in (ci_id, cause_id):
        if start is None or start not in graph:
            continue
        for source, _kind, _on in ((start, None, None), *graph.impact_path(start, 400)):
            node = graph.node(source)
            if any(classes.is_a(node.ci_class, kind) for kind in facts.SERVICE_CLASSES[:1]):
                found[source] = (node.criticality, node.name)
    return [name for _criticality, name in sorted(found.values())]


# -- the path ---------------------------------------------------------------------------------


def path(session: Session, base: RecordView, health: Mapping[int, str]) -> Path | None:
    """The chain from the probable cause through the item to what it threatens; None without one."""
    graph = cmdb.graph(session)
    start = (
        base.known.cause.ci if base.known.cause is not None and base.known.cause.ci is not None else base.ci
    )
    if start is None or start.id not in graph:
        return None
    kinds = _reach(graph, start.id)
    ids = _chain(graph, start.id, base, kinds)
    if len(ids) < 2 and not base.known.alerts:
        return None
    shown, skipped = _fitting(ids, keep={start.id, base.ci.id if base.ci else 0})
    cis = cmdb.cis(session, shown)
    worst = _worst(base.known.alerts)
    nodes = []
    for place, one in enumerate(shown):
        if one not in cis:
            continue
        verb = _verb(graph, one, ids[ids.index(one) + 1]) if place + 1 < len(shown) else ""
        threatened = base.incident.is_open and place > 0
        known = health.get(one, "unknown")
        cause = one == start.id
        nodes.append(_node(cis[one], worst.get(one), known, cause=cause, verb=verb, threatened=threatened))
    below = {one for one in worst if one not in set(shown) and one in kinds}
    beside = [worst[one].summary for one in sorted(below, key=lambda one: RANK.get(worst[one].severity, 9))]
    return Path(nodes, beside[:3], skipped)


def _reach(graph: Graph, start: int) -> dict[int, tuple[str, int]]:
    """Whom a failure reaches, each with the relation and the item it comes through."""
    return {source: (kind.value, on) for source, kind, on in graph.impact_path(start, 400)}


def _verb(graph: Graph, one: int, following: int) -> str:
    """What an item does for the next one of its chain."""
    edge = graph.edge(following, one)
    return _(VERBS[edge.kind.value]) if edge is not None and edge.kind.value in VERBS else "…"


def _chain(graph: Graph, start: int, base: RecordView, kinds: Mapping[int, tuple[str, int]]) -> list[int]:
    """From the cause through the item to its goal: a service, else the farthest item that alerts."""
    through = base.ci.id if base.ci is not None and base.ci.id in kinds else start
    first = _back(through, kinds, start)
    behind = _reach(graph, through) if through != start else dict(kinds)
    chains = {one: _back(one, behind, through) for one in behind}
    classes = catalogue()
    services = [one for one in chains if classes.is_a(graph.node(one).ci_class, "service")]
    alerted = [row.ci.id for row in base.known.alerts if row.ci is not None and row.ci.id in chains]
    if services:
        goal = min(services, key=lambda one: (graph.node(one).criticality, len(chains[one]), one))
    elif alerted:
        goal = max(alerted, key=lambda one: (len(chains[one]), -one))
    else:
        return first
    return [*first, *chains[goal][1:]]


def _back(one: int, kinds: Mapping[int, tuple[str, int]], start: int) -> list[int]:
    chain = [one]
    while chain[-1] != start and chain[-1] in kinds and len(chain) < 40:
        chain.append(kinds[chain[-1]][1])
    return chain[::-1]


def _fitting(ids: Sequence[int], keep: set[int]) -> tuple[list[int], int]:
    """At most CHAIN items: both ends and those to keep, then from the front."""
    if len(ids) <= CHAIN:
        return list(ids), 0
    chosen = {ids[0], ids[-1], *(one for one in ids if one in keep)}
    for one in (ids[-2], *ids[1:]):
        if len(chosen) >= CHAIN:
            break
        chosen.add(one)
    return [one for one in ids if one in chosen], len(ids) - len(chosen)


def _worst(alerts: Sequence[AlertRow]) -> dict[int, AlertRow]:
    """The gravest alert of each item, a living one before one that is over."""
    worst: dict[int, AlertRow] = {}
    for row in alerts:
        if row.ci is None:
            continue
        known = worst.get(row.ci.id)
        if known is None or _grave(row) < _grave(known):
            worst[row.ci.id] = row
    return worst


def _grave(row: AlertRow) -> tuple[bool, int]:
    return row.resolved_at is not None, RANK.get(row.severity, 9)


def _node(ci: Ci, alert: AlertRow | None, health: str, *, cause: bool, verb: str, threatened: bool) -> Node:
    tone, label, note = health, "", _class_words(ci)
    service = catalogue().is_a(ci.class_code, "service")
    users = ci.attributes.get("users")
    if service and isinstance(users, int):
        note = ngettext("{n} user", "{n} users", users).format(n=f"{users:,}")
    if alert is not None and alert.resolved_at is None:
        tone, label = alert.severity, _short(alert.summary, ci.name)
    elif alert is not None and alert.resolved_at is not None:
        tone, label = "ok", _("over {time}").format(time=format_moment(alert.resolved_at, "minute"))
    elif service and threatened:
        tone, label = tone if tone in {"critical", "major"} else "minor", _("at risk")
    elif service:
        tone, label = "ok" if tone == "unknown" else tone, _("no alert")
    else:
        label = {"ok": _("no alert"), "unknown": _("nothing heard")}.get(tone, "")
    return Node(
        ci.id,
        ci.number,
        ci.name,
        cmdb.icon(ci.class_code),
        tone,
        label,
        _("probable cause") if cause else note,
        cause,
        verb,
    )


def _short(summary: str, name: str) -> str:
    """An alert's words without the name of its item, which stands above them."""
    rest = summary.removeprefix(name).lstrip(" :：,，")
    return rest[:1].upper() + rest[1:] if rest and rest[:1].isascii() else rest or summary


def _class_words(ci: Ci) -> str:
    return loc(catalogue().of(ci.class_code).label)


# -- the chart --------------------------------------------------------------------------------


def window(incident: Incident, span: str) -> tuple[datetime, datetime]:
    """The window around the moment the incident began."""
    whole = SPANS.get(span, SPANS["1h"])
    begin = incident.opened_at - whole * BEFORE
    return begin, begin + whole


def measured(session: Session, incident: Incident) -> tuple[int, list[str]]:
    """Which item's metrics tell of the trouble: those that alerted, then the headline of its class."""
    if incident.ci_id is None:
        return 0, []
    known = metrics.series_of(session, incident.ci_id)
    curves = {one.metric for one in known if one.kind is not Kind.STATE}
    alerted = [str(one["metric"]) for one in incident.context.get("graphs", ())]
    ci = cmdb.find_ci(session, incident.ci_id)
    usual = list(catalogue().of(ci.class_code).headline) if ci is not None else []
    if ci is not None and ci.class_code == "ups":
        usual = ["ups_input_volts", CHARGE, *usual]
    order = [one for one in dict.fromkeys((*alerted, *usual)) if one in curves]
    if not order:
        order = sorted(curves)
    return incident.ci_id, order[:2] if len(order) > METRICS else order


def chart(session: Session, incident: Incident, span: str, *, now: datetime) -> dict[str, Any]:
    """The curves around the moment with its marks, and the forecast of a battery in use."""
    ci_id, wanted = measured(session, incident)
    begin, end = window(incident, span)
    found = [one for one in metrics.series_of(session, ci_id) if one.metric in wanted]
    found.sort(key=lambda one: (wanted.index(one.metric), one.labels_key))
    drawn = charts.chart(session, found[:LINES], begin, min(end, now), now=now).as_json()
    latest = {one.metric: one for one in readings(session, cmdb.find_ci(session, ci_id), now)}
    last = _forecast(drawn["series"], latest, now) if incident.is_open else None
    if last is not None:
        end = max(now + timedelta(minutes=5), min(end, last + timedelta(minutes=2))) if span == "1h" else end
    marks = [
        _mark(incident.opened_at, _("incident opened"), "critical" if incident.priority == 1 else "major")
    ]
    if incident.resolved_at is not None and incident.resolved_at < end:
        apart = incident.resolved_at - incident.opened_at > (end - begin) / 6
        marks.append(_mark(incident.resolved_at, _("resolved") if apart else "", "ok"))
    if begin < now < end and now - incident.opened_at > (end - begin) / 8:
        marks.append(_mark(now, _("now"), "note"))
    return {
        **drawn,
        "from": round(begin.timestamp() * 1000),
        "to": round(end.timestamp() * 1000),
        "marks": marks,
        "thresholds": [],
    }


def _mark(at: datetime, words: str, kind: str) -> dict[str, Any]:
    said = words if kind == "note" or not words else f"{format_moment(at, 'time')} {words}"
    return {"at": round(at.timestamp() * 1000), "label": said, "kind": kind}


def _forecast(lines: list[dict[str, Any]], latest: Mapping[str, Reading], now: datetime) -> datetime | None:
    """Add the battery's course to zero, as the UPS itself reckons it; returns when it is empty."""
    source, runtime = latest.get(SOURCE), latest.get(RUNTIME)
    charge = next((line for line in lines if line["metric"] == CHARGE), None)
    if charge is None or source is None or source.text != "battery" or runtime is None or not runtime.value:
        return None
    known = [pair for pair in charge["points"] if pair[1] is not None]
    if not known:
        return None
    empty = now + timedelta(seconds=runtime.value)
    lines.append(
        {
            "name": charge["name"],
            "metric": CHARGE,
            "unit": charge["unit"],
            "kind": "gauge",
            "forecast": True,
            "points": [known[-1], [round(empty.timestamp() * 1000), 0.0]],
        }
    )
    return empty
