"""The correlator's memory: a cache of the group and alert rows, valid while its stamp is the mark's.

A rolled back transaction, a restart or another server leaves another stamp, and it is rebuilt.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from rules.causes import Cause
from rules.correlate import Correlator
from rules.story import Episode, Severity, Stage, Story
from rules.symptom import Symptom, intermittent
from rules.topology import Graph, RelationKind
from server.alerts.known import database_of, forget_known, keep_stamp
from server.alerts.models import Alert, AlertGroup, AlertMark
from server.cmdb import service as cmdb
from server.cmdb.models import CiVersion

REMEMBERED = timedelta(minutes=20)  # ended groups that a recurrence may still take up
CHANGES_WITHIN = timedelta(days=1)
PORT_LABELS = ("interface", "port", "ifName", "ifDescr", "if")
QUIET = frozenset({"presence", "seen_at"})  # changes of a CI that no person made


@dataclass(slots=True)
class Memory:
    """The open groups as the correlator holds them."""

    stamp: int
    engine: Correlator


_memories: dict[str, Memory] = {}


def renew_stamp(session: Session, mark: AlertMark) -> None:
    """Alerts are going to be changed; what is remembered stays valid if the transaction is committed.

    Called before anything remembered is changed, so that a failure on the way leaves no false memory.
    """
    was = mark.stamp
    drawn: tuple[object, int] = session.info.get("alert_stamp", (None, 0))
    if drawn[0] is session.get_transaction() and drawn[1] == was:
        return  # by this transaction
    mark.stamp = secrets.randbits(62)
    session.info["alert_stamp"] = (session.get_transaction(), mark.stamp)
    keep_stamp(session, was, mark.stamp)
    memory = _memories.get(database_of(session))
    if memory is not None and memory.stamp == was:
        memory.stamp = mark.stamp


def forget_memory(session: Session) -> None:
    """Let the next change rebuild what is remembered from the rows, as after a restart."""
    _memories.pop(database_of(session), None)
    forget_known(session)


def next_hold(session: Session) -> datetime | None:
    """When the next hold of a group ends, by the rows; None where nothing waits."""
    query = select(AlertGroup.hold_until).where(
        AlertGroup.state == Stage.PENDING, AlertGroup.hold_until.is_not(None)
    )
    return min((moment for moment in session.scalars(query) if moment is not None), default=None)


def is_due(session: Session, mark: AlertMark, now: datetime) -> bool:
    """Whether the hold of some group has ended."""
    known = _memories.get(database_of(session))
    if known is None or known.stamp != mark.stamp:
        hold = next_hold(session)
        return hold is not None and hold <= now
    due = known.engine.due()
    return due is not None and due <= now.timestamp()


def memory_of(session: Session, mark: AlertMark, now: datetime) -> Memory:
    """The memory, up to date with rows and graph; the caller holds the mark's lock."""
    graph = cmdb.graph(session)
    key = database_of(session)
    known = _memories.get(key)
    if known is None or known.stamp != mark.stamp:
        engine = Correlator(graph, lambda: take_number(mark), changed=_changed(session, now))
        _restore(session, engine, now)
        known = _memories[key] = Memory(mark.stamp, engine)
    elif known.engine.graph is not graph:
        known.engine.regraph(graph, _changed(session, now))
    known.engine.next_group = lambda: take_number(mark)
    return known


def take_number(mark: AlertMark) -> int:
    """The next group's number."""
    number = mark.next_group
    mark.next_group = number + 1
    return number


def _restore(session: Session, engine: Correlator, now: datetime) -> None:
    groups = session.scalars(
        select(AlertGroup).where(
            or_(
                AlertGroup.state.in_((Stage.PENDING, Stage.OPEN, Stage.RECOVERING)),
                AlertGroup.ended_at > now - REMEMBERED,
            ),
            AlertGroup.state != Stage.MERGED,
        )
    ).all()
    members: dict[int, list[Episode]] = {}
    ids = [group.id for group in groups]
    for part in (ids[i : i + 500] for i in range(0, len(ids), 500)):
        rows = session.execute(select(*EPISODE_COLUMNS).where(Alert.group_id.in_(part))).mappings()
        for row in rows:
            episode = episode_of(engine.graph, row, row["started_at"])
            episode.over = row["resolved_at"] is not None
            members.setdefault(row["group_id"], []).append(episode)
    for group in groups:
        story = Story(
            group.id,
            group.opened_at.timestamp(),
            group.state,
            group.hold_until.timestamp() if group.hold_until else float("inf"),
            group.ended_at.timestamp() if group.ended_at else 0.0,
            told=group.told_at is not None,
            best=Cause(Symptom(group.mode), group.node, group.other),
        )
        engine.restore(story, members.get(group.id, ()))


def _changed(session: Session, now: datetime) -> dict[int, float]:
    """Items of which something was replaced within a day; what was only filled in is no change."""
    rows = session.execute(
        select(CiVersion.ci_id, CiVersion.valid_at, CiVersion.changes).where(
            CiVersion.recorded_at > now - CHANGES_WITHIN, CiVersion.revision > 1
        )
    )
    changed: dict[int, float] = {}
    for ci_id, at, changes in rows:
        real = any(
            isinstance(pair, list) and pair and pair[0] not in (None, "")
            for name, pair in changes.items()
            if name not in QUIET
        )
        if real:
            changed[ci_id] = max(changed.get(ci_id, 0.0), at.timestamp())
    return changed


# -- episodes ---------------------------------------------------------------------------------

EPISODE_COLUMNS = (
    Alert.id,
    Alert.fingerprint,
    Alert.group_id,
    Alert.ci_id,
    Alert.source,
    Alert.device,
    Alert.rule,
    Alert.symptom,
    Alert.severity,
    Alert.labels,
    Alert.started_at,
    Alert.resolved_at,
)


def episode_of(graph: Graph, row: Mapping[Any, Any], at: datetime) -> Episode:
    """An alert as the correlator sees it."""
    node = row["ci_id"] if row["ci_id"] is not None else _outside(row["source"], row["device"])
    symptom = Symptom(row["symptom"])
    return Episode(
        key=row["id"],
        fingerprint=row["fingerprint"],
        node=node,
        symptom=symptom,
        severity=Severity(row["severity"]),
        at=at.timestamp(),
        far=_far_end(graph, node, row["labels"]) if symptom in (Symptom.PORT, Symptom.PATH) else None,
        intermittent=intermittent(row["rule"]),
    )


def _outside(source: str, device: str) -> int:
    """A number for a device that the CMDB does not know: below zero, the same each time."""
    digest = blake2b(f"{source}/{device}".encode("utf-8", "surrogatepass"), digest_size=7).digest()
    return -1 - int.from_bytes(digest, "big")


def _far_end(graph: Graph, node: int, labels: Mapping[str, Any]) -> int | None:
    """The item at the other end of the port that the alert names, where the graph knows it."""
    port = next((str(labels[name]) for name in PORT_LABELS if labels.get(name)), "")
    if not port:
        return None
    for edge in graph.needs(node, RelationKind.CONNECTS_TO):
        if edge.source_port == port:
            return edge.target
    for edge in graph.users(node, RelationKind.CONNECTS_TO):
        if edge.target_port == port:
            return edge.source
    return None
