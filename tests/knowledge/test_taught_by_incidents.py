"""What incidents teach: the words of their alerts, and what was missing when somebody typed one."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.incidents import service as incidents
from server.kernel.db import Database
from server.knowledge import service
from server.knowledge.models import Gap
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
        db.run_now(incidents.create, {"summary": summary}, actor=ALICE, now=NOON)
    assert gaps(db) == ["Badge reader at the gate refuses visitors"]


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
