"""What comes again is found, with size and cost; decisions stay; a known error reaches incidents."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from ml import cluster
from ml.cluster import Said
from server.incidents.models import Incident, Source, WorkLog
from server.incidents.models import State as IncidentState
from server.kernel.call import Actor
from server.kernel.db import Database
from server.kernel.errors import ConflictError, InvalidError, NotFoundError, StaleError
from server.kernel.i18n import use_language
from server.knowledge import service as knowledge
from server.knowledge.models import State as ArticleState
from server.knowledge.suggesting.suggest import Query, suggest
from server.problems import patterns, record, service
from server.problems.models import Candidate, CandidateState, Problem, State
from server.problems.pages import SHOWN
from tests.desk_client import Desk

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RIGHTS = frozenset({"problem.read", "problem.manage", "incident.read"})
ALICE = Actor(1, "alice", {"en": "Alice"}, RIGHTS)
VERA = Actor(5, "vera", {"en": "Vera"}, RIGHTS, vendor=True)


def resolved(session: Session, summary: str, *, number: int, days: int, hours: float = 1) -> Incident:
    at = NOON - timedelta(days=days)
    incident = Incident(
        number=f"INC-{number:06}",
        summary=summary,
        source=Source.USER,
        impact=3,
        urgency=3,
        priority=3,
        state=IncidentState.CLOSED,
        opened_at=at,
        resolved_at=at + timedelta(hours=hours),
        updated_at=at,
        cause_code="power",
    )
    for name in ("response_due_at", "resolution_due_at", "responded_at", "closed_at", "pending_reason"):
        setattr(incident, name, None)
    session.add(incident)
    session.flush()
    return incident


def year(session: Session, generator: int = 4) -> None:
    """Some incidents that are alike, and some that are like nothing."""
    for n in range(generator):
        one = resolved(
            session, f"UPS goes to battery at generator test {n}", number=n + 1, days=7 * n, hours=2
        )
        session.add(WorkLog(incident_id=one.id, person_id=1, at=NOON, minutes=30))
    for n, summary in enumerate(("Printer prints blank pages", "Login page is slow", "Badge reader offline")):
        resolved(session, summary, number=100 + n, days=n)


def more(session: Session, number: int, count: int) -> None:
    for n in range(count):
        resolved(session, "UPS goes to battery at generator test", number=number + n, days=1)


def found(db: Database, state: CandidateState = CandidateState.OPEN) -> list[Candidate]:
    return list(db.read_now(service.candidates, ALICE, state))


def test_what_comes_again_is_proposed_with_size_cost_and_trend(db: Database) -> None:
    db.run_now(year)
    assert db.run_now(patterns.refresh, now=NOON) == 1
    [one] = found(db)
    assert one.incidents == [f"INC-{n:06}" for n in (1, 2, 3, 4)]
    assert (one.size, one.hours, one.worked_minutes) == (4, 8.0, 120)
    assert sum(one.weekly) == 4
    assert one.facets["cause"] == "power"
    assert "generator" in one.words
    assert db.run_now(patterns.refresh, now=NOON) == 1
    assert [again.id for again in found(db)] == [one.id]


def test_a_dismissed_pattern_stays_so_until_it_has_doubled(db: Database) -> None:
    db.run_now(year)
    db.run_now(patterns.refresh, now=NOON)
    [one] = found(db)
    db.run_now(service.dismiss, one.id, "Tests are meant to do that", actor=ALICE, now=NOON)
    for size in (4, 7):
        db.run_now(more, 200 + size * 10, size - found(db, CandidateState.DISMISSED)[0].size)
        assert db.run_now(patterns.refresh, now=NOON) == 0, size
    db.run_now(lambda s: resolved(s, "UPS goes to battery at generator test", number=400, days=1))
    assert db.run_now(patterns.refresh, now=NOON) == 1
    [again] = found(db)
    assert (again.id, again.size) == (one.id, 8)


def test_an_accepted_pattern_is_a_problem_whose_like_join_it(db: Database) -> None:
    db.run_now(year)
    db.run_now(patterns.refresh, now=NOON)
    [one] = found(db)
    problem = db.run_now(service.accept, one.id, actor=ALICE, now=NOON)
    with pytest.raises(ConflictError, match="accepted"):
        db.run_now(service.accept, one.id, actor=ALICE, now=NOON)
    db.run_now(lambda s: resolved(s, "UPS goes to battery at generator test", number=50, days=0))
    assert db.run_now(patterns.refresh, now=NOON) == 0
    view = db.read_now(record.view, problem.number, actor=ALICE, now=NOON)
    assert view.count == 5
    assert [explained.found for explained in view.incidents] == [True, False, False, False, False]


def test_what_comes_after_a_problem_was_resolved_is_counted_as_its_return(db: Database) -> None:
    db.run_now(year)
    db.run_now(patterns.refresh, now=NOON)
    number = db.run_now(service.accept, found(db)[0].id, actor=ALICE, now=NOON - timedelta(days=1)).number
    texts = {"root_cause": "Relay", "solution": "New relay"}
    version = db.read_now(service.get, number, ALICE).version
    db.run_now(service.change, number, texts, version=version, actor=ALICE, now=NOON)
    db.run_now(service.move, number, State.RESOLVED, actor=ALICE, now=NOON - timedelta(hours=1))
    db.run_now(lambda s: resolved(s, "UPS goes to battery at generator test", number=60, days=0))
    db.run_now(patterns.refresh, now=NOON)
    assert db.read_now(record.view, number, actor=ALICE, now=NOON).recurred == 2  # the one of today, and this


def opened(db: Database) -> str:
    texts = {"title": "UPS goes to battery at generator test", "facets": {"alert": "UpsOnBattery"}}
    return db.run_now(service.create, texts, actor=ALICE, now=NOON).number


def test_a_known_error_is_suggested_on_incidents_until_the_problem_is_resolved(db: Database) -> None:
    number = opened(db)
    with pytest.raises(InvalidError, match="root cause"):
        db.run_now(service.move, number, State.KNOWN_ERROR, actor=ALICE, now=NOON)
    texts = {"root_cause": "Weak relay", "workaround": "1. Wait ten seconds.\n2. Acknowledge."}
    db.run_now(service.change, number, texts, version=1, actor=ALICE, now=NOON)
    db.run_now(service.move, number, State.KNOWN_ERROR, actor=ALICE, now=NOON)
    query = Query("UPS goes to battery at generator test", alert="UpsOnBattery")
    [best] = db.read_now(suggest, query)
    assert best.steps[0] == "Wait ten seconds."
    version = db.read_now(service.get, number, ALICE).version
    texts = {"workaround": "1. Wait a minute.", "solution": "New relay"}
    db.run_now(service.change, number, texts, version=version, actor=ALICE, now=NOON)
    assert db.read_now(suggest, query)[0].steps == ("Wait a minute.",)
    problem = db.run_now(service.move, number, State.RESOLVED, actor=ALICE, now=NOON)
    assert db.read_now(suggest, query) == []
    assert problem.article is not None
    assert db.read_now(knowledge.article, problem.article).state is ArticleState.RETIRED
    db.run_now(service.move, number, State.OPEN, actor=ALICE, now=NOON)
    db.run_now(service.move, number, State.KNOWN_ERROR, actor=ALICE, now=NOON)
    assert len(db.read_now(suggest, query)) == 1


@given(wanted=st.lists(st.sampled_from(list(State)), max_size=8))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_a_problem_moves_only_along_its_steps(db: Database, wanted: list[State]) -> None:
    texts = {"title": "x", "root_cause": "c", "workaround": "w", "solution": "s"}
    number = db.run_now(service.create, texts, actor=ALICE, now=NOON).number
    state = State.OPEN
    for to in wanted:
        if to in service.STEPS[state]:
            state = db.run_now(service.move, number, to, actor=ALICE, now=NOON).state
        else:
            with pytest.raises(ConflictError, match=state.value):
                db.run_now(service.move, number, to, actor=ALICE, now=NOON)


def test_two_writers_do_not_overwrite_each_other(db: Database) -> None:
    number = opened(db)
    db.run_now(service.change, number, {"root_cause": "Relay"}, version=1, actor=ALICE, now=NOON)
    with pytest.raises(StaleError):
        db.run_now(service.change, number, {"root_cause": "Storm"}, version=1, actor=ALICE, now=NOON)


def test_T13_a_vendor_sees_neither_problems_nor_patterns(db: Database) -> None:  # noqa: N802
    db.run_now(year)
    db.run_now(patterns.refresh, now=NOON)
    number = opened(db)
    assert db.read_now(service.candidates, VERA, CandidateState.OPEN) == []
    with pytest.raises(NotFoundError):
        db.read_now(service.get, number, VERA)


LETTERS = ("quartz", "copper", "marble", "velvet", "walnut", "pewter")
WORDS = ("fan", "bolt", "hub", "rack", "door", "lamp")


@given(
    groups=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=30, deadline=None)
def test_gathering_finds_planted_groups_whatever_their_order(groups: list[int], order: object) -> None:
    texts = [
        Said(f"{group}-{n}", " ".join([*(f"{LETTERS[group]}{k}ing" for k in WORDS), LETTERS[n] * 4]))
        for group, size in enumerate(groups)
        for n in range(size)
    ]
    order.shuffle(texts)  # type: ignore[attr-defined]
    made = cluster.gathered(texts)
    told = sorted(sorted(texts[place].key for place in one) for one in made)
    wanted = sorted(
        sorted(f"{group}-{n}" for n in range(size)) for group, size in enumerate(groups) if size >= 2
    )
    assert told == wanted


def test_half_alike_texts_do_not_run_together_in_a_chain() -> None:
    texts = [Said(str(n), " ".join(f"w{n + k}" for k in range(4))) for n in range(12)]
    for one in cluster.gathered(texts):
        leader = set(texts[one[0]].text.split())
        assert all(len(leader & set(texts[place].text.split())) >= 2 for place in one)


# -- in the console ---------------------------------------------------------------------------


async def test_a_pattern_becomes_a_problem_in_the_console(desk: Desk) -> None:
    await desk.db.run(year)
    assert "No patterns wait" in await desk.text("/problems/patterns")
    assert (await desk.bob.post("/problems/patterns/look")).status == 403
    await desk.post("/problems/patterns/look")
    page = await desk.text("/problems/patterns")
    assert "UPS goes to battery at generator test" in page
    assert "INC-000004" in page
    [one] = await desk.json("/api/v1/problem-patterns")
    made = await desk.post(f"/problems/patterns/{one['id']}/accept")
    number = made.headers["Location"].rpartition("/")[2]
    shown = await desk.text(f"/problems/{number}")
    assert "INC-000001" in shown
    whole = await desk.json(f"/api/v1/problems/{number}")
    assert len(whole["incidents"]) == 4
    refused = await desk.post(f"/problems/{number}/move", {"to": "known_error"})
    assert refused.status == 422
    assert "root cause" in await refused.text()
    edited = {"title": "UPS at generator test", "root_cause": "Relay", "workaround": "Wait", "version": "1"}
    assert (await desk.post(f"/problems/{number}/edit", edited)).status == 303
    assert (await desk.post(f"/problems/{number}/move", {"to": "known_error"})).status == 303
    assert "Known error" in await desk.text("/problems")
    assert "UPS at generator test" in await desk.text("/knowledge?view=known")
    assert any(number in str(entry) for entry in (await desk.json("/palette?q=generator"))["entries"])


async def test_a_problem_by_hand_begins_with_its_incident(desk: Desk) -> None:
    await desk.db.run(year)
    bad = await desk.post("/problems/new", {"title": "", "description": "kept"})
    assert bad.status == 422
    assert "kept" in await bad.text()
    unknown = await desk.post("/problems/new", {"title": "x", "incident": "INC-999999"})
    assert unknown.status == 404
    rows = await desk.db.read(lambda session: session.scalars(select(Problem)).all())
    assert rows == []
    made = await desk.post("/problems/new", {"title": "<script>alert(1)</script>", "incident": "INC-000001"})
    page = await desk.text(made.headers["Location"])
    assert "<script>alert(1)" not in page
    assert "INC-000001" in page
    number = made.headers["Location"].rpartition("/")[2]
    assert (await desk.post(f"/problems/{number}/incidents/INC-000001/remove")).status == 303
    assert (await desk.json(f"/api/v1/problems/{number}"))["incidents"] == []
    assert (await desk.charlie.get(f"/problems/{number}")).status == 403


async def test_an_incident_opens_its_problem_and_shows_it_until_they_are_parted(desk: Desk) -> None:
    await desk.db.run(year)
    assert "/problems/new?incident=INC-000002" in await desk.text("/incidents/INC-000002")
    assert "/problems/new" not in await desk.bob.text("/incidents/INC-000002")
    form = await desk.text("/problems/new?incident=INC-000002")
    assert 'value="UPS goes to battery at generator test 1"' in form
    assert "It begins with INC-000002" in form
    assert (await desk.get("/problems/new?incident=INC-999999")).status == 404
    body = {"title": "UPS at generator test", "incident": "INC-000002"}
    made = await desk.post("/api/v1/problems", json=body)
    assert made.status == 201
    number = (await made.json())["number"]
    assert (await desk.json(f"/api/v1/problems/{number}"))["incidents"] == ["INC-000002"]
    assert f"/problems/{number}" in await desk.text("/incidents/INC-000002")
    assert f"/problems/{number}" in await desk.bob.text("/incidents/INC-000002")  # he may read problems
    assert (await desk.post(f"/problems/{number}/incidents/INC-000002/remove")).status == 303
    assert number not in await desk.text("/incidents/INC-000002")


def test_what_a_machine_wrote_in_two_languages_is_one_pattern_told_in_the_readers(db: Database) -> None:
    said = {"en": "Uplink of the access switch flaps", "zh": "接入交换机上联端口抖动"}

    def both(session: Session) -> None:
        for n, language in enumerate(("en", "zh", "en", "zh")):
            resolved(session, said[language], number=700 + n, days=n)
        for incident in session.scalars(select(Incident).where(Incident.summary.in_(said.values()))):
            incident.summary_by_lang = said

    db.run_now(both)
    assert db.run_now(patterns.refresh, now=NOON) == 1
    [one] = found(db)
    assert one.size == 4
    for language, title in said.items():
        with use_language(language):
            assert db.read_now(service.titles, [one], ALICE) == {one.id: title}


async def test_however_many_patterns_there_are_the_costliest_are_shown(desk: Desk) -> None:
    def many(session: Session) -> None:
        for n in range(SHOWN + 7):
            session.add(
                Candidate(
                    title=f"Pattern number {n}", incidents=[], size=3, hours=float(n), worked_minutes=0,
                    facets={}, words=[], weekly=[0] * 12, first_at=NOON, last_at=NOON, found_at=NOON,
                    size_then=0, state=CandidateState.OPEN,
                )
            )  # fmt: skip

    await desk.db.run(many)
    page = await desk.text("/problems/patterns")
    assert page.count('<details class="wd-panel kpat"') == SHOWN
    assert page.index(f"Pattern number {SHOWN + 6}") < page.index(f"Pattern number {SHOWN}")
    assert "7 more patterns cost less than these." in page
