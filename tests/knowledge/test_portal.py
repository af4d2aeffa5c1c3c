"""The shelf for everybody: what end users find, what they do not, and what it saves."""

import io
import re
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import FormData
from sqlalchemy import select

from server.kernel.clock import ManualClock
from server.knowledge import portal, quality, service
from server.knowledge.models import ArticleFile, PortalSearch, State, Told
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


async def test_reading_the_portal_changes_nothing(desk: Desk) -> None:
    number = await shelve(desk, "Printer prints blank pages")
    for path in ("?q=printer", f"/{number}?q=printer", "/near?summary=printer"):
        assert "Printer prints" in await desk.charlie.text(f"/portal/knowledge{path}")
    assert await searches(desk) == []


async def test_what_was_solved_is_counted_and_what_is_reported_is_not(desk: Desk, clock: ManualClock) -> None:
    number = await shelve(desk, "Printer prints blank pages")
    page = await desk.charlie.text("/portal/knowledge?q=printer")
    assert 'hx-post="/portal/knowledge/searches"' in page
    assert f"/portal/knowledge/{number}?q=printer" in page
    for said in ("printer", "Printer", "  printer "):  # the second are other words, the third the same again
        assert (await desk.charlie.post("/portal/knowledge/searches", {"q": said})).status == 204
    article = await desk.charlie.text(f"/portal/knowledge/{number}?q=printer")
    assert "Did this solve it?" in article
    shown = {"q": "printer", "article": number}
    assert (await desk.charlie.post("/portal/knowledge/searches", shown)).status == 204
    solved = await desk.charlie.post("/portal/knowledge/told", shown | {"told": "solved"})
    assert solved.headers["Location"] == "/portal/knowledge"
    first, second = await searches(desk)
    assert (first.told, first.opened, first.found) == (Told.SOLVED, number, 1)
    assert (second.told, second.opened) == (Told.NOTHING, None)
    reported = await desk.charlie.post("/portal/knowledge/told", {"q": "Printer", "told": "reported"})
    assert reported.headers["Location"] == "/incidents/new?summary=Printer"
    assert 'value="Printer"' in await desk.charlie.text("/incidents/new?summary=Printer")
    week = (await desk.db.read(quality.weeks, now=clock.now()))[-1]
    assert (week.searches, week.solved, week.deflected) == (2, 1, 0.5)


async def test_an_article_opened_without_a_search_counts_by_its_title(desk: Desk) -> None:
    number = await shelve(desk, "Printer prints blank pages")
    await desk.charlie.post("/portal/knowledge/told", {"q": "", "article": number, "told": "solved"})
    [only] = await searches(desk)
    assert (only.words, only.told, only.opened) == ("Printer prints blank pages", Told.SOLVED, number)


async def test_T13_what_one_person_says_is_that_persons_search_only(desk: Desk) -> None:  # noqa: N802
    await desk.charlie.post("/portal/knowledge/searches", {"q": "printer"})
    await desk.bob.post("/portal/knowledge/told", {"q": "printer", "told": "solved"})
    assert {one.person_id: one.told for one in await searches(desk)} == {
        desk.charlie.person_id: Told.NOTHING,
        desk.bob.person_id: Told.SOLVED,
    }
    hidden = await shelve(desk, "Root password rotation", "engineers")
    for form, status in (
        ({"q": "printer", "told": "x"}, 422),
        ({"q": "", "told": "solved"}, 404),
        ({"q": "root", "told": "solved", "article": hidden}, 404),
        ({"q": "root", "told": "solved", "article": "KB-999999"}, 404),
    ):
        assert (await desk.charlie.post("/portal/knowledge/told", form)).status == status, form
    opened = {"q": "root", "article": hidden}
    assert (await desk.charlie.post("/portal/knowledge/searches", opened)).status == 404
    assert len(await searches(desk)) == 2


async def test_the_manager_reads_what_was_looked_for_in_vain(desk: Desk, clock: ManualClock) -> None:
    await shelve(desk, "Printer prints blank pages")
    for browser in (desk.charlie, desk.bob):
        await browser.post("/portal/knowledge/searches", {"q": "Badge does not open"})
    await desk.charlie.post("/portal/knowledge/searches", {"q": "printer"})
    await desk.charlie.post("/portal/knowledge/searches", {"q": "<b>monitor</b>"})
    rows = await desk.db.read(portal.in_vain, now=clock.now())
    assert [(said, people) for said, people, _at in rows] == [
        ("badge does not open", 2),
        ("<b>monitor</b>", 1),
    ]
    page = await desk.text("/knowledge/gaps")
    assert "badge does not open" in page
    assert "<b>monitor" not in page
    await desk.db.run(portal.forget, now=clock.forward(portal.KEPT + timedelta(hours=1)))
    assert await searches(desk) == []


async def test_a_topic_in_two_languages_is_shown_once_in_the_readers(desk: Desk) -> None:
    english = await shelve(desk, "Printer prints blank pages")
    form = {"title": "打印机 printer 打出空白页", "language": "zh", "solution": "1. 换硒鼓。"}
    form |= {"audience": "everybody", "translation_of": english}
    made = await desk.bob.post("/knowledge/new", form)
    chinese = str(made.headers["Location"].rpartition("/")[2])
    await desk.bob.post(f"/knowledge/{chinese}/move", {"to": "submitted"})
    await desk.post(f"/knowledge/{chinese}/move", {"to": "published"})
    for language, number in (("en", english), ("zh", chinese)):
        found = await desk.db.read(portal.look, "printer", language)
        assert [one.number for one in found] == [number], language
    assert f'href="/portal/knowledge/{chinese}"' in await desk.charlie.text(f"/portal/knowledge/{english}")
    await desk.post(f"/knowledge/{chinese}/move", {"to": "retired"})
    assert chinese not in await desk.charlie.text(f"/portal/knowledge/{english}")


async def test_an_end_user_is_led_to_the_shelf_and_an_engineer_to_all_of_knowledge(desk: Desk) -> None:
    assert 'href="/portal/knowledge"' in await desk.charlie.text("/")
    bob = await desk.bob.text("/")
    assert 'href="/portal/knowledge"' not in bob
    assert 'href="/knowledge"' in bob


async def test_T20_a_file_on_the_shelf_is_given_out_inert_and_only_with_its_article(desk: Desk) -> None:  # noqa: N802
    for audience, status in (("everybody", 200), ("engineers", 404), ("partners", 404)):
        number = await shelve(desk, f"Printer for {audience}", audience)
        data: Any = FormData()
        data.add_field("file", io.BytesIO(b"toner list"), filename="list.txt", content_type="text/html")
        assert (await desk.post(f"/knowledge/{number}/files", data)).status == 303
        rows = await desk.db.read(lambda s: s.scalars(select(ArticleFile).order_by(ArticleFile.id)).all())
        answer = await desk.charlie.get(f"/portal/knowledge/{number}/files/{rows[-1].storage}")
        assert answer.status == status, audience
        if status == 200:
            assert await answer.read() == b"toner list"
            assert answer.headers["Content-Disposition"].startswith("attachment")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "sandbox" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Content-Type"].startswith("text/plain")
    assert (await desk.charlie.get(f"/portal/knowledge/{number}/files/..%2f..%2fmaster.key")).status == 404


@pytest.mark.parametrize("said", ["空白", "0x8004010F", "8004010", "operstatus", "打印机 空白"])
async def test_two_signs_an_error_code_and_a_part_of_a_name_find_it(desk: Desk, said: str) -> None:
    await shelve(desk, "打印机打出空白页 0x8004010F ifOperStatus")
    await shelve(desk, "Badge reader is offline")
    found = await desk.db.read(portal.look, said, "en")
    assert [one.title for one in found] == ["打印机打出空白页 0x8004010F ifOperStatus"]


async def test_who_reports_is_shown_what_may_help_while_typing(desk: Desk) -> None:
    number = await shelve(desk, "Printer prints blank pages")
    assert 'hx-get="/portal/knowledge/near"' in await desk.charlie.text("/incidents/new")
    near = await desk.charlie.text("/portal/knowledge/near?summary=my+printer+gives+blank+pages")
    assert f"/portal/knowledge/{number}?q=" in near
    assert "Printer prints" not in await desk.charlie.text("/portal/knowledge/near?summary=x")


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
    assert [one.number for one in await desk.db.read(portal.look, "printer", "en")] == [number]
    article = await desk.db.read(service.article, number)
    assert article.state is State.PUBLISHED
