"""Settings, enrolment, the vault and the command line: sentences on standard error, exit 2."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent import config, texts
from agent.enrol import EnrolError, enrol
from agent.observe import mac
from agent.vault import Identity, VaultError, identity_path, load_identity, save_identity
from rules.wire import Config, TargetConfig
from tests.agent.desk import Desk

FINE = TargetConfig(1, "UPS", "10.0.0.1", 161, "snmp")
ALL = config.Polling().transports


def agent(*arguments: str, lang: str = "C") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent.cli", *arguments], capture_output=True, text=True, check=False,
        env={"LANG": lang, "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


def test_the_program_starts_within_a_third_of_a_second_of_cpu() -> None:
    before = os.times()
    assert agent("--help").returncode == 0
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent < 1.0, "a third where the machine is quiet; a busy one shares its caches"
    heavy = "import sys, agent.cli; print([m for m in ('aiohttp', 'numpy', 'paramiko') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("server = 5", "server"),
        ("sevrer = 'https://x'", "sevrer"),
        ("server = 'http://10.0.0.1'", "must be https"),
        ("server = 'ftp://x'", "must be https"),
        ("[spool]\nmax_mb = 1", "max_mb"),
        ("server = x\n", "line 1"),
        ("[poll]\ntransports = ['telnet']", "telnet"),
    ],
)
def test_faulty_settings_are_a_sentence_and_exit_2(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(text)
    done = agent("check-config", "--config", str(path))
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_an_agent_that_is_not_enrolled_says_so_in_the_readers_language(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(f'data = "{tmp_path / "data"}"')
    assert "not enrolled yet" in agent("run", "--config", str(path)).stderr
    assert "尚未注册" in agent("run", "--config", str(path), lang="zh_CN.UTF-8").stderr


def test_every_sentence_has_its_chinese_with_the_same_places() -> None:
    folder = Path(texts.__file__).parent
    used = set()
    for file in folder.glob("*.py"):
        used |= set(re.findall(r'\b_\(\s*"((?:[^"\\]|\\.)*)"\s*\)', file.read_text(encoding="utf-8")))
    assert used <= texts.CHINESE.keys()
    for english, chinese in texts.CHINESE.items():
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", chinese))


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ({"address": "-oProxyCommand=x"}, "address"),
        ({"address": "10.0.0.1/../x"}, "address"),
        ({"every_s": 0.5}, "every 0.5 s"),
        ({"timeout_s": 1e9}, "timeout"),
        ({"transport": "shell"}, "not allowed"),
    ],
)
def test_t9_what_a_server_may_not_ask_for(target: dict[str, str | float], says: str) -> None:
    fields = {name: getattr(FINE, name) for name in FINE.__struct_fields__} | target
    found = config.faults(Config("1", [TargetConfig(**fields)]), ALL)
    assert len(found) == 1
    assert says in found[0]


def test_the_agents_own_list_of_transports_wins() -> None:
    assert config.faults(Config("1", [FINE]), ALL) == []
    assert config.faults(Config("1", [FINE]), ["icmp"]) != []
    assert config.faults(Config("1", [FINE, FINE]), ALL) == ["A target's id stands there twice."]


async def test_enrolling_keeps_the_secret_for_the_owner_alone(tmp_path: Path) -> None:
    async with Desk() as desk:
        settings = config.Settings(server=desk.address, data=str(tmp_path / "data"))
        with pytest.raises(EnrolError, match="refused"):
            await enrol(settings, server=desk.address, token="wrong", name="agent-b1")
        told = await enrol(settings, server=desk.address, token="right", name="agent-b1")
        with pytest.raises(VaultError, match="enrolled already"):
            await enrol(settings, server=desk.address, token="right", name="agent-b1")
    assert load_identity(settings.directory) == told
    assert identity_path(settings.directory).stat().st_mode & 0o777 == 0o600
    assert "s3cret" not in repr(told)


async def test_a_server_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    settings = config.Settings(data=str(tmp_path))
    with pytest.raises(EnrolError, match="cannot be reached"):
        await enrol(settings, server="http://127.0.0.1:1", token="x", name="a")


def test_a_secret_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    path = save_identity(tmp_path, Identity("https://x", 1, "a", "s"))
    path.chmod(0o644)
    with pytest.raises(VaultError, match="0600"):
        load_identity(tmp_path)


@pytest.mark.parametrize(
    ("text", "is_"),
    [("0x00e0fc810000", "00e0fc810000"), ("00:0A:59:05:10:01", "000a59051001"), ("none", ""), ("1.2.3", "")],
)
def test_hardware_addresses_are_read_in_many_spellings(text: str, is_: str) -> None:
    assert mac(text) == is_
