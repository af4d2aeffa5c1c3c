"""What people may try with articles: numbers, exports, news, texts and documents."""

import csv
import io
import time
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.kernel import keys
from server.kernel.events import EventRow
from server.knowledge import documents, importing
from server.knowledge.models import Article, State
from tests.desk_client import Desk
from tests.knowledge.test_files_and_imports import PNG, form
from tests.knowledge.test_knowledge_pages import FORM

SECRET = "Zebra7 vault door"
FORMULAS = ("=1+1", "+1", "-1+1", "@SUM(A1)", "=cmd|' /C calc'!A0", "＝1+1", " =1+1")


async def hidden(desk: Desk) -> tuple[str, str]:
    """A draft of Alice with a file and two versions: its number, and the file's."""
    texts = FORM | {"title": SECRET, "solution": f"Open the {SECRET}"}
    made = await desk.post("/knowledge/new", texts)
    number = str(made.headers["Location"].rpartition("/")[2])
    await desk.post(f"/knowledge/{number}/edit", texts | {"cause": "Rust", "version": "1"})
    await desk.post(f"/knowledge/{number}/files", form("vault.png", PNG))
    await desk.post(f"/knowledge/{number}/notes", {"text": f"About the {SECRET}"})
    page = await desk.text(f"/knowledge/{number}")
    return number, page.partition(f"/knowledge/{number}/files/")[2][:40]


async def test_T13_no_route_of_knowledge_tells_a_colleague_of_a_draft(desk: Desk) -> None:  # noqa: N802
    number, storage = await hidden(desk)
    absent = (await desk.bob.get("/knowledge/KB-999999")).status
    asked = 0
    for route in desk.app[keys.ROUTES]:
        ours = route.path.startswith(("/knowledge", "/api/v1/articles", "/portal/knowledge"))
        if "{number}" not in route.path or not ours:
            continue
        path = route.path
        for name, value in {"number": number, "storage": storage, "version": "1", "note": "1"}.items():
            path = path.replace("{" + name + "}", value)
        how: dict[str, Any] = {"json": {}} if path.startswith("/api") and route.method != "GET" else {}
        answer = await desk.bob.send(route.method, path, **how)
        body = await answer.text()
        assert SECRET not in body, path
        assert answer.status in {absent, 403, 422, 415}, (route.method, path, answer.status)
        asked += 1
    assert asked > 20
    kept = await desk.db.read(lambda session: session.scalars(select(Article)).one())
    assert (kept.version, kept.state) == (2, State.DRAFT)


async def test_T13_no_list_search_or_hint_tells_a_colleague_of_a_draft(desk: Desk) -> None:  # noqa: N802
    number, _storage = await hidden(desk)
    for word in (SECRET, "zebra7", number, "vault"):
        asked = quote(word)
        for path in (
            f"/knowledge?view=all&q={asked}", f"/knowledge?view=all&q={asked}&format=csv",
            f"/palette?q={asked}", f"/api/v1/articles?words={asked}", f"/knowledge/ask?q={asked}",
            f"/portal/knowledge?q={asked}", f"/portal/knowledge/near?summary={asked}",
        ):  # fmt: skip
            told = (await desk.bob.text(path)).replace(word, "").replace(asked, "")
            assert "Open the" not in told, path
            assert number not in told or number == word, path
    found = await desk.bob.post("/api/v1/suggestions", json={"text": f"{SECRET}\nOpen the {SECRET}"})
    assert number not in await found.text()
    assert (await desk.bob.get(f"/knowledge/new?translate={number}")).status == 404


async def test_T13_news_name_no_article(desk: Desk) -> None:  # noqa: N802
    await hidden(desk)

    def told(session: Session) -> list[object]:
        return list(session.scalars(select(EventRow.payload).where(EventRow.topic == "knowledge")))

    news = await desk.db.read(told)
    assert len(news) >= 4
    assert not [one for one in news if "KB-" in str(one)]


@pytest.mark.parametrize("formula", FORMULAS)
async def test_T24_a_formula_in_an_article_is_neutral_in_the_export(desk: Desk, formula: str) -> None:  # noqa: N802
    await desk.post("/knowledge/new", FORM | {"title": formula, "alert": formula})
    answer = await desk.get("/knowledge?view=all&format=csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.reader(io.StringIO((await answer.text()).removeprefix("\ufeff"))))
    assert len(rows) == 2
    cells = [cell for row in rows for cell in row]
    assert not [cell for cell in cells if cell.strip()[:1] in {*"=+@＝", "-"} and len(cell) > 1]


async def test_a_name_that_reads_as_another_is_marked_wherever_it_stands(desk: Desk) -> None:
    made = await desk.post(
        "/knowledge/new", FORM | {"title": "run \u202etxt.exe", "solution": "1. open \u202egpj.exe\u200b now"}
    )
    number = made.headers["Location"].rpartition("/")[2]
    for path in (f"/knowledge/{number}", "/knowledge?view=all", f"/knowledge/{number}/edit"):
        page = await desk.text(path)
        assert "\u202e" not in page, path
        assert "\ufffd" in page, path
    shown = await desk.post("/knowledge/preview", {"solution": "open \u202egpj.exe"})
    assert "\u202e" not in await shown.text()


@pytest.mark.parametrize("said", ["{{7*7}}", "${7*7}", "<%= 7*7 %>", "{% raw %}", "{number}", "%(x)s"])
async def test_what_looks_like_a_template_is_shown_as_it_is(desk: Desk, said: str) -> None:
    made = await desk.post("/knowledge/new", FORM | {"title": f"Case {said}", "solution": said})
    number = made.headers["Location"].rpartition("/")[2]
    page = await desk.text(f"/knowledge/{number}")
    assert page.count(said.replace("<", "&lt;").replace(">", "&gt;")) >= 2
    assert "49" not in page.partition('class="prose')[2][:300]
    await desk.post(f"/knowledge/{number}/move", {"to": "submitted"})
    assert (await desk.get(f"/knowledge?view=all&q={quote(said)}")).status == 200


async def test_T20_a_document_that_could_run_is_only_ever_given_to_be_kept(desk: Desk) -> None:  # noqa: N802
    number, _storage = await hidden(desk)
    await desk.post(
        f"/knowledge/{number}/files", form("x.pdf", b"%PDF-1.7\n/OpenAction << /S /JavaScript >>")
    )
    page = await desk.text(f"/knowledge/{number}")
    for at in page.split(f"/knowledge/{number}/files/")[1:]:
        answer = await desk.get(f"/knowledge/{number}/files/{at[:40]}?show=1")
        if answer.status == 200 and answer.content_type != "image/png":
            assert answer.headers["Content-Disposition"].startswith("attachment")
            assert "sandbox" in answer.headers["Content-Security-Policy"]
            return
    pytest.fail("the document is not there")


BOMBS = {
    "unfinished tags": "<a ",
    "unfinished attributes": "<a b='",
    "comments": "<!--",
    "nested": "<div>",
    "lists": "<ul><li>",
    "scripts": "<script>",
    "cells": "<table><td>",
    "signs": "<",
    "entities": "&lt",
    "blank": "<pre>   ",
}


@pytest.mark.parametrize("part", BOMBS.values(), ids=BOMBS)
def test_a_page_of_rubbish_costs_what_its_length_costs(part: str) -> None:
    assert grows(lambda said: documents.of_html(said, "x.html"), part) < 12


@pytest.mark.parametrize(
    "part", ["# " + "#" * 50, "# x " + " " * 50, "```\n", "| a ", "[", "---\n", "- ", "1."]
)
def test_a_text_of_rubbish_costs_what_its_length_costs(part: str) -> None:
    assert grows(lambda said: documents.of_markdown(said, "x.md"), part) < 12
    assert grows(lambda said: documents.of_markdown(f"# {said.replace(chr(10), ' ')}x", "x.md"), part) < 12


def grows(read: object, part: str) -> float:
    """How many times the work of a text is that of a quarter of it: four if it is in proportion."""

    def seconds(length: int) -> float:
        said = part * (length // len(part))
        began = time.process_time()
        read(said)  # type: ignore[operator]
        return time.process_time() - began

    seconds(1_000)
    return min(seconds(160_000) / max(seconds(40_000), 0.002) for _ in range(3))


def test_entities_of_a_page_are_not_unfolded() -> None:
    said = '<!DOCTYPE x [<!ENTITY a "' + "b" * 1000 + '">]><h1>T</h1><p>' + "&a;" * 1000 + "</p>"
    [item] = importing.read("x.html", said.encode())
    assert len(str(item.texts["solution"])) < 5_000


async def test_T13_who_may_not_publish_imports_nothing(desk: Desk) -> None:  # noqa: N802
    """Whoever imports sees every article, so what is known already names nothing new."""
    routes = [route for route in desk.app[keys.ROUTES] if route.path.startswith("/knowledge/import")]
    assert len(routes) == 3
    assert {route.permission for route in routes} == {"knowledge.publish"}
