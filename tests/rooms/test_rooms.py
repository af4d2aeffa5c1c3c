import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy.orm import Session

from agent.playback.describe import describe
from agent.playback.plant import load
from server.cmdb import places, service
from server.kernel.errors import InvalidError
from server.metrics import service as metrics
from server.metrics.models import Kind
from server.metrics.samples import Block
from server.rooms.plan import read
from tests.desk_client import Desk

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SOURCES = {"3": "normal", "5": "battery"}


def furnish(session: Session) -> dict[str, str]:
    """Room B1 as it is described, with an agent's values of a minute ago."""
    done = service.import_rows(
        session, describe(load()), by="alice", now=NOON - timedelta(days=1), groups=GROUPS
    )
    assert not done.errors
    return done.numbers


GROUPS = {"room_power": 1, "network": 1, "servers": 1, "applications": 1}


def measure(
    session: Session, numbers: dict[str, str], name: str, metric: str, value: float, **how: Any
) -> None:
    ci = service.ci(session, numbers[name])
    series = metrics.register(session, ci.id, metric, how.pop("labels", {}), now=NOON, **how)
    at = int((NOON - timedelta(minutes=how.pop("ago", 1))).timestamp() * 1000)
    metrics.append(session, [Block.of(np.array([series], dtype="<u4"), at, np.array([value]))], NOON)


@pytest.fixture
async def numbers(desk: Desk) -> dict[str, str]:
    return await desk.db.run(furnish)


async def test_the_plan_shows_racks_units_and_unknown_where_nothing_is_measured(
    desk: Desk, numbers: dict[str, str]
) -> None:
    page = await desk.text("/rooms/b1")
    for word in ("CRAC-B1-1", "UPS-B1-A", "Cold aisle 1", "SW-CORE-1", "20 racks"):
        assert word in page, word
    assert "no data" in page
    assert "style=" not in page


async def test_a_feed_on_battery_is_seen_on_the_plan_in_the_head_and_in_words(
    desk: Desk, numbers: dict[str, str]
) -> None:
    def tell(session: Session) -> None:
        states: dict[str, Any] = {"kind": Kind.STATE, "states": SOURCES}
        measure(session, numbers, "UPS-B1-A", "ups_output_source", 5, **states)
        measure(session, numbers, "UPS-B1-B", "ups_output_source", 3, **states)
        measure(
            session, numbers, "TH-B1-1", "room_temperature_celsius", 21.9, unit="°C", labels={"sensor": "1"}
        )

    await desk.db.run(tell)
    page = await desk.text("/rooms/b1")
    assert "UPS-B1-A: on battery" in page
    assert page.count('class="bat"') == 20
    assert "Cold aisle 1 · 21.9" in page
    assert "Feed A: on battery. Feed B: mains." in page


async def test_a_room_without_a_plan_is_a_table_and_a_rack_is_no_room(
    desk: Desk, numbers: dict[str, str]
) -> None:
    page = await desk.text("/rooms/hq-1f-lv")
    assert "LV-2" in page
    assert "rm-plan" not in page
    assert (await desk.get("/rooms/b1-05")).status == 404
    assert (await desk.get("/rooms/nowhere")).status == 404


async def test_rooms_are_listed_and_charlie_sees_none(desk: Desk, numbers: dict[str, str]) -> None:
    listed = await desk.text("/rooms")
    assert "Machine room B1" in listed
    assert "Low-voltage room" in listed
    assert (await desk.charlie.get("/rooms")).status == 403
    assert (await desk.charlie.get("/rooms/b1")).status == 403


async def test_without_any_room_the_page_says_how_one_comes(desk: Desk) -> None:
    assert "No rooms yet" in await desk.text("/rooms")


async def test_a_plan_that_cannot_be_read_is_told_by_its_place(desk: Desk, numbers: dict[str, str]) -> None:
    with pytest.raises(InvalidError) as error:
        read({"width": 100, "depth": 100, "racks": [{"code": "x", "x": "left"}]})
    assert error.value.places["place"].startswith("racks/0")

    def spoil(session: Session) -> None:
        places.save(session, "b1", name={"en": "B1"}, kind="room", parent="hq-1f", plan={"width": -1})

    await desk.db.run(spoil)
    assert (await desk.get("/rooms/b1")).status == 422


def test_the_described_room_is_json_and_has_a_plan_that_can_be_read() -> None:
    told = json.loads(json.dumps(describe(load())))
    plan = read(next(one["plan"] for one in told["locations"] if one["plan"]))
    assert plan is not None
    assert len(plan.racks) == 20
