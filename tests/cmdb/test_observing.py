from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rules.identify import Outcome
from rules.wire import Observation, ObservedRelation
from server.cmdb import service
from server.cmdb.models import Ci, CiClaim, CiVersion, IdentityTask, Presence, Relation
from server.kernel.db import Database

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
AGENT = "agent:agent-b1-01"


def ups(at: datetime = NOON, **changes: object) -> Observation:
    values: dict[str, object] = {
        "device": "t12",
        "at": at.timestamp(),
        "ci_class": "ups",
        "name": "UPS-B1-A",
        "keys": {
            "serial": ["2102312QXW10K9000131"],
            "address": ["127.10.1.21"],
            "macs": ["00:25:9e:21:0a:31"],
        },
        "attributes": {
            "vendor": "Huawei",
            "model": "UPS5000-E-120K",
            "version": "V300R002C10SPC210",
            "battery_strings": "2",
        },
        "evidence": {"oid": "1.3.6.1.2.1.33.1.1.4.0", "raw": "V300R002C10SPC210"},
    }
    return Observation(**{**values, **changes})  # type: ignore[arg-type]


def count(session: Session, what: type) -> int:
    return session.scalar(select(func.count()).select_from(what)) or 0


def test_an_unknown_device_becomes_an_item_with_its_claims(db: Database) -> None:
    def story(session: Session) -> None:
        ci = service.observe(session, ups(), AGENT, NOON)
        assert ci is not None
        assert (ci.number, ci.class_code, ci.name) == ("CI-000001", "ups", "UPS-B1-A")
        assert (ci.vendor, ci.serial, ci.address) == ("Huawei", "2102312QXW10K9000131", "127.10.1.21")
        assert ci.attributes["battery_strings"] == 2
        assert (ci.presence, ci.seen_at, ci.revision) == (Presence.ACTIVE, NOON, 1)
        claim = session.scalar(select(CiClaim).where(CiClaim.attribute == "version"))
        assert claim is not None
        assert claim.evidence["oid"] == "1.3.6.1.2.1.33.1.1.4.0"

    db.run_now(story)


def test_the_same_observation_twice_changes_nothing(db: Database) -> None:
    def story(session: Session) -> None:
        first = service.observe(session, ups(), AGENT, NOON)
        numbers = [count(session, table) for table in (Ci, CiVersion, CiClaim)]
        again = service.observe(session, ups(NOON + timedelta(minutes=5)), AGENT, NOON + timedelta(minutes=5))
        assert again is first
        assert [count(session, table) for table in (Ci, CiVersion, CiClaim)] == numbers
        assert again is not None
        assert again.seen_at == NOON + timedelta(minutes=5)

    db.run_now(story)


def test_a_device_that_comes_back_at_another_address_is_the_same_item(db: Database) -> None:
    def story(session: Session) -> None:
        first = service.observe(session, ups(), AGENT, NOON)
        moved = ups(
            NOON + timedelta(hours=1),
            device="t99",
            keys={"serial": ["2102312QXW10K9000131"], "address": ["127.10.1.99"]},
        )
        found = service.take(session, moved, AGENT, now=NOON + timedelta(hours=1))
        assert found.ci is first
        assert found.changes == {"address": ["127.10.1.21", "127.10.1.99"]}
        newcomer = ups(
            NOON + timedelta(hours=2),
            device="t12b",
            name="X",
            keys={"serial": ["OTHER-77"], "address": ["127.10.1.21"]},
        )
        other = service.observe(session, newcomer, AGENT, NOON + timedelta(hours=2))
        assert other is not None
        assert other is not first

    db.run_now(story)


def test_an_observation_that_fits_two_items_waits_for_a_person_and_asks_once(db: Database) -> None:
    def story(session: Session) -> None:
        for device, serial, address in (("t1", "SERIAL-1", "10.0.0.1"), ("t2", "SERIAL-2", "10.0.0.2")):
            keys = {"serial": [serial], "address": [address], "macs": [f"02:00:00:00:00:0{device[1]}"]}
            service.observe(session, ups(device=device, name=device, keys=keys), AGENT, NOON)
        both = ups(device="t3", name="new", keys={"macs": ["02:00:00:00:00:01", "02:00:00:00:00:02"]})
        assert service.observe(session, both, AGENT, NOON) is None
        assert service.observe(session, both, AGENT, NOON) is None
        tasks = session.scalars(select(IdentityTask)).all()
        assert [task.candidates for task in tasks] == [[1, 2]]
        assert count(session, Ci) == 2

    db.run_now(story)


def test_a_dry_run_shows_the_path_and_writes_nothing(db: Database) -> None:
    def story(session: Session) -> None:
        decision = service.dry_run(session, ups(), AGENT)
        assert decision.outcome is Outcome.CREATE
        assert [(step.kind, step.verdict) for step in decision.path][:2] == [
            ("source_key", "nobody"),
            ("serial+vendor", "nobody"),
        ]
        assert count(session, Ci) == 0
        service.observe(session, ups(), AGENT, NOON)
        assert service.dry_run(session, ups(), AGENT).ci == 1

    db.run_now(story)


def test_what_a_person_entered_is_met_by_the_agent_and_keeps_its_name(db: Database) -> None:
    def story(session: Session) -> None:
        rows = {
            "devices": [{"name": "UPS-B1-A", "class": "ups", "address": "127.10.1.21", "vendor": "Huawei"}]
        }
        service.import_rows(session, rows, by="alice", now=NOON)
        seen = service.observe(session, ups(name="ups"), AGENT, NOON + timedelta(minutes=1))
        assert seen is not None
        assert (seen.number, seen.name, seen.serial) == ("CI-000001", "UPS-B1-A", "2102312QXW10K9000131")
        assert seen.conflicts == 1

    db.run_now(story)


def test_old_news_does_not_overwrite_newer(db: Database) -> None:
    def story(session: Session) -> None:
        service.observe(session, ups(NOON), AGENT, NOON)
        late = ups(NOON - timedelta(hours=1), attributes={"vendor": "Huawei", "version": "V1"})
        ci = service.observe(session, late, AGENT, NOON)
        assert ci is not None
        assert ci.version == "V300R002C10SPC210"

    db.run_now(story)


def test_two_targets_of_one_item_do_not_rename_it_in_turn(db: Database) -> None:
    def story(session: Session) -> None:
        ci = service.observe(session, ups(), AGENT, NOON)
        assert ci is not None
        for hours in range(1, 5):
            at = NOON + timedelta(hours=hours)
            service.observe(session, ups(at, device="t13", name="UPS over Modbus"), AGENT, at)
            service.observe(session, ups(at), AGENT, at)
            assert ci.name == "UPS-B1-A"
        assert ci.revision == 1
        at = NOON + timedelta(hours=5)
        service.observe(session, ups(at, name="UPS-B1-B"), AGENT, at)
        assert ci.name == "UPS-B1-B", "the one that named it may change its mind"
        at += timedelta(hours=25)
        service.observe(session, ups(at, device="t13", name="UPS over Modbus"), AGENT, at)
        assert ci.name == "UPS over Modbus", "the one that named it is met no more"

    db.run_now(story)


def test_a_refined_class_is_taken_and_a_foreign_one_is_a_conflict(db: Database) -> None:
    def story(session: Session) -> None:
        service.observe(session, ups(ci_class="environment"), AGENT, NOON)
        ci = service.observe(session, ups(NOON + timedelta(minutes=1)), AGENT, NOON + timedelta(minutes=1))
        assert ci is not None
        assert ci.class_code == "ups"
        service.observe(
            session, ups(NOON + timedelta(minutes=2), ci_class="device"), AGENT, NOON + timedelta(minutes=2)
        )
        assert ci.class_code == "ups"

    db.run_now(story)


def switch(name: str, device: str, mac: str, *neighbours: ObservedRelation) -> Observation:
    keys = {"macs": [mac], "name": [name]}
    return Observation(
        device=device,
        at=NOON.timestamp(),
        ci_class="switch",
        name=name,
        keys=keys,
        relations=list(neighbours),
    )


def lldp(mac: str, mine: str, theirs: str) -> ObservedRelation:
    return ObservedRelation(
        kind="connects_to", keys={"macs": [mac]}, attributes={"local_port": mine, "remote_port": theirs}
    )


def test_two_neighbours_that_tell_of_one_cable_make_one_link(db: Database) -> None:
    def story(session: Session) -> None:
        core, access = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
        service.observe(session, switch("core", "t1", core), AGENT, NOON)
        service.observe(session, switch("access", "t2", access, lldp(core, "11", "1")), AGENT, NOON)
        service.observe(session, switch("core", "t1", core, lldp(access, "1", "11")), AGENT, NOON)
        relations = session.scalars(select(Relation)).all()
        assert len(relations) == 1
        assert relations[0].source == AGENT
        assert 0.5 < relations[0].confidence < 1
        assert set(relations[0].attributes.values()) == {"1", "11"}

    db.run_now(story)


def test_a_link_that_a_person_entered_is_never_changed_by_an_agent(db: Database) -> None:
    def story(session: Session) -> None:
        core, access = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
        service.observe(session, switch("core", "t1", core), AGENT, NOON)
        service.observe(session, switch("access", "t2", access), AGENT, NOON)
        service.relate(session, "connects_to", 1, 2, now=NOON, attributes={"source_port": "48"})
        service.observe(session, switch("access", "t2", access, lldp(core, "11", "48")), AGENT, NOON)
        relation = session.scalars(select(Relation)).one()
        assert (relation.from_id, relation.source, relation.attributes) == (
            1,
            "entered",
            {"source_port": "48"},
        )

    db.run_now(story)


SERIALS = st.sampled_from(["SERIAL-1", "SERIAL-2", "Default string", ""])
NEWS = st.builds(
    lambda device, serial, address, minute: ups(
        NOON + timedelta(minutes=minute),
        device=device,
        name=device,
        keys={"serial": [serial] if serial else [], "address": [address]},
    ),
    st.sampled_from(["t1", "t2", "t3"]),
    SERIALS,
    st.sampled_from(["10.0.0.1", "10.0.0.2"]),
    st.integers(0, 5),
)


@pytest.mark.parametrize("repeat", [1, 2])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(news=st.lists(NEWS, max_size=6))
def test_no_two_items_ever_hold_one_serial_and_junk_is_no_serial(
    db: Database, repeat: int, news: list[Observation]
) -> None:
    def story(session: Session) -> None:
        for observation in news * repeat:
            service.observe(session, observation, AGENT, NOON + timedelta(hours=1))
        served = {
            claim.ci_id: str(claim.value)
            for claim in session.scalars(select(CiClaim).where(CiClaim.attribute == "serial"))
        }
        told = {one.keys["serial"][0] for one in news if one.keys["serial"]}
        assert set(served.values()) <= told - {"Default string"}
        assert len(served) == len(set(served.values()))
        session.rollback()

    db.run_now(story)
