"""One shell for all commands of a session: whatever they print or do, each answer ends where it ends."""

import json
import secrets
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import paramiko
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.parsers.families import CATALOGUE
from agent.transports import ssh_bench, ssh_shell
from agent.transports.ssh_shell import MAX_OUTPUT, NoShellError, Shell
from agent.transports.trouble import BadResponseError, TroubleError


class Door(paramiko.ServerInterface):
    """Whoever comes gets what `program` prints for what they send."""

    def __init__(self, program: list[str]) -> None:
        self._program = program

    def check_auth_none(self, username: str) -> int:
        return paramiko.AUTH_SUCCESSFUL  # type: ignore[attr-defined,no-any-return]

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED  # type: ignore[attr-defined,no-any-return]

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self._run, args=(channel,), daemon=True).start()
        return True

    def _run(self, channel: paramiko.Channel) -> None:
        time.sleep(0.05)  # until the request is answered
        with subprocess.Popen(self._program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as one:
            assert one.stdin is not None
            assert one.stdout is not None
            threading.Thread(target=self._feed, args=(channel, one), daemon=True).start()
            try:
                while chunk := one.stdout.read(65_536):
                    channel.sendall(chunk)
                channel.close()
            except OSError:
                pass
            one.kill()

    @staticmethod
    def _feed(channel: paramiko.Channel, one: "subprocess.Popen[bytes]") -> None:
        assert one.stdin is not None
        try:
            while chunk := channel.recv(65_536):
                one.stdin.write(chunk)
            one.stdin.close()
        except (OSError, ValueError):
            one.kill()


class Line:
    """A connection to a door, over a pair of sockets."""

    def __init__(self, *program: str) -> None:
        near, far = socket.socketpair()
        self.server = paramiko.Transport(far)
        self.server.add_server_key(paramiko.ECDSAKey.generate())
        self.server.start_server(threading.Event(), Door(list(program)))
        self.client = paramiko.Transport(near)
        self.client.start_client(timeout=5)
        self.client.auth_none("alice")

    def close(self) -> None:
        self.client.close()
        self.server.close()


@pytest.fixture
def line() -> Iterator[Line]:
    one = Line("sh")
    yield one
    one.close()


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> "Say":
    return Say(monkeypatch)


class Say:
    """Puts a command into the catalogue for a test, and runs it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, shell: Shell, command: str, *, for_s: float = 5.0) -> ssh_shell.Said:
        self._monkeypatch.setitem(CATALOGUE, "odd", command)
        return shell.run("odd", soon(for_s))


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


def test_each_command_has_its_own_output_and_status(line: Line, say: Say) -> None:
    shell = Shell(line.client, soon())
    assert (say(shell, "echo one; echo two").output, say(shell, "true").output) == ("one\ntwo\n", "")
    assert say(shell, "printf 'no newline'; exit 3") == ssh_shell.Said("no newline", 3, truncated=False)
    assert say(shell, "nosuchprogram").status == 127
    assert shell.alive


def test_a_command_neither_reads_the_next_nor_changes_nor_ends_the_shell(line: Line, say: Say) -> None:
    shell = Shell(line.client, soon())
    assert say(shell, "cat; cd /; LC_ALL=evil; exec sh -c 'cat; echo done'").output == "done\n"
    assert say(shell, 'test "$LC_ALL" = evil || echo $?').output == "1\n"


def test_what_looks_like_an_end_is_output(line: Line, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = Shell(line.client, soon())
    words: list[str] = []

    def token(size: int) -> str:
        words.append(real(size))
        return words[-1]

    real = secrets.token_hex
    monkeypatch.setattr(secrets, "token_hex", token)
    say(shell, "true")
    forged = f"printf '{words[-1]}\\n\\n{words[-1]} 0\\n'"  # the word of the command before
    assert say(shell, forged).output == f"{words[0]}\n\n{words[0]} 0\n"
    assert len(set(words)) == 2
    assert all(len(word) == 32 for word in words)


def test_a_killed_command_has_its_own_reason_and_the_next_one_runs(line: Line, say: Say) -> None:
    shell = Shell(line.client, soon())
    with pytest.raises(BadResponseError, match="killed"):
        say(shell, "sh -c 'kill -9 $$'")
    assert say(shell, "echo here").output == "here\n"


def test_endless_output_is_cut_and_the_shell_is_over(line: Line, say: Say) -> None:
    shell = Shell(line.client, soon())
    said = say(shell, "yes", for_s=30.0)
    assert said.truncated
    assert len(said.output) == MAX_OUTPUT
    assert not shell.alive
    assert say(Shell(line.client, soon()), "echo again").output == "again\n"


def test_a_command_that_hangs_ends_at_the_deadline(line: Line, say: Say) -> None:
    shell = Shell(line.client, soon())
    with pytest.raises(TroubleError) as caught:
        say(shell, "sleep 30", for_s=0.3)
    assert caught.value.reason == "no_answer"
    assert not shell.alive


def test_a_shell_that_dies_has_its_own_reason(say: Say) -> None:
    line = Line("sh", "-c", '{ read -r one; read -r two; printf \'%s\\n%s\\n\' "$one" "$two"; } | sh')
    shell = Shell(line.client, soon())
    with pytest.raises((BadResponseError, OSError), match=r"without an exit code|closed"):
        say(shell, "true")
    line.close()


@pytest.mark.parametrize("program", [("true",), ("echo", "This account is for copying files only.")])
def test_a_machine_without_a_shell_says_so(program: tuple[str, ...]) -> None:
    one = Line(*program)
    with pytest.raises(NoShellError) as caught:
        Shell(one.client, soon())
    one.close()
    assert caught.value.final


def test_a_machine_that_is_silent_may_have_a_shell_later() -> None:
    one = Line("sleep", "5")
    with pytest.raises(NoShellError) as caught:
        Shell(one.client, soon(0.5))
    one.close()
    assert not caught.value.final


class Pieces:
    """A channel that gives what it has in pieces of the lengths that a test chose."""

    def __init__(self, body: bytes, cuts: list[int]) -> None:
        self._left, self._cuts = body, cuts

    def settimeout(self, _seconds: float) -> None:
        pass

    def recv(self, _size: int) -> bytes:
        size = self._cuts.pop() if self._cuts else 1 << 16
        chunk, self._left = self._left[:size], self._left[size:]
        return chunk


WORD = b"0123456789abcdef0123456789abcdef"


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(
    noise=st.binary(max_size=40),
    body=st.lists(st.sampled_from([b"\n", WORD[:20], b" 0\n", b"x", b"\n" + WORD[:31]])).map(b"".join),
    status=st.integers(0, 255),
    cuts=st.lists(st.integers(1, 40), max_size=60),
)
def test_however_an_answer_is_cut_into_packets_it_is_the_same(
    noise: bytes, body: bytes, status: int, cuts: list[int]
) -> None:
    sent = noise + WORD + b"\n" + body + b"\n" + WORD + b" %d\n" % status
    said = ssh_shell._answer(Pieces(sent, cuts), WORD, soon())  # type: ignore[arg-type]
    assert (said.output, said.status, said.truncated) == (body.decode(), status, False)


@pytest.mark.skipif(ssh_bench.SSHD is None or shutil.which("ssh-keygen") is None, reason="needs sshd")
def test_the_bench_measures_commands_polls_and_its_peer(capsys: pytest.CaptureFixture[str]) -> None:
    assert ssh_bench.bench(sessions=2, commands=8, rounds=1, peer=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["commands"] == 8
    assert told.keys() >= {
        "per_cpu_s",
        "p50_ms",
        "p99_ms",
        "polls_per_cpu_s",
        "peer_per_cpu_s",
        "ratio",
        "peak_mb",
    }
