"""News becomes alerts: identity, repeats, severities, flapping, mutes; in bulk, by sequence.

Reports that came together are one call and one transaction, under the lock of the alert mark. They cost a
handful of statements however many alerts they hold.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from rules.suppress import Matcher, muted_by
from rules.wire import AlertNews
from server.alerts.bulk import insert_rows, insert_tuples, moments, update_rows, update_tuples
from server.alerts.grouping import Change, group_changes
from server.alerts.keys import dedup_key, fingerprints
from server.alerts.known import FLAP_WINDOW, forget_known, keep, load, overtaken, told_before
from server.alerts.memory import renew_stamp
from server.alerts.models import Alert, AlertEvent, AlertMark, AlertState, Mute
from server.alerts.outcome import EVENT_NAMES, Batch, Keys, Taken, Told, take_one
from server.cmdb.models import CiKey
from server.cmdb.observing import source_key
from server.kernel.db import insert_missing
from server.kernel.events import emit

__all__ = ["FLAP_WINDOW", "Taken", "Told", "locked_mark", "matchers", "settle", "take", "take_all"]

MARK = 1
LOCKED_MARK = (
    select(AlertMark).where(AlertMark.id == MARK).with_for_update().execution_options(populate_existing=True)
)
LIVING_MUTES = select(Mute.id, Mute.until, Mute.ci_id, Mute.rule).where(
    Mute.ended_at.is_(None), Mute.until > bindparam("now")
)


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
    """Take the news of one report; see `take_all` and `Told`."""
    return take_all(session, [Told(news, source, received_at, sequence, ci_of)], now=now)[0]


def take_all(session: Session, reports: Sequence[Told], *, now: datetime) -> list[list[Taken]]:
    """Take the news of reports that came together, each of one source.

    The fingerprint decides which condition is meant. Telling the same news twice changes nothing; every
    different piece of it is kept as it came. What is older by sequence than what is known is kept and
    changes nothing either: order is by sequence, never by a device's clock. An end that overtook its own
    beginning leaves nothing open.

    Returns:
        What became of each piece of each report, in order.
    """
    if not any(told.news for told in reports):
        return [[] for _ in reports]
    mark = locked_mark(session)
    found = [told.ci_of if told.ci_of is not None else _cis_of(session, told) for told in reports]
    keyed = [
        [_keys(one, told.source, cis) for one in told.news] for told, cis in zip(reports, found, strict=True)
    ]
    batch = Batch(now, mark.next_alert, matchers(session, now), moments(session))
    prints = {text for of_report in keyed for keys in of_report for text in (keys.own, keys.apart)}
    batch.known = load(session, mark, prints, now)
    batch.seen = told_before(session, [keys.told for of_report in keyed for keys in of_report])
    batch.overtaken = _overtaken(session, batch, reports, keyed)
    renew_stamp(session, mark)
    taken = []
    for told, of_report in zip(reports, keyed, strict=True):
        batch.received = batch.as_moment(told.received_at, told.received_at.timestamp())
        pairs = zip(told.news, of_report, strict=True)
        taken.append([take_one(batch, told, one, keys) for one, keys in pairs])
    mark.next_alert = batch.next_alert
    fresh = {known.row["id"]: known.row for known in batch.known.values() if known.new}
    group_changes(session, mark, batch.changes, now=now, fresh=fresh, write=lambda: _write(session, batch))
    keep(session, mark, batch.known, batch.moved)
    if batch.changes:
        emit(session, "alerts", {"changed": len(batch.changes)})
    return taken


def settle(session: Session, *, now: datetime) -> int:
    """Time passed: pauses of flapping alerts end, mutes end, holds of groups end.

    Returns how many alerts changed. What a mute held back and still fires is told once; a restart tells
    nothing, because the mute's end is a row and not a timer.
    """
    mark = locked_mark(session)
    changes = [*_end_pauses(session, mark, now), *_end_mutes(session, mark, now)]
    group_changes(session, mark, changes, now=now)
    if changes:
        emit(session, "alerts", {"changed": len(changes)})
    return len(changes)


def locked_mark(session: Session) -> AlertMark:
    """The row under whose lock alerts change; created at the first call."""
    mark = session.scalar(LOCKED_MARK)
    if mark is None:
        first = {"id": MARK, "stamp": secrets.randbits(62), "next_alert": 1, "next_group": 1}
        insert_missing(session, AlertMark, first)
        mark = session.scalars(LOCKED_MARK).one()
    return mark


def matchers(session: Session, now: datetime) -> list[Matcher]:
    """The mutes that live now."""
    rows = session.execute(LIVING_MUTES, {"now": now})
    return [Matcher(number, until, ci_id, rule) for number, until, ci_id, rule in rows]


def _cis_of(session: Session, told: Told) -> dict[str, int]:
    """CIs by the names under which a source knows them."""
    names = {source_key(told.source, one.device): one.device for one in told.news}
    query = select(CiKey.value, CiKey.ci_id).where(CiKey.kind == "source_key", CiKey.value.in_(names))
    found: dict[str, int] = {}
    for value, ci_id in session.execute(query.order_by(CiKey.ci_id.desc())):
        found[names[value]] = ci_id  # of several, the eldest
    return found


def _keys(news: AlertNews, source: str, cis: Mapping[str, int]) -> Keys:
    ci_id = cis.get(news.device)
    own, apart, number = fingerprints(source, news.device, ci_id, news.rule, tuple(news.key.items()))
    return Keys(own, apart, (number, dedup_key(news)), ci_id)


def _overtaken(
    session: Session, batch: Batch, reports: Sequence[Told], keyed: Sequence[Sequence[Keys]]
) -> dict[tuple[int, str], int]:
    """Ends that may have overtaken beginnings which are told now."""
    unknown = {
        keys.told[0]
        for told, of_report in zip(reports, keyed, strict=True)
        if told.sequence
        for keys in of_report
        if keys.own not in batch.known and keys.apart not in batch.known
    }
    return overtaken(session, unknown, now=batch.now)


REPEATED_COLUMNS = ("value", "last_at", "count", "sequence")
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


def _write(session: Session, batch: Batch) -> None:
    known = batch.known.values()
    insert_rows(session, Alert, [one.row for one in known if one.new])
    old = [one for one in known if one.touched and not one.new]
    whole = [{name: one.row[name] for name in CHANGED_COLUMNS} for one in old if one.whole]
    update_rows(session, Alert, whole)
    repeated = [
        (row["value"], one.moment, row["count"], row["sequence"], row["id"])
        for one in old
        if not one.whole
        for row in (one.row,)
    ]
    update_tuples(session, Alert, REPEATED_COLUMNS, repeated)
    insert_tuples(session, AlertEvent, EVENT_NAMES, batch.events)


def _end_pauses(session: Session, mark: AlertMark, now: datetime) -> list[Change]:
    """Alerts that were over and kept open, because they flap, and stayed quiet."""
    rows = session.execute(
        select(Alert.id, Alert.last_at).where(Alert.held_until <= now, Alert.resolved_at.is_(None))
    ).all()
    if rows:
        forget_known(session)
        renew_stamp(session, mark)
        ended = {"state": AlertState.RESOLVED, "resolved_at": now, "held_until": None, "mute_id": None}
        update_rows(session, Alert, [{"id": row.id, **ended} for row in rows])
    return [Change("cleared", row.id, now) for row in rows]


def _end_mutes(session: Session, mark: AlertMark, now: datetime) -> list[Change]:
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
    if rows:
        forget_known(session)
        renew_stamp(session, mark)
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
