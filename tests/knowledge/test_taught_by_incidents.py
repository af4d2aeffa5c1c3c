"""What incidents teach: the words of their alerts, and what was missing when somebody typed one."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.incidents import advice, reporting
from server.incidents import service as incidents
from server.kernel.db import Database
from server.kernel.errors import InvalidError, NotFoundError
from server.kernel.ticket import links
from server.knowledge import service
from server.knowledge.models import Gap, Outcome, State, Verdict
from server.knowledge.suggesting import asking_again, learning
from server.knowledge.suggesting.learned import Question
from tests.desk_client import Desk
from tests.incidents import test_opening as world
from tests.knowledge.conftest import NOON, Publish

ids = world.ids
_subscribed = world._subscribed
ALICE = world.ALICE


def gaps(db: Database) -> list[str]:
    return list(db.read_now(lambda s: s.scalars(select(Gap.title)).all()))


def test_a_typed_ticket_leaves_a_gap_only_where_nothing_is_known(db: Database, publish: Publish) -> None:
    publish("Printer prints blank pages", symptom="The pages of the printer come out blank")
    for summary in ("Printer prints blank pages", "Badge reader at the gate refuses visitors"):
        db.run_now(reporting.create, {"summary": summary}, actor=ALICE, now=NOON)
    assert gaps(db) == ["Badge reader at the gate refuses visitors"]


def test_a_gap_is_asked_again_and_filled_by_an_article_that_was_written_for_something_else(
    db: Database, publish: Publish
) -> None:
    for summary in ("Badge reader at the gate refuses visitors", "Lift of building C stands still"):
        db.run_now(reporting.create, {"summary": summary}, actor=ALICE, now=NOON)
    assert db.read_now(asking_again.answered) == {}
    number = publish("Badge reader refuses visitors at the gate", "1. Renew the visitors' list.")
    found = db.read_now(asking_again.answered)
    assert list(found.values()) == [number]
    db.run_now(asking_again.close, found)
    still = db.read_now(lambda s: s.scalars(select(Gap.title).where(Gap.closed_by.is_(None))).all())
    assert still == ["Lift of building C stands still"]
    assert db.read_now(asking_again.answered) == {}


def test_a_case_has_the_words_of_the_alerts_once_beside_those_of_people(
    db: Database, ids: dict[str, int]
) -> None:
    for name, at in (("UPS-A", 0), ("PDU-1", 20), ("UPS-A", 40)):
        world.tell(db, ids, world.news(name, "UpsOnBattery", "power", at=at), at=at)
    world.pass_time(db, 200)
    number = world.incidents(db)[0].number

    def resolve(session: Session) -> None:
        incidents.get(session, number).description = "The lights flickered."
        incidents.accept(session, number, actor=ALICE, now=NOON)
        done = "Reclosed the breaker."
        incidents.resolve(session, number, cause_code="power", resolution=done, actor=ALICE, now=NOON)

    db.run_now(resolve)
    case = db.read_now(service.case, number)
    lines = case.symptom.split("\n")
    assert "The lights flickered." in lines
    assert "PDU-1: UpsOnBattery" in lines
    assert len(lines) == len(set(lines))
    draft = service.draft_of(case)
    assert draft["cause"]
    assert draft["solution"] == "Reclosed the breaker."
    assert draft["alert"] == "UpsOnBattery"


async def test_a_typed_ticket_for_which_nothing_is_known_stands_among_the_gaps(desk: Desk) -> None:
    said = {"summary": "Badge reader refuses visitors", "impact": "3", "urgency": "3"}
    assert (await desk.charlie.post("/incidents/new", said)).status == 303
    assert "Badge reader refuses visitors" in await desk.text("/knowledge/gaps")


def verdicts(db: Database, ticket: str) -> dict[str, Verdict]:
    query = select(Outcome.suggestion, Outcome.verdict).where(Outcome.ticket == ticket)
    return dict(db.read_now(lambda s: s.execute(query).all()))


def resolve_with(db: Database, number: str, fix: str) -> None:
    def resolve(session: Session) -> None:
        incidents.accept(session, number, actor=ALICE, now=NOON)
        done = "Put in a new fuse."
        incidents.resolve(
            session, number, cause_code="power", resolution=done, fixed_by=fix, actor=ALICE, now=NOON
        )

    db.run_now(resolve)


def test_what_the_resolver_names_held_and_what_was_tried_instead_did_not_help(
    db: Database, publish: Publish
) -> None:
    tried, right = publish("Billing gateway refuses orders"), publish("Orders are lost in transfer")
    number = db.run_now(
        reporting.create, {"summary": "Billing gateway refuses orders"}, actor=ALICE, now=NOON
    ).number
    db.run_now(advice.take_up, number, tried, actor=ALICE, now=NOON)
    resolve_with(db, number, right.lower())
    assert verdicts(db, number) == {tried: Verdict.NOT_HELPED, right: Verdict.FIXED}
    [lesson] = db.read_now(learning.lessons)
    assert (sum(lesson.right), sum(lesson.wrong)) == (1, 1)
    assert db.read_now(lambda s: [(one.other, one.kind) for one in links(s, number)]) == [
        (right, "resolved_by")
    ]
    db.run_now(incidents.reopen, number, note="Again", actor=ALICE, now=NOON)
    assert verdicts(db, number)[right] is Verdict.CAME_BACK
    assert db.read_now(links, number) == []


def test_a_past_incident_teaches_like_an_article_and_what_is_no_fix_is_refused(db: Database) -> None:
    first, second = (
        db.run_now(reporting.create, {"summary": "Badge reader dead"}, actor=ALICE, now=NOON).number
        for _ in range(2)
    )
    resolve_with(db, first, "")
    for wrong, error in ((second, InvalidError), ("KB-000099", NotFoundError)):
        with pytest.raises(error):
            resolve_with(db, second, wrong)
    resolve_with(db, second, first)
    assert verdicts(db, second) == {first: Verdict.FIXED}


async def test_the_picker_offers_what_is_suggested_and_what_is_typed(desk: Desk) -> None:
    for summary in ("Fuse of rack 7 blown", "Fuse of rack 8 blown"):
        assert (
            await desk.post("/api/v1/incidents", json={"summary": summary, "description": "dark"})
        ).status == 201
    assert (await desk.post("/incidents/INC-000001/accept")).status == 303
    done = {"cause_code": "power", "resolution": "New fuse"}
    assert (await desk.post("/incidents/INC-000001/resolve", done)).status == 303
    for text in ("", "fuse rack", "inc-000001"):
        found = await desk.json("/incidents/INC-000002/fixes", params={"q": text})
        assert [one["value"] for one in found["options"]] == ["INC-000001"], text
    assert (await desk.json("/incidents/INC-000001/fixes?q=fuse"))["options"] == []
    assert (await desk.charlie.get("/incidents/INC-000002/fixes")).status == 403
    assert (await desk.post("/incidents/INC-000002/accept")).status == 303
    assert (await desk.post("/incidents/INC-000002/resolve", done | {"fixed_by": "INC-000001"})).status == 303
    shown = await desk.text("/incidents/INC-000002")
    assert "resolved with" in shown


async def test_a_verdict_over_the_api_keeps_the_question_of_the_ticket(desk: Desk) -> None:
    sent = {"title": "Fuse blown", "solution": "Change it", "symptom": "The rack is dark"}
    number = (await (await desk.post("/api/v1/articles", json=sent)).json())["number"]
    await desk.db.run(service.move, number, State.SUBMITTED, by=1, now=NOON)
    await desk.db.run(service.move, number, State.PUBLISHED, by=2, now=NOON)
    assert (await desk.post("/api/v1/incidents", json={"summary": "Rack 7 dark"})).status == 201
    for said in (
        {"ticket": "INC-000001", "text": "what the desk knows better"},
        {"ticket": "EXT-7", "text": "Rack 9 dark"},
        {"ticket": "EXT-8"},
    ):
        answer = await desk.post(f"/api/v1/suggestions/{number}/outcome", json={"verdict": "fixed"} | said)
        assert answer.status < 300, await answer.text()
    asked = await desk.db.read(lambda s: s.execute(select(Question.ticket, Question.text)).all())
    assert dict(asked) == {"INC-000001": "Rack 7 dark", "EXT-7": "Rack 9 dark"}
