"""The desk's own pages: home for each role, the palette, views, and the tables of all practices."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from server.agents.models import Agent, Target
from server.desk.home import gather
from server.desk.palette import names_exactly, narrow
from server.incidents import reporting
from server.incidents.models import Incident
from server.kernel.call import Actor
from server.kernel.practice import PaletteEntry
from server.kernel.templating import initials, sparkline
from tests.desk_client import Desk

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
STEPS = ("read", "create", "accept", "assign", "work", "resolve")


async def report(desk: Desk) -> Actor:
    """Alice reports that mail is gone, and has it herself."""
    alice = Actor(desk.person_id, "alice", {"en": "Alice"}, frozenset(f"incident.{one}" for one in STEPS))

    def write(session: Session) -> None:
        made = reporting.create(session, {"summary": "No mail"}, actor=alice, now=NOON)
        one = session.get(Incident, made.id)
        assert one is not None
        one.assignee_id = alice.id

    await desk.db.run(write)
    return alice


async def test_home_shows_each_role_its_own(desk: Desk) -> None:
    await report(desk)
    alice = await desk.text("/")
    assert "My queue" in alice
    assert "Who has how much" in alice
    bob = await desk.bob.text("/")
    assert "My queue" in bob
    assert "Who has how much" not in bob
    charlie = await desk.charlie.text("/")
    assert "Reported by you" in charlie
    assert "My queue" not in charlie


async def test_an_administrator_sees_what_a_new_desk_needs_until_it_is_done(desk: Desk) -> None:
    home = await desk.admin.text("/")
    assert "First steps" in home
    assert "2 of 5 done" in home, "people and a group are there"
    assert 'href="/settings/agents"' in home
    assert 'href="/knowledge/import"' in home
    assert "First steps" not in await desk.text("/")

    def begin(session: Session) -> None:
        agent = Agent(name="a", created_at=NOON, enrolled_at=NOON)
        session.add(agent)
        session.flush()
        session.add(
            Target(agent_id=agent.id, name="UPS-1", address="192.0.2.1", transport="snmp", created_at=NOON)
        )

    await desk.db.run(begin)
    assert "First steps" not in await desk.admin.text("/")


async def test_a_stranger_is_led_to_the_sign_in_page(desk: Desk) -> None:
    for path in ("/", "/mine", "/help", "/palette?q=x"):
        answer = await desk.stranger.get(path)
        assert answer.status in {302, 401}
    page = await desk.stranger.text("/login")
    assert 'autocomplete="current-password"' in page
    assert "alice" not in page


async def test_the_palette_jumps_to_what_is_named_whole(desk: Desk) -> None:
    assert (await desk.json("/palette?q=")) == {"entries": [], "jump": ""}
    assert (await desk.get("/palette?q=" + "x" * 101)).status == 422
    assert (await desk.get("/palette?q=%00")).status in {400, 422}
    entry = PaletteEntry("INC-000123 · UPS on battery", "/incidents/INC-000123", hint="10.20.8.31 · HQ")
    assert names_exactly(entry, "inc-000123")
    assert names_exactly(entry, "10.20.8.31")
    assert not names_exactly(entry, "INC-0001")
    assert not names_exactly(entry, "battery")
    assert narrow("ＩＮＣ－１２　３") == "INC-12 3"


async def test_a_view_is_saved_shown_and_deleted_with_an_undo(desk: Desk) -> None:
    form = {"listing": "cis", "url": "/cis", "query": "q=ups", "name": "UPS of mine"}
    answer = await desk.post("/views", form)
    assert answer.status == 303
    url = answer.headers["Location"]
    text = await desk.text(url)
    assert "UPS of mine" in text
    view_id = url.rpartition("v")[2]
    assert (await desk.charlie.post(f"/views/{view_id}/delete", {"url": "/cis"})).status == 404
    assert (await desk.post(f"/views/{view_id}/delete", {"url": "/cis"})).status == 303
    assert f"view=v{view_id}" not in await desk.text("/cis")


@pytest.mark.parametrize("path", ["/", "/mine", "/help", "/help/components", "/cis"])
async def test_pages_say_where_they_are(desk: Desk, path: str) -> None:
    text = await desk.text(path)
    assert text.count("<h1") == 1
    assert text.count("<main") == 1
    assert 'href="#main"' in text
    assert "style=" not in text
    assert text.count("<") < 4000


async def test_numbers_follow_what_happened(desk: Desk) -> None:
    alice = await report(desk)
    shown = (await desk.db.read(gather, alice, NOON)).numbers
    assert (shown[0].value, shown[0].tone) == ("1", "")
    later = (await desk.db.read(gather, alice, NOON + timedelta(days=20))).numbers
    assert later[0].tone == "bad"
    assert "No mail" in await desk.text("/")
    assert "No mail" in await desk.text("/mine")
    assert "No mail" not in await desk.charlie.text("/")


def test_initials_and_sparklines() -> None:
    assert initials("Chen Yu") == "CY"
    assert initials("陈宇") == "陈"
    assert initials("") == "?"
    assert sparkline([1, None, 2, 3]) == ["1.0,22.0", "63.7,12.0 95.0,2.0"]
    assert sparkline([None]) == []
