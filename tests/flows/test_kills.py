"""P1: killed at any moment, server and agent lose nothing that was acknowledged and double nothing.

Real processes on real sockets. The oracles are the ledger of the load generator and, for the agent, what
its outbox had on disk at each kill.
"""

import asyncio
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import psycopg
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from agent import segment
from agent.outbox import STRIDE
from agent.vault import Identity, save_identity
from rules import codec, wire
from server import app as desk
from server.accounts import roles
from server.agents import service as agents
from server.agents.models import Target
from server.alerts.models import Alert, AlertEvent
from server.demo import company, room
from server.demo.living import AGENT_NAME
from server.incidents.models import Incident
from server.intake.models import LostStretch, TakenReport
from server.kernel import secrets
from server.kernel.db import Database
from server.kernel.migrate import migrate
from tests.flows.house import free_port
from tests.flows.killing import Killed
from tests.flows.loadgen import Load, doubled_incidents
from tests.postgres import Postgres

pytestmark = [pytest.mark.flow, pytest.mark.slow]

RATE = 200.0
AGENTS, DEVICES = 10, 2
STORIES = [  # what happens in the room between one kill of the agent and the next
    (story, step) for story in ("door_forced", "leak", "mains_failure") for step in ("start", "stop")
]
READY_S = 10.0  # that a start computes, and takes where it is not kept waiting for a core
SHARE = 8  # of a core: at the worst a program is given so small a part of one


@dataclass
class Site:
    """A desk that is killed, and the load on it."""

    server: Killed
    db: Database
    load: Load
    url: str


def prepare(db: Database, data: Path) -> list[tuple[str, str, list[int]]]:
    """A desk with agents that may join: their names, tokens and targets."""
    secrets.use_keys(secrets.Keys(data / "master.key"))
    practices = desk.practices()
    migrate(db)
    now = datetime.now(UTC)

    def write(session: Session) -> list[tuple[str, str, list[int]]]:
        roles.sync(session, desk.permissions(practices))
        made = []
        for number in range(AGENTS):
            token = agents.create_token(session, f"load-{number}", now=now)
            targets = [
                agents.add_target(
                    session, token.agent_id, agents.NewTarget(f"d{one}", f"10.9.{number}.{one}"), now=now
                ).id
                for one in range(DEVICES)
            ]
            made.append((token.name, token.token, targets))
        return made

    return db.run_now(write)


@asynccontextmanager
async def loaded(data: Path, database_url: str) -> AsyncIterator[Site]:
    """A served desk whose load agents have joined."""
    data.mkdir(parents=True, exist_ok=True)
    db = Database(database_url)
    known = prepare(db, data)
    port = free_port()
    words = ["-m", "server.cli", "serve", "--data", str(data), "--port", str(port)]
    server = Killed(
        words,
        data / "server.log",
        ready=b"ready: ",
        environment={"WATCHDESK_DATABASE_URL": database_url, "WATCHDESK_LOG_LEVEL": "warning"},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        await server.start()
        load = await Load.enrolled(
            url, [(name, token) for name, token, _ in known], [targets for *_, targets in known]
        )
        yield Site(server, db, load, url)
    finally:
        await server.end()
        db.close()


async def kill_again_and_again(server: Killed, times: int, random: Random) -> None:
    """Kill it at random moments of its work; every fifth time before it is even up."""
    while server.kills < times:
        await asyncio.sleep(random.uniform(0.5, 3.0))
        await server.kill()
        if server.kills % 5 == 0 and server.kills < times:
            await server.launch()
            await asyncio.sleep(random.uniform(0.0, 2.0))
            await server.kill()
        await server.start()


async def the_server_is_killed(site: Site, times: int) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.TaskGroup() as group:
        load = group.create_task(site.load.run(rate=RATE))
        await kill_again_and_again(site.server, times, Random(times))
        site.load.stop()
        await asyncio.wait_for(load, 60)
    wall = loop.time() - began
    await site.server.stop()
    told = dict(site.load.answers)
    starts = list(zip(site.server.took_s, site.server.computed_s, strict=True))
    print(
        f"{site.server.kills} kills, {len(site.load.ledger)} reports in {wall:.0f} s "
        f"({len(site.load.ledger) / wall:.0f}/s), ready {max(starts)[0]:.1f} s at worst, {told}"
    )
    assert site.load.faults(site.db) == []
    opened = site.db.read_now(lambda session: session.scalar(select(func.count()).select_from(Incident)))
    assert opened, "the load makes incidents"
    assert site.load.answers["refused items"] == 0
    slow = [one for one in starts if one[1] > READY_S or one[0] > max(READY_S, SHARE * one[1])]
    assert slow == [], "starts that computed too long, or waited for something else than a core"
    assert "Traceback" not in site.server.log.read_text()


async def test_P1_twenty_kills_of_the_server_lose_and_double_nothing(tmp_path: Path) -> None:  # noqa: N802
    data = tmp_path / "data"
    async with loaded(data, f"sqlite:///{data / 'watchdesk.db'}") as site:
        await the_server_is_killed(site, 20)


async def test_P1_the_same_on_postgresql(tmp_path: Path, postgres: Postgres) -> None:  # noqa: N802
    name = f"k{uuid.uuid4().hex}"
    with psycopg.connect(postgres.plain_url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    async with loaded(tmp_path / "data", postgres.url(name)) as site:
        await the_server_is_killed(site, 6)


def spooled(folder: Path) -> dict[tuple[str, int], int]:
    """The records on disk in an agent's outbox: stream and number to items."""
    return {
        (path.name.partition("-")[0], record.number): record.items
        for path in sorted((folder / "outbox").glob("*.seg"))
        for record in segment.scan(path).records
    }


def arrived(session: Session, agent_id: int) -> dict[tuple[str, int], int]:
    """The same as the server took them: a record may have come in parts."""
    rows = session.execute(
        select(
            TakenReport.stream,
            TakenReport.sequence,
            TakenReport.samples + TakenReport.alerts + TakenReport.observations,
        ).where(TakenReport.agent_id == agent_id)
    )
    found: dict[tuple[str, int], int] = {}
    for stream, sequence, items in rows:
        key = (stream, sequence // STRIDE)
        found[key] = found.get(key, 0) + items
    return found


@asynccontextmanager
async def machine_room(network: str) -> AsyncIterator[str]:
    """The room's devices on a loopback network of their own; the address of its control."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agent.playback", "serve", "--network", network, "--control-port", "0",
        "--speed", "8", stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        yield f"http://127.0.0.1:{json.loads(line)['control_port']}"
    finally:
        process.terminate()
        await process.wait()


async def described(network: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agent.playback", "describe", "--network", network,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    told, _ = await process.communicate()
    found: dict[str, Any] = json.loads(told)
    return found


def furnish(session: Session, told: Mapping[str, Any]) -> str:
    """Enter the company and the room; the token of the agent that is to watch it."""
    now = datetime.now(UTC)
    company.write(session, password_hash="", now=now)
    token = room.write(session, told, now=now)
    session.execute(update(Target).values(every_s=5.0))  # so that short lives see something
    return token


async def enrol(url: str, token: str, home: Path) -> int:
    """Let the agent join and write its settings beside its folder; its id."""
    ask = wire.Enrol(token, AGENT_NAME, "here", "test")
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{url}/agent/v1/enrol", data=codec.encode(ask)) as response,
    ):
        joined = codec.decode(await response.read(), wire.Enrolled)
    save_identity(home, Identity(url, joined.agent_id, AGENT_NAME, joined.secret))
    home.with_suffix(".toml").write_text(f'server = "{url}"\ndata = "{home}"\n')
    return joined.agent_id


async def test_P1_twenty_kills_of_the_agent_lose_and_double_nothing(tmp_path: Path) -> None:  # noqa: N802
    data, home = tmp_path / "data", tmp_path / "agent"
    network = f"127.{30 + os.getpid() % 200}.{os.getpid() // 200 % 250}"
    described_room = await described(network)
    random = Random(20)
    seen: dict[tuple[str, int], int] = {}
    async with (
        loaded(data, f"sqlite:///{data / 'watchdesk.db'}") as site,
        machine_room(network) as control,
        aiohttp.ClientSession() as http,
    ):
        token = await site.db.run(furnish, described_room)
        agent_id = await enrol(site.url, token, home)
        words = ["-m", "agent.cli", "run", "--config", str(home.with_suffix(".toml"))]
        agent = Killed(words, tmp_path / "agent.log")
        try:
            async with asyncio.TaskGroup() as group:
                load = group.create_task(site.load.run(rate=RATE))
                await agent.start()
                await asyncio.sleep(6)
                while agent.kills < 20:
                    story, step = STORIES[agent.kills % len(STORIES)]
                    await (await http.post(f"{control}/scenarios/{story}/{step}")).release()
                    long = agent.kills % 5 == 4  # long enough for a report of samples
                    await asyncio.sleep(random.uniform(10.0, 12.0) if long else random.uniform(1.0, 5.5))
                    site.server.freeze()  # so that the outbox keeps what is put there
                    await asyncio.sleep(random.uniform(0.1, 1.5))
                    await agent.kill()
                    seen |= spooled(home)
                    site.server.thaw()
                    await agent.start()
                site.load.stop()
                await asyncio.wait_for(load, 60)
            await asyncio.sleep(6)
            await agent.stop()
        finally:
            await agent.end()
        seen |= spooled(home)
        left = spooled(home)
        await site.server.stop()
        told = site.db.read_now(news_of, AGENT_NAME)
        print(
            f"{agent.kills} kills, {len(seen)} records seen on disk, {len(left)} left at the end, "
            f"{told} news, {len(site.load.ledger)} reports of the load"
        )
        assert told >= 2
        kept = site.db.read_now(arrived, agent_id)
        missing = {key: items for key, items in seen.items() if key not in left and kept.get(key) != items}
        assert missing == {}
        assert site.db.read_now(told_twice, AGENT_NAME) == []
        assert site.db.read_now(doubled_incidents) == []
        assert site.load.faults(site.db, alone=False) == []
        assert site.db.read_now(lambda s: s.scalars(select(LostStretch.reason)).all()) == []
    assert "Traceback" not in agent.log.read_text()


def news_of(session: Session, agent: str) -> int:
    """How many pieces of news an agent told."""
    found = session.scalar(select(func.count()).where(AlertEvent.source == f"agent:{agent}"))
    return int(found or 0)


def told_twice(session: Session, agent: str) -> list[str]:
    """Conditions that an agent told again though nothing had changed, and those open twice."""
    source = f"agent:{agent}"
    open_twice = session.execute(
        select(Alert.fingerprint)
        .where(Alert.source == source, Alert.resolved_at.is_(None))
        .group_by(Alert.fingerprint)
        .having(func.count() > 1)
    )
    repeats = session.execute(
        select(Alert.device, Alert.rule, AlertEvent.outcome, func.count())
        .join(Alert, Alert.id == AlertEvent.alert_id)
        .where(AlertEvent.source == source, AlertEvent.outcome.in_(["repeated", "stale", "unknown"]))
        .group_by(Alert.device, Alert.rule, AlertEvent.outcome)
    )
    return [str(row) for row in (*open_twice, *repeats)]
