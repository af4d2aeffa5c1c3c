"""J1: an alert becomes one incident, filled in, without anybody typing."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import server.alerts
import server.incidents
import server.knowledge
from rules.wire import AlertNews
from server.accounts.models import Group
from server.alerts.memory import forget_memory
from server.alerts.taking import settle, take
from server.cmdb.models import Ci, CiState, Location, LocationKind, Presence, Relation, natural
from server.incidents import particulars, reporting, service, together
from server.incidents.bulk import do_to_each
from server.incidents.models import Incident, State
from server.incidents.states import IllegalTransitionError
from server.kernel.call import Actor
from server.kernel.db import Database
from server.kernel.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from server.kernel.i18n import use_language
from server.kernel.practice import Practice

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
EVERY = frozenset(
    p.key
    for practice in (server.incidents.PRACTICE, server.alerts.PRACTICE, server.knowledge.PRACTICE)
    for p in practice.permissions
)
ALICE = Actor(1, "alice", {"en": "Alice"}, EVERY)
CHARLIE = Actor(3, "charlie", {"en": "Charlie"}, frozenset({"incident.create"}))
ITEMS = {
    "MAINS": "breaker", "UPS-A": "ups", "PDU-1": "pdu", "CRAC-1": "air_conditioner",
    "TH-1": "environment_sensor",
    "SW-1": "switch", "SRV-1": "server", "SRV-2": "server", "BILLING": "service", "DOOR-1": "access_control",
}  # fmt: skip
EDGES = [
    ("powered_by", "UPS-A", "MAINS"), ("powered_by", "CRAC-1", "MAINS"), ("powered_by", "PDU-1", "UPS-A"),
    ("powered_by", "SW-1", "PDU-1"), ("powered_by", "SRV-1", "PDU-1"), ("powered_by", "SRV-2", "PDU-1"),
    ("cooled_by", "SRV-1", "CRAC-1"), ("cooled_by", "TH-1", "CRAC-1"),
    ("connects_to", "SRV-1", "SW-1"), ("connects_to", "SRV-2", "SW-1"), ("runs_on", "BILLING", "SRV-1"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _subscribed() -> None:
    practices: tuple[Practice, ...] = (server.incidents.PRACTICE,)
    for practice in practices:
        for signal, call in practice.subscriptions:
            signal.subscribe(call)


@pytest.fixture
def ids(db: Database) -> dict[str, int]:
    def build(session: Session) -> dict[str, int]:
        power = Group(code="room-power", name={"en": "Room & power", "zh": "动环组"}, line=2)
        first = Group(code="first-line", name={"en": "First line", "zh": "一线"}, line=1)
        room = Location(code="b1", name={"en": "Room B1", "zh": "B1 机房"}, kind=LocationKind.ROOM)
        session.add_all([power, first, room])
        session.flush()
        found = {}
        for name, kind in ITEMS.items():
            ci = Ci(
                number=f"CI-{name}", class_code=kind, name=name, sort_name=natural(name), search_text="",
                state=CiState.IN_USE, presence=Presence.ACTIVE, location_id=room.id,
                criticality=1 if name == "BILLING" else 3, attributes={}, conflicts=0, revision=1,
                owner_group_id=power.id if kind == "ups" else None,
                seen_at=NOON, created_at=NOON, updated_at=NOON,
            )  # fmt: skip
            session.add(ci)
            session.flush()
            found[name] = ci.id
        for kind, one, other in EDGES:
            session.add(
                Relation(
                    kind=kind,
                    from_id=found[one],
                    to_id=found[other],
                    slot="",
                    source="entered",
                    confidence=1.0,
                    attributes={},
                    since_at=NOON,
                    recorded_at=NOON,
                    seen_at=NOON,
                )
            )
        return found

    return db.run_now(build)


def news(
    device: str, rule: str, symptom: str, *, status: str = "firing", at: float = 0, **more: object
) -> AlertNews:
    values = {
        "device": device, "rule": rule, "status": status, "severity": "critical", "symptom": symptom,
        "at": NOON.timestamp() + at, "value": 5.0, "metric": "x",
        "summary": {"en": f"{device}: {rule}", "zh": f"{device}：{rule}"},
        "evidence": {"oid": "1.3.6.1.2.1.33"},
    }  # fmt: skip
    return msgspec.convert({**values, **more}, AlertNews)


def tell(db: Database, ids: dict[str, int], *items: AlertNews, at: float) -> None:
    now = NOON + timedelta(seconds=at)
    db.run_now(take, list(items), source="agent:1", received_at=now, now=now, ci_of=ids)


def pass_time(db: Database, at: float) -> None:
    db.run_now(settle, now=NOON + timedelta(seconds=at))


def incidents(db: Database) -> list[Incident]:
    return list(db.read_now(lambda session: session.scalars(select(Incident).order_by(Incident.id)).all()))


STORM = [
    ("UPS-A", "UpsOnBattery", "power", 0),
    ("CRAC-1", "AirConditionerStopped", "cooling", 15),
    ("TH-1", "RoomTemperatureHigh", "heat", 200),
    ("SW-1", "DeviceUnreachable", "unreachable", 900),
    ("SRV-1", "DeviceUnreachable", "unreachable", 905),
    ("SRV-2", "DeviceUnreachable", "unreachable", 910),
]


def storm(db: Database, ids: dict[str, int]) -> None:
    for device, rule, symptom, at in STORM:
        tell(db, ids, news(device, rule, symptom, at=at), at=at)
        pass_time(db, at + 1)


def test_a_mains_failure_opens_one_incident_on_the_ups_with_all_fields(
    db: Database, ids: dict[str, int]
) -> None:
    storm(db, ids)
    pass_time(db, 2000)
    (incident,) = incidents(db)
    assert incident.ci_id == ids["UPS-A"]
    assert incident.summary_by_lang == {"en": "UPS-A: UpsOnBattery", "zh": "UPS-A：UpsOnBattery"}
    assert incident.priority == 1
    assert incident.state is State.ASSIGNED
    assert incident.location_id is not None
    assert incident.resolution_due_at == NOON + timedelta(hours=4)
    assert {step["name"] for step in incident.context["path"]} >= {"PDU-1", "SW-1", "SRV-1", "BILLING"}
    view = db.read_now(particulars.record, incident.number, actor=ALICE, now=NOON + timedelta(seconds=2000))
    assert view.who.group is not None
    assert view.who.group.code == "room-power"
    assert len(view.known.alerts) == len(STORM)
    assert view.known.cause is not None
    assert view.known.cause.ci is not None
    assert view.known.cause.ci.name == "UPS-A"
    assert "Without the relation" in view.known.cause.counter
    assert "BILLING" in view.why_priority
    assert view.place == "Room B1"


def test_the_timeline_and_the_cause_are_told_in_the_readers_language(
    db: Database, ids: dict[str, int]
) -> None:
    storm(db, ids)
    (incident,) = incidents(db)
    with use_language("zh"):
        view = db.read_now(particulars.record, incident.number, actor=ALICE, now=NOON)
    assert view.title.startswith("UPS-A：")
    assert any("告警" in entry.text for entry in view.timeline)
    assert view.known.cause is not None
    assert "UPS-A" in view.known.cause.sentence


def test_recovery_of_all_alerts_resolves_it_with_the_evidence(db: Database, ids: dict[str, int]) -> None:
    storm(db, ids)
    for device, rule, symptom, at in STORM:
        tell(db, ids, news(device, rule, symptom, status="resolved", at=1500 + at), at=1500 + at)
    (incident,) = incidents(db)
    assert incident.state is State.RESOLVED
    view = db.read_now(particulars.record, incident.number, actor=ALICE, now=NOON)
    evidence = [entry for entry in view.timeline if entry.kind == "evidence"]
    assert len(evidence[0].payload["alerts"]) == len(STORM)
    assert [clock.state for clock in view.clocks] == ["missed", "met"]  # nobody had accepted it


def test_a_recurrence_reopens_it_and_a_later_one_opens_another(db: Database, ids: dict[str, int]) -> None:
    tell(db, ids, news("DOOR-1", "DoorForced", "other", at=0), at=0)
    tell(db, ids, news("DOOR-1", "DoorForced", "other", status="resolved", at=60), at=60)
    assert incidents(db)[0].state is State.RESOLVED
    db.run_now(forget_memory)
    tell(db, ids, news("DOOR-1", "DoorForced", "other", at=200), at=200)
    (incident,) = incidents(db)
    assert (incident.state, incident.reopened) == (State.ASSIGNED, 1)
    tell(db, ids, news("DOOR-1", "DoorForced", "other", status="resolved", at=260), at=260)
    tell(db, ids, news("DOOR-1", "DoorForced", "other", at=9000), at=9000)
    assert len(incidents(db)) == 2


def test_independent_troubles_are_incidents_of_their_own(db: Database, ids: dict[str, int]) -> None:
    tell(db, ids, news("DOOR-1", "DoorForced", "other"), at=0)
    tell(db, ids, news("SRV-2", "DiskAlmostFull", "disk", at=5, severity="major"), at=5)
    tell(db, ids, news("TH-1", "WaterLeak", "other", at=8), at=8)
    pass_time(db, 60)
    assert {incident.ci_id for incident in incidents(db)} == {ids["DOOR-1"], ids["SRV-2"], ids["TH-1"]}


def test_two_incidents_that_one_cause_explains_become_one(db: Database, ids: dict[str, int]) -> None:
    tell(db, ids, news("CRAC-1", "AirConditionerStopped", "cooling"), at=0)
    tell(db, ids, news("SRV-1", "DeviceUnreachable", "unreachable", at=5), at=5)
    pass_time(db, 60)
    tell(db, ids, news("UPS-A", "UpsOnBattery", "power", at=70), at=70)
    pass_time(db, 200)
    still_open = [incident for incident in incidents(db) if incident.is_open]
    assert [incident.ci_id for incident in still_open] == [ids["UPS-A"]]


# -- people -----------------------------------------------------------------------------------


@pytest.fixture
def mine(db: Database, ids: dict[str, int]) -> str:
    def make(session: Session) -> str:
        values = {"summary": "The printer is gone", "ci": "CI-SRV-1", "impact": 2, "urgency": 2}
        return reporting.create(session, values, actor=CHARLIE, now=NOON).number

    return db.run_now(make)


def do(db: Database, step: str, number: str, minutes: int = 1, **more: object) -> Incident:
    at = {"actor": ALICE, "now": NOON + timedelta(minutes=minutes), **more}
    made: Incident = db.run_now(getattr(service, step), number, **at)
    return made


def test_an_incident_goes_from_its_report_to_its_end_with_its_clocks(db: Database, mine: str) -> None:
    assert db.read_now(service.get, mine).priority == 2  # raised by the critical service that runs there
    do(db, "accept", mine, 5)
    do(db, "start", mine, 6)
    do(db, "hold", mine, 10, reason="vendor")
    paused = db.read_now(particulars.record, mine, actor=ALICE, now=NOON + timedelta(hours=5)).clocks[1]
    assert paused.state == "paused"
    assert paused.spent == timedelta(minutes=10)
    do(db, "resume", mine, 310)
    do(db, "resolve", mine, 320, cause_code="hardware", resolution="Replaced the fuser.")
    assert do(db, "close", mine, 321).state is State.CLOSED
    done = db.read_now(particulars.record, mine, actor=ALICE, now=NOON + timedelta(hours=9))
    assert [clock.state for clock in done.clocks] == ["met", "met"]
    assert done.clocks[1].spent == timedelta(minutes=20)


def test_impossible_steps_name_the_possible_ones(db: Database, mine: str) -> None:
    with pytest.raises(IllegalTransitionError) as refused:
        do(db, "close", mine)
    assert refused.value.places["allowed"] == "assign, accept, cancel"
    do(db, "accept", mine)
    with pytest.raises(InvalidError):
        do(db, "resolve", mine, cause_code="", resolution="x")


def test_a_stranger_sees_nothing_and_does_nothing(db: Database, ids: dict[str, int], mine: str) -> None:
    tell(db, ids, news("DOOR-1", "DoorForced", "other"), at=0)
    other = incidents(db)[-1].number
    with pytest.raises(NotFoundError):
        db.read_now(service.get, other, CHARLIE)
    assert db.read_now(service.get, mine, CHARLIE).number == mine
    with pytest.raises(ForbiddenError):
        db.run_now(service.accept, mine, actor=CHARLIE, now=NOON)
    with pytest.raises(ForbiddenError):
        db.run_now(together.note, mine, "secret", internal=True, actor=CHARLIE, now=NOON)


def test_an_edit_of_an_old_version_is_refused_with_the_current_one(db: Database, mine: str) -> None:
    version = db.read_now(service.get, mine).version
    do(db, "accept", mine, version=version)
    with pytest.raises(ConflictError) as refused:
        do(db, "start", mine, version=version)
    assert refused.value.places["current"] > version


def test_a_changed_priority_lays_its_clocks_anew(db: Database, mine: str) -> None:
    version = db.read_now(service.get, mine).version
    do(db, "update", mine, values={"impact": 1, "urgency": 1}, version=version)
    incident = db.read_now(service.get, mine)
    assert incident.priority == 1
    assert incident.resolution_due_at == NOON + timedelta(hours=4)
    view = db.read_now(particulars.record, mine, actor=ALICE, now=NOON)
    assert view.why_priority.endswith("set by a person")


def test_a_merged_incident_is_closed_into_the_other(db: Database, ids: dict[str, int], mine: str) -> None:
    tell(db, ids, news("DOOR-1", "DoorForced", "other"), at=0)
    other = incidents(db)[-1].number
    db.run_now(service.merge, mine, other, actor=ALICE, now=NOON)
    assert db.read_now(service.get, mine).state is State.CLOSED
    view = db.read_now(particulars.record, other, actor=ALICE, now=NOON)
    assert [child.number for child in view.children] == [mine]
    with pytest.raises(ConflictError):
        db.run_now(service.merge, mine, other, actor=ALICE, now=NOON)


def test_bulk_tells_what_it_skips_and_why(db: Database, mine: str) -> None:
    done, skipped = db.run_now(do_to_each, [mine, "INC-999999"], "accept", actor=ALICE, now=NOON)
    assert done == 1
    assert list(skipped) == ["INC-999999"]


def test_to_a_group_that_is_not_there_none_is_passed_on(db: Database, mine: str) -> None:
    with pytest.raises(InvalidError):
        db.run_now(do_to_each, [mine], "assign", group="nobody", actor=ALICE, now=NOON)
