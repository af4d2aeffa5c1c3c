"""Two years of the company's resolved incidents.

They are made from the kinds of `history.yaml` with a fixed seed, so that the demo looks the same on every
machine. Rows are written in bulk, as a restore would write them; the index of knowledge is told of each case.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from rules.priority import DEFAULT_MATRIX
from server.accounts.models import Group, GroupMember, Person
from server.cmdb.models import Ci
from server.demo.seeds import seed
from server.incidents.models import Incident, IncidentCi, IncidentEntry, Kind, Source, State
from server.kernel.i18n import N_
from server.kernel.ticket import NumberSeries, next_number
from server.knowledge.models import Case, IndexChange, Outcome, Verdict
from server.sla.models import ClockKind, SlaClock
from server.sla.targets import DEFAULTS

SEED = 20_241_120
MANY = 860
SPAN = timedelta(days=730)
FIRST_NUMBER = 100_000  # the desk did not begin yesterday
CLOSED_AFTER = timedelta(days=3)
HELD = 0.88  # share of applied articles after which the alert stayed clear
APPLIED = 0.6  # share of incidents with a fitting article on which it was applied

OPENED_BY_USER = N_("Reported by {name}.")
OPENED_BY_ALERT = N_("Alert {rule} fired on {ci}; the incident opened by itself.")
PASSED_ON = N_("Passed on to {group}")
ACCEPTED = N_("Accepted")
RESOLVED = N_("Resolved")
CLOSED = N_("Closed")

TABLES: tuple[type[Any], ...] = (IncidentEntry, IncidentCi, SlaClock, Case, Outcome, IndexChange)


@dataclass(frozen=True)
class Scene:
    """One incident being told: its kind, row, number, CI, language and who worked on it."""

    kind: Mapping[str, Any]
    number: str
    ci: Ci | None
    caller: Person | None
    by: int
    at: datetime
    took: timedelta
    language: str  # in which it was written down: that of whoever worked on it

    def said(self, key: str) -> dict[str, str]:
        """A text of the kind in both languages, with the CI's name."""
        name = self.ci.name if self.ci is not None else ""
        return {language: text.replace("{ci}", name) for language, text in self.kind[key].items()}


@dataclass
class Past:
    """Draws incidents and collects their rows."""

    people: Mapping[str, Person]
    articles: Mapping[str, list[str]]
    now: datetime
    groups: Mapping[str, Group]
    members: Mapping[int, list[int]]
    cis: Mapping[str, list[Ci]]
    callers: list[Person]
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311  a story, no secret
    rows: dict[type[Any], list[dict[str, Any]]] = field(default_factory=dict)

    def tell(self) -> int:
        """Draw all incidents in their order in time; returns the last number."""
        kinds = [kind for kind in seed("history") if "weight" in kind]
        weights = [kind["weight"] for kind in kinds]
        number = FIRST_NUMBER
        for moment in sorted(self.now - SPAN * self.chance.random() for _ in range(MANY)):
            scene = self.scene(self.chance.choices(kinds, weights)[0], number + 1, moment)
            if scene.at + scene.took < self.now:
                number += 1
                self._incident(scene)
                self._clocks(scene)
                self._entries(scene)
                self._taught(scene)
        return number

    def scene(self, kind: Mapping[str, Any], number: int, moment: datetime) -> Scene:
        """Who, where and how long."""
        monitoring = kind["source"] == "monitoring"
        group = self.groups[kind.get("group", "first_line")]
        low, high = kind["minutes"]
        by = self.chance.choice(self.members[group.id])
        return Scene(
            kind,
            f"INC-{number:06d}",
            pick_ci(self.chance, self.cis, kind),
            None if monitoring else self.chance.choice(self.callers),
            by,
            moment if monitoring else in_office(self.chance, moment),
            timedelta(minutes=low + (high - low) * self.chance.betavariate(1.6, 3)),
            next(person.language for person in self.people.values() if person.id == by),
        )

    def _add(self, table: type[Any], **values: Any) -> None:
        self.rows.setdefault(table, []).append(values)

    def _incident(self, scene: Scene) -> None:
        kind, ci = scene.kind, scene.ci
        summary = scene.said("summary")
        impact, urgency = min(4, kind["impact"]), kind["urgency"]
        priority = DEFAULT_MATRIX[impact, urgency]
        response, resolution, _calendar = DEFAULTS[priority]
        resolved_at = scene.at + scene.took
        closed_at = resolved_at + CLOSED_AFTER if resolved_at + CLOSED_AFTER < self.now else None
        caller = scene.caller.id if scene.caller is not None else None
        self._add(
            Incident,
            number=scene.number,
            summary=summary[scene.language],
            summary_by_lang=summary,
            description="",
            source=Source.USER if scene.caller is not None else Source.MONITORING,
            impact=impact,
            urgency=urgency,
            priority=priority,
            priority_why={},
            priority_set=False,
            category=kind.get("cause", ""),
            state=State.CLOSED if closed_at is not None else State.RESOLVED,
            ci_id=ci.id if ci is not None else None,
            location_id=ci.location_id if ci is not None else None,
            contact_id=caller,
            affected_id=caller,
            owner_group_id=self.groups["first_line"].id,
            group_id=self.groups[kind.get("group", "first_line")].id,
            assignee_id=scene.by,
            opened_at=scene.at,
            response_due_at=scene.at + timedelta(seconds=response),
            resolution_due_at=scene.at + timedelta(seconds=resolution),
            responded_at=scene.at + scene.took * 0.15,
            resolved_at=resolved_at,
            closed_at=closed_at,
            reopened=0,
            cause_code=kind.get("cause", ""),
            resolution=f"{kind['found'][scene.language]} {kind['done'][scene.language]}",
            workaround="",
            trace_id="",
            context={},
            updated_at=closed_at or resolved_at,
            version=1,
        )
        if ci is not None:
            self._add(IncidentCi, incident_id=scene.number, ci_id=ci.id, role="primary")

    def _clocks(self, scene: Scene) -> None:
        priority = self.rows[Incident][-1]["priority"]
        response, resolution, calendar = DEFAULTS[priority]
        for kind, target, share in (
            (ClockKind.RESPONSE, response, 0.15),
            (ClockKind.RESOLUTION, resolution, 1.0),
        ):
            stopped_at = scene.at + scene.took * share
            self._add(
                SlaClock,
                ticket=scene.number,
                kind=kind,
                priority=priority,
                target_s=target,
                calendar=calendar,
                runs=[[scene.at.timestamp(), stopped_at.timestamp()]],
                due_at=scene.at + timedelta(seconds=target),
                stopped_at=stopped_at,
            )

    def _entries(self, scene: Scene) -> None:
        kind = scene.kind
        group = self.groups[kind.get("group", "first_line")].name
        end = scene.at + scene.took
        if scene.caller is not None:
            self._entry(scene, scene.at, Kind.PERSON, OPENED_BY_USER, places={"name": scene.caller.name})
        else:
            ci = scene.ci.name if scene.ci is not None else ""
            places = {"rule": kind.get("alert", ""), "ci": ci}
            self._entry(scene, scene.at, Kind.ALERT, OPENED_BY_ALERT, places=places)
        self._entry(scene, scene.at + scene.took * 0.05, Kind.ASSIGNMENT, PASSED_ON, places={"group": group})
        self._entry(scene, scene.at + scene.took * 0.15, Kind.MOVE, ACCEPTED, by=scene.by)
        resolution = self.rows[Incident][-1]["resolution"]
        self._entry(scene, end, Kind.MOVE, RESOLVED, by=scene.by, text=resolution)
        if end + CLOSED_AFTER < self.now:
            self._entry(scene, end + CLOSED_AFTER, Kind.MOVE, CLOSED)

    def _entry(self, scene: Scene, at: datetime, kind: Kind, msgid: str, **more: Any) -> None:
        self._add(
            IncidentEntry,
            incident_id=scene.number,
            at=at,
            kind=kind,
            by_id=more.get("by"),
            msgid=msgid,
            places=more.get("places", {}),
            text=more.get("text", ""),
            internal=False,
            payload={},
            updated_at=at,
        )

    def _taught(self, scene: Scene) -> None:
        kind, ci, language = scene.kind, scene.ci, scene.language
        facets = {"alert": kind.get("alert", "")}
        if ci is not None:
            facets |= {"ci": ci.name, "ci_class": ci.class_code, "model": ci.model or ""}
        facets = {name: value for name, value in facets.items() if value}
        self._add(
            Case,
            number=scene.number,
            title=scene.said("summary")[language],
            symptom="",
            cause=kind["found"][language],
            solution=kind["done"][language],
            facets=facets,
            language=language,
            resolved_at=scene.at + scene.took,
        )
        self._add(IndexChange, key=scene.number)
        numbers = self.articles.get(kind.get("topic", ""), [])
        if numbers and self.chance.random() < APPLIED:
            held = self.chance.random() < HELD
            self._add(
                Outcome,
                suggestion=numbers[0] if language == "en" else numbers[-1],
                ticket=scene.number,
                verdict=Verdict.FIXED if held else Verdict.CAME_BACK,
                facets=facets,
                restored_s=int(scene.took.total_seconds()),
                by_id=scene.by,
                at=scene.at + scene.took,
            )


def write(
    session: Session, people: Mapping[str, Person], articles: Mapping[str, list[str]], *, now: datetime
) -> int:
    """Write the past; returns how many incidents."""
    members: dict[int, list[int]] = {}
    for group_id, person_id in session.execute(
        select(GroupMember.group_id, GroupMember.person_id).order_by(GroupMember.person_id)
    ):
        members.setdefault(group_id, []).append(person_id)
    past = Past(
        people,
        articles,
        now,
        {group.code: group for group in session.scalars(select(Group))},
        members,
        by_class(session.scalars(select(Ci).order_by(Ci.id))),
        callers(people),
    )
    last = past.tell()
    session.execute(insert(Incident), past.rows[Incident])
    ids = dict(session.execute(select(Incident.number, Incident.id)).all())
    for table in TABLES:
        for row in past.rows[table]:
            if "incident_id" in row:
                row["incident_id"] = ids[row["incident_id"]]
        session.execute(insert(table), past.rows[table])
    next_number(session, "INC")  # so that the series exists
    session.execute(update(NumberSeries).where(NumberSeries.prefix == "INC").values(last=last))
    return len(past.rows[Incident])


def by_class(items: Iterable[Ci]) -> dict[str, list[Ci]]:
    """Configuration items by their class."""
    found: dict[str, list[Ci]] = {}
    for ci in items:
        found.setdefault(ci.class_code, []).append(ci)
    return found


def callers(people: Mapping[str, Person]) -> list[Person]:
    """Those who call the desk: people who only use it."""
    named = {row["username"] for row in seed("company")["people"] if "end_user" in row["roles"]}
    return [person for name, person in people.items() if name in named]


def pick_ci(chance: random.Random, cis: Mapping[str, list[Ci]], kind: Mapping[str, Any]) -> Ci | None:
    """An item of the kind's classes, None where it concerns none."""
    found = [ci for code in kind["classes"] for ci in cis.get(code, [])]
    wanted = {name.casefold() for name in kind.get("only", ())}
    found = [ci for ci in found if ci.name.casefold() in wanted] or found
    return chance.choice(found) if found else None


def in_office(chance: random.Random, moment: datetime) -> datetime:
    """A working time near it: 08:30 to 17:30 in Shanghai, the next Monday for a weekend."""
    day = moment + timedelta(days=7 - moment.weekday()) if moment.weekday() > 4 else moment
    start = day.replace(hour=0, minute=30, second=chance.randrange(60), microsecond=0)
    return start + timedelta(minutes=chance.triangular(0, 9 * 60, 90))
