"""The board shows the queue's incidents by state, moves them, and stays bounded."""

import re

from server.incidents.board import MOST_CARDS
from tests.desk_client import Browser, Desk

REPORT = {"impact": "2", "urgency": "2", "group": "room_power"}


async def reported(desk: Browser, summary: str) -> str:
    response = await desk.post("/incidents/new", {**REPORT, "summary": summary})
    assert response.status == 303, await response.text()
    return str(response.headers["Location"].rsplit("/", 1)[-1])


def lane(text: str, state: str) -> str:
    """What stands in one column."""
    found = re.search(rf'aria-labelledby="lane-{state}">(.*?)</section>', text, re.DOTALL)
    assert found is not None, f"no column {state}"
    return found.group(1)


async def test_an_incident_stands_in_the_column_of_its_state_and_moves_with_it(desk: Desk) -> None:
    number = await reported(desk, "No access to Billing")
    assert number in lane(await desk.text("/incidents/board"), "assigned")
    back = "/incidents/board?view=open"
    response = await desk.post(f"/incidents/{number}/accept", {"version": "1", "back": back})
    assert response.status == 303
    assert response.headers["Location"].startswith(back)
    text = await desk.text("/incidents/board")
    assert number in lane(text, "accepted")
    assert number not in lane(text, "assigned")


async def test_a_card_offers_the_steps_of_its_state_and_of_its_reader(desk: Desk) -> None:
    number = await reported(desk, "No access to Billing")
    mine = lane(await desk.text("/incidents/board"), "assigned")
    assert f"/incidents/{number}/accept" in mine
    assert 'data-dialog="board-assign"' in mine
    assert 'data-dialog="board-resolve"' not in mine


async def test_the_board_takes_the_filters_of_the_list_and_leads_back_to_it(desk: Desk) -> None:
    await reported(desk, "No access to Billing")
    await reported(desk, "Printer is empty")
    text = await desk.text(
        "/incidents/board?q=printer&priority=1&priority=2&priority=3&priority=4&priority=5"
    )
    assert "Printer is empty" in text
    assert "No access to Billing" not in text
    assert "/incidents?priority=1&amp;priority=2" in text
    assert (await desk.get("/incidents/board?colour=red")).status == 422


async def test_the_boards_file_is_that_of_the_list(desk: Desk) -> None:
    await reported(desk, "No access to Billing")
    wanted = "?view=open&state=open&format=csv"
    assert await desk.text(f"/incidents/board{wanted}") == await desk.text(f"/incidents{wanted}")


async def test_a_long_column_ends_with_the_way_to_all_of_it(desk: Desk) -> None:
    for n in range(MOST_CARDS + 2):
        await reported(desk, f"Outage {n}")
    column = lane(await desk.text("/incidents/board"), "assigned")
    assert column.count('class="inb-card"') == MOST_CARDS
    assert f"Show all {MOST_CARDS + 2} in the list" in column
    way = re.search(r'inb-all" href="([^"]*)"', column)
    assert way is not None
    listed = await desk.text(way.group(1).replace("&amp;", "&"))
    assert listed.count("<tr id=") == MOST_CARDS + 2


async def test_an_empty_board_says_why_and_a_stranger_sees_none(desk: Desk) -> None:
    assert "No incident waits here" in await desk.text("/incidents/board")
    assert "Nothing fits these filters" in await desk.text("/incidents/board?q=printer")
    assert (await desk.charlie.get("/incidents/board")).status == 403
