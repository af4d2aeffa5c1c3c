"""News becomes alerts: identity, repeats, severities, flapping, mutes; in bulk, by sequence.

One report is one call and one transaction, under the lock of the alert mark. A batch costs a handful of
statements however many alerts it holds.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import or_, select, tuple_
from sqlalchemy.orm import Session

from rules.fingerprint import identity
from rules.story import Severity
from rules.suppress import Matcher, muted_by
from rules.symptom import Symptom, symptom_of
from rules.wire import AlertNews
from server.alerts.bulk import insert_rows, update_rows
from server.alerts.grouping import Change, group_changes
from server.alerts.keys import condition, dedup_key
from server.alerts.models import Alert, AlertEvent, AlertMark, AlertState, Mute
from server.cmdb.models import CiKey
from server.cmdb.observing import source_key
from server.kernel.db import insert_missing
from server.kernel.events import emit

FLAP_WINDOW = timedelta(minutes=5)  # back within this: the same alert again
FLAPS_HOLD = 3  # so many returns, and it is kept open through its pauses
HOLD_OPEN = timedelta(minutes=5)  # of quiet, before a flapping alert is over
NOTED_FOR = timedelta(minutes=15)  # news without a condition behind it rests after this
MARK = 1
SYMPTOMS = {symptom.value: symptom for symptom in Symptom} | {"cpu_memory": Symptom.COMPUTE}
_RANK = {"critical": 3, "major": 2, "minor": 1, "info": 0}
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one piece of news.

    `outcome`: opened, repeated, changed (severity), resolved, held (over, but it flaps), reopened,
    duplicate, stale (older than what is known), noted (no condition stands behind it), unknown (an end
    without a beginning).
    """

    alert_id: int | None
    fingerprint: str
    outcome: str


@dataclass(slots=True)
class _Known:
    """What a batch knows of one condition; the row is written once at the end."""

    row: dict[str, Any]
    new: bool = False
    touched: bool = False
    whole: bool = False  # more has changed than a repeat changes


@dataclass(slots=True)
class _Batch:
    source: str
    sequence: int
    received_at: datetime
    now: datetime
    next_alert: int
    matchers: list[Matcher]
    known: dict[str, _Known] = field(default_factory=dict)
    seen: set[tuple[int, int]] = field(default_factory=set)
    events: list[dict[str, Any]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)


def take(
    session: Session,
    news: Sequence[AlertNews],
    *,
    source: str,
    received_at: datetime,
    now: datetime,
    sequence: int = 0,
    ci_of: Mapping[str, int] | None = None,
) -> list[Taken]:
    """Take a batch of news from one source.

    The fingerprint decides which condition is meant. Telling the same news twice changes nothing; every
    different piece of it is kept as it came. What is older by sequence than what is known is kept and
    changes nothing either: order is by sequence, never by a device's clock.

    Args:
        session: the running transaction.
        news: in the order in which the source told it.
        source: who tells, as `agent:3` or `alertmanager:main`.
        received_at: when the report came in.
        now: the present moment.
        sequence: the report's number in its stream; 0 where the source has none.
        ci_of: CI ids by device as the source names it; looked up in the CMDB if None.

    Returns:
        What became of each piece, in order.
    """
    if not news:
        return []
    mark = locked_mark(session)
    devices = {one.device for one in news}
    cis = ci_of if ci_of is not None else _cis_of(session, source, devices)
    batch = _Batch(source, sequence, received_at, now, mark.next_alert, matchers(session, now))
    keyed = [_keys(one, source, cis) for one in news]
    _load(session, batch, {f for keys in keyed for f in keys[:2]})
    _load_told(session, batch, keyed)
    for one, keys in zip(news, keyed, strict=True):
        _take_one(batch, one, keys, cis.get(one.device))
    mark.next_alert = batch.next_alert
    fresh = {known.row["id"]: known.row for known in batch.known.values() if known.new}
    group_changes(session, mark, batch.changes, now=now, fresh=fresh, write=lambda: _write(session, batch))
    if batch.changes:
        emit(session, "alerts", {"changed": len(batch.changes)})
    return batch.taken


def settle(session: Session, *, now: datetime) -> int:
    """Time passed: pauses of flapping alerts end, mutes end, holds of groups end.

    Returns how many alerts changed. What a mute held back and still fires is told once; a restart tells
    nothing, because the mute's end is a row and not a timer.
    """
    mark = locked_mark(session)
    changes = [*_end_pauses(session, now), *_end_mutes(session, now)]
    group_changes(session, mark, changes, now=now)
    if changes:
        emit(session, "alerts", {"changed": len(changes)})
    return len(changes)


def locked_mark(session: Session) -> AlertMark:
    """The row under whose lock alerts change; created at the first call."""
    query = (
        select(AlertMark)
        .where(AlertMark.id == MARK)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    mark = session.scalar(query)
    if mark is None:
        first = {"id": MARK, "stamp": secrets.randbits(62), "next_alert": 1, "next_group": 1}
        insert_missing(session, AlertMark, first)
        mark = session.scalars(query).one()
    return mark


def matchers(session: Session, now: datetime) -> list[Matcher]:
    """The mutes that live now."""
    rows = session.scalars(select(Mute).where(Mute.ended_at.is_(None), Mute.until > now))
    return [Matcher(row.id, row.until, row.ci_id, row.rule) for row in rows]


def _cis_of(session: Session, source: str, devices: set[str]) -> dict[str, int]:
    """CIs by the names under which a source knows them."""
    names = {source_key(source, device): device for device in devices}
    query = select(CiKey.value, CiKey.ci_id).where(CiKey.kind == "source_key", CiKey.value.in_(names))
    found: dict[str, int] = {}
    for value, ci_id in session.execute(query.order_by(CiKey.ci_id.desc())):
        found[names[value]] = ci_id  # of several, the eldest
    return found


def _keys(news: AlertNews, source: str, cis: Mapping[str, int]) -> tuple[str, str, int]:
    """Fingerprint, the fingerprint it has while its CI is not known, key of the very news."""
    apart = identity(f"{source}/{news.device}", news.rule, news.key)
    ci_id = cis.get(news.device)
    own = apart if ci_id is None else identity(f"ci:{ci_id}", news.rule, news.key)
    return own, apart, dedup_key(source, apart, news)


KNOWN_COLUMNS = (
    Alert.id,
    Alert.fingerprint,
    Alert.ci_id,
    Alert.source,
    Alert.severity,
    Alert.state,
    Alert.value,
    Alert.started_at,
    Alert.resolved_at,
    Alert.held_until,
    Alert.count,
    Alert.flaps,
    Alert.sequence,
    Alert.mute_id,
)


def _load(session: Session, batch: _Batch, fingerprints: set[str]) -> None:
    for part in _parts(fingerprints):
        query = select(*KNOWN_COLUMNS).where(
            Alert.fingerprint.in_(part),
            or_(Alert.resolved_at.is_(None), Alert.resolved_at > batch.now - FLAP_WINDOW),
        )
        for row in session.execute(query.order_by(Alert.id)).mappings():
            known = batch.known.get(row["fingerprint"])
            if known is None or known.row["resolved_at"] is not None:
                batch.known[row["fingerprint"]] = _Known(dict(row))


def _load_told(session: Session, batch: _Batch, keyed: Sequence[tuple[str, str, int]]) -> None:
    """Which of this news was told before."""
    pairs = sorted({(condition(apart), dedup) for _, apart, dedup in keyed})
    pair = tuple_(AlertEvent.condition, AlertEvent.dedup_key)
    for start in range(0, len(pairs), 400):
        told = select(AlertEvent.condition, AlertEvent.dedup_key).where(pair.in_(pairs[start : start + 400]))
        batch.seen.update((row.condition, row.dedup_key) for row in session.execute(told))


def _parts(keys: Iterable[str], size: int = 500) -> Iterable[list[str]]:
    ordered = sorted(keys)
    return (ordered[i : i + size] for i in range(0, len(ordered), size))


def _take_one(batch: _Batch, news: AlertNews, keys: tuple[str, str, int], ci_id: int | None) -> None:
    fingerprint, apart, dedup = keys
    known = batch.known.get(fingerprint)
    if known is None and apart != fingerprint and (known := batch.known.pop(apart, None)) is not None:
        batch.known[fingerprint] = known  # its CI was found meanwhile
        known.row.update(fingerprint=fingerprint, ci_id=ci_id)
        known.touched = known.whole = True
    told = (condition(apart), dedup)
    if told in batch.seen:
        batch.taken.append(Taken(known.row["id"] if known is not None else None, fingerprint, "duplicate"))
        return
    batch.seen.add(told)
    at = datetime.fromtimestamp(news.at, UTC)
    if (
        known is not None
        and 0 < batch.sequence < known.row["sequence"]
        and known.row["source"] == batch.source
    ):
        outcome = "stale"
    elif news.status == "resolved":
        outcome = _ends(batch, known, news, at)
    elif news.status == "info" and news.severity == "info":
        outcome, known = "noted", None
    else:
        known, outcome = _fires(batch, known, news, fingerprint, ci_id)
    if known is not None and outcome != "stale":
        known.row.update(sequence=batch.sequence, last_at=at)
        known.touched = True
        known.whole = known.whole or outcome != "repeated"
    alert_id = known.row["id"] if known is not None else 0
    batch.events.append(
        {
            "alert_id": alert_id,
            "condition": told[0],
            "dedup_key": dedup,
            "status": news.status,
            "severity": news.severity,
            "value": news.value,
            "at": at,
            "received_at": batch.received_at,
            "source": batch.source,
            "sequence": batch.sequence,
            "outcome": outcome,
            "raw": _encode(news),
            "trace_id": news.trace,
        }
    )
    batch.taken.append(Taken(alert_id or None, fingerprint, outcome))


def _ends(batch: _Batch, known: _Known | None, news: AlertNews, at: datetime) -> str:
    if known is None or known.row["resolved_at"] is not None:
        return "unknown"
    row = known.row
    row["value"] = news.value
    row["count"] += 1
    if row["flaps"] >= FLAPS_HOLD and row["state"] is not AlertState.SUPPRESSED:
        row["held_until"] = batch.now + HOLD_OPEN
        return "held"
    row.update(
        state=AlertState.RESOLVED, resolved_at=max(at, row["started_at"]), held_until=None, mute_id=None
    )
    batch.changes.append(Change("cleared", row["id"], at))
    return "resolved"


def _fires(
    batch: _Batch, known: _Known | None, news: AlertNews, fingerprint: str, ci_id: int | None
) -> tuple[_Known, str]:
    at = datetime.fromtimestamp(news.at, UTC)
    matcher = muted_by(batch.matchers, ci_id, news.rule, batch.now)
    state = AlertState.SUPPRESSED if matcher else AlertState.FIRING
    held = batch.now + NOTED_FOR if news.status == "info" else None
    if known is None:
        known = batch.known[fingerprint] = _Known(
            _new_row(batch, news, fingerprint, ci_id, at), new=True, touched=True
        )
        known.row.update(state=state, mute_id=matcher.id if matcher else None, held_until=held)
        if matcher is None:
            batch.changes.append(Change("fired", known.row["id"], at, known.row))
        return known, "opened"
    row = known.row
    row["count"] += 1
    row["value"] = news.value
    outcome = "repeated"
    if row["severity"] != news.severity:
        row["severity"] = Severity(news.severity)
        batch.changes.append(Change("changed", row["id"], at))
        outcome = "changed"
    if row["resolved_at"] is not None:
        row.update(
            state=state, resolved_at=None, flaps=row["flaps"] + 1, mute_id=matcher.id if matcher else None
        )
        if matcher is None:
            batch.changes.append(Change("fired", row["id"], at))
        outcome = "reopened"
    elif row["held_until"] is not None and news.status != "info":
        row["flaps"] += 1
    row["held_until"] = held
    row["flaps"] = max(row["flaps"], news.flaps)
    return known, outcome


def _new_row(
    batch: _Batch, news: AlertNews, fingerprint: str, ci_id: int | None, at: datetime
) -> dict[str, Any]:
    number = batch.next_alert
    batch.next_alert = number + 1
    told = SYMPTOMS.get(news.symptom, Symptom.OTHER)
    if told is Symptom.OTHER:
        told = symptom_of(news.rule, news.metric, news.summary.get("en") or news.summary.get("zh", ""))
    hints: dict[str, Any] = {"impact": news.impact, "urgency": news.urgency, "category": news.category}
    hints = {name: value for name, value in hints.items() if value}
    if news.cause:
        hints["cause"] = dict(news.cause)
    return {
        "id": number,
        "fingerprint": fingerprint,
        "group_id": None,
        "ci_id": ci_id,
        "source": batch.source,
        "device": news.device,
        "rule": news.rule,
        "symptom": told.value,
        "severity": Severity(news.severity),
        "state": AlertState.FIRING,
        "value": news.value,
        "unit": news.unit,
        "metric": news.metric,
        "summary": dict(news.summary),
        "labels": news.key,
        "evidence": news.evidence,
        "hints": hints,
        "started_at": at,
        "last_at": at,
        "resolved_at": None,
        "held_until": None,
        "count": 1,
        "flaps": news.flaps,
        "sequence": batch.sequence,
        "trace_id": news.trace,
        "joined": {},
        "acknowledged_by_id": None,
        "acknowledged_at": None,
        "mute_id": None,
    }


REPEATED_COLUMNS = ("id", "value", "last_at", "count", "sequence", "flaps", "held_until")
CHANGED_COLUMNS = (
    "id",
    "fingerprint",
    "ci_id",
    "severity",
    "state",
    "value",
    "last_at",
    "resolved_at",
    "held_until",
    "count",
    "flaps",
    "sequence",
    "mute_id",
)


def _write(session: Session, batch: _Batch) -> None:
    known = batch.known.values()
    insert_rows(session, Alert, [one.row for one in known if one.new])
    for whole, names in ((True, CHANGED_COLUMNS), (False, REPEATED_COLUMNS)):
        old = [one.row for one in known if one.touched and not one.new and one.whole is whole]
        update_rows(session, Alert, [{name: row[name] for name in names} for row in old])
    insert_rows(session, AlertEvent, batch.events)


def _end_pauses(session: Session, now: datetime) -> list[Change]:
    """Alerts that were over and kept open, because they flap, and stayed quiet."""
    rows = session.execute(
        select(Alert.id, Alert.last_at).where(Alert.held_until <= now, Alert.resolved_at.is_(None))
    ).all()
    if rows:
        ended = {"state": AlertState.RESOLVED, "resolved_at": now, "held_until": None, "mute_id": None}
        update_rows(session, Alert, [{"id": row.id, **ended} for row in rows])
    return [Change("cleared", row.id, now) for row in rows]


def _end_mutes(session: Session, now: datetime) -> list[Change]:
    """What mutes held back that have ended or were taken back, and still fires."""
    over = session.scalars(select(Mute).where(Mute.until <= now, Mute.ended_at.is_(None))).all()
    for mute in over:
        mute.ended_at = now
    living = matchers(session, now)
    rows = session.execute(
        select(Alert.id, Alert.ci_id, Alert.rule)
        .outerjoin(Mute, Mute.id == Alert.mute_id)
        .where(Alert.state == AlertState.SUPPRESSED, or_(Mute.id.is_(None), Mute.ended_at.is_not(None)))
    ).all()
    changes = []
    for row in rows:
        matcher = muted_by(living, row.ci_id, row.rule, now)
        state = AlertState.SUPPRESSED if matcher else AlertState.FIRING
        update_rows(
            session, Alert, [{"id": row.id, "state": state, "mute_id": matcher.id if matcher else None}]
        )
        if matcher is None:
            changes.append(Change("fired", row.id, now))
    return changes
