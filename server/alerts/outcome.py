"""What one piece of news does to its condition: opened, repeated, resolved, held, stale ... by sequence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from rules.story import Severity
from rules.suppress import Matcher, muted_by
from rules.symptom import Symptom, symptom_of
from rules.wire import AlertNews
from server.alerts.grouping import Change
from server.alerts.known import Known
from server.alerts.models import AlertState

FLAPS_HOLD = 3  # so many returns, and it is kept open through its pauses
HOLD_OPEN = timedelta(minutes=5)  # of quiet, before a flapping alert is over
NOTED_FOR = timedelta(minutes=15)  # news without a condition behind it rests after this
SYMPTOMS = {symptom.value: symptom for symptom in Symptom} | {"cpu_memory": Symptom.COMPUTE}
EVENT_NAMES = (
    "alert_id",
    "condition",
    "dedup_key",
    "status",
    "severity",
    "value",
    "at",
    "received_at",
    "source",
    "sequence",
    "outcome",
    "raw",
    "trace_id",
)
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Told:
    """The news of one report.

    Attributes:
        news: in the order in which the source told it.
        source: who tells, as `agent:3` or `alertmanager:main`.
        received_at: when the report came in.
        sequence: the report's number in its stream; 0 where the source has none.
        ci_of: CI ids by device as the source names it; looked up in the CMDB if None.
        trace: carried by news that has no trace of its own.
    """

    news: Sequence[AlertNews]
    source: str
    received_at: datetime
    sequence: int = 0
    ci_of: Mapping[str, int] | None = None
    trace: str = ""


class Keys(msgspec.Struct, gc=False):
    """Of one piece of news: fingerprint, the one it has while its CI is not known, what it counts once by."""

    own: str
    apart: str
    told: tuple[int, int]  # condition, deduplication key
    ci_id: int | None


class Taken(msgspec.Struct, gc=False):
    """What became of one piece of news.

    `outcome`: opened, repeated, changed (severity), resolved, held (over, but it flaps), reopened,
    duplicate, stale (older than what is known), noted (no condition stands behind it), unknown (an end
    without a beginning).
    """

    alert_id: int | None
    fingerprint: str
    outcome: str


@dataclass(slots=True)
class Batch:
    """What is gathered of all reports before it is written at once.

    `overtaken`: the sequence of the newest end of a condition without an alert, by condition and source.
    """

    now: datetime
    next_alert: int
    matchers: list[Matcher]
    as_moment: Callable[[datetime, float], Any]  # as the database's driver takes it
    received: Any = None  # when the report came in that is being taken, as the driver takes it
    known: dict[str, Known] = field(default_factory=dict)
    seen: set[tuple[int, int]] = field(default_factory=set)
    overtaken: dict[tuple[int, str], int] = field(default_factory=dict)
    moved: list[str] = field(default_factory=list)  # fingerprints left behind
    events: list[tuple[Any, ...]] = field(default_factory=list)  # values of EVENT_NAMES
    changes: list[Change] = field(default_factory=list)


def take_one(batch: Batch, told: Told, news: AlertNews, keys: Keys) -> Taken:
    """Take one piece of news; the batch holds all that it may meet."""
    known = batch.known.get(keys.own)
    if known is None and keys.apart != keys.own and (known := batch.known.pop(keys.apart, None)) is not None:
        batch.known[keys.own] = known  # its CI was found meanwhile
        batch.moved.append(keys.apart)
        known.row.update(fingerprint=keys.own, ci_id=keys.ci_id)
        known.touched = known.whole = True
    if keys.told in batch.seen:
        return Taken(known.row["id"] if known is not None else None, keys.own, "duplicate")
    batch.seen.add(keys.told)
    at = datetime.fromtimestamp(news.at, UTC)
    moment = batch.as_moment(at, news.at)
    if _is_stale(batch, told, known, keys):
        outcome = "stale"
    elif news.status == "resolved":
        outcome = _ends(batch, known, news, at)
        if known is None and told.sequence:
            _remember_end(batch, told, keys)
    elif news.status == "info" and news.severity == "info":
        outcome, known = "noted", None
    else:
        known, outcome = _fires(batch, told, news, keys, at)
    if known is not None and outcome != "stale":
        row = known.row
        row["sequence"], row["last_at"] = told.sequence, at
        known.touched, known.moment = True, moment
        known.whole = known.whole or outcome != "repeated"
    alert_id = known.row["id"] if known is not None else 0
    batch.events.append(
        (
            alert_id,
            *keys.told,
            news.status,
            news.severity,
            news.value,
            moment,
            batch.received,
            told.source,
            told.sequence,
            outcome,
            _encode(news),
            news.trace or told.trace,
        )
    )
    return Taken(alert_id or None, keys.own, outcome)


def _is_stale(batch: Batch, told: Told, known: Known | None, keys: Keys) -> bool:
    """Whether newer news of the same source, by sequence, was taken before."""
    if not told.sequence:
        return False
    if known is not None:
        return bool(told.sequence < known.row["sequence"] and known.row["source"] == told.source)
    return told.sequence < batch.overtaken.get((keys.told[0], told.source), 0)


def _remember_end(batch: Batch, told: Told, keys: Keys) -> None:
    """An end without a beginning; the beginning may be late."""
    key = (keys.told[0], told.source)
    batch.overtaken[key] = max(batch.overtaken.get(key, 0), told.sequence)


def _ends(batch: Batch, known: Known | None, news: AlertNews, at: datetime) -> str:
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


def _fires(batch: Batch, told: Told, news: AlertNews, keys: Keys, at: datetime) -> tuple[Known, str]:
    known = batch.known.get(keys.own)
    held = batch.now + NOTED_FOR if news.status == "info" else None
    if known is None:
        row = _new_row(batch, told, news, keys, at)
        known = batch.known[keys.own] = Known(row, new=True, touched=True)
        row["held_until"] = held
        if not _mute(batch, row, news, keys):
            batch.changes.append(Change("fired", row["id"], at, row))
        return known, "opened"
    row = known.row
    row["count"] += 1
    row["value"] = news.value
    outcome = "repeated"
    if row["severity"] != news.severity:
        row["severity"] = Severity(news.severity)
        batch.changes.append(Change("changed", row["id"], at))
        outcome = "changed"
    flaps = row["flaps"]
    if row["resolved_at"] is not None:
        row.update(resolved_at=None, flaps=flaps + 1)
        if not _mute(batch, row, news, keys):
            batch.changes.append(Change("fired", row["id"], at))
        outcome = "reopened"
    elif row["held_until"] is not None and news.status != "info":
        row["flaps"] = flaps + 1
    row["flaps"] = max(row["flaps"], news.flaps)
    if row["held_until"] != held or row["flaps"] != flaps:
        row["held_until"] = held
        known.whole = True
    return known, outcome


def _mute(batch: Batch, row: dict[str, Any], news: AlertNews, keys: Keys) -> bool:
    """Whether somebody said not to tell of what begins."""
    matcher = muted_by(batch.matchers, keys.ci_id, news.rule, batch.now)
    row["state"] = AlertState.SUPPRESSED if matcher else AlertState.FIRING
    row["mute_id"] = matcher.id if matcher else None
    return matcher is not None


def _new_row(batch: Batch, told: Told, news: AlertNews, keys: Keys, at: datetime) -> dict[str, Any]:
    number = batch.next_alert
    batch.next_alert = number + 1
    symptom = SYMPTOMS.get(news.symptom, Symptom.OTHER)
    if symptom is Symptom.OTHER:
        symptom = symptom_of(news.rule, news.metric, news.summary.get("en") or news.summary.get("zh", ""))
    hints: dict[str, Any] = {"impact": news.impact, "urgency": news.urgency, "category": news.category}
    hints = {name: value for name, value in hints.items() if value}
    if news.cause:
        hints["cause"] = dict(news.cause)
    return {
        "id": number,
        "fingerprint": keys.own,
        "group_id": None,
        "ci_id": keys.ci_id,
        "source": told.source,
        "device": news.device,
        "rule": news.rule,
        "symptom": symptom.value,
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
        "sequence": told.sequence,
        "trace_id": news.trace or told.trace,
        "joined": {},
        "acknowledged_by_id": None,
        "acknowledged_at": None,
        "mute_id": None,
    }
