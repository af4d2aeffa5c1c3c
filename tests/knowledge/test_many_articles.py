"""Many articles at once: what is ticked goes as far as each may, and what is left out is named."""

import pytest
from multidict import MultiDict

from tests.desk_client import Browser, Desk
from tests.knowledge.test_knowledge_pages import FORM


async def begun(browser: Browser, title: str, *, submitted: bool = True) -> str:
    made = await browser.post("/knowledge/new", FORM | {"title": title})
    number = str(made.headers["Location"].rpartition("/")[2])
    if submitted:
        await browser.post(f"/knowledge/{number}/move", {"to": "submitted"})
    return number


async def ticked(browser: Browser, action: str, numbers: list[str], *, came: str = "") -> str:
    """Posts the ticked rows; returns where the answer leads."""
    form = MultiDict([("id", one) for one in numbers])
    headers = {"Referer": came} if came else {}
    answer = await browser.post(f"/knowledge/bulk/{action}", form, headers=headers)  # type: ignore[arg-type]
    assert answer.status == 303, await answer.text()
    return str(answer.headers["Location"])


async def states(desk: Desk, numbers: list[str]) -> list[str]:
    return [(await desk.json(f"/api/v1/articles/{one}"))["state"] for one in numbers]


async def test_what_waits_is_reviewed_and_published_together(desk: Desk) -> None:
    numbers = [await begun(desk.bob, f"Fan {n} fails") for n in range(3)]
    await ticked(desk, "review", numbers[:2])
    assert await states(desk, numbers) == ["reviewed", "reviewed", "submitted"]
    await ticked(desk, "publish", [*numbers, numbers[0]])
    assert await states(desk, numbers) == ["published"] * 3
    await ticked(desk, "confirm", numbers)
    await ticked(desk, "retire", numbers[:1])
    assert await states(desk, numbers) == ["retired", "published", "published"]


async def test_what_cannot_go_is_left_out_and_its_neighbours_go(desk: Desk) -> None:
    mine, theirs = await begun(desk, "Fan fails"), await begun(desk.bob, "Fuse blown")
    draft = await begun(desk.bob, "Lamp dark", submitted=False)
    await ticked(desk, "publish", [mine, "KB-999999", theirs])
    assert await states(desk, [mine, theirs]) == ["submitted", "published"]
    assert draft not in await desk.text("/knowledge?view=review")


async def test_T13_T15_nobody_moves_together_what_he_may_not_move_alone(desk: Desk) -> None:  # noqa: N802
    hidden = await begun(desk, "Not for Bob", submitted=False)
    own = await begun(desk.bob, "Bob's own", submitted=False)
    assert (await desk.bob.post("/knowledge/bulk/publish", {"id": own})).status == 403
    assert (await desk.bob.post("/knowledge/bulk/retire", {"id": own})).status == 403
    await ticked(desk.bob, "submit", [hidden, own])
    assert await states(desk, [hidden, own]) == ["draft", "submitted"]
    assert (await desk.charlie.post("/knowledge/bulk/submit", {"id": own})).status == 403


@pytest.mark.parametrize(
    ("path", "leads"),
    [
        ("/knowledge?view=review&page=2", "/knowledge?view=review&page=2"),
        ("/knowledge/review", "/knowledge/review"),
        ("/incidents", "/knowledge"),
        ("", "/knowledge"),
    ],
)
async def test_one_goes_on_where_one_ticked(desk: Desk, path: str, leads: str) -> None:
    number = await begun(desk.bob, "Fan fails")
    assert await ticked(desk, "publish", [number], came=desk.url + path if path else "") == leads


async def test_the_way_back_never_leaves_the_site(desk: Desk) -> None:
    number = await begun(desk.bob, "Fan fails")
    for came in ("https://evil.example/knowledge", "//evil.example/knowledge", "javascript:alert(1)"):
        assert await ticked(desk, "confirm", [number], came=came) == "/knowledge"


async def test_more_than_a_page_can_tick_is_refused(desk: Desk) -> None:
    form = MultiDict([("id", f"KB-{n:06}") for n in range(201)])
    assert (await desk.post("/knowledge/bulk/publish", form)).status == 422  # type: ignore[arg-type]
