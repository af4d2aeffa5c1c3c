"""While an incident is typed: incidents like it, the outage behind it, and what it probably is."""

import html
import json
import re
from datetime import UTC, datetime

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ml import classify
from server.cmdb.models import Ci, CiState, Presence, Relation, natural
from server.incidents import facts, guesses, reporting
from server.incidents.alike import alike
from server.incidents.guessed import Guesser
from server.incidents.models import Incident, State
from server.kernel.call import Actor
from server.kernel.db import Database
from server.knowledge.models import Gap
from server.notify.models import Delivery
from tests.desk_client import Desk

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RIGHTS = frozenset({"incident.read", "incident.create", "incident.work"})
ALICE = Actor(1, "alice", {"en": "Alice"}, RIGHTS)
CHARLIE = Actor(3, "charlie", {"en": "Charlie"}, frozenset({"incident.create"}))


def item(session: Session, name: str, kind: str) -> Ci:
    ci = Ci(
        number=f"CI-{name}",
        class_code=kind,
        name=name,
        sort_name=natural(name),
        search_text="",
        state=CiState.IN_USE,
        presence=Presence.ACTIVE,
        criticality=3,
        attributes={},
        conflicts=0,
        revision=1,
        seen_at=NOON,
        created_at=NOON,
        updated_at=NOON,
    )
    session.add(ci)
    session.flush()
    return ci


def opened(db: Database, summary: str, **more: object) -> Incident:
    values = {"summary": summary, **more}
    return db.run_now(reporting.create, values, actor=ALICE, now=NOON)


def numbers(db: Database, text: str, ci_id: int | None = None, actor: Actor = ALICE) -> list[str]:
    return [one.number for one in db.read_now(alike, text, ci_id, actor)]


def test_an_open_incident_with_the_same_words_is_found_in_either_language(db: Database) -> None:
    opened(db, "Printer on floor 3 prints blank pages")
    english = opened(db, "Nobody can log in to the billing system").number
    chinese = opened(db, "三楼机房空调停机").number
    assert numbers(db, "billing system: log in fails") == [english]
    assert numbers(db, "空调停机了") == [chinese]
    assert numbers(db, "Coffee machine is empty") == []


def test_the_outage_behind_an_item_is_named_though_no_word_agrees(db: Database) -> None:
    def build(session: Session) -> tuple[int, int]:
        server, pdu = item(session, "SRV-9", "server"), item(session, "PDU-9", "pdu")
        session.add(
            Relation(
                kind="powered_by",
                from_id=server.id,
                to_id=pdu.id,
                slot="",
                source="entered",
                confidence=1.0,
                attributes={},
                since_at=NOON,
                recorded_at=NOON,
                seen_at=NOON,
            )
        )
        return server.id, pdu.id

    server_id, _pdu = db.run_now(build)
    outage = opened(db, "Fuse blown", ci="CI-PDU-9", impact=1, urgency=1).number
    opened(db, "Its label is missing", ci="CI-PDU-9", impact=4, urgency=4)
    opened(db, "Paper jam")
    [found] = db.read_now(alike, "cannot reach it any more", server_id, ALICE)
    assert (found.number, found.outage, found.same_item) == (outage, True, False)


def test_who_may_not_see_an_incident_is_not_told_of_it(db: Database) -> None:
    opened(db, "Nobody can log in to the billing system")
    assert numbers(db, "billing system log in", actor=CHARLIE) == []


def test_a_typed_ticket_for_which_nothing_is_known_leaves_a_gap(db: Database) -> None:
    number = opened(db, "The crane in hall 4 does not lift").number
    assert db.read_now(lambda session: list(session.scalars(select(Gap.ticket)))) == [number]


def test_a_guess_is_offered_where_it_is_sure_and_forgotten_where_it_is_not_learned(db: Database) -> None:
    texts = [f"{word} trouble {n}" for n in range(30) for word in ("breaker", "switchport")]
    labels = ["power", "network"] * 30
    made = classify.learn(texts, labels)
    assert made is not None
    db.run_now(guesses.take, {"category": made, "priority": None}, now=NOON)
    [guess] = db.read_now(guesses.guesses, "breaker trouble")
    assert (guess.field, guess.value) == ("category", "power")
    assert guess.sure >= made.least
    assert guess.words == ("breaker",)
    assert (guess.right, guess.texts) == (made.figures["right"], made.figures["texts"])
    assert db.read_now(guesses.guesses, "nothing of the kind") == []
    db.run_now(guesses.take, {}, now=NOON)
    assert db.read_now(lambda session: session.scalar(select(Guesser.field))) is None


def test_only_what_is_over_is_learned_from(db: Database) -> None:
    opened(db, "Still open")
    done = opened(db, "Fan replaced", category="hardware")

    def close(session: Session) -> None:
        row = session.scalar(select(Incident).where(Incident.number == done.number))
        assert row is not None
        row.state = State.CLOSED

    db.run_now(close)
    tasks = db.read_now(guesses.tasks)
    assert [text.strip() for text in tasks["category"].texts] == ["Fan replaced"]
    assert tasks["category"].labels == ["hardware"]
    assert msgspec.msgpack.encode(tasks)


async def test_the_api_tells_what_is_alike_and_what_it_probably_is(desk: Desk) -> None:
    sent = await desk.post("/api/v1/incidents", json={"summary": "Billing log in fails"})
    assert sent.status == 201, await sent.text()
    found = await desk.post("/api/v1/incidents/alike", json={"text": "log in to Billing fails"})
    assert found.status == 200, await found.text()
    [one] = await found.json()
    assert one["number"] == (await sent.json())["number"]
    assert one["likeness"] > 0.5
    guessed = await desk.post("/api/v1/incidents/guesses", json={"text": "log in"})
    assert (guessed.status, await guessed.json()) == (200, [])


async def test_the_form_offers_a_guess_beside_its_field_and_never_over_what_is_chosen(desk: Desk) -> None:
    texts = [f"{word} trouble {n}" for n in range(30) for word in ("breaker", "switchport")]
    learned = {
        "category": classify.learn(texts, ["power", "network"] * 30),
        "priority": classify.learn(texts, ["2", "5"] * 30),
        "group": classify.learn(texts, ["room_power", "gone"] * 30),
    }
    await desk.db.run(guesses.take, learned, now=NOON)

    async def offered(summary: str, **chosen: str) -> dict[str, dict[str, str]]:
        given = {"summary": summary, "impact": "3", "urgency": "3", **chosen}
        text = await desk.text("/incidents/new/alike", params=given)
        slots = re.findall(r'id="guess-(\w+)" hx-swap-oob="true">(?:<button[^>]* data-take="([^"]*)")?', text)
        assert [name for name, _take in slots] == ["category", "group", "priority"]
        return {name: json.loads(html.unescape(take)) for name, take in slots if take}

    assert await offered("breaker trouble") == {
        "category": {"category": "power"},
        "priority": {"impact": "2", "urgency": "1"},
        "group": {"group": "room_power"},
    }
    assert set(await offered("breaker trouble", category="network", urgency="2")) == {"group"}
    assert set(await offered("switchport trouble")) == {
        "category"
    }  # that priority it has already, that group is gone
    assert await offered("something else entirely") == {}
    assert 'id="guess-category"></span>' in await desk.text("/incidents/new")
    assert "guess-category" not in await (await desk.charlie.get("/incidents/new")).text()


async def test_what_is_known_already_is_reported_into_it_and_nobody_is_called_out(desk: Desk) -> None:
    sent = await desk.post("/api/v1/incidents", json={"summary": "Nobody can log in to the billing system"})
    outage = str((await sent.json())["number"])
    typed = {"summary": "billing system: log in fails", "impact": "3", "urgency": "3"}
    panel = await desk.text("/incidents/new/alike", params=typed)
    assert f'form="report" name="into" value="{outage}"' in panel
    assert "<mark>billing system</mark>" in panel or "<mark>billing</mark>" in panel
    notices = await desk.db.read(lambda session: session.scalar(select(func.count(Delivery.id))))
    done = await desk.post("/incidents/new", {**typed, "into": outage})
    assert (done.status, done.headers["Location"]) == (303, f"/incidents/{outage}")
    found = (await desk.json("/api/v1/incidents?limit=50"))["items"]
    [closed] = [one for one in found if one["number"] != outage]
    assert (closed["state"], closed["summary"]) == ("closed", typed["summary"])
    assert await desk.db.read(lambda session: session.scalar(select(func.count(Delivery.id)))) == notices
    assert (
        await desk.db.read(
            lambda session: session.scalar(select(Gap.id).where(Gap.ticket == closed["number"]))
        )
        is None
    )
    gone = await desk.post("/incidents/new", {**typed, "into": "INC-999999"})
    assert gone.status == 404
    assert len((await desk.json("/api/v1/incidents?limit=50"))["items"]) == 2


async def test_the_record_of_what_a_person_reported_asks_whether_it_is_an_open_one(desk: Desk) -> None:
    numbers = []
    for summary in ("Nobody can log in to the billing system", "log in to billing system fails", "Paper jam"):
        sent = await desk.post("/api/v1/incidents", json={"summary": summary})
        numbers.append(str((await sent.json())["number"]))
    outage, again, other = numbers
    page = await desk.text(f"/incidents/{again}")
    asked = page.partition('id="alike"')[2].partition("</section>")[0]
    assert f'name="into" value="{outage}"' in asked
    assert again not in asked.replace(f"/incidents/{again}/merge", "").replace(f"{again} is closed", "")
    assert 'id="alike"' not in await desk.text(f"/incidents/{other}")
    assert (await desk.post(f"/incidents/{again}/merge", {"into": outage})).status == 303
    assert 'id="alike"' not in await desk.text(f"/incidents/{again}")


def test_what_fixed_it_is_asked_for_in_the_readers_language_alone(db: Database) -> None:
    incident = opened(db, "08:10 起无法登录营销计费", description="Since this morning")
    incident.summary_by_lang = {"en": "No access to Billing since 08:10", "zh": "08:10 起无法登录营销计费"}
    assert facts.words_of(incident, "en") == "No access to Billing since 08:10\nSince this morning"
    assert facts.words_of(incident, "zh") == "08:10 起无法登录营销计费\nSince this morning"
    assert set(facts.words_of(incident).split("\n")) == {
        *incident.summary_by_lang.values(),
        "Since this morning",
    }
    incident.summary_by_lang = {}
    assert facts.words_of(incident, "en") == "08:10 起无法登录营销计费\nSince this morning"
