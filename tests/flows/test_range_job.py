"""A range job over a machine room fills an empty CMDB: every device, its class, its links, its feeds."""

import asyncio
import ipaddress
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from server import app as desk
from server.accounts import passwords, roles
from server.agents import credentials, enrolment
from server.cmdb.importing import import_rows
from server.demo import company
from server.demo.living import AGENT_NAME
from server.demo.room import FIELD_OF, TRANSPORT_OF
from server.kernel import secrets
from server.kernel.db import Database
from server.kernel.migrate import migrate
from tests.flows.house import PASSWORD, House, free_port
from tests.flows.killing import Killed
from tests.flows.test_kills import described, enrol, machine_room

pytestmark = [pytest.mark.flow, pytest.mark.slow]

# What a device says it is, where the house calls it by what it watches.
WATCHES = {"power_panel": "environment_monitor"}


@dataclass
class Site:
    """An empty desk with an agent that has joined, beside a living room."""

    house: House
    db: Database
    room: dict[str, Any]
    agent_id: int
    agent: Killed
    sets: list[int]


def furnish(session: Session, room: dict[str, Any]) -> tuple[str, list[int]]:
    """People and credentials, but not one device; the agent's token and the sets in order."""
    now = datetime.now(UTC)
    company.write(session, password_hash=passwords.hash_now(PASSWORD), now=now)
    sets = []
    for row in room["credentials"]:
        transport = TRANSPORT_OF.get(row["kind"])
        if transport is None:
            continue
        words = {
            FIELD_OF.get(name, name): str(text) for name, text in row.items() if name not in {"code", "kind"}
        }
        sets.append(credentials.save(session, row["code"], transport, words, now=now).id)
    return enrolment.create_token(session, AGENT_NAME, "HQ", now=now).token, sets


@asynccontextmanager
async def empty_site(folder: Path) -> AsyncIterator[Site]:
    data, home = folder / "data", folder / "agent"
    data.mkdir()
    network = f"127.{30 + os.getpid() % 200}.{os.getpid() // 200 % 250}"
    room = await described(network)
    secrets.use_keys(secrets.Keys(data / "master.key"))
    url = f"sqlite:///{data / 'watchdesk.db'}"
    db = Database(url)
    migrate(db)
    db.run_now(roles.sync, desk.permissions(desk.practices()))
    token, sets = db.run_now(furnish, room)
    port = free_port()
    server = Killed(
        ["-m", "server.cli", "serve", "--data", str(data), "--port", str(port)],
        folder / "server.log",
        ready=b"ready: ",
        environment={"WATCHDESK_DATABASE_URL": url, "WATCHDESK_LOG_LEVEL": "warning"},
    )
    agent = Killed(
        ["-m", "agent.cli", "run", "--config", str(home.with_suffix(".toml"))], folder / "agent.log"
    )
    async with machine_room(network):
        try:
            await server.start()
            agent_id = await enrol(f"http://127.0.0.1:{port}", token, home)
            await agent.start()
            assert server.process is not None
            house = House(server.process, f"http://127.0.0.1:{port}", 0.0)
            await house.sign_in("admin")
            try:
                yield Site(house, db, room, agent_id, agent, sets)
            finally:
                await house.http.close()
            assert "Traceback" not in (folder / "agent.log").read_text()
            assert "Traceback" not in (folder / "server.log").read_text()
        finally:
            await agent.end()
            await server.end()
            db.close()


async def ask(house: House, path: str, body: dict[str, Any]) -> Any:
    """Post to the API as the person whose browser it is."""
    token = (await house.text("/discovery")).partition('name="csrf" value="')[2].partition('"')[0]
    token = (
        token
        or (await house.text("/settings/credentials")).partition('name="csrf" value="')[2].partition('"')[0]
    )
    headers = {"X-CSRF-Token": token, "Origin": house.url, "Sec-Fetch-Site": "same-origin"}
    async with house.http.post(f"{house.url}/api/v1{path}", json=body, headers=headers) as response:
        assert response.status < 300, f"{path}: {response.status} {await response.text()}"
        return await response.json()


async def finished(house: House, run_id: int) -> dict[str, Any]:
    async def ended() -> dict[str, Any] | None:
        run: dict[str, Any] = await house.json(f"/api/v1/discovery/runs/{run_id}")
        return run if run["ended_at"] else None

    return await house.until(ended, 180, what="the run ended")


async def test_a_range_job_fills_an_empty_cmdb_with_classes_links_and_feeds(tmp_path: Path) -> None:
    async with empty_site(tmp_path) as site:
        house, room = site.house, site.room
        devices = {one["address"]: one for one in room["devices"]}
        job = await ask(
            house,
            "/discovery/jobs",
            {
                "name": "Machine room",
                "agent_id": site.agent_id,
                "ranges": sorted(devices, key=ipaddress.ip_address),
                "ways": ["icmp", "snmp", "ssh", "http", "modbus"],
                "ports": {"snmp": [1161], "ssh": [2222], "http": [8081], "modbus": [1502]},
                "credentials": site.sets,
                "rate": 100,
                "policy": "add",
                "every_s": 5,
            },
        )
        run = await finished(house, (await ask(house, f"/discovery/jobs/{job['id']}/run", {}))["id"])
        assert run["state"] == "done"
        assert (run["total"], run["asked"], run["alive"]) == (len(devices),) * 3
        assert run["counts"] == {"new": len(devices)}, run["counts"]

        found = await house.json(f"/api/v1/discovery/runs/{run['id']}/findings?limit=200")
        for one in found["items"]:
            wanted = devices[one["address"]]["class"]
            assert one["class_code"] == WATCHES.get(wanted, wanted), one
            assert one["ci"], one
        named = {one["name"]: one for one in (await house.json("/api/v1/cis?limit=200"))["items"]}
        unnamed = {one["name"] for one in devices.values()} - named.keys()
        assert unnamed == {"CRAC-B1-2"}, "only the Modbus unit has no name of its own"

        targets = await house.json(f"/api/v1/agents/{site.agent_id}/targets")
        opened = {(one["address"], one["transport"]) for one in targets}
        for device in devices.values():
            assert (device["address"], device["transport"]) in opened, device
            for way in device["more_targets"]:
                if way["transport"] == "ssh":
                    assert (device["address"], "ssh") in opened

        # Run again: nothing is doubled, and what neighbours tell of each other is known by now.
        again = await finished(house, (await ask(house, f"/discovery/jobs/{job['id']}/run", {}))["id"])
        assert set(again["counts"]) <= {"changed", "unchanged"}, again["counts"]
        assert len(await house.json(f"/api/v1/agents/{site.agent_id}/targets")) == len(targets)
        cables = {
            frozenset((one["from"], one["to"])) for one in room["relations"] if one["kind"] == "connects_to"
        }
        speakers = {
            one["name"] for one in devices.values() if one["class"] in {"switch", "router", "firewall"}
        }
        wanted_links = {pair for pair in cables if pair <= speakers}
        links = await site.db.read(_links)
        assert wanted_links <= links, wanted_links - links

        # Feeds are entered; they join what was found by its name, and the graph has them.
        fed = await site.db.run(_enter_feeds, room)
        assert fed > 10

        async def polled() -> bool:
            seen = [
                one for one in await house.json(f"/api/v1/agents/{site.agent_id}/targets") if one["polled_at"]
            ]
            return len(seen) == len(targets)

        await house.until(polled, 90, what="all that was found is polled")
        await pictures(site, run["id"])
        await site.agent.stop()


def _links(session: Session) -> set[frozenset[str]]:
    from server.cmdb.models import Ci, Relation

    names = {row[0]: row[1] for row in session.execute(select(Ci.id, Ci.name))}
    rows = session.scalars(
        select(Relation).where(Relation.kind == "connects_to", Relation.ended_at.is_(None))
    )
    return {frozenset((names[one.from_id], names[one.to_id])) for one in rows}


def _enter_feeds(session: Session, room: dict[str, Any]) -> int:
    """What nobody can ask: mains feeds, and who draws from whom; devices by the name they go by now."""
    from server.cmdb.models import Ci

    shown = {name.casefold(): name for name in session.scalars(select(Ci.name))}
    shown |= {one["name"].casefold(): one["name"] for one in room["passive"]}
    relations = [
        {**one, "from": shown[one["from"].casefold()], "to": shown[one["to"].casefold()]}
        for one in room["relations"]
        if one["kind"] == "powered_by" and {one["from"].casefold(), one["to"].casefold()} <= shown.keys()
    ]
    told = {"locations": room["locations"], "passive": room["passive"], "relations": relations}
    result = import_rows(session, told, by="tang.xin", now=datetime.now(UTC))
    assert not result.errors, result.errors[:3]
    return len(relations)


async def pictures(site: Site, run_id: int) -> None:
    """The pages as a person sees them, kept beside those of the browser tests."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return
    from playwright.async_api import async_playwright

    from tests.browser.visits import ARTIFACTS, FLAGS, WIDE, open_visit

    ARTIFACTS.mkdir(exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = await browser.new_context(viewport=WIDE, reduced_motion="reduce")
        visit = await open_visit(context, site.house.url, "en", "wide")
        await visit.sign_in("admin")
        for path in ("/discovery", f"/discovery/runs/{run_id}", "/cis", "/graph"):
            await visit.go(path)
            assert await visit.page.locator("h1").count() == 1
            name = f"range-job{path.replace('/', '-')}.png"
            await visit.page.screenshot(path=ARTIFACTS / name)
        shown = await visit.page.inner_text("body")
        assert shown
        await visit.go(f"/discovery/runs/{run_id}")
        assert "SW-CORE-1" in await visit.page.inner_text("body")
        await browser.close()
    await asyncio.sleep(0)
