"""The record of one item: facts with their claims, relations, values, versions, panels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from rules.topology import Graph
from server.cmdb import claims, graphs, history, links, places, providers, service, words
from server.cmdb.classes import CiClass, catalogue
from server.cmdb.impact import impact as impact_of
from server.cmdb.marks import STAMP, know_stamp
from server.cmdb.models import Ci, CiClaim, CiVersion, IdentityTask, Location
from server.cmdb.readings import Reading, reading
from server.kernel.call import Actor
from server.kernel.i18n import loc
from server.kernel.remembered import keep
from server.metrics import service as metrics

FIRST = ("name", "vendor", "model", "serial", "version", "address")
LAST = ("location", "owner", "owner_group", "criticality", "state", "class")
VERSIONS_SHOWN = 5
IDENTITY_SHOWN = 5
CHARTS = 4


@dataclass(frozen=True)
class ClaimLine:
    """One source's word on one attribute."""

    source: str
    source_code: str
    icon: str
    text: str
    shown: bool
    reverted: bool
    why: str
    seen_at: datetime
    evidence: Mapping[str, Any]


@dataclass(frozen=True)
class Fact:
    """An attribute with the value shown and all claims, best first."""

    name: str
    label: str
    text: str
    mono: bool
    source: str
    icon: str
    seen_at: datetime | None
    conflict: bool
    stale: bool
    claims: Sequence[ClaimLine]


@dataclass(frozen=True)
class Around:
    """Relations of one kind and direction."""

    label: str
    kind: str
    forward: bool
    items: Sequence[links.Neighbour]


@dataclass(frozen=True)
class Record:
    """All that the page of an item shows."""

    ci: Ci
    ci_class: CiClass
    health: str
    place: Sequence[Location]
    facts: Sequence[Fact]
    around: Sequence[Around]
    neighbour_health: Mapping[int, str]
    relations: int
    stops: Sequence[str]
    weakened: int
    readings: Sequence[Reading]
    charts: Sequence[Reading]
    versions: Sequence[tuple[CiVersion, list[str]]]
    panels: Sequence[providers.Panel]
    tasks: Sequence[IdentityTask]
    names: words.Names = field(default_factory=words.Names)

    @property
    def disputed(self) -> int:
        """How many facts are in conflict."""
        return sum(fact.conflict for fact in self.facts)

    @property
    def stale(self) -> int:
        """How many facts nobody has confirmed in time."""
        return sum(fact.stale for fact in self.facts)

    @property
    def alert(self) -> str:
        """The severity of its living alerts, "" where there is none."""
        return "" if self.health == providers.of_presence(self.ci.presence) else self.health


def view(session: Session, number: str, *, actor: Actor, now: datetime) -> Record:
    """The record of an item; NotFoundError where there is none."""
    ci, asked = _item(session, number)
    by_attribute = claims.claims_of(session, ci.id)
    near = links.neighbours(session, ci.id)
    versions = history.versions(session, ci.id, limit=VERSIONS_SHOWN)
    changed = {
        name: [one for version in versions for one in version.changes.get(name, [])]
        for name in ("location", "owner", "owner_group")
    }
    claimed = {name: [one.value for one in by_attribute.get(name, ())] for name in changed}
    place = places.location_path(session, ci)
    names = words.names_for(session, claims.shown(ci), changed, claimed, places=place)
    latest = [reading(one, now) for one in metrics.latest(session, ci.id)]
    graph = graphs.graph(session)
    impact = impact_of(graph, ci.id)
    severities = providers.alerts_of(session, [ci.id, *(one.ci_id for one in near)])
    undecided = select(IdentityTask).where(IdentityTask.ci_id == ci.id, IdentityTask.decided_at.is_(None))
    tasks = session.scalars(undecided.order_by(IdentityTask.id).limit(IDENTITY_SHOWN)).all() if asked else []
    return Record(
        ci=ci,
        ci_class=catalogue().of(ci.class_code),
        health=severities.get(ci.id) or providers.of_presence(ci.presence),
        place=place,
        facts=facts(ci, by_attribute, names, now=now),
        around=around(near),
        neighbour_health=severities,
        relations=len(near),
        stops=[graph.node(one).name for one in _worth_naming(graph, impact.stops)],
        weakened=len(impact.weakened),
        readings=latest,
        charts=_charts(latest, catalogue().of(ci.class_code).headline),
        versions=[(one, words.changes(one.changes, names)) for one in versions],
        panels=providers.panels(session, ci.id, actor, now),
        tasks=tasks,
        names=names,
    )


def _item(session: Session, number: str) -> tuple[Ci, bool]:
    """The item, and whether somebody is asked what it is; in one question with the graph's stamp."""
    asked = exists().where(IdentityTask.ci_id == Ci.id, IdentityTask.decided_at.is_(None))
    found = session.execute(select(Ci, STAMP, asked).where(Ci.number == number)).one_or_none()
    if found is None:
        return service.ci(session, number), False
    know_stamp(session, found[1])
    keep(session, [found[0]])
    return found[0], found[2]


def facts(
    ci: Ci, by_attribute: Mapping[str, list[CiClaim]], names: words.Names, *, now: datetime
) -> list[Fact]:
    """Every attribute that is shown or claimed, in the order of the class."""
    shown = claims.shown(ci)
    of_class = [name for name in catalogue().of(ci.class_code).attributes if name not in {*FIRST, *LAST}]
    known = {*shown, *by_attribute} - {"presence"}
    others = sorted(known - {*FIRST, *of_class, *LAST})
    order = [name for name in (*FIRST, *of_class, *others, *LAST) if name in known]
    return [_fact(name, shown.get(name), by_attribute.get(name, []), names, now=now) for name in order]


def _fact(name: str, value: Any, own: list[CiClaim], names: words.Names, *, now: datetime) -> Fact:
    settled = claims.judged(own, name, now=now)
    rows = {one.source: one for one in own}
    lines = [
        ClaimLine(
            source=words.source(one.claim.source, rows[one.claim.source].by),
            source_code=one.claim.source,
            icon=words.source_icon(one.claim.source),
            text=words.value(name, one.claim.value, names),
            shown=one.reason == "shown",
            reverted=one.claim.reverted,
            why=words.reason(one, now),
            seen_at=one.claim.seen_at,
            evidence=rows[one.claim.source].evidence,
        )
        for one in settled.verdicts
    ]
    best = next((one for one in lines if one.shown), None)
    return Fact(
        name=name,
        label=words.attribute(name),
        text=words.value(name, value, names),
        mono=words.is_mono(name),
        source=best.source if best else "",
        icon=best.icon if best else "",
        seen_at=best.seen_at if best else None,
        conflict=settled.conflict,
        stale=settled.stale,
        claims=lines,
    )


def around(near: Sequence[links.Neighbour]) -> list[Around]:
    """Relations grouped by kind and direction, what it hangs on first."""
    groups: dict[tuple[str, bool], list[links.Neighbour]] = {}
    for one in near:
        groups.setdefault((one.relation.kind, one.forward), []).append(one)
    forms = catalogue().relations
    order = list(forms)
    return [
        Around(loc(forms[kind].label if forward else forms[kind].back), kind, forward, items)
        for (kind, forward), items in sorted(
            groups.items(), key=lambda group: (not group[0][1], order.index(group[0][0]))
        )
        if kind in forms
    ]


def _worth_naming(graph: Graph, stops: Sequence[int]) -> list[int]:
    """What stops, services and critical items first."""
    return sorted(
        stops, key=lambda one: (graph.node(one).ci_class != "service", graph.node(one).criticality, one)
    )


def _charts(latest: Sequence[Reading], headline: Sequence[str]) -> list[Reading]:
    """At most four series worth a curve: the headline of the class, then those without labels."""
    place = {metric: index for index, metric in enumerate(headline)}
    measured = [one for one in latest if one.at is not None and (not one.state or one.metric in place)]
    order = sorted(
        measured, key=lambda one: (place.get(one.metric, len(place)), bool(one.labels), one.metric)
    )
    return list({one.metric: one for one in reversed(order)}.values())[::-1][:CHARTS]
