"""The living agent as a process of its own, against a desk over real HTTP."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import Process
from pathlib import Path

import pytest

from agent.vault import Identity, save_identity
from rules.wire import Config, Observation, TargetConfig
from tests.agent.desk import Desk

pytestmark = pytest.mark.flow
NOBODY = TargetConfig(1, "UPS-B1-A", "127.93.7.1", 1161, "snmp", "ups-mib", 5.0, timeout_s=0.3)
QUICK = (
    "- {alert: Gone, metric: device_up, is: down, severity: critical, summary: {en: '{ci} is gone', zh: x}}"
)


def config(generation: str, *targets: TargetConfig) -> Config:
    return Config(generation=generation, targets=list(targets), report_every_s=1.0, alerts={"mine": QUICK})


async def start(folder: Path, desk: Desk) -> Process:
    settings = folder / "agent.toml"
    settings.write_text(f'server = "{desk.address}"\ndata = "{folder / "data"}"\n')
    save_identity(folder / "data", Identity(desk.address, 7, "agent-b1", "s3cret"))
    environment = os.environ | {"LANG": "C.UTF-8"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agent.cli", "run", "--config", str(settings),
        env=environment, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def until(what: str, met: object, seconds: float = 20.0) -> None:
    assert callable(met)
    for _ in range(int(seconds * 20)):
        if met():
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"not within {seconds:g} s: {what}")


async def living(folder: Path, desk: Desk) -> Process:
    """An agent that has asked the desk what to do, and had two seconds to do it."""
    asked = desk.asked
    agent = await start(folder, desk)
    await until("it asks for its configuration", lambda: desk.asked > asked)
    await asyncio.sleep(2.0)
    return agent


async def stop(process: Process, how: signal.Signals = signal.SIGTERM) -> str:
    began = time.monotonic()
    process.send_signal(how)
    _out, error = await process.communicate()
    assert time.monotonic() - began < 10
    if how is signal.SIGTERM:
        assert process.returncode == 0, error.decode()
    return error.decode()


async def test_it_polls_watches_reports_and_ends_cleanly(tmp_path: Path) -> None:
    async with Desk(config=config("1", NOBODY)) as desk:
        agent = await start(tmp_path, desk)
        await until("the device is told as gone", lambda: any(a.rule == "Gone" for a in desk.alerts()))
        await until(
            "values of this machine", lambda: any(s.metric == "memory_used_ratio" for s in desk.series)
        )

        def seen() -> list[Observation]:
            return [one for report in desk.reports.values() for one in report.observations]

        await until("this machine is observed", seen)
        error = await stop(agent)
    (news,) = [one for one in desk.alerts() if one.rule == "Gone"]
    assert (news.device, news.status, news.summary["en"]) == ("t1", "firing", "UPS-B1-A is gone")
    assert seen()[0].device == "host"
    assert "Traceback" not in error
    assert "s3cret" not in error


async def test_p1_killed_and_started_again_it_neither_repeats_nor_forgets(tmp_path: Path) -> None:
    async with Desk(config=config("1", NOBODY)) as desk:
        agent = await start(tmp_path, desk)
        await until("the device is told as gone", desk.alerts)
        for _ in range(3):
            await stop(agent, signal.SIGKILL)
            agent = await living(tmp_path, desk)
        assert [(one.rule, one.status) for one in desk.alerts() if one.rule == "Gone"] == [("Gone", "firing")]
        desk.config = config("2")
        desk.answer = lambda _: None
        await stop(agent)
        agent = await start(tmp_path, desk)
        await until("its end is told", lambda: any(a.status == "resolved" for a in desk.alerts()))
        await stop(agent)


async def test_while_the_desk_is_away_alerts_wait_on_the_disk(tmp_path: Path) -> None:
    async with Desk(config=config("1", NOBODY)) as desk:
        agent = await start(tmp_path, desk)
        await until("a configuration came", lambda: desk.reports)
        desk.down = True
        desk.reports.clear()
        desk.order.clear()
        await asyncio.sleep(2.5)
        await stop(agent, signal.SIGKILL)
        desk.down = False
        agent = await start(tmp_path, desk)
        await until("old samples come", lambda: len(desk.reports) >= 2)
        await stop(agent)
        sequences = [sequence for stream, sequence in desk.order if stream == "samples"]
        assert sequences == sorted(sequences)
        assert desk.repeats <= 1


async def test_t9_an_absurd_configuration_is_refused_and_the_good_one_kept(tmp_path: Path) -> None:
    async with Desk(config=config("1", NOBODY)) as desk:
        agent = await start(tmp_path, desk)
        await until("the device is told as gone", desk.alerts)
        await stop(agent)
        evil = TargetConfig(2, "x", "-oProxyCommand=x", 22, "ssh", None, 0.001)
        desk.config = config("2", evil)
        agent = await living(tmp_path, desk)
        error = await stop(agent)
        assert "refused, the last good one is kept" in error
        assert all(one.status == "firing" for one in desk.alerts())
