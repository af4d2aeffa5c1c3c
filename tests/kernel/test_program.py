import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest

from server.cli import OF_PRACTICES

PROGRAM = [sys.executable, "-m", "server.cli"]


def _run(*args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *args], capture_output=True, text=True, input=stdin, check=False)


def test_help_answers_within_a_second() -> None:
    started = time.perf_counter()
    helped = _run("--help")
    assert helped.returncode == 0
    assert time.perf_counter() - started < 1.5
    assert set(OF_PRACTICES) <= set(re.findall(r"^  (\w+)", helped.stdout, re.MULTILINE))


def test_the_commands_of_practices_are_the_ones_that_help_names() -> None:
    from server.app import practices

    brought = {name for practice in practices() for name, _ in practice.commands}
    assert brought <= set(OF_PRACTICES)
    assert {"user", "token"} <= brought


def test_a_person_and_a_token_are_made_before_the_first_start(tmp_path: Path) -> None:
    made = _run(
        "user",
        "add",
        "alice",
        "--role",
        "administrator",
        "--password-stdin",
        "--data",
        str(tmp_path),
        stdin="correct horse battery\n",
    )
    assert made.returncode == 0, made.stderr
    assert "alice\tactive\tadministrator" in _run("user", "list", "--data", str(tmp_path)).stdout
    token = _run("token", "create", "--user", "alice", "--name", "tests", "--data", str(tmp_path))
    assert re.fullmatch(r"wd_[\w-]{40,}\n", token.stdout)
    assert _run("verify", "--data", str(tmp_path)).stdout.startswith("whole: ")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("user", "password", "nobody", "--password-stdin"), "There is no person nobody"),
        (("user", "add", "a b", "--password-stdin"), "A user name has"),
        (("restore", "/nowhere"), "holds no backup"),
    ],
)
def test_a_mistake_is_a_sentence_and_exit_code_2(tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    ran = _run(*args, "--data", str(tmp_path), stdin="correct horse battery\n")
    assert ran.returncode == 2
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_setting_that_is_none_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "watchdesk.toml").write_text("prot = 1\n")
    ran = _run("serve", "--data", str(tmp_path))
    assert ran.returncode == 2
    assert "watchdesk.toml:1: prot is not a setting" in ran.stderr


@pytest.mark.flow
async def test_P18_the_desk_starts_answers_idles_cheaply_and_stops_on_sigterm(tmp_path: Path) -> None:  # noqa: N802
    async def start() -> tuple[asyncio.subprocess.Process, str, float]:
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, "serve", "--data", str(tmp_path), "--port", "0", stdout=-1, stderr=-1
        )
        assert process.stdout is not None
        async with asyncio.timeout(30):
            while True:
                line = (await process.stdout.readline()).decode()
                found = re.search(r"ready: (http://\S+)", line)
                if found:
                    return process, found[1], time.perf_counter() - began

    process, _, _ = await start()
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0
    process, address, took = await start()
    assert took < 8
    async with aiohttp.ClientSession() as client, client.get(f"{address}/readyz") as response:
        assert response.status == 200
    await asyncio.sleep(2)
    before = _cpu_s(process.pid)
    await asyncio.sleep(4)
    assert (_cpu_s(process.pid) - before) / 4 < 0.1
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
