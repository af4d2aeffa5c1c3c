"""Mains fails in a room that is polled over real sockets: one incident, its cause, its fix, its end."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.house import House, demo

pytestmark = [pytest.mark.flow, pytest.mark.slow]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with demo(tmp_path / "demo") as running:
        await running.sign_in("he.wei")
        yield running


async def from_machines(house: House, known: set[str]) -> list[dict[str, Any]]:
    """The open incidents that nobody typed, but those known before."""
    found = await house.json("/api/v1/incidents?open=true&limit=200")
    return [one for one in found["items"] if one["source"] == "monitoring" and one["number"] not in known]


async def test_a_mains_failure_becomes_one_incident_with_its_fix_and_ends_by_itself(house: House) -> None:
    print(f"computed until it was ready: {house.computed_s:.0f} s")
    assert house.computed_s < 30
    polled = await house.until(lambda: all_polled(house), 60, what="all targets polled")
    assert polled
    before = {one["number"] for one in await from_machines(house, set())}
    assert not before, "an idle room makes no incidents"

    broken_at = time.monotonic()
    await house.post("/demo/mains_failure/start")

    async def on_the_ups() -> dict[str, Any] | None:
        found = await from_machines(house, before)
        return next((one for one in found if "UPS-B1-A" in one["summary"]), None)

    incident = await house.until(on_the_ups, 120, what="an incident on the UPS")
    took_s = time.monotonic() - broken_at
    print(f"break to incident on the UPS: {took_s:.0f} s")
    number = incident["number"]
    assert incident["priority"] == 1
    assert incident["group"] == "room_power"
    assert incident["ci"]

    async def storm_joined() -> bool:
        return len((await house.json(f"/api/v1/alerts?group_id={incident['alert_group_id']}"))["items"]) >= 4

    await house.until(storm_joined, 120, what="four alerts joined")
    assert len(await from_machines(house, before)) == 1, await from_machines(house, before)
    page = await house.text(f"/incidents/{number}")
    for shown in ("Room &amp; power", "LV-2", "KB-000001", "Machine room B1"):
        assert shown in page, shown

    await house.post("/demo/mains_failure/stop")

    async def resolved() -> dict[str, Any] | None:
        one: dict[str, Any] = await house.json(f"/api/v1/incidents/{number}")
        return one if one["state"] == "resolved" else None

    ended = await house.until(resolved, 600, what="the incident resolved by itself", every_s=3)
    assert ended["resolved_at"]
    entries = await house.json(f"/api/v1/incidents/{number}/timeline")
    assert any(entry["kind"] == "evidence" for entry in entries), entries


async def all_polled(house: House) -> bool:
    found = await house.json("/api/v1/cis?limit=200")
    seen = [one for one in found["items"] if one.get("seen_at")]
    return len(seen) >= 28
