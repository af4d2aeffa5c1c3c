"""Which alert names an incident, and what an incident teaches when it ends."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.alerts.memory import forget_memory
from server.incidents import advice, record, reporting, service
from server.incidents.learning import opened
from server.incidents.models import IncidentCi, IncidentEntry
from server.kernel.db import Database
from server.kernel.errors import ConflictError, ForbiddenError, NotFoundError
from server.knowledge import service as knowledge
from server.knowledge.models import Case, Gap, Outcome, State, Verdict
from tests.incidents import test_opening as world

ALICE, CHARLIE, NOON = world.ALICE, world.CHARLIE, world.NOON
_subscribed = world._subscribed
ids = world.ids


def mains_failure(db: Database, ids: dict[str, int]) -> None:
    """The panel's contact first, a major alert; then the UPS below it, a critical one."""
    first = world.news("MAINS", "ContactAlarm", "power", severity="major", at=0)
    world.tell(db, ids, first, at=0)
    world.pass_time(db, 120)
    world.tell(db, ids, world.news("UPS-A", "UpsOnBattery", "power", at=130), at=130)
    world.pass_time(db, 300)


def entries(db: Database) -> list[str]:
    return list(db.read_now(lambda s: s.scalars(select(IncidentEntry.msgid)).all()))


def primary(db: Database) -> list[int]:
    query = select(IncidentCi.ci_id).where(IncidentCi.role == "primary")
    return list(db.read_now(lambda s: s.scalars(query).all()))


def test_item_and_title_follow_the_gravest_alert_and_the_cause_stays_the_panel(
    db: Database, ids: dict[str, int]
) -> None:
    mains_failure(db, ids)
    (incident,) = world.incidents(db)
    assert incident.ci_id == ids["UPS-A"]
    assert incident.summary_by_lang == {"en": "UPS-A: UpsOnBattery", "zh": "UPS-A：UpsOnBattery"}
    assert primary(db) == [ids["UPS-A"]]
    assert "Item and title follow the gravest alert: {alert}" in entries(db)
    page = db.read_now(record.page, incident.number, actor=ALICE, now=NOON)
    assert page.base.known.cause is not None
    assert page.base.known.cause.ci is not None
    assert page.base.known.cause.ci.name == "MAINS"
    assert page.path is not None
    names = [node.name for node in page.path.nodes]
    assert names[:2] == ["MAINS", "UPS-A"]
    assert names[-1] == "BILLING"
    assert [node.verb for node in page.path.nodes][:2] == ["feeds", "feeds"]


def test_a_lesser_alert_never_takes_the_name_away(db: Database, ids: dict[str, int]) -> None:
    world.tell(db, ids, world.news("UPS-A", "UpsOnBattery", "power"), at=0)
    world.pass_time(db, 100)
    world.tell(db, ids, world.news("SRV-1", "Reboot", "unreachable", severity="minor", at=110), at=110)
    world.tell(db, ids, world.news("CRAC-1", "Stopped", "cooling", at=115), at=115)
    world.pass_time(db, 300)
    (incident,) = world.incidents(db)
    assert incident.ci_id == ids["UPS-A"]
    assert incident.summary == "UPS-A: UpsOnBattery"


def test_what_a_person_has_set_stays(db: Database, ids: dict[str, int]) -> None:
    first = world.news("MAINS", "ContactAlarm", "power", severity="major", at=0)
    world.tell(db, ids, first, at=0)
    world.pass_time(db, 120)
    (incident,) = world.incidents(db)
    values = {"summary": "Work on the panel"}
    version = incident.version
    db.run_now(service.update, incident.number, values, version=version, actor=ALICE, now=NOON)
    world.tell(db, ids, world.news("UPS-A", "UpsOnBattery", "power", at=130), at=130)
    world.pass_time(db, 300)
    (incident,) = world.incidents(db)
    assert incident.summary == "Work on the panel"
    assert incident.ci_id == ids["UPS-A"]


# -- what it teaches --------------------------------------------------------------------------


@pytest.fixture
def article(db: Database) -> str:
    def write(session: Session) -> str:
        texts = {
            "title": "UPS on battery: check the breaker", "language": "en", "symptom": "UpsOnBattery",
            "solution": "1. Reclose it.", "applies_to": {"alert": ["UpsOnBattery"], "ci_class": ["ups"]},
        }  # fmt: skip
        made = knowledge.write(session, texts, by=1, now=NOON)
        for state in (State.SUBMITTED, State.PUBLISHED):
            knowledge.move(session, made.number, state, by=1, now=NOON)
        return made.number

    return db.run_now(write)


def outage(db: Database, ids: dict[str, int], *, over: bool, at: float) -> None:
    status = "resolved" if over else "firing"
    world.tell(db, ids, world.news("UPS-A", "UpsOnBattery", "power", status=status, at=at), at=at)
    world.pass_time(db, at + 100)


def verdict(db: Database, suggestion: str) -> Verdict | None:
    query = select(Outcome.verdict).where(Outcome.suggestion == suggestion)
    found: Verdict | None = db.read_now(lambda s: s.scalar(query))
    return found


def test_a_fix_that_was_tried_is_judged_by_whether_the_alert_stays_away(
    db: Database, ids: dict[str, int], article: str
) -> None:
    outage(db, ids, over=False, at=0)
    number = world.incidents(db)[0].number
    page = db.read_now(record.page, number, actor=ALICE, now=NOON)
    assert [fix.suggestion.number for fix in page.fixes] == [article]
    db.run_now(advice.take_up, number, article, actor=ALICE, now=NOON)
    assert verdict(db, article) is Verdict.APPLIED
    again = db.read_now(record.page, number, actor=ALICE, now=NOON)
    assert again.resolution.startswith(f"Applied {article}")
    outage(db, ids, over=True, at=400)
    assert verdict(db, article) is Verdict.FIXED
    assert db.read_now(lambda s: s.get(Case, number)) is not None
    db.run_now(forget_memory)
    outage(db, ids, over=False, at=700)
    assert verdict(db, article) is Verdict.CAME_BACK
    assert db.read_now(lambda s: s.get(Case, number)) is None


def test_what_is_not_relevant_is_shown_no_more(db: Database, ids: dict[str, int], article: str) -> None:
    outage(db, ids, over=False, at=0)
    number = world.incidents(db)[0].number
    db.run_now(advice.put_aside, number, article, actor=ALICE, now=NOON)
    assert db.read_now(record.page, number, actor=ALICE, now=NOON).fixes == []
    with pytest.raises(NotFoundError):
        db.run_now(advice.take_up, number, "KB-999999", actor=ALICE, now=NOON)
    with pytest.raises(ForbiddenError):
        db.run_now(advice.take_up, number, article, actor=CHARLIE, now=NOON)


def test_an_alert_for_which_nothing_is_known_leaves_a_gap_once(db: Database, ids: dict[str, int]) -> None:
    outage(db, ids, over=False, at=0)
    (incident,) = world.incidents(db)
    db.run_now(opened, incident, now=NOON)
    gaps = db.read_now(lambda s: s.scalars(select(Gap.ticket)).all())
    assert list(gaps) == [incident.number]


def test_what_a_person_writes_when_resolving_becomes_a_case_until_it_is_reopened(
    db: Database, ids: dict[str, int]
) -> None:
    def report(session: Session) -> str:
        values = {"summary": "打印机卡纸", "impact": 3, "urgency": 3}
        return reporting.create(session, values, actor=ALICE, now=NOON).number

    number: str = db.run_now(report)
    how: dict[str, Any] = {"actor": ALICE, "now": NOON}
    db.run_now(service.accept, number, **how)
    db.run_now(service.resolve, number, cause_code="hardware", resolution="清理进纸轮", **how)
    case = db.read_now(lambda s: s.get(Case, number))
    assert case is not None
    assert (case.language, case.solution) == ("zh", "清理进纸轮")
    db.run_now(service.reopen, number, note="Again", **how)
    assert db.read_now(lambda s: s.get(Case, number)) is None


def test_a_cause_is_judged_only_where_there_is_one(db: Database, ids: dict[str, int]) -> None:
    outage(db, ids, over=False, at=0)
    number = world.incidents(db)[0].number
    db.run_now(advice.judge_cause, number, "wrong", actor=ALICE, now=NOON)
    assert db.read_now(record.page, number, actor=ALICE, now=NOON).cause_verdict == "wrong"

    def report(session: Session) -> str:
        return reporting.create(session, {"summary": "No alert"}, actor=ALICE, now=NOON).number

    with pytest.raises(ConflictError):
        db.run_now(advice.judge_cause, db.run_now(report), "right", actor=ALICE, now=NOON)
