"""The manager's lists and the shelf over the API say what the pages say."""

import pytest

from tests.desk_client import Desk


async def shelved(desk: Desk, title: str, audience: str) -> str:
    form = {"title": title, "language": "en", "solution": "1. Do it.", "audience": audience}
    made = await desk.bob.post("/knowledge/new", form)
    number = str(made.headers["Location"].rpartition("/")[2])
    await desk.bob.post(f"/knowledge/{number}/move", {"to": "submitted"})
    return number


async def test_what_waits_is_listed_until_it_is_published(desk: Desk) -> None:
    number = await shelved(desk, "Printer prints blank pages", "everybody")
    [waiting] = await desk.json("/api/v1/knowledge/review")
    assert (waiting["article"], waiting["reason"]) == (number, "submitted")
    assert await desk.charlie.json("/api/v1/portal/articles?words=printer") == []
    await desk.post(f"/knowledge/{number}/move", {"to": "published"})
    assert await desk.json("/api/v1/knowledge/review") == []
    [found] = await desk.charlie.json("/api/v1/portal/articles?words=printer")
    assert (found["number"], found["source_ticket"]) == (number, None)


async def test_T13_the_shelf_over_the_api_is_that_of_the_portal(desk: Desk) -> None:  # noqa: N802
    number = await shelved(desk, "Root password rotation", "partners")
    await desk.post(f"/knowledge/{number}/move", {"to": "published"})
    assert await desk.charlie.json("/api/v1/portal/articles?words=root") == []
    assert (await desk.charlie.get(f"/api/v1/articles/{number}")).status == 403
    assert (await desk.stranger.get("/api/v1/portal/articles")).status == 401


async def test_a_gap_is_listed_until_it_is_dismissed(desk: Desk) -> None:
    said = {"summary": "Badge reader refuses visitors", "impact": "3", "urgency": "3"}
    await desk.charlie.post("/incidents/new", said)
    [gap] = await desk.json("/api/v1/knowledge/gaps")
    assert gap["title"] == "Badge reader refuses visitors"
    assert gap["tickets"] == [gap["key"]]
    assert (await desk.post(f"/api/v1/knowledge/gaps/{gap['key']}/dismiss")).status in {200, 204}
    assert await desk.json("/api/v1/knowledge/gaps") == []
    assert (await desk.post("/api/v1/knowledge/gaps/INC-999999/dismiss")).status == 404


async def test_the_weeks_are_those_of_the_page(desk: Desk) -> None:
    weeks = await desk.json("/api/v1/knowledge/quality")
    assert len(weeks) == 26
    assert [week["at"] for week in weeks] == sorted(week["at"] for week in weeks)
    assert {week["answered"] for week in weeks} == {None}


@pytest.mark.parametrize("path", ["knowledge/gaps", "knowledge/review"])
async def test_T13_only_reviewers_read_what_waits_and_what_is_missing(desk: Desk, path: str) -> None:  # noqa: N802
    assert (await desk.bob.get(f"/api/v1/{path}")).status == 403
    assert (await desk.charlie.get(f"/api/v1/{path}")).status == 403


async def test_the_description_of_the_api_names_every_route_of_knowledge_and_problems(desk: Desk) -> None:
    paths = (await desk.json("/api/v1/openapi.json"))["paths"]
    described = {path.removeprefix("/api/v1") for path in paths}
    ours = ("/articles", "/knowledge/", "/portal/", "/suggestions", "/problem")
    served = {
        str(route.resource.canonical).removeprefix("/api/v1")
        for route in desk.app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith("/api/v1/")
    }
    wanted = {path for path in served if path.startswith(ours)}
    assert len(wanted) > 20
    assert wanted - described == set()
