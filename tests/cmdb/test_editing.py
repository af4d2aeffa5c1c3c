from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from rules.wire import Observation
from server.cmdb import ageing, places, service
from server.cmdb.claims import claims_of, judged
from server.cmdb.importing import from_csv
from server.cmdb.models import Presence, natural
from server.kernel.db import Database
from server.kernel.errors import ConflictError, InvalidError

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
AGENT = "agent:agent-b1-01"
LATER = NOON + timedelta(hours=1)
ROOM: list[dict[str, Any]] = [
    {"code": "hq", "kind": "site", "name": {"en": "HQ", "zh": "总部"}},
    {"code": "b1", "kind": "room", "parent": "hq", "name": {"en": "Room B1", "zh": "机房 B1"}},
    {"code": "b1-05", "kind": "rack", "parent": "b1", "name": "Rack 05"},
]


def seen(at: datetime, **attributes: str) -> Observation:
    keys = {"serial": ["SER-0001"], "address": ["10.0.0.5"]}
    words = {"vendor": "Huawei", **attributes}
    return Observation(
        device="t5", at=at.timestamp(), ci_class="ups", name="UPS-9", keys=keys, attributes=words
    )


def test_alice_enters_an_item_and_its_first_version_says_so(db: Database) -> None:
    def story(session: Session) -> None:
        ci = service.create(session, "ups", {"name": "UPS-9", "rated_power_va": 120000}, by="alice", now=NOON)
        (version,) = service.versions(session, ci.id)
        assert (version.revision, version.by, version.source) == (1, "alice", "entered")
        assert version.snapshot["rated_power_va"] == 120000
        with pytest.raises(ConflictError):
            service.create(session, "ups", {"name": "ups-9"}, by="bob", now=NOON)

    db.run_now(story)


def test_a_value_out_of_its_range_names_the_attribute(db: Database) -> None:
    def story(session: Session) -> None:
        with pytest.raises(InvalidError) as error:
            service.create(session, "ups", {"name": "U", "battery_strings": 99}, by="alice", now=NOON)
        assert error.value.field == "/attributes/battery_strings"

    db.run_now(story)


def test_what_is_entered_loses_against_the_agent_but_is_kept_and_can_win_by_revert(db: Database) -> None:
    def story(session: Session) -> None:
        ci = service.observe(session, seen(NOON, version="V2"), AGENT, NOON)
        assert ci is not None
        assert service.edit(session, ci, {"version": "V1"}, by="alice", now=LATER) is None
        assert (ci.version, ci.conflicts) == ("V2", 1)
        version = service.revert(session, ci, AGENT, "version", by="alice", now=LATER)
        assert version is not None
        assert version.changes == {"version": ["V2", "V1"]}
        service.observe(session, seen(LATER, version="V2"), AGENT, LATER)
        assert ci.version == "V1"
        service.observe(session, seen(LATER + timedelta(1), version="V3"), AGENT, LATER + timedelta(1))
        assert ci.version == "V3"
        verdicts = judged(claims_of(session, ci.id)["version"], "version", now=LATER + timedelta(1)).verdicts
        assert [(one.claim.source, one.reason) for one in verdicts] == [
            (AGENT, "shown"),
            ("entered", "lower_rank"),
        ]

    db.run_now(story)


def test_bob_who_edits_an_old_version_is_told_of_the_new_one(db: Database) -> None:
    def story(session: Session) -> None:
        ci = service.create(session, "ups", {"name": "UPS-9"}, by="alice", now=NOON)
        service.edit(session, ci, {"model": "A"}, by="alice", now=LATER, revision=1)
        with pytest.raises(ConflictError):
            service.edit(session, ci, {"model": "B"}, by="bob", now=LATER, revision=1)

    db.run_now(story)


def test_any_past_moment_and_any_two_moments_can_be_seen(db: Database) -> None:
    def story(session: Session) -> None:
        ci = service.observe(session, seen(NOON, version="V1"), AGENT, NOON)
        assert ci is not None
        learned = LATER + timedelta(hours=3)
        service.observe(session, seen(LATER, version="V2"), AGENT, learned)
        then = service.as_of(session, ci.id, LATER)
        assert then is not None
        assert then.snapshot["version"] == "V2"
        known = service.as_of(session, ci.id, LATER, known_at=LATER)
        assert known is not None
        assert known.snapshot["version"] == "V1"
        assert service.as_of(session, ci.id, NOON - timedelta(1)) is None
        (difference,) = service.differences(known, then)
        assert (difference.attribute, difference.was, difference.now) == ("version", "V1", "V2")

    db.run_now(story)


def test_an_import_names_each_bad_row_and_a_dry_run_leaves_nothing(db: Database) -> None:
    rows: dict[str, list[dict[str, Any]]] = {
        "locations": ROOM,
        "devices": [
            {"name": "UPS-9", "class": "ups", "location": "b1", "attributes": {"battery_strings": 2}},
            {"name": "PDU-9", "ci-class": "pdu", "location": "b1-05"},
            {"name": "BAD-1", "class": "ups", "location": "nowhere"},
            {"name": "BAD-2", "colour": "red"},
        ],
        "relations": [
            {"kind": "powered_by", "from": "PDU-9", "to": "UPS-9", "attributes": {"feed": "A"}},
            {"kind": "powered_by", "from": "PDU-9", "to": "UPS-77"},
        ],
    }

    def story(session: Session) -> None:
        tried = service.import_rows(session, rows, by="alice", now=NOON, dry_run=True)
        assert (tried.created, tried.relations, tried.places) == (2, 1, 3)
        assert service.find_ci(session, "CI-000001") is None
        done = service.import_rows(session, rows, by="alice", now=NOON)
        assert [(one.part, one.row) for one in done.errors] == [
            ("devices", 3),
            ("devices", 4),
            ("relations", 2),
        ]
        again = service.import_rows(session, rows, by="alice", now=LATER)
        assert (again.created, again.updated, again.unchanged) == (0, 0, 2)
        pdu = service.ci(session, done.numbers["PDU-9"])
        assert [place.code for place in service.location_path(session, pdu)] == ["hq", "b1", "b1-05"]

    db.run_now(story)


def test_a_csv_file_is_read_with_its_own_columns_as_attributes(db: Database) -> None:
    text = "\ufeffname,class,serial,battery_strings\nUPS-9,ups,SER-0001,2\nUPS-10,ups,SER-0002,\n"
    rows = from_csv(text)
    assert rows["devices"][0] == {
        "name": "UPS-9",
        "class": "ups",
        "serial": "SER-0001",
        "attributes": {"battery_strings": "2"},
    }

    def story(session: Session) -> None:
        done = service.import_rows(session, rows, by="alice", now=NOON, source="import:ups.csv")
        assert (done.created, done.errors) == (2, [])

    db.run_now(story)


def test_impact_knows_redundancy(db: Database) -> None:
    rows: dict[str, list[dict[str, Any]]] = {
        "locations": ROOM,
        "devices": [
            {"name": name, "class": code}
            for name, code in (
                ("UPS-A", "ups"),
                ("UPS-B", "ups"),
                ("SRV-1", "server"),
                ("SRV-2", "server"),
                ("Billing", "service"),
            )
        ],
        "relations": [
            {"kind": "powered_by", "from": "SRV-1", "to": "UPS-A"},
            {"kind": "powered_by", "from": "SRV-1", "to": "UPS-B"},
            {"kind": "powered_by", "from": "SRV-2", "to": "UPS-A"},
            {"kind": "depends_on", "from": "Billing", "to": "SRV-2"},
        ],
    }

    def story(session: Session) -> None:
        numbers = service.import_rows(session, rows, by="alice", now=NOON).numbers
        ids = {name: service.ci(session, number).id for name, number in numbers.items()}
        found = service.impact(session, ids["UPS-A"])
        assert set(found.stops) == {ids["SRV-2"], ids["Billing"]}
        assert found.weakened == (ids["SRV-1"],)
        assert service.graph(session) is service.graph(session)
        before = service.graph(session)
        service.relate(session, "powered_by", ids["SRV-2"], ids["UPS-B"], now=LATER)
        assert service.graph(session) is not before
        assert service.impact(session, ids["UPS-A"]).stops == ()
        past = service.graph_at(session, NOON)
        assert len(past.needs(ids["SRV-2"])) == 1

    db.run_now(story)


def test_a_kind_with_one_target_refuses_a_second(db: Database) -> None:
    def story(session: Session) -> None:
        ids = [service.create(session, "server", {"name": name}, by="alice", now=NOON).id for name in "abc"]
        relation = service.relate(session, "runs_on", ids[0], ids[1], now=NOON)
        with pytest.raises(ConflictError):
            service.relate(session, "runs_on", ids[0], ids[2], now=NOON)
        service.end(session, relation.id, now=LATER)
        service.relate(session, "runs_on", ids[0], ids[2], now=LATER)
        assert [one.name for one in service.neighbours(session, ids[0])] == ["c"]
        assert [one.name for one in service.neighbours(session, ids[0], at=NOON)] == ["b"]

    db.run_now(story)


def test_an_item_that_is_seen_no_more_goes_missing_then_suspect_and_comes_back(db: Database) -> None:
    def story(session: Session) -> None:
        ci = service.observe(session, seen(NOON), AGENT, NOON)
        assert ci is not None
        assert ageing.age(session, now=NOON + timedelta(hours=3)) == 0
        assert ageing.age(session, now=NOON + timedelta(days=2)) == 1
        assert ci.presence == Presence.MISSING
        ageing.age(session, now=NOON + timedelta(days=20))
        assert str(ci.presence) == "suspect"
        back = NOON + timedelta(days=21)
        service.observe(session, seen(back), AGENT, back)
        assert str(ci.presence) == "active"

    db.run_now(story)


def test_a_place_cannot_lie_inside_itself(db: Database) -> None:
    def story(session: Session) -> None:
        for row in ROOM:
            places.save(session, row["code"], name={"en": "x"}, kind=row["kind"], parent=row.get("parent"))
        with pytest.raises(InvalidError):
            places.save(session, "hq", name={"en": "HQ"}, kind="site", parent="b1-05")

    db.run_now(story)


def test_names_sort_as_people_count() -> None:
    assert sorted(["B1-10", "B1-9", "a2"], key=natural) == ["a2", "B1-9", "B1-10"]
