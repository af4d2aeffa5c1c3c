"""From draft to retired: who may take which step, versions that come back, reports, expiry."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.kernel.call import Actor
from server.kernel.db import Database
from server.kernel.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from server.knowledge import finding, portal, proposals, service, tending
from server.knowledge.models import NoteKind, State, Verdict
from server.knowledge.suggesting.suggest import Query, suggest
from tests.knowledge.conftest import NOON, Publish

ALICE, BOB, CHARLIE = 1, 2, 3
TEXTS = {"title": "Fan tray fails", "solution": "Change the tray.", "language": "en"}


def actor(number: int, *rights: str) -> Actor:
    return Actor(number, f"p{number}", {"en": "x"}, frozenset(rights))


def draft(db: Database) -> str:
    return db.run_now(service.write, TEXTS, by=ALICE, now=NOON).number


def test_T15_who_alone_wrote_an_article_does_not_publish_it(db: Database) -> None:  # noqa: N802
    number = draft(db)
    db.run_now(service.move, number, State.SUBMITTED, by=ALICE, now=NOON)
    with pytest.raises(ConflictError, match=r"submitted.*somebody else"):
        db.run_now(service.move, number, State.PUBLISHED, by=ALICE, now=NOON, own_review=False)
    done = db.run_now(service.move, number, State.PUBLISHED, by=BOB, now=NOON, own_review=False)
    assert (done.state, done.reviewer_id) == (State.PUBLISHED, BOB)


def test_T15_a_second_pair_of_hands_in_the_text_is_enough(db: Database) -> None:  # noqa: N802
    number = draft(db)
    db.run_now(service.revise, number, {"cause": "Dust"}, version=1, by=BOB, now=NOON)
    db.run_now(service.move, number, State.SUBMITTED, by=ALICE, now=NOON)
    done = db.run_now(service.move, number, State.PUBLISHED, by=ALICE, now=NOON, own_review=False)
    assert done.state is State.PUBLISHED


def test_T15_what_somebody_else_has_reviewed_its_writer_may_publish(db: Database) -> None:  # noqa: N802
    number = draft(db)
    db.run_now(service.move, number, State.SUBMITTED, by=ALICE, now=NOON)
    with pytest.raises(ConflictError, match="somebody else"):
        db.run_now(service.move, number, State.REVIEWED, by=ALICE, now=NOON, own_review=False)
    seen = db.run_now(service.move, number, State.REVIEWED, by=BOB, now=NOON, own_review=False)
    assert (seen.state, seen.reviewer_id, seen.published_at) == (State.REVIEWED, BOB, None)
    done = db.run_now(service.move, number, State.PUBLISHED, by=ALICE, now=NOON, own_review=False)
    assert (done.state, done.reviewer_id) == (State.PUBLISHED, BOB)


def test_T15_a_text_that_changes_after_its_review_waits_for_another(db: Database) -> None:  # noqa: N802
    number = draft(db)
    db.run_now(service.move, number, State.SUBMITTED, by=ALICE, now=NOON)
    db.run_now(service.move, number, State.REVIEWED, by=BOB, now=NOON)
    assert [one.reason for one in db.read_now(tending.queue, now=NOON)] == ["reviewed"]
    db.run_now(service.revise, number, {"cause": "Dust"}, version=1, by=ALICE, now=NOON)
    [waiting] = db.read_now(tending.queue, now=NOON)
    assert (waiting.reason, waiting.article.reviewer_id) == ("submitted", None)
    with pytest.raises(ConflictError, match="somebody else"):
        db.run_now(service.move, number, State.PUBLISHED, by=ALICE, now=NOON, own_review=False)


def test_what_is_sent_back_carries_the_reason_and_is_a_draft(db: Database) -> None:
    number = draft(db)
    db.run_now(service.move, number, State.SUBMITTED, by=ALICE, now=NOON)
    with pytest.raises(InvalidError, match="without words"):
        db.run_now(service.send_back, number, "  ", by=BOB, now=NOON)
    back = db.run_now(service.send_back, number, "Name the model.", by=BOB, now=NOON)
    assert back.state is State.DRAFT
    with pytest.raises(ConflictError, match="draft"):
        db.run_now(service.send_back, number, "Again", by=BOB, now=NOON)


@given(
    texts=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40), max_size=6)
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_earlier_version_can_be_put_back_and_none_is_lost(db: Database, texts: list[str]) -> None:
    number = draft(db)
    said = [TEXTS["solution"]]
    for text in texts:
        article = db.read_now(service.article, number)
        db.run_now(service.revise, number, {"solution": text}, version=article.version, by=BOB, now=NOON)
        if text != said[-1]:
            said.append(text)
    article = db.read_now(service.article, number)
    kept = {one.version: one.texts["solution"] for one in db.read_now(finding.versions, article)}
    assert kept == dict(enumerate(said[:-1], 1))
    for version, text in kept.items():
        now_at = db.read_now(service.article, number).version
        back = db.run_now(service.revert, number, version, version=now_at, by=ALICE, now=NOON)
        assert back.solution == text
        assert back.version in {now_at, now_at + 1}


def test_a_version_that_never_was_is_absent(db: Database) -> None:
    with pytest.raises(NotFoundError, match="version 7"):
        db.run_now(service.revert, draft(db), 7, version=1, by=ALICE, now=NOON)


def test_a_published_text_changes_only_when_the_reviewer_takes_the_change(
    db: Database, publish: Publish
) -> None:
    number = publish("Fan tray fails", "Change the tray.")
    db.run_now(proposals.propose, number, {"solution": "Clean it first."}, version=1, by=ALICE, now=NOON)
    assert db.read_now(service.article, number).solution == "Change the tray."
    with pytest.raises(ConflictError, match="Somebody else"):
        db.run_now(proposals.propose, number, {"solution": "Mine."}, version=1, by=CHARLIE, now=NOON)
    taken = db.run_now(proposals.accept, number, by=BOB, now=NOON)
    assert (taken.solution, taken.version) == ("Clean it first.", 2)
    with pytest.raises(NotFoundError):
        db.run_now(proposals.accept, number, by=BOB, now=NOON)


def test_a_proposal_over_a_text_that_changed_meanwhile_is_refused(db: Database, publish: Publish) -> None:
    number = publish("Fan tray fails")
    db.run_now(proposals.propose, number, {"cause": "Dust"}, version=1, by=ALICE, now=NOON)
    db.run_now(service.revise, number, {"cause": "Wear"}, version=1, by=BOB, now=NOON)
    with pytest.raises(ConflictError, match="version 2"):
        db.run_now(proposals.accept, number, by=BOB, now=NOON)
    db.run_now(proposals.send_back, number, "It was wear.", by=BOB, now=NOON)
    assert db.read_now(service.article, number).cause == "Wear"
    assert db.read_now(proposals.count_waiting) == 0


RIGHTS = ("knowledge.read", "knowledge.write", "knowledge.publish")


@given(
    person=st.sampled_from([ALICE, BOB]),
    rights=st.sets(st.sampled_from(RIGHTS)),
    state=st.sampled_from(list(State)),
    to=st.sampled_from(list(State)),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_only_authors_and_reviewers_move_an_article(
    sqlite_db: Database, person: int, rights: set[str], state: State, to: State
) -> None:
    article = sqlite_db.run_now(service.write, TEXTS, by=ALICE, now=NOON)
    article.state = state
    theirs = person == ALICE and state in service.UNPUBLISHED and to in {State.DRAFT, State.SUBMITTED}
    allowed = "knowledge.publish" in rights and (not theirs or "knowledge.write" in rights)
    allowed = allowed or (theirs and "knowledge.write" in rights)
    if allowed:
        service.may_move(actor(person, *rights), article, to)
    else:
        with pytest.raises(ForbiddenError):
            service.may_move(actor(person, *rights), article, to)


def test_a_report_waits_for_the_reviewer_until_it_is_settled(db: Database, publish: Publish) -> None:
    number = publish("Fan tray fails")

    def report(session: object) -> int:
        article = service.article(session, number)  # type: ignore[arg-type]
        return service.note(session, article, NoteKind.REPORT, "Wrong part", by=CHARLIE, now=NOON).id  # type: ignore[arg-type]

    note = db.run_now(report)
    [wanted] = db.read_now(tending.queue, now=NOON)
    assert (wanted.reason, wanted.article.number, wanted.said) == ("reported", number, "Wrong part")
    assert db.read_now(tending.count) == 1
    db.run_now(service.settle, number, note, by=BOB, now=NOON)
    assert db.read_now(tending.queue, now=NOON) == []


def test_an_article_expires_when_its_review_is_due_and_is_told_of_before(
    db: Database, publish: Publish
) -> None:
    number = publish("Fan tray fails", "Change the tray.", symptom="fan speed zero on tray 2")
    due = NOON + service.REVIEW_EVERY
    soon = db.read_now(tending.queue, now=due - timedelta(days=20))
    assert "due" in {one.reason for one in soon}
    assert db.run_now(tending.expire_due, now=due - timedelta(seconds=1)) == 0
    assert db.run_now(tending.expire_due, now=due) == 1
    assert db.read_now(suggest, Query("fan speed zero on tray 2")) == []
    db.run_now(service.move, number, State.PUBLISHED, by=BOB, now=due)
    assert db.run_now(tending.expire_due, now=due + timedelta(days=300)) == 0


def test_a_failing_article_is_proposed_for_review_until_it_is_confirmed(
    db: Database, publish: Publish
) -> None:
    number = publish("Fan tray fails")
    for ticket in range(3):
        db.run_now(
            service.record_outcome,
            number,
            f"INC-{ticket:06}",
            Verdict.CAME_BACK,
            by=ALICE,
            now=NOON + timedelta(hours=1),
        )
    [wanted] = db.read_now(tending.queue, now=NOON + timedelta(days=1))
    assert (wanted.reason, wanted.count, wanted.tried) == ("failing", 3, 3)
    db.run_now(service.confirm, number, by=BOB, now=NOON + timedelta(days=1))
    assert db.read_now(tending.queue, now=NOON + timedelta(days=1)) == []


def test_what_nobody_opens_for_half_a_year_is_proposed_for_review(db: Database, publish: Publish) -> None:
    used, unused = publish("Fan tray fails"), publish("Fuse blown")
    later = NOON + timedelta(days=181)
    db.run_now(service.record_outcome, used, "INC-000001", Verdict.OPENED, by=ALICE, now=later)
    found = db.read_now(tending.queue, now=later + timedelta(days=1))
    assert [(one.reason, one.article.number) for one in found] == [("unused", unused)]


def outcomes(db: Database, number: str, verdicts: list[Verdict], at: datetime) -> None:
    for place, verdict in enumerate(verdicts):
        db.run_now(service.record_outcome, number, f"INC-{place:06}", verdict, by=ALICE, now=at)


@pytest.mark.parametrize(
    ("verdicts", "days_before", "renewed"),
    [
        ([Verdict.FIXED] * 3, 10, True),
        ([Verdict.FIXED] * 3 + [Verdict.CAME_BACK], 10, True),
        ([Verdict.FIXED] * 3 + [Verdict.CAME_BACK] * 2, 10, False),
        ([Verdict.FIXED] * 2, 10, False),
        ([Verdict.OPENED] * 9, 10, False),
        ([Verdict.FIXED] * 3, 200, False),
    ],
)
def test_what_held_in_use_lately_is_renewed_by_it_and_all_else_expires(
    db: Database, publish: Publish, verdicts: list[Verdict], days_before: int, *, renewed: bool
) -> None:
    number = publish("Fan tray fails")
    due = NOON + service.REVIEW_EVERY
    outcomes(db, number, verdicts, due - timedelta(days=days_before))
    listed = {one.reason for one in db.read_now(tending.queue, now=due - timedelta(hours=1))}
    assert ("due" in listed) is not renewed
    assert db.run_now(tending.expire_due, now=due) == (not renewed)
    article = db.read_now(service.article, number)
    assert article.state is (State.PUBLISHED if renewed else State.EXPIRED)
    if renewed:
        assert article.review_due_at == due + service.REVIEW_EVERY
        assert article.checked_at == NOON  # nobody has looked at it


def test_what_nobody_uses_expires_unless_it_is_confirmed(db: Database, publish: Publish) -> None:
    idle, opened, confirmed = publish("Fan tray fails"), publish("Fuse blown"), publish("Lamp dark")
    shelf = publish("Printer jams", audience="everybody")
    after, later = timedelta(days=210), NOON + timedelta(days=211)
    db.run_now(service.record_outcome, opened, "INC-000001", Verdict.OPENED, by=ALICE, now=later)
    db.run_now(service.confirm, confirmed, by=BOB, now=NOON + timedelta(days=2))
    db.run_now(portal.searched, "paper", actor=actor(CHARLIE), now=later, opened=shelf)
    db.run_now(portal.searched, "fan tray", actor=actor(CHARLIE), now=later)
    assert db.run_now(tending.expire_unused, after=after, now=NOON + timedelta(days=209)) == 0
    assert db.run_now(tending.expire_unused, after=after, now=later) == 1
    kept = (opened, confirmed, shelf)
    assert db.read_now(service.article, idle).state is State.EXPIRED
    assert {db.read_now(service.article, number).state for number in kept} == {State.PUBLISHED}


@given(days=st.integers(0, 3650))
def test_an_idle_article_never_expires_before_its_reviewer_was_told(days: int) -> None:
    limit = tending.idle_limit(days)
    assert (limit is None) == (days == 0)
    assert limit is None or limit >= tending.UNUSED + timedelta(days=30)


def test_contributions_count_what_was_published_and_changed(db: Database, publish: Publish) -> None:
    number = publish("Fan tray fails")
    draft(db)
    db.run_now(service.revise, number, {"cause": "Dust"}, version=1, by=BOB, now=NOON)
    found = db.read_now(service.contributions, since=NOON - timedelta(days=1))
    assert found == [(ALICE, 1, 0), (BOB, 0, 1)]
