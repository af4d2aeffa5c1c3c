import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import aiohttp
import pytest

from server.cli import OF_PRACTICES, app, main
from server.kernel.backup import FORMAT, Manifest

PROGRAM = [sys.executable, "-m", "server.cli"]


def _run(*args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *args], capture_output=True, text=True, input=stdin, check=False)


def test_help_answers_within_a_second() -> None:
    before = os.times()
    helped = _run("--help")
    assert helped.returncode == 0
    used = os.times()
    assert used.children_user + used.children_system - before.children_user - before.children_system < 1.0
    assert set(OF_PRACTICES) <= set(re.findall(r"^  (\w+)", helped.stdout, re.MULTILINE))


def test_the_commands_of_practices_are_the_ones_that_help_names() -> None:
    from server.app import practices

    brought = {name for practice in practices() for name, _ in practice.commands}
    assert brought <= set(OF_PRACTICES)
    assert {"user", "token"} <= brought


def test_a_start_loads_nothing_that_only_some_page_or_job_needs() -> None:
    late = {
        "sklearn",
        "scipy",
        "alembic",
        "Stemmer",
        "jieba",
        "docx",
        "openpyxl",
        "uvloop",
        "paramiko",
    }
    told = "import sys; from server.app import practices; practices(); print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert late & set(ran.stdout.split()) == set()


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_every_command_that_the_readme_names_is_there(readme: str) -> None:
    text = (Path(__file__).parents[2] / readme).read_text(encoding="utf-8")
    (line,) = re.findall(r"^watchdesk-server (serve .*)$", text, re.MULTILINE)
    named = {words.split()[0] for words in line.split(" | ")}
    groups = {group.name for group in app.registered_groups}
    alone = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }
    assert named <= groups | alone | set(OF_PRACTICES)


@pytest.fixture
def called(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str]]:
    """Run a command of this program itself (none of a practice) in this process: exit code and words."""

    def call(*args: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["watchdesk-server", *args])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out + told.err

    return call


RULE = """- alert: DoorOpened
  syslog: 'door (?P<door>\\S+) open'
  key: {door: door}
  severity: minor
  summary: {en: x}
"""
NOTED = "  tests:\n    - {heard: ['<13>door 3 open'], expect: noted}\n"


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (RULE + NOTED, 0, "1 tests passed, 0 failed"),
        (RULE + NOTED.replace("noted", "nothing"), 1, "own.yaml:7: DoorOpened, test 1: expected nothing"),
        (RULE, 2, "No test stands in these files"),
        (RULE.replace("severity", "gravity"), 2, "'gravity' is not known"),
        ("- [", 2, "own.yaml:2:1: Not YAML"),
    ],
)  # fmt: skip
def test_rules_are_tested_by_the_tests_beside_them(
    tmp_path: Path, called: Callable[..., tuple[int, str]], text: str, code: int, said: str
) -> None:
    (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
    for path in (tmp_path, tmp_path / "own.yaml"):
        ended, words = called("rules", "test", str(path))
        assert ended == code
        assert said in words


def test_a_rule_file_that_is_not_there_or_no_text_is_told(
    tmp_path: Path, called: Callable[..., tuple[int, str]]
) -> None:
    assert called("rules", "test", str(tmp_path / "none.yaml")) == (
        2, f"{tmp_path / 'none.yaml'} cannot be read: No such file or directory.\n",
    )  # fmt: skip
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    assert called("rules", "test", str(tmp_path / "binary.yaml"))[0] == 2


@pytest.mark.parametrize("command", [("serve",), ("migrate",), ("verify",), ("restore", "{backup}")])
@pytest.mark.parametrize("folder", ["a file", "inside a file", "no database", "an unreachable server"])
def test_a_data_folder_or_database_that_cannot_be_used_is_a_sentence(
    tmp_path: Path,
    called: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    folder: str,
) -> None:
    data = tmp_path / "data"
    if folder in {"a file", "inside a file"}:
        data.write_text("x")
        data = data / "deeper" if folder == "inside a file" else data
    elif folder == "no database":
        data.mkdir()
        (data / "watchdesk.db").write_bytes(b"nothing of a database" * 400)
    else:
        monkeypatch.setenv("WATCHDESK_DATABASE_URL", "postgresql://desk:secret-3f9c@127.0.0.1:1/desk")
    kind = "postgresql" if folder == "an unreachable server" else "sqlite"
    made = Manifest(FORMAT, "2026-11-20", kind, None, 0, "", {})
    (tmp_path / "manifest.json").write_text(json.dumps(asdict(made)))
    ended, words = called(*(word.format(backup=tmp_path) for word in command), "--data", str(data))
    assert ended == 2
    assert len(words.splitlines()) == 1, words
    assert re.search(r"The data folder|The database|There is no database|watchdesk.db exists", words)
    assert "secret-3f9c" not in words


def test_an_address_that_is_taken_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = _run("serve", "--data", str(tmp_path), "--port", str(port))
    assert ran.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in ran.stderr
    assert "Traceback" not in ran.stderr


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
    async def start() -> tuple[asyncio.subprocess.Process, str]:
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, "serve", "--data", str(tmp_path), "--port", "0", stdout=-1, stderr=-1
        )
        assert process.stdout is not None
        async with asyncio.timeout(60):
            while True:
                line = (await process.stdout.readline()).decode()
                found = re.search(r"ready: (http://\S+)", line)
                if found:
                    return process, found[1]

    process, _ = await start()
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0
    process, address = await start()
    try:
        assert _cpu_s(process.pid) < 8
        async with aiohttp.ClientSession() as client, client.get(f"{address}/readyz") as response:
            assert response.status == 200
        await asyncio.sleep(2)
        before = _cpu_s(process.pid)
        await asyncio.sleep(4)
        assert (_cpu_s(process.pid) - before) / 4 < 0.1
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
