"""News becomes alerts: one per condition, whatever is repeated, late or out of order."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session

from rules.wire import EARLIEST, LATEST, AlertNews
from server.alerts.bulk import moments
from server.alerts.keys import dedup_key
from server.alerts.memory import forget_memory
from server.alerts.models import Alert, AlertEvent, AlertGroup, AlertState, Mute, Severity, Stage
from server.alerts.service import acknowledge, mute
from server.alerts.taking import Told, settle, take, take_all
from server.kernel.call import Actor
from server.kernel.db import Base, Database
from server.kernel.errors import NotFoundError

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ALICE = Actor(1, "alice", {"en": "Alice"}, frozenset({"alert.mute", "alert.acknowledge"}))


def news(status: str = "firing", at: float = 0, device: str = "t1", **more: object) -> AlertNews:
    values = {
        "device": device,
        "rule": "DiskAlmostFull",
        "status": status,
        "severity": "critical",
        "at": NOON.timestamp() + at,
        "summary": {"en": "The disk is almost full", "zh": "磁盘将满"},
        "value": 97.0,
        "unit": "%",
        "key": {"mount": "/data"},
        "symptom": "disk",
    }
    return msgspec.convert({**values, **more}, AlertNews)


def tell(
    db: Database, *items: AlertNews, at: float = 0, sequence: int = 0, source: str = "agent:1"
) -> list[str]:
    now = NOON + timedelta(seconds=at)
    taken = db.run_now(take, list(items), source=source, received_at=now, now=now, sequence=sequence)
    return [one.outcome for one in taken]


def alerts(db: Database) -> list[Alert]:
    return list(db.read_now(lambda session: session.scalars(select(Alert).order_by(Alert.id)).all()))


def test_the_same_news_twice_changes_nothing_and_a_repeat_is_counted(db: Database) -> None:
    assert tell(db, news()) == ["opened"]
    assert tell(db, news()) == ["duplicate"]
    assert tell(db, news(at=60)) == ["repeated"]
    (alert,) = alerts(db)
    assert (alert.count, alert.state, alert.severity) == (2, AlertState.FIRING, Severity.CRITICAL)
    assert db.read_now(lambda session: session.scalar(select(func.count(AlertEvent.id)))) == 2


def test_the_severities_of_one_check_are_one_alert(db: Database) -> None:
    assert tell(db, news(severity="major"), news(at=30, severity="critical")) == ["opened", "changed"]
    (alert,) = alerts(db)
    assert alert.severity is Severity.CRITICAL


def test_what_is_written_past_the_orm_reads_as_the_orm_writes_it(db: Database) -> None:
    tell(
        db,
        news(evidence={"oid": "1.3.6.1", "raw": 97, "text": "机房"}, cause={"en": "x", "zh": "y"}, impact=2),
    )
    (alert,) = alerts(db)
    assert alert.started_at == NOON
    assert alert.evidence == {"oid": "1.3.6.1", "raw": 97, "text": "机房"}
    assert alert.hints == {"impact": 2, "cause": {"en": "x", "zh": "y"}}
    assert alert.summary["zh"] == "磁盘将满"
    (event,) = db.read_now(lambda session: session.scalars(select(AlertEvent)).all())
    assert msgspec.msgpack.decode(event.raw, type=AlertNews).value == 97.0


@given(at=st.floats(EARLIEST, LATEST, exclude_max=True))
def test_any_moment_is_written_as_the_orm_writes_it(at: float) -> None:
    moment = datetime.fromtimestamp(at, UTC)
    with Session(create_engine("sqlite://")) as session:
        assert moments(session)(moment, at) == moment.replace(tzinfo=None).isoformat(" ", "microseconds")


@given(at=st.floats(EARLIEST, LATEST - 1, exclude_max=True), value=st.none() | st.floats(allow_nan=False))
def test_the_key_of_news_fits_its_column_and_follows_the_moment(at: float, value: float | None) -> None:
    one = msgspec.structs.replace(news(), at=at, value=value)
    key = dedup_key(one)
    assert 0 <= key < 2**63
    assert key == dedup_key(msgspec.structs.replace(one, summary={}, trace="t"))
    assert key < dedup_key(msgspec.structs.replace(one, at=at + 1))
    others: list[dict[str, Any]] = [
        {"status": "resolved"},
        {"severity": "minor"},
        {"value": 1.0 if value is None else None},
    ]
    assert key not in [dedup_key(msgspec.structs.replace(one, **other)) for other in others]


def test_older_news_by_sequence_is_kept_and_changes_nothing(db: Database) -> None:
    tell(db, news("firing", at=0), sequence=5)
    tell(db, news("resolved", at=10), sequence=6, at=10)
    tell(db, news("firing", at=20), sequence=8, at=20)
    assert tell(db, news("resolved", at=15), sequence=7, at=25) == ["stale"]
    assert alerts(db)[-1].state is AlertState.FIRING


def test_an_end_that_overtook_its_own_beginning_leaves_nothing_open(db: Database) -> None:
    assert tell(db, news("resolved", at=10), sequence=6, at=10) == ["unknown"]
    assert tell(db, news("firing", at=0), sequence=5, at=11) == ["stale"]
    assert alerts(db) == []
    assert db.read_now(lambda session: session.scalar(select(func.count(AlertEvent.id)))) == 2
    assert tell(db, news("firing", at=20), sequence=7, at=20) == ["opened"]


def test_another_source_is_not_overtaken(db: Database) -> None:
    tell(db, news("resolved", at=10), sequence=6, at=10, source="agent:2")
    assert tell(db, news("firing", at=0), sequence=5, at=11) == ["opened"]


def test_reports_that_come_together_are_as_if_they_came_one_after_the_other(db: Database) -> None:
    beginning = Told([news(at=0), news(at=0, device="t2")], "agent:1", NOON, 1)
    repeated = Told([news(at=5), news(at=0)], "agent:1", NOON, 2)
    ended = Told([news("resolved", at=9), news(at=0, device="t2")], "agent:1", NOON, 3)
    taken = db.run_now(take_all, [beginning, Told([], "agent:2", NOON), repeated, ended], now=NOON)
    assert [[one.outcome for one in of_report] for of_report in taken] == [
        ["opened", "opened"],
        [],
        ["repeated", "duplicate"],
        ["resolved", "duplicate"],
    ]
    states = [(alert.count, alert.state) for alert in alerts(db)]
    assert states == [(3, AlertState.RESOLVED), (1, AlertState.FIRING)]


def test_what_a_person_did_meanwhile_is_seen_and_stays(db: Database) -> None:
    tell(db, news())
    db.run_now(acknowledge, alerts(db)[0].id, actor=ALICE, now=NOON)
    tell(db, news(at=5, severity="major"), at=5)
    (alert,) = alerts(db)
    assert (alert.state, alert.severity) == (AlertState.ACKNOWLEDGED, Severity.MAJOR)


def test_what_was_rolled_back_is_not_remembered(db: Database) -> None:
    tell(db, news())

    def fail(session: Session) -> None:
        take(session, [news("resolved", at=5)], source="agent:1", received_at=NOON, now=NOON)
        raise NotFoundError("no")

    with pytest.raises(NotFoundError):
        db.run_now(fail)
    assert tell(db, news(at=9), at=9) == ["repeated"]
    (alert,) = alerts(db)
    assert (alert.count, alert.state, alert.resolved_at) == (2, AlertState.FIRING, None)


def test_a_condition_that_comes_back_at_once_is_the_same_alert_and_flapping_is_held_open(
    db: Database,
) -> None:
    outcomes = []
    for i in range(5):
        outcomes += tell(db, news("firing", at=i * 20), at=i * 20)
        outcomes += tell(db, news("resolved", at=i * 20 + 10), at=i * 20 + 10)
    assert outcomes.count("opened") == 1
    assert "held" in outcomes
    (alert,) = alerts(db)
    assert alert.flaps >= 3
    assert alert.state is AlertState.FIRING
    db.run_now(settle, now=NOON + timedelta(minutes=10))
    assert alerts(db)[0].state is AlertState.RESOLVED


def test_a_later_episode_is_another_alert(db: Database) -> None:
    tell(db, news())
    tell(db, news("resolved", at=10), at=10)
    tell(db, news(at=4000), at=4000)
    assert [alert.state for alert in alerts(db)] == [AlertState.RESOLVED, AlertState.FIRING]


def test_a_mute_holds_back_and_its_end_tells_once_what_still_fires(db: Database) -> None:
    db.run_now(
        mute,
        ci_id=None,
        rule="DiskAlmostFull",
        reason="moved",
        until=NOON + timedelta(hours=1),
        actor=ALICE,
        now=NOON,
    )
    tell(db, news(at=1), at=1)
    assert alerts(db)[0].state is AlertState.SUPPRESSED
    assert alerts(db)[0].group_id is None
    db.run_now(forget_memory)  # a restart tells nothing
    db.run_now(settle, now=NOON + timedelta(minutes=30))
    assert alerts(db)[0].state is AlertState.SUPPRESSED
    db.run_now(settle, now=NOON + timedelta(minutes=61))
    assert alerts(db)[0].state is AlertState.FIRING
    group = alerts(db)[0].group_id
    assert group is not None
    db.run_now(settle, now=NOON + timedelta(minutes=62))
    assert alerts(db)[0].group_id == group
    assert db.read_now(lambda s: s.scalars(select(Mute)).one()).ended_at is not None


def test_a_recovery_ends_a_suppression(db: Database) -> None:
    db.run_now(
        mute,
        ci_id=None,
        rule="DiskAlmostFull",
        reason="x",
        until=NOON + timedelta(hours=1),
        actor=ALICE,
        now=NOON,
    )
    tell(db, news(at=1), news("resolved", at=2), at=2)
    assert alerts(db)[0].state is AlertState.RESOLVED
    db.run_now(settle, now=NOON + timedelta(hours=2))
    assert alerts(db)[0].group_id is None


def test_muting_what_waits_keeps_it_from_being_told(db: Database) -> None:
    tell(db, news(severity="minor"))
    db.run_now(
        mute,
        ci_id=None,
        rule="DiskAlmostFull",
        reason="x",
        until=NOON + timedelta(hours=1),
        actor=ALICE,
        now=NOON,
    )
    db.run_now(settle, now=NOON + timedelta(minutes=30))
    groups = db.read_now(lambda session: session.scalars(select(AlertGroup)).all())
    assert [group.told_at for group in groups] == [None]


def test_an_end_without_a_beginning_is_kept_as_an_event(db: Database) -> None:
    assert tell(db, news("resolved")) == ["unknown"]
    assert alerts(db) == []
    assert db.read_now(lambda session: session.scalar(select(func.count(AlertEvent.id)))) == 1


def test_a_rolled_back_batch_leaves_no_false_memory(db: Database) -> None:
    tell(db, news(device="t1"))

    def broken(session: Session) -> None:
        take(session, [news(device="t2")], source="agent:1", received_at=NOON, now=NOON)
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError):
        db.run_now(broken)
    tell(db, news(device="t3", at=1), at=1)
    groups = db.read_now(lambda session: session.scalars(select(AlertGroup)).all())
    assert sorted(group.size for group in groups) == [1, 1]


# -- properties on SQLite, many short lives -----------------------------------------------------

_folder = TemporaryDirectory(prefix="alerts-")
_template = Path(_folder.name) / "template.db"


@contextmanager
def empty() -> Iterator[Database]:
    if not _template.exists():
        engine = create_engine(f"sqlite:///{_template}")
        Base.metadata.create_all(engine)
        engine.dispose()
    path = Path(_folder.name) / "one.db"
    for end in ("", "-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)
    path.write_bytes(_template.read_bytes())
    db = Database(f"sqlite:///{path}")
    db.run_now(forget_memory)
    try:
        yield db
    finally:
        db.close()


STORY = st.lists(
    st.tuples(
        st.sampled_from(["firing", "firing", "resolved", "info"]),
        st.sampled_from(["t1", "t2", "t3"]),
        st.sampled_from(["DiskAlmostFull", "DeviceUnreachable", "UpsOnBattery"]),
        st.sampled_from(["critical", "major", "minor"]),
        st.integers(0, 500),
        st.booleans(),
    ),
    max_size=14,
)


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(story=STORY)
def test_whatever_the_news_one_alert_per_condition_is_open_and_telling_it_again_changes_nothing(
    story: list[tuple[str, str, str, str, int, bool]],
) -> None:
    with empty() as db:
        at, told = 0.0, []
        for status, device, rule, severity, wait, restart in story:
            at += wait
            one = news(status, at=at, device=device, rule=rule, severity=severity, symptom="other")
            told.append((one, at))
            tell(db, one, at=at)
            if restart:
                db.run_now(forget_memory)
            db.run_now(settle, now=NOON + timedelta(seconds=at))
        before = _state(db)
        open_by_print: dict[str, int] = {}
        for alert in alerts(db):
            if alert.resolved_at is None:
                open_by_print[alert.fingerprint] = open_by_print.get(alert.fingerprint, 0) + 1
            assert (alert.state is AlertState.RESOLVED) == (alert.resolved_at is not None)
        assert all(n == 1 for n in open_by_print.values())
        for one, _ in told:
            assert tell(db, one, at=at) == ["duplicate"]
        assert _state(db) == before


def _state(db: Database) -> list[tuple[object, ...]]:
    def read(session: Session) -> list[tuple[object, ...]]:
        rows = session.execute(
            select(Alert.id, Alert.fingerprint, Alert.state, Alert.count, Alert.group_id, Alert.severity)
        )
        groups = session.execute(select(AlertGroup.id, AlertGroup.state, AlertGroup.size, AlertGroup.mode))
        living = (Stage.PENDING, Stage.OPEN, Stage.RECOVERING)
        firing = session.scalars(
            select(Alert).where(Alert.resolved_at.is_(None), Alert.state != AlertState.SUPPRESSED)
        ).all()
        for alert in firing:
            group = session.get(AlertGroup, alert.group_id)
            assert group is not None
            assert group.state in living
        return [tuple(row) for row in (*rows, *groups)]

    return db.read_now(read)
