"""What is known of conditions: a cache of alert rows by fingerprint, and what was told before.

The cache is valid while its stamp is the mark's, as the correlator's memory; it holds the newest alert of
a condition, or None where there is none. A condition that it does not hold is read from the rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from server.alerts.models import IS_END, Alert, AlertEvent, AlertMark

FLAP_WINDOW = timedelta(minutes=5)  # back within this: the same alert again
LATE = timedelta(hours=1)  # news that was overtaken comes within this
MOST_KEPT = 50_000  # conditions
PART = 5_000  # pairs of one statement; SQLite takes 32,766 values

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
KNOWN_NAMES = tuple(column.key for column in KNOWN_COLUMNS)


class Known(msgspec.Struct, gc=False):
    """What a batch knows of one condition; the row is written once at the end."""

    row: dict[str, Any]
    new: bool = False
    touched: bool = False
    whole: bool = False  # more has changed than a repeat changes
    moment: Any = None  # its `last_at` as the driver takes it


@dataclass(slots=True)
class _Cache:
    stamp: int
    rows: dict[str, dict[str, Any] | None] = field(default_factory=dict)


_caches: dict[str, _Cache] = {}


def database_of(session: Session) -> str:
    """What the memories of a database are kept under."""
    return str(session.get_bind().engine.url)


def forget_known(session: Session) -> None:
    """Alerts were changed past the cache: read them again."""
    _caches.pop(database_of(session), None)


def keep_stamp(session: Session, was: int, stamp: int) -> None:
    """The cache goes along with a new stamp of this transaction, if it was valid."""
    cache = _caches.get(database_of(session))
    if cache is not None and cache.stamp == was:
        cache.stamp = stamp


def load(session: Session, mark: AlertMark, fingerprints: set[str], now: datetime) -> dict[str, Known]:
    """The alerts of conditions that are open, or over for less than the flap window."""
    cache = _valid(session, mark)
    missing = sorted(fingerprint for fingerprint in fingerprints if fingerprint not in cache.rows)
    cache.rows.update(dict.fromkeys(missing))
    for part in (missing[i : i + 500] for i in range(0, len(missing), 500)):
        query = select(*KNOWN_COLUMNS).where(
            Alert.fingerprint.in_(part),
            or_(Alert.resolved_at.is_(None), Alert.resolved_at > now - FLAP_WINDOW),
        )
        for row in session.execute(query.order_by(Alert.id)).mappings():
            held = cache.rows[row["fingerprint"]]
            if held is None or held["resolved_at"] is not None:
                cache.rows[row["fingerprint"]] = dict(row)
    found = {}
    for fingerprint in fingerprints:
        known = cache.rows[fingerprint]
        if known is not None and (known["resolved_at"] is None or known["resolved_at"] > now - FLAP_WINDOW):
            found[fingerprint] = Known(known)
    return found


def keep(session: Session, mark: AlertMark, known: dict[str, Known], moved: Iterable[str]) -> None:
    """Keep what became of a batch's conditions; `moved` are fingerprints that are another's now."""
    cache = _valid(session, mark)
    for fingerprint in moved:
        cache.rows[fingerprint] = None
    for fingerprint, one in known.items():
        cache.rows[fingerprint] = {name: one.row[name] for name in KNOWN_NAMES} if one.new else one.row


def _valid(session: Session, mark: AlertMark) -> _Cache:
    key = database_of(session)
    cache = _caches.get(key)
    if cache is None or cache.stamp != mark.stamp or len(cache.rows) > MOST_KEPT:
        cache = _caches[key] = _Cache(mark.stamp)
    return cache


# -- what was told ------------------------------------------------------------------------------


def told_before(session: Session, pairs: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Which pairs of condition and deduplication key there are events of."""
    found: set[tuple[int, int]] = set()
    connection = session.connection()
    for part in (pairs[i : i + PART] for i in range(0, len(pairs), PART)):
        if connection.dialect.name == "postgresql":
            wanted = "unnest(%s::bigint[], %s::bigint[])"
            values: tuple[Any, ...] = ([pair[0] for pair in part], [pair[1] for pair in part])
        else:
            wanted = f"(VALUES {','.join(['(?,?)'] * len(part))})"
            values = tuple(key for pair in part for key in pair)
        rows = connection.exec_driver_sql(
            f"WITH wanted(condition, dedup_key) AS (SELECT * FROM {wanted} AS listed) "  # noqa: S608  places only
            "SELECT e.condition, e.dedup_key FROM wanted w CROSS JOIN alert_event e "
            "WHERE e.dedup_key = w.dedup_key AND e.condition = w.condition",
            values,
        )
        found.update((row[0], row[1]) for row in rows)
    return found


def overtaken(session: Session, conditions: Iterable[int], *, now: datetime) -> dict[tuple[int, str], int]:
    """The newest end of conditions that no alert stands for, by condition and source: its sequence.

    An end that came before its own beginning opened nothing; the beginning must not either.
    """
    found: dict[tuple[int, str], int] = {}
    wanted = sorted(set(conditions))
    for part in (wanted[i : i + 500] for i in range(0, len(wanted), 500)):
        query = select(AlertEvent.condition, AlertEvent.source, AlertEvent.sequence).where(
            AlertEvent.condition.in_(part),
            IS_END,
            AlertEvent.sequence > 0,
            AlertEvent.received_at > now - LATE,
        )
        for condition, source, sequence in session.execute(query):
            key = (condition, source)
            found[key] = max(found.get(key, 0), sequence)
    return found
