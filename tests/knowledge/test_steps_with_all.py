"""A step with all articles that match a filter: what was promised is done, the rest is named and why."""

import importlib
import re
from dataclasses import replace

import pytest
from multidict import MultiDict
from sqlalchemy import delete
from sqlalchemy.orm import Session

from server.accounts.models import PersonRole
from server.knowledge import bulk, bulk_pages, running
from server.knowledge.table import ARTICLES
from tests.desk_client import Browser, Desk
from tests.knowledge.test_many_articles import begun, states

PAGES = importlib.import_module("server.knowledge.pages")


async def asked(browser: Browser, step: str, wish: str) -> str:
    """Posts what must match; returns where the answer leads."""
    answer = await browser.post(f"/knowledge/bulk/{step}", {"matching": wish})
    assert answer.status == 303, await answer.text()
    return str(answer.headers["Location"])


async def many(desk: Desk, step: str, **which: object) -> int:
    answer = await desk.post("/api/v1/articles/bulk", json={"step": step, **which})
    assert answer.status == 202, await answer.text()
    return int((await answer.json())["id"])


async def test_all_that_match_are_published_and_what_cannot_be_is_named(desk: Desk) -> None:
    theirs = [await begun(desk.bob, f"Fan {n} fails") for n in range(3)]
    mine = await begun(desk, "Fuse of a fan blown")
    draft = await begun(desk.bob, "Fan is loud", submitted=False)
    page = await asked(desk, "publish", "q=fan&view=")
    await desk.work()
    assert await states(desk, [*theirs, mine]) == ["published"] * 3 + ["submitted"]
    shown = await desk.text(f"{page}?fate=refused")
    assert f"{mine} is submitted and nobody but you has worked on it" in shown
    assert f"{draft} is draft" in shown
    assert theirs[0] not in shown
    assert theirs[0] in await desk.text(page)


async def test_the_list_offers_all_that_match_only_where_the_page_does_not_show_them(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        await begun(desk.bob, f"Fan {n} fails")
    assert "data-whole" not in await desk.text("/knowledge?view=review")
    monkeypatch.setattr(PAGES, "ARTICLES", replace(ARTICLES, page_size=2))
    shown = await desk.text("/knowledge?state=submitted&view=review")
    assert re.search(r'data-whole="state=submitted&amp;view=review" data-said="all 3 that match"', shown)
    assert "Publish: all 3 that match? What cannot be done is left out and named." in shown
    monkeypatch.setattr(PAGES, "ARTICLES", replace(ARTICLES, page_size=1, whole=2))
    assert "Choose the first 2 of 3" in await desk.text("/knowledge?state=submitted")


async def test_no_more_than_was_said_is_done_the_first_in_the_shown_order(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [await begun(desk.bob, title) for title in ("Cable", "Board", "Adapter")]
    monkeypatch.setattr(bulk_pages, "ARTICLES", replace(ARTICLES, whole=2))
    await asked(desk, "publish", "sort=title&view=")
    await desk.work()
    assert await states(desk, numbers) == ["submitted", "published", "published"]


async def test_what_is_asked_for_is_checked_as_on_the_list(desk: Desk) -> None:
    for wish in ("colour=red", "state=nonsense", "sort=secret"):
        assert (await desk.post("/knowledge/bulk/publish", {"matching": wish})).status == 422
    both = MultiDict([("id", "KB-000001"), ("matching", "view=")])
    assert (await desk.post("/knowledge/bulk/publish", both)).status == 422  # type: ignore[arg-type]
    assert (await desk.post("/knowledge/bulk/publish", {})).status == 422


async def test_T13_T15_all_are_those_that_one_sees_and_may_move(desk: Desk) -> None:  # noqa: N802
    hidden = await begun(desk, "Not for Bob", submitted=False)
    own = await begun(desk.bob, "Bob's own", submitted=False)
    assert (await desk.bob.post("/knowledge/bulk/publish", {"matching": "view="})).status == 403
    page = await asked(desk.bob, "submit", "view=")
    await desk.work()
    assert await states(desk, [hidden, own]) == ["draft", "submitted"]
    assert hidden not in await desk.bob.text(page)
    theirs = await asked(desk, "submit", "view=")
    assert (await desk.bob.get(theirs)).status == 404
    assert theirs not in await desk.bob.text("/knowledge/runs")
    assert (await desk.charlie.get(page)).status == 403


async def test_T15_a_right_that_is_taken_away_meanwhile_stops_the_run(desk: Desk) -> None:  # noqa: N802
    number = await begun(desk.bob, "Fan fails")
    page = await asked(desk, "publish", "view=")

    def dismissed(session: Session) -> None:
        session.execute(delete(PersonRole).where(PersonRole.person_id == desk.person_id))

    await desk.db.run(dismissed)
    await desk.work()
    assert (await desk.admin.json(f"/api/v1/articles/{number}"))["state"] == "submitted"
    assert "There is no article" in await desk.admin.text(page)


async def test_a_run_that_fails_again_and_again_is_given_up_and_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_args: object, **_more: object) -> None:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(bulk, "take_all", broken)
    monkeypatch.setattr(running, "TRIES", 1)
    await begun(desk.bob, "Fan fails")
    page = await asked(desk, "publish", "view=")
    await desk.work()
    assert "and was given up; the log of the server says why" in await desk.text(page)


async def test_programs_take_a_step_with_many_and_read_what_was_left_out(desk: Desk) -> None:
    numbers = [await begun(desk.bob, f"Fan {n} fails") for n in range(2)]
    mine = await begun(desk, "Fan of mine fails")
    run = await many(desk, "publish", matching={"state": ["submitted"], "words": "fan"})
    await desk.work()
    told = await desk.json(f"/api/v1/knowledge/runs/{run}")
    assert (told["total"], told["done"], told["fates"]) == (3, 3, {"done": 2, "refused": 1})
    assert told["ended_at"]
    left = await desk.json(f"/api/v1/knowledge/runs/{run}/lines?fate=refused")
    assert [one["source"] for one in left["items"]] == [mine]
    assert "nobody but you" in left["items"][0]["reason"]
    await many(desk, "retire", numbers=numbers)
    await desk.work()
    assert await states(desk, numbers) == ["retired", "retired"]
    assert (await desk.bob.get(f"/api/v1/knowledge/runs/{run}")).status == 404
    forbidden = await desk.bob.post("/api/v1/articles/bulk", json={"step": "publish", "numbers": numbers})
    assert forbidden.status == 403
    for body in ({"step": "publish"}, {"step": "publish", "numbers": numbers, "matching": {}}):
        assert (await desk.post("/api/v1/articles/bulk", json=body)).status == 422


async def test_programs_settle_a_report_and_who_made_it_reads_the_answer(desk: Desk) -> None:
    number = await begun(desk.bob, "Fan fails")
    await many(desk, "publish", numbers=[number])
    await desk.work()
    said = {"kind": "report", "text": "The part number is wrong"}
    assert (await desk.bob.post(f"/api/v1/articles/{number}/notes", json=said)).status == 201
    [note] = await desk.json(f"/api/v1/articles/{number}/notes")
    assert (note["kind"], note["text"], note["done_at"]) == ("report", said["text"], None)
    path = f"/api/v1/articles/{number}/notes/{note['id']}/settle"
    assert (await desk.bob.post(path, json={"answer": "No"})).status == 403
    settled = await desk.post(path, json={"answer": "It is now"})
    assert (await settled.json())["done_at"]
    assert "It is now" in [one["text"] for one in await desk.json(f"/api/v1/articles/{number}/notes")]
    assert (await desk.post(f"/api/v1/articles/{number}/notes/99/settle", json={})).status == 404
