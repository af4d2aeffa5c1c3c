"""The whole agent as a process: it hears, tells the desk, and remembers over a restart what stands."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from pathlib import Path

import pytest

from agent.cli import main
from agent.config import SettingsError, load
from agent.listeners.bench import free_port
from agent.vault import Identity, save_identity
from rules.wire import Config, TargetConfig
from tests.agent.desk import Desk
from tests.agent.listeners import messages
from tests.agent.listeners.messages import LINK_DOWN, LINK_UP

pytestmark = pytest.mark.flow
ROW: dict[str, int | str | bytes] = {"1.3.6.1.2.1.2.2.1.1.12": 12, "1.3.6.1.2.1.2.2.1.2.12": "ge-0/0/12"}
OF_THE_DESK = (
    "- {alert: GateOpened, syslog: gate, facility: local7, devices: [t1], severity: minor, summary: {en: x}}"
)
SILENT = TargetConfig(1, "sw-alice", "127.0.0.1", 9, "tcp", None, 300.0, timeout_s=0.3)
OWN = (
    "- {alert: DoorOpened, syslog: 'door (?P<door>\\S+) open', key: {door: door}, severity: minor, "
    "summary: {en: x}}"
)


async def start(folder: Path, desk: Desk, traps: int, syslog: int) -> Process:
    settings = folder / "agent.toml"
    settings.write_text(
        f'server = "{desk.address}"\ndata = "{folder / "data"}"\n'
        f'heard = "{folder}"\n'
        f"[traps]\nport = {traps}\n[syslog]\nudp = {syslog}\ntcp = {syslog}\n[metrics]\nport = 0\n"
    )
    save_identity(folder / "data", Identity(desk.address, 7, "agent-b1", "s3cret"))
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agent.cli", "run", "--config", str(settings),
        env=os.environ | {"LANG": "C.UTF-8"}, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def stop(process: Process, how: signal.Signals = signal.SIGTERM) -> str:
    process.send_signal(how)
    _out, error = await asyncio.wait_for(process.communicate(), 20)
    return error.decode()


async def until_told(desk: Desk, port: int, message: bytes, rule: str, status: str) -> None:
    """Say something until the desk knows it: datagrams get lost, and at first nobody listens."""
    for _ in range(200):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(message, ("127.0.0.1", port))
        await asyncio.sleep(0.2)
        if any((news.rule, news.status) == (rule, status) for news in desk.alerts()):
            return
    pytest.fail(f"{rule} is not told as {status}: {desk.alerts()}")


async def test_traps_and_lines_reach_the_desk_and_what_stands_outlives_a_kill(tmp_path: Path) -> None:
    traps, syslog = free_port(), free_port()
    (tmp_path / "mine.yaml").write_text(OWN, encoding="utf-8")
    config = Config("1", [SILENT], report_every_s=1.0, alerts={"heard/own-1": OF_THE_DESK})
    async with Desk(config=config) as desk:
        agent = await start(tmp_path, desk, traps, syslog)
        await until_told(desk, traps, messages.v2c(LINK_DOWN, dict(ROW)), "LinkDownHeard", "firing")
        await until_told(desk, syslog, b"<190>gate 3 open", "GateOpened", "info")
        await until_told(desk, syslog, b"<13>door 3 open", "DoorOpened", "info")
        down = next(one for one in desk.alerts() if one.rule == "LinkDownHeard")
        assert (down.device, down.key, down.evidence["trap"]) == ("t1", {"port": "12"}, "IF-MIB::linkDown")
        await stop(agent, signal.SIGKILL)
        agent = await start(tmp_path, desk, traps, syslog)
        await until_told(desk, traps, messages.v2c(LINK_UP, dict(ROW)), "LinkDownHeard", "resolved")
        for _ in range(100):
            if any(one.metric == "agent_heard_total" for one in desk.series):
                break
            await asyncio.sleep(0.1)
        error = await stop(agent)
        assert agent.returncode == 0, error
        assert "Traceback" not in error
        firing = [one for one in desk.alerts() if (one.rule, one.status) == ("LinkDownHeard", "firing")]
        assert len(firing) == 1
        kinds = {
            tuple(sorted(one.labels.items())) for one in desk.series if one.metric == "agent_heard_total"
        }
        assert (("kind", "trap"), ("outcome", "taken")) in kinds
        shown = {one.what: one.rules for report in desk.reports.values() for one in report.heard}
        assert (shown[LINK_DOWN], shown[": gate * open"]) == (["LinkDownHeard"], ["GateOpened"])


async def test_a_port_that_others_have_is_told_and_the_agent_polls_on(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        async with Desk(config=Config("1", [SILENT], report_every_s=1.0)) as desk:
            agent = await start(tmp_path, desk, taken.getsockname()[1], free_port())
            for _ in range(200):
                if desk.series:
                    break
                await asyncio.sleep(0.1)
            assert desk.series
            assert "not listening for traps on 127.0.0.1" in await stop(agent)


def test_check_config_says_what_is_wrong_in_own_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "agent.toml"
    settings.write_text(f'data = "{tmp_path}"\nheard = "{tmp_path}"\n[traps]\nport = 1\n')
    (tmp_path / "mine.yaml").write_text(OWN, encoding="utf-8")
    assert main(["check-config", "--config", str(settings)]) == 0
    (tmp_path / "bad.yaml").write_text("- {alert: Some, severity: grave}", encoding="utf-8")
    assert main(["check-config", "--config", str(settings)]) == 2
    assert "bad.yaml:1:" in capsys.readouterr().err
    settings.write_text(f'data = "{tmp_path}"\nheard = "{tmp_path}/nowhere"\n')
    assert main(["check-config", "--config", str(settings)]) == 2


@pytest.mark.parametrize(
    "text", ["[syslog]\ntls = 6514\n", "[traps]\nrelays = ['core']\n", "[traps]\nport = -1\n"]
)
def test_settings_that_cannot_be_meant_are_refused_by_file(tmp_path: Path, text: str) -> None:
    settings = tmp_path / "agent.toml"
    settings.write_text(text)
    with pytest.raises(SettingsError, match=r"agent\.toml"):
        load(settings)
