"""Alerts join groups, groups become news for the desk: the door between `rules.correlate` and the tables."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import BindParameter, bindparam, select
from sqlalchemy.orm import Session

from rules.correlate import Correlator
from rules.decision import Decision, Kind
from rules.rootcause import explain
from rules.story import Episode, Severity, Stage, Story
from server.alerts.bulk import insert_rows, update_rows
from server.alerts.memory import EPISODE_COLUMNS, episode_of, is_due, memory_of, renew_stamp, take_number
from server.alerts.models import Alert, AlertGroup, AlertMark
from server.alerts.news import GROUP_NEWS, GroupNews

Rows = Mapping[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to an alert: fired, cleared, or changed (its severity). `row` where it is at hand."""

    what: str
    alert_id: int
    at: datetime
    row: Mapping[Any, Any] | None = None


_IDS: BindParameter[int] = bindparam("ids", expanding=True)
ROWS = select(*EPISODE_COLUMNS).where(Alert.id.in_(_IDS))
TOLD_AT = select(AlertGroup.id, AlertGroup.told_at).where(AlertGroup.id.in_(_IDS))
GROUPS = select(AlertGroup).where(AlertGroup.id.in_(_IDS)).execution_options(populate_existing=True)
ALERTS = select(Alert).where(Alert.id.in_(_IDS)).execution_options(populate_existing=True)


def group_changes(
    session: Session,
    mark: AlertMark,
    changes: Sequence[Change],
    *,
    now: datetime,
    fresh: Rows = MappingProxyType({}),
    write: Callable[[], None] = lambda: None,
) -> None:
    """Bring changed alerts to their groups, and tell the desk what became of these.

    Args:
        session: the running transaction, which holds the mark's lock.
        mark: gives the numbers of new groups.
        changes: in order.
        now: the present moment; holds that ended before it are over.
        fresh: rows of new alerts that are not written yet, by id; they get their group here.
        write: writes them, once their groups are there.
    """
    if not changes and not is_due(session, mark, now):
        write()
        return
    engine = memory_of(session, mark, now).engine
    renew_stamp(session, mark)
    rows = _rows(session, changes)
    decisions: list[Decision] = []
    for change in changes:
        row = rows.get(change.alert_id)
        if row is None:
            continue
        if change.what == "cleared":
            decisions += engine.clear(change.alert_id, change.at.timestamp())
        elif change.what == "fired":
            decisions += _fire(engine, row, change.at)
        else:
            decisions += engine.reweigh(change.alert_id, Severity(row["severity"]), change.at.timestamp())
    decisions += engine.tick(now.timestamp())
    if not decisions:
        write()
        return
    _write_groups(session, engine, decisions, now)
    places = _places(engine, decisions)
    for key in places.keys() & fresh.keys():
        fresh[key].update(places.pop(key))
    write()
    update_rows(session, Alert, [{"id": key, **place} for key, place in places.items()])
    session.flush()
    _tell(session, engine, decisions, now)


def move(session: Session, mark: AlertMark, alert: Alert, group_id: int | None, *, now: datetime) -> int:
    """Put an alert into another group, or into a new one if None; returns the group's id."""
    engine = memory_of(session, mark, now).engine
    renew_stamp(session, mark)
    target = group_id if group_id is not None else take_number(mark)
    source = alert.group_id
    engine.move(alert.id, target)
    kind = Kind.TOLD if group_id is None else Kind.JOINED
    begun = [Decision(Kind.BEGUN, target, alert.id)] if group_id is None else []
    left = [Decision(Kind.EASED, source, alert.id)] if source is not None else []
    decisions = [*begun, Decision(kind, target, alert.id), *left]
    _write_groups(session, engine, decisions, now)
    alert.group_id, alert.joined = target, {"by": "person"}
    session.flush()
    _tell(session, engine, decisions, now)
    return target


def _rows(session: Session, changes: Iterable[Change]) -> dict[int, Mapping[Any, Any]]:
    rows = {change.alert_id: change.row for change in changes if change.row is not None}
    missing = sorted({change.alert_id for change in changes} - rows.keys())
    for part in (missing[i : i + 500] for i in range(0, len(missing), 500)):
        for row in session.execute(ROWS, {"ids": part}).mappings():
            rows[row["id"]] = row
    return rows


def _fire(engine: Correlator, row: Mapping[Any, Any], at: datetime) -> list[Decision]:
    if row["id"] in engine.group_of:
        return engine.again(row["id"], at.timestamp())
    return engine.fire(episode_of(engine.graph, row, at))


# -- what the decisions change ------------------------------------------------------------------


def _write_groups(session: Session, engine: Correlator, decisions: Sequence[Decision], now: datetime) -> None:
    begun = {decision.group for decision in decisions if decision.kind is Kind.BEGUN}
    touched = {d.group for d in decisions} | {d.other for d in decisions if d.other}
    known = session.execute(TOLD_AT, {"ids": sorted(touched - begun)})
    told_before = {row.id: row.told_at for row in known}
    rows = [
        _group_row(engine, engine.stories[number], told_before.get(number), now)
        for number in sorted(touched)
        if number in engine.stories
    ]
    insert_rows(session, AlertGroup, [{**row, "ticket": ""} for row in rows if row["id"] in begun])
    update_rows(session, AlertGroup, [row for row in rows if row["id"] not in begun])


def _places(engine: Correlator, decisions: Sequence[Decision]) -> dict[int, dict[str, Any]]:
    """Which group alerts are in now, and how they came there."""
    keys = {d.episode for d in decisions if d.kind in (Kind.BEGUN, Kind.JOINED) and d.episode}
    keys |= {key for d in decisions for key in d.moved}
    places = {}
    for key in sorted(keys):
        group = engine.group_of.get(key)
        if group is not None:
            places[key] = {"group_id": group, "joined": _how(engine.stories[group], key)}
    return places


def _how(story: Story, key: int) -> dict[str, Any]:
    """By which relation the group's cause explains the alert."""
    for candidate in story.candidates.get(key, ()):
        if candidate.cause == story.best:
            relation = candidate.reach.relation
            return {"relation": relation, "via": candidate.via, "nats": round(candidate.cost, 2)}
    return {"relation": "none"}


def _group_row(engine: Correlator, story: Story, told_at: datetime | None, now: datetime) -> dict[str, Any]:
    best = story.best
    explanation: dict[str, Any] = {}
    confidence = 0.0
    if story.told and story.episodes and story.stage is not Stage.MERGED:
        why = explain(story, engine.weigher, max(now.timestamp(), story.started), engine.alarmed)
        explanation, confidence = why.as_json(), why.ranks[0].share
    root = _root(engine, story)
    infinite = story.hold_until in (float("inf"), 0.0)
    return {
        "id": story.id,
        "state": story.stage,
        "root_ci_id": root.node if root is not None and root.node > 0 else None,
        "root_alert_id": root.key if root is not None else None,
        "mode": best.mode.value,
        "node": best.node,
        "other": best.other,
        "confidence": confidence,
        "explanation": explanation,
        "size": story.size if story.stage is not Stage.MERGED else 0,
        "told_at": (told_at or now) if story.told else None,
        "hold_until": None if infinite else datetime.fromtimestamp(story.hold_until, UTC),
        "opened_at": datetime.fromtimestamp(story.started, UTC),
        "ended_at": datetime.fromtimestamp(story.ended, UTC)
        if story.stage in (Stage.ENDED, Stage.MERGED)
        else None,
        "merged_into_id": story.merged_into or None,
    }


def _root(engine: Correlator, story: Story) -> Episode | None:
    """The alert that speaks for the cause: its own, else one of the same item, else the first."""
    if not story.episodes:
        return None
    ends = {story.best.node, story.best.other or story.best.node}

    def rank(episode: Episode) -> tuple[bool, bool, float, int]:
        own = episode.node in ends and episode.symptom is story.best.mode
        return (not own, episode.node not in ends, episode.at, episode.key)

    first = min(story.episodes.values(), key=rank)
    if first.node in ends or story.best.node not in engine.graph:
        return first
    # The cause itself has not spoken; its CI is the root all the same.
    return Episode(first.key, first.fingerprint, story.best.node, first.symptom, first.severity, first.at)


SENT = {
    Kind.TOLD: "opened",
    Kind.JOINED: "joined",
    Kind.REROOTED: "rerooted",
    Kind.MERGED: "merged",
    Kind.EASED: "alert_resolved",
    Kind.ENDED: "ended",
    Kind.REOPENED: "reopened",
}
JOINING = (Kind.JOINED, Kind.REROOTED)
FOLDED = (*JOINING, Kind.EASED)


def _tell(session: Session, engine: Correlator, decisions: Sequence[Decision], now: datetime) -> None:
    """Send GROUP_NEWS of groups that people know."""
    told = {d.group for d in decisions if (s := engine.stories.get(d.group)) is not None and s.told}
    if not told:
        return
    wanted = told | {d.other for d in decisions if d.other}
    groups = {group.id: group for group in session.scalars(GROUPS, {"ids": sorted(wanted)})}
    keys = {d.episode for d in decisions if d.group in told and d.episode}
    alerts = {alert.id: alert for alert in session.scalars(ALERTS, {"ids": sorted(keys)})}
    news = []
    for one in told_together(decisions, told):
        other = groups.get(one.other)
        kind = SENT[one.kind]
        if one.kind is Kind.MERGED and (other is None or other.told_at is None):
            kind, other = "joined", None
        present = [alerts[key] for key in one.episodes if key in alerts]
        news.append(GroupNews(kind, groups[one.group], present, other))
    GROUP_NEWS.send(session, news=news, now=now)


@dataclass(slots=True)
class Run:
    """What is told of a group at once; `episodes` in the order in which they came."""

    kind: Kind
    group: int
    episodes: list[int]
    other: int = 0


def told_together(decisions: Sequence[Decision], told: AbstractSet[int]) -> list[Run]:
    """What is to be told of the groups that people know: joins and ends of one group folded into runs.

    What joins while a group is told for the first time is said by its opening. The rows are written before
    any of it is told, so that of several changes of the cause in one run the last tells them all.
    """
    opening = {decision.group for decision in decisions if decision.kind is Kind.TOLD}
    found: list[Run] = []
    runs: dict[int, list[Run]] = {}  # by group: what may still grow
    for decision in decisions:
        kind, group = decision.kind, decision.group
        if group not in told or kind not in SENT or (kind in JOINING and group in opening):
            continue
        episodes = [decision.episode] if decision.episode else []
        run = runs.setdefault(group, [])
        if kind not in FOLDED or (run and (run[0].kind in JOINING) is not (kind in JOINING)):
            run.clear()
        one = next((known for known in run if known.kind is kind), None)
        if one is not None:
            one.episodes += episodes
            continue
        one = Run(kind, group, episodes, decision.other)
        found.append(one)
        if kind in FOLDED:
            run.append(one)
        runs.pop(decision.other, None)
    return found
