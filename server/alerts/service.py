"""What people and other practices do with alerts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.orm import Session

from rules.suppress import Matcher
from server.alerts.bulk import update_rows
from server.alerts.grouping import Change, group_changes
from server.alerts.grouping import move as move_group
from server.alerts.known import forget_known
from server.alerts.memory import renew_stamp
from server.alerts.models import Alert, AlertEvent, AlertGroup, AlertState, Mute, Severity, Stage
from server.alerts.taking import Taken, locked_mark, settle, take
from server.kernel.call import Actor
from server.kernel.db import UtcDateTime
from server.kernel.errors import ConflictError, InvalidError, NotFoundError
from server.kernel.events import emit
from server.kernel.i18n import N_

__all__ = [
    "Funnel",
    "Taken",
    "acknowledge",
    "alert",
    "end_mute",
    "events",
    "funnel",
    "living",
    "move",
    "mute",
    "settle",
    "take",
    "worst_of",
]

LONGEST_MUTE = timedelta(days=30)
LIVING = (AlertState.FIRING, AlertState.ACKNOWLEDGED, AlertState.SUPPRESSED)
_RANK = {Severity.CRITICAL: 0, Severity.MAJOR: 1, Severity.MINOR: 2, Severity.INFO: 3}


@dataclass(frozen=True)
class Funnel:
    """From events to incidents, since a moment."""

    events: int
    alerts: int
    groups: int
    told: int
    muted: int


def alert(session: Session, number: int) -> Alert:
    """The alert of an id."""
    found = session.get(Alert, number)
    if found is None:
        raise NotFoundError(N_("There is no alert {number}."), number=number)
    return found


def events(session: Session, number: int, *, limit: int = 200) -> Sequence[AlertEvent]:
    """The raw news of an alert, newest first."""
    query = select(AlertEvent).where(AlertEvent.alert_id == number)
    return session.scalars(query.order_by(AlertEvent.id.desc()).limit(limit)).all()


def living(session: Session, ci_id: int) -> Sequence[Alert]:
    """The alerts of a CI that are not over, worst first."""
    rows = session.scalars(select(Alert).where(Alert.ci_id == ci_id, Alert.resolved_at.is_(None))).all()
    return sorted(rows, key=lambda row: (_RANK[row.severity], row.started_at))


def worst_of(session: Session, ci_ids: Sequence[int] | None = None) -> dict[int, Severity]:
    """The gravest severity of living alerts by CI; of all CIs if None. Suppressed ones are left out."""
    query = select(Alert.ci_id, Alert.severity).where(
        Alert.resolved_at.is_(None), Alert.ci_id.is_not(None), Alert.state != AlertState.SUPPRESSED
    )
    if ci_ids is not None:
        query = query.where(Alert.ci_id.in_(ci_ids))
    worst: dict[int, Severity] = {}
    for ci_id, severity in session.execute(query.distinct()):
        if ci_id is None:
            continue
        if ci_id not in worst or _RANK[severity] < _RANK[worst[ci_id]]:
            worst[ci_id] = severity
    return worst


def acknowledge(session: Session, number: int, *, actor: Actor, now: datetime) -> Alert:
    """Somebody has seen it."""
    actor.needs("alert.acknowledge")
    mark = locked_mark(session)
    found = alert(session, number)
    if found.state is AlertState.RESOLVED:
        raise ConflictError(N_("The alert is over already."))
    if found.state is AlertState.SUPPRESSED:
        raise ConflictError(N_("The alert is muted; end the mute first."))
    if found.state is AlertState.FIRING:
        found.state = AlertState.ACKNOWLEDGED
        found.acknowledged_by_id, found.acknowledged_at = actor.id, now
        forget_known(session)
        renew_stamp(session, mark)
        emit(session, "alerts", {"id": found.id})
    session.flush()
    return found


def mute(
    session: Session,
    *,
    ci_id: int | None,
    rule: str,
    reason: str,
    until: datetime,
    actor: Actor,
    now: datetime,
) -> Mute:
    """Do not tell of alerts of a CI, a rule, or a rule on a CI, until a moment.

    What fires now and matches is held back from now on; what was told already stays told.
    """
    actor.needs("alert.mute")
    if ci_id is None and not rule:
        raise InvalidError(N_("Say which item or which rule is muted."), field="/rule")
    if not reason.strip():
        raise InvalidError(N_("Say why; whoever comes next must be able to judge it."), field="/reason")
    if not now < until <= now + LONGEST_MUTE:
        raise InvalidError(N_("A mute ends within 30 days."), field="/until")
    mark = locked_mark(session)
    made = Mute(
        ci_id=ci_id, rule=rule, owner_id=actor.id, reason=reason.strip()[:400], created_at=now, until=until
    )
    session.add(made)
    session.flush()
    rows = session.execute(
        select(Alert.id, Alert.ci_id, Alert.rule, AlertGroup.told_at)
        .outerjoin(AlertGroup, AlertGroup.id == Alert.group_id)
        .where(Alert.state.in_((AlertState.FIRING, AlertState.ACKNOWLEDGED)))
    ).all()
    matcher = Matcher(made.id, until, ci_id, rule)
    held = [row for row in rows if matcher.covers(row.ci_id, row.rule)]
    muted = {"state": AlertState.SUPPRESSED, "mute_id": made.id}
    update_rows(session, Alert, [{"id": row.id, **muted} for row in held])
    silent = [Change("cleared", row.id, now) for row in held if row.told_at is None]
    forget_known(session)
    renew_stamp(session, mark)
    group_changes(session, mark, silent, now=now)
    session.flush()
    session.expire_all()
    emit(session, "alerts", {"mute": made.id})
    return made


def end_mute(session: Session, number: int, *, actor: Actor, now: datetime) -> Mute:
    """Take a mute back; what it held and still fires is told once."""
    actor.needs("alert.mute")
    found = session.get(Mute, number)
    if found is None:
        raise NotFoundError(N_("There is no such mute."))
    if found.ended_at is None:
        found.ended_at = now
        session.flush()
        settle(session, now=now)
    return found


def mutes(session: Session, *, now: datetime) -> Sequence[Mute]:
    """The mutes that live, the one that ends first on top."""
    query = select(Mute).where(Mute.ended_at.is_(None), Mute.until > now)
    return session.scalars(query.order_by(Mute.until)).all()


def move(session: Session, number: int, group_id: int | None, *, actor: Actor, now: datetime) -> AlertGroup:
    """Put an alert into another group, or into one of its own if None. It stays where a person put it."""
    actor.needs("alert.move")
    mark = locked_mark(session)
    found = alert(session, number)
    if group_id is not None:
        target = session.get(AlertGroup, group_id)
        if target is None or target.state in (Stage.ENDED, Stage.MERGED):
            raise InvalidError(N_("Choose a group that is open."), field="/group_id")
        if group_id == found.group_id:
            return target
    if found.group_id is None or found.resolved_at is not None:
        raise ConflictError(N_("Only an alert that still fires can be moved."))
    moved = move_group(session, mark, found, group_id, now=now)
    emit(session, "alerts", {"id": found.id})
    return session.get_one(AlertGroup, moved)


# Events get their numbers in the order in which they come, and have no index by time, for which each of them
# would pay. Halving finds the first of a time in as many looks as the number of events has bits.
_BEFORE = "(SELECT received_at FROM alert_event WHERE id >= (low + high) / 2 ORDER BY id LIMIT 1) < :since"
_HALVES = f"""
    WITH RECURSIVE halves(low, high) AS (
        SELECT min(id), max(id) + 1 FROM alert_event
        UNION ALL
        SELECT CASE WHEN {_BEFORE} THEN (low + high) / 2 + 1 ELSE low END,
            CASE WHEN {_BEFORE} THEN high ELSE (low + high) / 2 END
        FROM halves WHERE low < high
    )
    SELECT low FROM halves WHERE low >= high
"""  # noqa: S608  our own words alone
_FIRST_SINCE = text(_HALVES).bindparams(bindparam("since", type_=UtcDateTime()))


def events_since(session: Session, since: datetime) -> int:
    """How many events came since a moment."""
    first = session.scalar(_FIRST_SINCE, {"since": since})
    if first is None:
        return 0
    return session.scalar(select(func.count(AlertEvent.id)).where(AlertEvent.id >= first)) or 0


def funnel(session: Session, *, since: datetime) -> Funnel:
    """How many events, alerts, groups and incidents there were since a moment."""

    def count(column: object, *where: object) -> int:
        return session.scalar(select(func.count(column)).where(*where)) or 0  # type: ignore[arg-type]

    return Funnel(
        events=events_since(session, since),
        alerts=count(Alert.id, Alert.last_at >= since),
        groups=count(AlertGroup.id, AlertGroup.opened_at >= since, AlertGroup.state != Stage.MERGED),
        told=count(
            AlertGroup.id,
            AlertGroup.opened_at >= since,
            AlertGroup.told_at.is_not(None),
            AlertGroup.state != Stage.MERGED,
        ),
        muted=count(Alert.id, Alert.last_at >= since, Alert.state == AlertState.SUPPRESSED),
    )
