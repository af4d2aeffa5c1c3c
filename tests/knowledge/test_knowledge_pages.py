"""Articles in the console: who sees what, the way from draft to published, and no wrong turn."""

import re

from tests.desk_client import Desk

FORM = {
    "title": "Mains feed lost: check the panel breaker",
    "language": "en",
    "symptom": "UPS on battery",
    "cause": "Breaker open",
    "solution": "1. Reclose it.\n2. Watch `upsOutputSource`.",
    "alert": "UpsOnBattery, UpsMainsLost",
}


async def begun(desk: Desk) -> str:
    response = await desk.post("/knowledge/new", FORM)
    assert response.status == 303, await response.text()
    return str(response.headers["Location"].rsplit("/", 1)[-1])


async def test_an_article_goes_from_draft_to_published_in_the_console(desk: Desk) -> None:
    number = await begun(desk)
    for to, word in (("submitted", "Waits for review"), ("published", "Published")):
        moved = await desk.post(f"/knowledge/{number}/move", {"to": to})
        assert moved.status == 303
        assert word in await desk.text(f"/knowledge/{number}")
    page = await desk.text("/knowledge")
    assert FORM["title"] in page
    assert "UpsOnBattery" in page


async def test_a_draft_is_absent_for_others(desk: Desk) -> None:
    number = await begun(desk)
    assert (await desk.bob.get(f"/knowledge/{number}")).status == 404
    assert number not in await desk.bob.text("/knowledge")
    assert (await desk.charlie.get("/knowledge")).status == 403


async def test_only_a_reviewer_publishes(desk: Desk) -> None:
    response = await desk.bob.post("/knowledge/new", FORM)
    number = response.headers["Location"].rsplit("/", 1)[-1]
    await desk.bob.post(f"/knowledge/{number}/move", {"to": "submitted"})
    assert (await desk.bob.post(f"/knowledge/{number}/move", {"to": "published"})).status == 403


async def test_a_form_without_title_says_what_is_missing_and_keeps_the_text(desk: Desk) -> None:
    response = await desk.post("/knowledge/new", FORM | {"title": ""})
    text = await response.text()
    assert response.status == 422
    assert 'aria-invalid="true"' in text
    assert "Breaker open" in text


async def test_a_stale_edit_is_refused_with_the_version_named(desk: Desk) -> None:
    number = await begun(desk)
    await desk.post(f"/knowledge/{number}/edit", FORM | {"cause": "Fuse", "version": "1"})
    response = await desk.post(f"/knowledge/{number}/edit", FORM | {"cause": "Storm", "version": "1"})
    assert response.status == 422
    assert "at version 2" in await response.text()


async def test_what_people_write_is_shown_inert(desk: Desk) -> None:
    attack = "<script>alert(1)</script>"
    response = await desk.post("/knowledge/new", FORM | {"title": attack, "symptom": attack})
    page = await desk.text(response.headers["Location"])
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


async def test_the_changes_of_a_new_version_are_shown_line_by_line(desk: Desk) -> None:
    number = await begun(desk)
    await desk.post(
        f"/knowledge/{number}/edit", FORM | {"solution": "1. Reclose it once.\n2. Watch it.", "version": "1"}
    )
    page = await desk.text(f"/knowledge/{number}")
    assert re.search(r'class="add".*Reclose it once', page)
    assert re.search(r'class="del".*Reclose it\.', page)


async def test_the_api_lists_what_the_console_lists(desk: Desk) -> None:
    number = await begun(desk)
    found = await desk.json("/api/v1/articles?words=breaker")
    assert [one["number"] for one in found["items"]] == [number]
