"""The shelf for everybody: what end users find, what they do not, and what it saves."""

import re

import pytest
from sqlalchemy import select

from server.kernel.clock import ManualClock
from server.knowledge import portal, quality, service
from server.knowledge.models import PortalSearch, State, Told
from tests.desk_client import Desk


async def shelve(desk: Desk, title: str, audience: str = "everybody", *, publish: bool = True) -> str:
    form = {"title": title, "language": "en", "solution": "1. Do it.", "audience": audience}
    made = await desk.bob.post("/knowledge/new", form)
    number = str(made.headers["Location"].rpartition("/")[2])
    if publish:
        await desk.bob.post(f"/knowledge/{number}/move", {"to": "submitted"})
        assert (await desk.post(f"/knowledge/{number}/move", {"to": "published"})).status == 303
    return number


async def searches(desk: Desk) -> list[PortalSearch]:
    return list(await desk.db.read(lambda s: s.scalars(select(PortalSearch).order_by(PortalSearch.id)).all()))


async def test_T13_end_users_find_what_is_for_everybody_and_nothing_else(desk: Desk) -> None:  # noqa: N802
    shown = await shelve(desk, "Printer prints blank pages")
    hidden = [
        await shelve(desk, "Printer server root password rotation", "engineers"),
        await shelve(desk, "Printer draft", publish=False),
    ]
    page = await desk.charlie.text("/portal/knowledge?q=printer")
    assert "Printer prints blank pages" in page
    assert 'class="wd-nav"' not in page
    for number in hidden:
        assert number not in page
        assert (await desk.charlie.get(f"/portal/knowledge/{number}")).status == 404
        assert (await desk.get(f"/portal/knowledge/{number}")).status == 404
    assert (await desk.charlie.get(f"/portal/knowledge/{shown}")).status == 200
    assert (await desk.charlie.get(f"/knowledge/{shown}")).status == 403
    assert (await desk.stranger.get("/portal/knowledge")).status in {302, 303, 401}
    await desk.post(f"/knowledge/{shown}/move", {"to": "retired"})
    assert (await desk.charlie.get(f"/portal/knowledge/{shown}")).status == 404


async def test_a_sentence_finds_what_its_words_mean(desk: Desk) -> None:
    await shelve(desk, "Printer prints blank pages")
    await shelve(desk, "Badge reader is offline")
    page = await desk.charlie.text("/portal/knowledge?q=my+printer+gives+only+blank+pages+since+monday")
    assert "Printer prints blank pages" in page
    assert "Badge reader" not in page


async def test_what_was_solved_is_counted_and_what_is_reported_is_not(desk: Desk, clock: ManualClock) -> None:
    number = await shelve(desk, "Printer prints blank pages")
    page = await desk.charlie.text("/portal/knowledge?q=printer")
    await desk.charlie.text("/portal/knowledge?q=Printer")  # other words
    await desk.charlie.text("/portal/knowledge?q=printer")  # the same again
    found = re.search(r"\?search=(\d+)", page)
    assert found is not None
    search = found[1]
    article = await desk.charlie.text(f"/portal/knowledge/{number}?search={search}")
    assert "Did this solve it?" in article
    solved = await desk.charlie.post(
        f"/portal/knowledge/searches/{search}", {"told": "solved", "article": number}
    )
    assert solved.headers["Location"] == "/portal/knowledge"
    first, second = await searches(desk)
    assert (first.told, first.opened) == (Told.SOLVED, number)
    reported = await desk.charlie.post(f"/portal/knowledge/searches/{second.id}", {"told": "reported"})
    assert reported.headers["Location"] == "/incidents/new?summary=Printer"
    assert 'value="Printer"' in await desk.charlie.text("/incidents/new?summary=Printer")
    week = (await desk.db.read(quality.weeks, now=clock.now()))[-1]
    assert (week.searches, week.solved, week.deflected) == (2, 1, 0.5)


async def test_T13_nobody_speaks_for_another_persons_search(desk: Desk) -> None:  # noqa: N802
    await desk.charlie.text("/portal/knowledge?q=printer")
    [search] = await searches(desk)
    answer = await desk.bob.post(f"/portal/knowledge/searches/{search.id}", {"told": "solved"})
    assert answer.status == 404
    assert (await desk.charlie.post(f"/portal/knowledge/searches/{search.id}", {"told": "x"})).status == 422
    assert (await desk.charlie.post("/portal/knowledge/searches/999", {"told": "solved"})).status == 404
    assert (await searches(desk))[0].told is Told.NOTHING


@pytest.mark.parametrize(
    "said", ["%", "' OR 1=1 --", "<script>alert(1)</script>", "{{7*7}}", "a" * 500, "\u202e"]
)
async def test_whatever_is_typed_is_inert(desk: Desk, said: str) -> None:
    await shelve(desk, "Printer prints blank pages")
    response = await desk.charlie.get("/portal/knowledge", params={"q": said})
    page = await response.text()
    assert response.status == 200
    assert "<script>alert" not in page
    assert "Printer prints" not in page
    assert "49" not in re.sub(r"[0-9a-f]{16,}", "", page.partition("<main")[2])


async def test_without_words_the_shelf_is_shown_or_its_absence(desk: Desk) -> None:
    assert "Nothing on the shelf yet" in await desk.charlie.text("/portal/knowledge")
    await shelve(desk, "Printer prints blank pages")
    assert "Printer prints blank pages" in await desk.charlie.text("/portal/knowledge")
    assert await searches(desk) == []


async def test_the_shelf_is_that_of_the_service(desk: Desk) -> None:
    number = await shelve(desk, "Printer prints blank pages")
    assert [one.number for one in await desk.db.read(portal.look, "printer")] == [number]
    article = await desk.db.read(service.article, number)
    assert article.state is State.PUBLISHED
