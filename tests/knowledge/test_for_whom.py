"""For whom an article is: engineers, vendors, everybody; and what is seen of past cases."""

import pytest
from sqlalchemy import select

from server.kernel.call import Actor
from server.kernel.db import Database
from server.kernel.errors import NotFoundError
from server.knowledge import finding, record, service
from server.knowledge.models import Audience, Outcome, Verdict
from server.knowledge.suggesting.suggest import Query
from tests.desk_client import Desk
from tests.knowledge.conftest import NOON, Publish

RIGHTS = frozenset({"knowledge.read", "knowledge.write", "knowledge.publish"})
ALICE = Actor(1, "alice", {"en": "Alice"}, RIGHTS)
BOB = Actor(2, "bob", {"en": "Bob"}, frozenset({"knowledge.read"}))
VERA = Actor(5, "vera", {"en": "Vera"}, RIGHTS, vendor=True)
CHARLIE = Actor(6, "charlie", {"en": "Charlie"}, frozenset())
FEED = Query("UPS runs on battery after the feed was lost")
SEEN = {
    ALICE.username: set(Audience),
    BOB.username: set(Audience),
    VERA.username: {Audience.PARTNERS, Audience.EVERYBODY},
    CHARLIE.username: {Audience.EVERYBODY},
}


@pytest.fixture
def shelf(publish: Publish) -> dict[Audience, str]:
    """One article for each audience, all about the same."""
    said = {
        Audience.ENGINEERS: "UPS runs on battery: the feed was lost",
        Audience.PARTNERS: "UPS on battery after feed lost: exchange the rectifier",
        Audience.EVERYBODY: "The feed of the UPS was lost, it runs on battery: save your work",
    }
    return {audience: publish(title, audience=audience) for audience, title in said.items()}


@pytest.mark.parametrize("actor", [ALICE, BOB, VERA, CHARLIE], ids=lambda actor: actor.username)
def test_T13_each_reader_sees_what_is_meant_for_that_reader(  # noqa: N802
    db: Database, shelf: dict[Audience, str], actor: Actor
) -> None:
    listed, total = db.read_now(finding.articles, actor, state=None, words="battery", limit=10, offset=0)
    wanted = {shelf[audience] for audience in SEEN[actor.username]}
    assert {one.number for one in listed} == wanted
    assert total == len(wanted)
    for number in shelf.values():
        if number in wanted:
            assert db.read_now(finding.visible, number, actor).number == number
        else:
            with pytest.raises(NotFoundError):
                db.read_now(finding.visible, number, actor)


def test_T13_a_vendor_is_suggested_no_past_case_and_nothing_of_the_house(  # noqa: N802
    db: Database, shelf: dict[Audience, str]
) -> None:
    db.run_now(
        service.learn_case,
        "INC-000077",
        title="UPS runs on battery, feed lost",
        symptom="",
        cause="",
        solution="Reclosed the breaker.",
        facets={},
        language="en",
        resolved_at=NOON,
    )
    alice = {one.number for one in db.read_now(finding.suggested, FEED, ALICE, limit=10, least=0.0)}
    assert "INC-000077" in alice
    assert shelf[Audience.ENGINEERS] in alice
    vera = {one.number for one in db.read_now(finding.suggested, FEED, VERA, limit=10, least=0.0)}
    assert vera
    assert vera <= {shelf[Audience.PARTNERS], shelf[Audience.EVERYBODY]}
    for number in ("INC-000077", shelf[Audience.ENGINEERS]):
        assert db.read_now(finding.suggestion, number, ALICE)
        with pytest.raises(NotFoundError):
            db.read_now(finding.suggestion, number, VERA)


def test_T13_what_a_vendor_wrote_it_may_read_but_not_what_others_left_unpublished(  # noqa: N802
    db: Database,
) -> None:
    own = db.run_now(service.write, {"title": "Mine", "language": "en"}, by=VERA.id, now=NOON)
    other = db.run_now(service.write, {"title": "Draft", "language": "en"}, by=1, now=NOON)
    assert db.read_now(finding.visible, own.number, VERA).title == "Mine"
    with pytest.raises(NotFoundError):
        db.read_now(finding.visible, other.number, VERA)


def test_T13_an_article_names_no_translation_that_the_reader_may_not_see(  # noqa: N802
    db: Database, publish: Publish
) -> None:
    number = publish("Feed lost")
    draft = {"title": "市电中断", "language": "zh", "translation_of": number}
    chinese = db.run_now(service.write, draft, by=1, now=NOON).number
    assert db.read_now(record.view, number, actor=BOB).translations == []
    assert [one.number for one in db.read_now(record.view, number, actor=ALICE).translations] == [chinese]


def test_T13_a_vendor_reads_how_often_it_held_and_not_on_whose_tickets(  # noqa: N802
    db: Database, publish: Publish
) -> None:
    number = publish("Feed lost", audience=Audience.PARTNERS)
    db.run_now(service.record_outcome, number, "INC-000001", Verdict.FIXED, by=1, now=NOON)
    view = db.read_now(record.view, number, actor=VERA)
    assert (view.fixed, view.tried, view.outcomes) == (1, 1, [])
    assert len(db.read_now(record.view, number, actor=BOB).outcomes) == 1


async def test_reading_an_article_changes_nothing_and_its_page_tells_where_it_was_opened(
    desk: Desk,
) -> None:
    made = await desk.bob.post(
        "/knowledge/new", {"title": "Feed lost", "language": "en", "solution": "1. Go."}
    )
    number = made.headers["Location"].rpartition("/")[2]
    await desk.bob.post(f"/knowledge/{number}/move", {"to": "submitted"})
    opened = {"ticket": "INC-000001"}
    assert (await desk.bob.post(f"/knowledge/{number}/opened", opened)).status == 404  # not published yet
    await desk.post(f"/knowledge/{number}/move", {"to": "published"})

    async def outcomes() -> list[tuple[str, Verdict]]:
        query = select(Outcome.ticket, Outcome.verdict)
        return [(row[0], row[1]) for row in await desk.db.read(lambda s: s.execute(query).all())]

    page = await desk.bob.text(f"/knowledge/{number}?for=INC-000001")
    assert f'hx-post="/knowledge/{number}/opened"' in page
    assert "INC-000001" in page
    assert "hx-post" not in (await desk.bob.text(f"/knowledge/{number}?for=<script>")).partition("<h1")[0]
    assert await outcomes() == []
    for ticket, status in (("INC-000001", 204), ("INC-000001", 204), ("x", 422), ("", 422)):
        answer = await desk.bob.post(f"/knowledge/{number}/opened", {"ticket": ticket})
        assert answer.status == status, ticket
    assert await outcomes() == [("INC-000001", Verdict.OPENED)]
    assert (await desk.charlie.post(f"/knowledge/{number}/opened", opened)).status == 403


async def test_nobody_says_over_the_api_what_came_of_what_is_not_there(desk: Desk) -> None:
    said = {"ticket": "INC-000001", "verdict": "fixed"}
    for number in ("KB-999999", "INC-999999", "nothing"):
        response = await desk.post(f"/api/v1/suggestions/{number}/outcome", json=said)
        assert response.status == 404, number


@pytest.mark.parametrize(
    ("said", "leaky"),
    [
        ("The password: hunter2 of the panel", True),
        ("密码：铁路2024", True),
        ("Ask Zhou, 13812345678", True),
        ("身份证 11010519491231002X", True),
        ("Reset the password in the portal", False),
        ("Serial 2102350DLR10K6000123", False),
        ("Wait 15 minutes, then read 1.3.6.1.2.1.33.1.4.1.0", False),
    ],
)
def test_a_writer_is_told_of_passwords_and_personal_numbers(
    db: Database, publish: Publish, said: str, leaky: object
) -> None:
    number = publish("Feed lost", f"1. {said}", symptom="s", cause="c")
    checks = [one.text for one in db.read_now(record.view, number, actor=ALICE).checks]
    assert any("take it out" in text for text in checks) is leaky
    assert ("No password, no personal number" in checks) is not leaky
