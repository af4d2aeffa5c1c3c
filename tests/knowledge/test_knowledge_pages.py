"""Articles in the console: who sees what, the way from draft to published, and no wrong turn."""

import re

from tests.desk_client import Browser, Desk

FORM = {
    "title": "Mains feed lost: check the panel breaker",
    "language": "en",
    "symptom": "UPS on battery",
    "cause": "Breaker open",
    "solution": "1. Reclose it.\n2. Watch `upsOutputSource`.",
    "alert": "UpsOnBattery, UpsMainsLost",
}


async def begun(desk: Browser) -> str:
    response = await desk.post("/knowledge/new", FORM)
    assert response.status == 303, await response.text()
    return str(response.headers["Location"].rsplit("/", 1)[-1])


async def test_an_article_goes_from_draft_to_published_in_the_console(desk: Desk) -> None:
    number = await begun(desk.bob)
    steps = ((desk.bob, "submitted", "Waits for review"), (desk, "published", "Published"))
    for browser, to, word in steps:
        moved = await browser.post(f"/knowledge/{number}/move", {"to": to})
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


async def test_T15_nobody_publishes_alone_what_he_wrote_alone(desk: Desk) -> None:  # noqa: N802
    number = await begun(desk)
    await desk.post(f"/knowledge/{number}/move", {"to": "submitted"})
    refused = await desk.post(f"/knowledge/{number}/move", {"to": "published"})
    assert refused.status == 409
    assert "let somebody else review it" in await refused.text()


async def test_an_article_is_sent_back_with_a_remark_that_its_author_reads(desk: Desk) -> None:
    number = await begun(desk.bob)
    await desk.bob.post(f"/knowledge/{number}/move", {"to": "submitted"})
    assert number in await desk.text("/knowledge/review")
    assert (await desk.post(f"/knowledge/{number}/send-back", {"text": ""})).status == 422
    assert (await desk.post(f"/knowledge/{number}/send-back", {"text": "Name the panel."})).status == 303
    page = await desk.bob.text(f"/knowledge/{number}")
    assert "Name the panel." in page
    assert "Draft" in page
    assert f"/knowledge/{number}" not in await desk.text("/knowledge/review")


async def published(desk: Desk) -> str:
    number = await begun(desk.bob)
    await desk.bob.post(f"/knowledge/{number}/move", {"to": "submitted"})
    response = await desk.post(f"/knowledge/{number}/move", {"to": "published"})
    assert response.status == 303, await response.text()
    return number


async def test_who_may_not_publish_proposes_and_the_reviewer_takes_it(desk: Desk) -> None:
    number = await published(desk)
    assert "Propose a change" in await desk.bob.text(f"/knowledge/{number}")
    wish = FORM | {"cause": "A blown fuse", "version": "1"}
    await desk.bob.post(f"/knowledge/{number}/edit", wish)
    article = await desk.json(f"/api/v1/articles/{number}")
    assert article["cause"] == "Breaker open"
    assert "A blown fuse" in await desk.text(f"/knowledge/{number}")
    await desk.post(f"/knowledge/{number}/proposal", {"do": "accept"})
    assert (await desk.json(f"/api/v1/articles/{number}"))["cause"] == "A blown fuse"
    put = await desk.bob.send("PUT", f"/api/v1/articles/{number}", json={"title": "Mine", "version": 2})
    assert put.status == 403


async def test_a_reader_reports_an_error_and_the_reviewer_settles_it(desk: Desk) -> None:
    number = await published(desk)
    done = await desk.bob.post(f"/knowledge/{number}/notes", {"kind": "report", "text": "The panel is gone"})
    assert done.status == 303
    assert "The panel is gone" in await desk.text("/knowledge/review")
    note = re.search(r"/notes/(\d+)/done", await desk.text(f"/knowledge/{number}"))
    assert note is not None
    assert (await desk.bob.post(f"/knowledge/{number}/notes/{note[1]}/done")).status == 403
    await desk.post(f"/knowledge/{number}/notes/{note[1]}/done")
    assert "The panel is gone" not in await desk.text("/knowledge/review")


async def test_an_earlier_version_is_shown_with_what_changed_and_put_back(desk: Desk) -> None:
    number = await begun(desk)
    await desk.post(f"/knowledge/{number}/edit", FORM | {"cause": "Fuse", "version": "1"})
    page = await desk.text(f"/knowledge/{number}/versions/1")
    assert re.search(r'class="add".*Fuse', page)
    await desk.post(f"/knowledge/{number}/versions/1/revert", {"seen": "2"})
    assert (await desk.json(f"/api/v1/articles/{number}"))["cause"] == "Breaker open"
    assert [one["version"] for one in await desk.json(f"/api/v1/articles/{number}/versions")] == [2, 1]
    assert (await desk.get(f"/knowledge/{number}/versions/9")).status == 404
    assert (await desk.bob.get(f"/knowledge/{number}/versions/1")).status == 404


async def test_a_draft_of_others_is_absent_over_the_api_too(desk: Desk) -> None:
    number = await begun(desk)
    body = {"title": "Taken over", "version": 1}
    assert (await desk.bob.send("PUT", f"/api/v1/articles/{number}", json=body)).status == 404
    for path, sent in (
        ("move", {"to": "submitted"}),
        ("notes", {"text": "x"}),
        ("revert", {"to": 1, "version": 1}),
    ):
        answer = await desk.bob.send("POST", f"/api/v1/articles/{number}/{path}", json=sent)
        assert answer.status == 404, path


async def test_the_managers_pages_stand_when_there_is_nothing(desk: Desk) -> None:
    for path, words in (
        ("review", "Nothing waits"),
        ("gaps", "No gaps"),
        ("quality", "Nothing to judge yet"),
        ("import", "How documents are read"),
    ):
        assert words in await desk.text(f"/knowledge/{path}")
        if path != "quality":
            assert (await desk.bob.get(f"/knowledge/{path}")).status == 403
