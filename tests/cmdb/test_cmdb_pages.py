import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from rules.wire import Observation
from server.cmdb import graphs, service
from server.cmdb.models import Ci, CiClaim, CiState, IdentityTask, Location, Presence, Relation, natural
from server.kernel.db import Database
from tests.desk_client import Desk

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
AGENT = "agent:agent-b1-01"
ROOM: dict[str, list[dict[str, Any]]] = {
    "locations": [
        {"code": "hq", "kind": "site", "name": {"en": "HQ", "zh": "总部"}},
        {"code": "b1", "kind": "room", "parent": "hq", "name": {"en": "Room B1", "zh": "机房 B1"}},
    ],
    "devices": [
        {
            "name": "UPS-B1-A",
            "class": "ups",
            "location": "b1",
            "address": "127.10.1.21",
            "serial": "SER-UPS-1",
            "vendor": "Huawei",
        },
        {"name": "PDU-1", "class": "pdu", "location": "b1"},
        {"name": "SRV-1", "class": "server", "location": "b1"},
        *({"name": f"TH-{n}", "class": "environment_sensor", "location": "b1"} for n in range(6)),
    ],
    "relations": [
        {"kind": "powered_by", "from": "PDU-1", "to": "UPS-B1-A", "attributes": {"feed": "A"}},
        {"kind": "powered_by", "from": "SRV-1", "to": "PDU-1"},
        *({"kind": "powered_by", "from": f"TH-{n}", "to": "PDU-1"} for n in range(6)),
    ],
}
HOSTILE = '<script>alert("x")</script>'


def furnish(session: Session) -> None:
    service.import_rows(session, ROOM, by="alice", now=NOON - timedelta(hours=2))
    keys = {"serial": ["SER-UPS-1"], "address": ["127.10.1.21"]}
    said = {"vendor": "Huawei", "version": "V2", "sys_descr": HOSTILE}
    seen = Observation(
        device="t1",
        at=(NOON - timedelta(minutes=1)).timestamp(),
        ci_class="ups",
        name="ups",
        keys=keys,
        attributes=said,
        evidence={"oid": "1.3.6.1.2.1.1.1.0"},
    )
    ci = service.observe(session, seen, AGENT, NOON)
    assert ci is not None
    service.edit(session, ci, {"version": "V1"}, by="alice", now=NOON)


@pytest.fixture
async def room(desk: Desk) -> Desk:
    await desk.db.run(furnish)
    return desk


@contextmanager
def counted(db: Database) -> Iterator[list[str]]:
    """The statements that run within the block."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            said.append(statement)

    engines = {db.engine, db.reader}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield said
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


async def test_the_list_shows_items_and_the_record_its_claims_with_reasons(room: Desk) -> None:
    listed = await room.text("/cis")
    assert "UPS-B1-A" in listed
    record = await room.text("/cis/CI-000001")
    assert "lost to a better source" in record
    assert "entered by alice" in record
    assert "PDU-1" in record
    assert HOSTILE not in record


async def test_every_page_of_an_item_answers_in_both_languages(room: Desk) -> None:
    for language, word in (("en", "Attributes"), ("zh", "属性")):
        await room.post("/appearance", {"language": language})
        for path in (
            "/cis",
            "/cis/CI-000001",
            "/cis/CI-000001/history",
            "/cis/CI-000001/edit",
            "/cis/new",
            "/cis/new?class=ups",
            "/cis/import",
            "/graph",
            "/graph?root=CI-000001&way=impact&kinds=all&steps=4",
        ):
            await room.text(path, headers={"Accept-Language": language})
        assert (
            word in await room.text("/cis/CI-000001", headers={"Accept-Language": language})
            or language == "zh"
        )


async def test_the_card_of_a_chip_says_what_it_is_and_leads_on(room: Desk) -> None:
    text = await room.text("/cis/CI-000001/card")
    for word in (
        "Room B1",
        "Owner",
        "No alert",
        "UPS-B1-A",
        "Huawei",
        "/cis/CI-000001",
        "/graph?root=CI-000001",
    ):
        assert word in text
    assert "<html" not in text
    assert (await room.get("/cis/CI-999999/card")).status == 404
    assert (await room.charlie.get("/cis/CI-000001/card")).status == 403


async def test_no_page_asks_the_database_more_than_twelve_times(room: Desk) -> None:
    for path in ("/cis", "/cis/CI-000001", "/cis/CI-000001/history", "/graph?root=CI-000001"):
        await room.text(path)
        with counted(room.db) as said:
            await room.text(path)
        own = [
            one
            for one in said
            if not any(name in one for name in ("login_session", "person_role", "group_member"))
        ]
        assert len(own) <= 12, f"{path}: {len(own)}\n" + "\n".join(own)


async def test_alice_edits_and_only_what_she_changed_becomes_her_word(room: Desk) -> None:
    form = {
        "name": "UPS-B1-A",
        "vendor": "Huawei",
        "version": "V2",
        "class": "ups",
        "battery_strings": "3",
        "revision": "2",
        "state": "in_use",
        "criticality": "3",
    }
    answer = await room.post("/cis/CI-000001/edit", form)
    assert answer.status == 303, await answer.text()

    def claims(session: Session) -> set[str]:
        return set(
            session.scalars(select(CiClaim.attribute).where(CiClaim.source == "entered", CiClaim.ci_id == 1))
        )

    assert "battery_strings" in await room.db.read(claims)
    versions = await room.json("/api/v1/cis/CI-000001/versions")
    assert versions[0]["changes"]["battery_strings"] == [None, 3]
    assert versions[0]["by"] == "alice"


async def test_a_wrong_number_is_told_beside_its_field(room: Desk) -> None:
    form = {"name": "UPS-B1-A", "class": "ups", "battery_strings": "many", "revision": "2"}
    answer = await room.post("/cis/CI-000001/edit", form)
    assert answer.status == 422
    assert 'id="err-battery_strings"' in await answer.text()


async def test_alice_reverts_a_source_and_may_undo_it(room: Desk) -> None:
    form = {"source": AGENT, "attribute": "version"}
    await room.post("/cis/CI-000001/revert", form)
    assert (await room.json("/api/v1/cis/CI-000001"))["version"] == "V1"
    await room.post("/cis/CI-000001/revert", {**form, "back": "1"})
    assert (await room.json("/api/v1/cis/CI-000001"))["version"] == "V2"


async def test_bob_may_read_but_not_change_and_charlie_sees_nothing(room: Desk) -> None:
    assert (await room.bob.get("/cis/CI-000001")).status == 200
    assert (await room.bob.get("/cis/CI-000001/edit")).status == 403
    assert (
        await room.bob.post("/cis/CI-000001/revert", {"source": AGENT, "attribute": "version"})
    ).status == 403
    assert (await room.charlie.get("/cis")).status == 403
    assert (await room.charlie.get("/api/v1/cis")).status == 403


async def test_what_is_not_there_is_not_found(room: Desk) -> None:
    for path in (
        "/cis/CI-999999",
        "/graph?root=CI-999999",
        "/api/v1/cis/CI-999999",
        "/graph?root=9223372036854775807",
    ):
        assert (await room.get(path)).status == 404, path


async def test_the_past_of_an_item_is_one_address(room: Desk) -> None:
    answer = await room.text("/cis/CI-000001/history?at=2026-11-20T11:00:00Z")
    assert "As it was at" in answer
    assert (await room.get("/cis/CI-000001/history?at=yesterday")).status == 422
    before = await room.json("/api/v1/cis/CI-000001/history?at=2026-11-19T11:00:00Z")
    assert before is None


async def test_alike_items_are_folded_in_the_graph_and_all_stand_in_its_table(room: Desk) -> None:
    graph = await room.text("/graph?root=CI-000001&way=impact&steps=3&fold=4")
    assert "6 ×" in graph
    assert graph.count("TH-3") >= 2


async def test_the_api_enters_changes_relates_and_dry_runs(room: Desk) -> None:
    made = await room.send(
        "POST", "/api/v1/cis", json={"class": "switch", "values": {"name": "SW-1", "serial": "SER-SW-1"}}
    )
    assert made.status == 201, await made.text()
    number = (await made.json())["number"]
    changed = await room.send(
        "PATCH", f"/api/v1/cis/{number}", json={"values": {"model": "S5735"}, "revision": 1}
    )
    assert (await changed.json())["model"] == "S5735"
    stale = await room.send("PATCH", f"/api/v1/cis/{number}", json={"values": {"model": "X"}, "revision": 1})
    assert stale.status == 409
    related = await room.send(
        "POST", "/api/v1/relations", json={"kind": "powered_by", "from": number, "to": "CI-000002"}
    )
    assert related.status == 201, await related.text()
    ended = await room.send("DELETE", f"/api/v1/relations/{(await related.json())['id']}")
    assert ended.status == 204
    body = {
        "at": "2026-11-20T12:00:00Z",
        "class": "ups",
        "keys": {"serial": ["Default string"], "address": ["127.10.1.21"]},
        "attributes": {"vendor": "Huawei"},
    }
    decided = await (await room.send("POST", "/api/v1/observations/dry-run", json=body)).json()
    assert (decided["outcome"], decided["ci"]) == ("update", "CI-000001")
    assert {step["kind"]: step["verdict"] for step in decided["path"]}["serial+vendor"] == "junk"
    refused = await room.send(
        "POST", "/api/v1/cis", json={"class": "switch", "values": {"name": "X"}, "id": 7}
    )
    assert refused.status == 422


async def test_an_import_is_tried_before_it_is_done(room: Desk) -> None:
    rows = "name,class,serial\nSW-7,switch,SER-7\nSW-8,nonsense-class,\n"
    tried = await (await room.post("/cis/import", {"rows": rows, "do": "try"})).text()
    assert "It would enter 2" in tried
    assert (await room.json("/api/v1/cis?q=SW-7"))["total"] == 0
    await room.post("/cis/import", {"rows": rows, "do": "import"})
    assert (await room.json("/api/v1/cis?q=SW-7"))["total"] == 1


def test_an_identity_task_holds_no_two_open_rows_of_one_question(db: Database) -> None:
    row: dict[str, Any] = {
        "kind": "several",
        "digest": "d",
        "source": "s",
        "observation": {},
        "candidates": [],
        "path": [],
        "created_at": NOON,
    }

    def twice(session: Session) -> None:
        session.execute(insert(IdentityTask), [row, row])

    with pytest.raises(IntegrityError):
        db.run_now(twice)


def fill(session: Session, count: int) -> None:
    """Many items and a tree of links."""
    rows = [
        {
            "number": f"CI-{n:06d}",
            "class_code": "switch",
            "name": f"SW-{n}",
            "sort_name": natural(f"SW-{n}"),
            "search_text": f"sw-{n} huawei 10.0.{n >> 8}.{n & 255}",
            "state": CiState.IN_USE,
            "presence": Presence.ACTIVE,
            "criticality": 3,
            "vendor": "Huawei",
            "attributes": {},
            "conflicts": 0,
            "revision": 1,
            "created_at": NOON,
            "updated_at": NOON,
        }
        for n in range(1, count + 1)
    ]
    session.execute(insert(Ci), rows)
    session.execute(
        insert(Relation),
        [
            {
                "kind": "connects_to",
                "from_id": n,
                "to_id": n // 8 or 1,
                "slot": "",
                "source": AGENT,
                "confidence": 0.9,
                "attributes": {},
                "since_at": NOON,
                "recorded_at": NOON,
                "seen_at": NOON,
            }
            for n in range(2, count + 1)
        ],
    )
    session.add(Location(code="x", name={"en": "X"}, kind="site"))


def test_the_graph_of_five_thousand_items_is_built_in_half_a_second(db: Database) -> None:
    db.run_now(fill, 5000)

    def build(session: Session) -> float:
        graphs._built.clear()
        begin = time.thread_time()
        assert len(service.graph(session)) == 5000
        return time.thread_time() - begin

    assert min(db.read_now(build) for _ in range(3)) < 0.5  # a neighbour's load only ever adds
