import asyncio
import gc
import os
import shutil
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import paramiko
import pytest

from agent.parsers.families import CATALOGUE, FAMILIES
from agent.reading import Target
from agent.transports import ssh_bench
from agent.transports.ssh import Ssh
from agent.transports.ssh_login import fingerprint
from agent.transports.ssh_shell import SHELL
from agent.transports.trouble import TroubleError
from tests.pace import pace
from tests.realness import note


class Deaf(paramiko.ServerInterface):
    """A paramiko server that notes what is offered to it and lets a command print what a test says."""

    def __init__(self, output: Callable[[paramiko.Channel], None], who: bytes | None) -> None:
        self.offered: list[str] = []
        self.asked: list[bytes] = []
        self._who = None if who is None else printing(who)
        self._output = output

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_auth_password(self, username: str, password: str) -> int:
        self.offered.append(password)
        return paramiko.AUTH_SUCCESSFUL if password == "right" else paramiko.AUTH_FAILED  # type: ignore[attr-defined,no-any-return]

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED  # type: ignore[attr-defined,no-any-return]

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.asked.append(command)
        who = self._who if command == CATALOGUE["who"].encode() else None
        threading.Thread(target=who or self._output, args=(channel,), daemon=True).start()
        return True


class Peer:
    """A listening socket of paramiko servers, one per connection. `who` None: `uname` prints as all else."""

    def __init__(
        self,
        output: Callable[[paramiko.Channel], None],
        who: bytes | None = b"Linux\n",
        *,
        weak: bool = False,
    ) -> None:
        self.key = paramiko.ECDSAKey.generate()
        self.server = Deaf(output, who)
        self.weak = weak
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.transports: list[paramiko.Transport] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.key)
            if self.weak:
                transport.get_security_options().ciphers = ("3des-cbc",)
            self.transports.append(transport)
            try:
                transport.start_server(server=self.server)
            except (paramiko.SSHException, EOFError, OSError):
                continue

    def close(self) -> None:
        self.listener.close()
        for transport in self.transports:
            transport.close()


@pytest.fixture
async def client() -> AsyncIterator[Ssh]:
    one = Ssh()
    yield one
    one.close()


def target(port: int, **credential: str) -> Target:
    return Target("t1", "srv-1", "127.0.0.1", port, {"user": "watch", "password": "right", **credential})


def printing(*chunks: bytes, status: int | None = 0) -> Callable[[paramiko.Channel], None]:
    def output(channel: paramiko.Channel) -> None:
        time.sleep(0.05)  # until the request is answered
        try:
            for chunk in chunks:
                channel.sendall(chunk)
            if status is not None:
                channel.send_exit_status(status)
            channel.close()
        except OSError:
            pass

    return output


def flooding(channel: paramiko.Channel) -> None:
    try:
        while True:
            channel.sendall(b"x" * 30_000)
            channel.sendall_stderr(b"y" * 30_000)
    except (OSError, EOFError, paramiko.SSHException):
        pass


LINUX = b"==watchdesk==uptime\n100.0 90.0\n==watchdesk==hostname\n\x1b[31msrv-1\x1b]0;evil\x07\x1b[0m\n"


async def failing(client: Ssh, one: Target, timeout_s: float = 5.0) -> TroubleError:
    with pytest.raises(TroubleError) as caught:
        await client.fetch(one, timeout_s=timeout_s)
    return caught.value


async def test_t3_an_unknown_key_stops_before_the_password_leaves(client: Ssh) -> None:
    peer = Peer(printing(LINUX))
    trouble = await failing(client, target(peer.port))
    peer.close()
    assert trouble.reason == "security"
    assert fingerprint(peer.key) in trouble.detail
    assert peer.server.offered == []


async def test_t3_a_changed_key_stops_before_the_password_leaves(client: Ssh) -> None:
    peer = Peer(printing(LINUX))
    other = fingerprint(paramiko.ECDSAKey.generate())
    trouble = await failing(client, target(peer.port, host_key=other))
    peer.close()
    assert trouble.reason == "security"
    assert other in trouble.detail
    assert fingerprint(peer.key) in trouble.detail
    assert peer.server.offered == []


async def test_control_sequences_are_stripped_and_the_session_is_kept(client: Ssh) -> None:
    peer = Peer(printing(LINUX))
    one = target(peer.port, host_key=fingerprint(peer.key))
    for _ in range(3):
        facts = await client.fetch(one, timeout_s=5.0)
        assert facts.readings["hostname"] == "srv-1"
    peer.close()
    assert len(peer.transports) == 1
    assert peer.server.offered == ["right"]


async def test_the_session_of_a_target_that_is_gone_ends(client: Ssh) -> None:
    peer = Peer(printing(LINUX))
    one = target(peer.port, host_key=fingerprint(peer.key))
    await client.fetch(one, timeout_s=5.0)
    (transport,) = peer.transports
    assert transport.is_active()
    client.forget("t1")
    transport.join(5)
    assert not transport.is_active()
    peer.close()


async def test_a_wrong_password_is_offered_once(client: Ssh) -> None:
    peer = Peer(printing(LINUX))
    trouble = await failing(client, target(peer.port, host_key=fingerprint(peer.key), password="wrong"))
    peer.close()
    assert trouble.reason == "auth"
    assert peer.server.offered == ["wrong"]


async def test_endless_output_on_both_streams_is_cut(client: Ssh) -> None:
    peer = Peer(flooding)
    trouble = await failing(client, target(peer.port, host_key=fingerprint(peer.key)), timeout_s=60.0)
    peer.close()
    assert trouble.reason == "bad_response"  # a megabyte, but none of it from /proc; no deadline ended it


async def test_a_command_that_ends_without_a_code_has_its_own_reason(client: Ssh) -> None:
    peer = Peer(printing(LINUX, status=None))
    trouble = await failing(client, target(peer.port, host_key=fingerprint(peer.key)))
    peer.close()
    assert (trouble.reason, trouble.place) == ("bad_response", "exit")


@pytest.mark.parametrize("first", [b"", b"SSH-2.0-slow\r\n"])
async def test_a_stall_ends_at_the_deadline(client: Ssh, first: bytes) -> None:
    over = asyncio.Event()

    async def stall(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await writer.drain()
        await over.wait()
        writer.close()

    server = await asyncio.start_server(stall, "127.0.0.1", 0)
    async with pace() as taken:
        trouble = await failing(
            client, target(server.sockets[0].getsockname()[1], host_key="x"), timeout_s=1.0
        )
    assert taken.seconds < 2.5
    assert trouble.reason in {"no_answer", "bad_response"}
    over.set()
    server.close()
    await asyncio.sleep(0.05)


async def test_a_stall_after_the_login_ends_at_the_deadline(client: Ssh) -> None:
    peer = Peer(lambda _: time.sleep(6))
    trouble = await failing(client, target(peer.port, host_key=fingerprint(peer.key)), timeout_s=1.5)
    peer.close()
    assert trouble.reason == "no_answer"


async def test_what_goes_wrong_after_nobody_waits_any_more_is_no_fault_of_the_program(client: Ssh) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, said: complaints.append(said))
    begun, may_end = threading.Event(), threading.Event()

    def fails(_machine: object, _until: float) -> None:
        begun.set()
        may_end.wait(10)
        raise TroubleError("bad_response", "The command was killed.")

    peer = Peer(printing(LINUX))
    asked = asyncio.create_task(client.use(target(peer.port, host_key=fingerprint(peer.key)), fails))
    assert await asyncio.to_thread(begun.wait, 10)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    may_end.set()
    await asyncio.to_thread(client.close)
    await asyncio.sleep(0.2)
    peer.close()
    del asked
    gc.collect()
    assert complaints == []


async def test_a_name_that_looks_like_an_option_is_refused(client: Ssh) -> None:
    hostile = Target("t1", "x", "-oProxyCommand=touch /tmp/x", 22, {"user": "u", "password": "p"})
    assert (await failing(client, hostile)).reason == "configuration"


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[tuple[int, str, str]]:
    """Debian's sshd: its port, its pinned key, and a private key that may log in as this account."""
    if ssh_bench.SSHD is None or os.geteuid() != 0:
        note("SSH", "fallback", "paramiko's server; OpenSSH's needs root and sshd")
        pytest.skip("needs root and sshd")
    note("SSH", "real", "OpenSSH's sshd")
    with ssh_bench.sshd(tmp_path) as door:
        yield door


async def test_a_real_machine_is_read_over_openssh(client: Ssh, sshd: tuple[int, str, str]) -> None:
    port, host_key, key = sshd
    one = Target("t9", "me", "127.0.0.1", port, {"user": "root", "key": key, "host_key": host_key})
    await client.fetch(one, timeout_s=15.0)
    facts = await client.fetch(one, timeout_s=15.0)
    assert facts.readings["hostname"] == socket.gethostname()
    uptime, memory = facts.readings["uptime_seconds"], facts.readings["memory_used_ratio"]
    assert isinstance(uptime, float)
    assert isinstance(memory, float)
    assert uptime > 0
    assert 0 < memory < 1
    assert facts.tables["disks"]


async def test_a_real_machine_tells_what_it_has_and_does(client: Ssh, sshd: tuple[int, str, str]) -> None:
    port, host_key, key = sshd
    one = Target("t9", "me", "127.0.0.1", port, {"user": "root", "key": key, "host_key": host_key})
    facts = await client.fetch(one, inventoried=True, timeout_s=30.0)
    assert "root" in facts.about["accounts"].split(", ")
    if shutil.which("dpkg-query"):
        assert "dpkg " in facts.about["packages"]
    assert facts.tables.keys() >= {"disks", "interfaces", "certificates"}


async def test_only_commands_of_the_catalogue_are_ever_sent(client: Ssh) -> None:
    peer = Peer(printing(LINUX))
    one = target(peer.port, host_key=fingerprint(peer.key))
    await client.fetch(one, inventoried=True, timeout_s=5.0)
    await client.fetch(one, timeout_s=5.0)
    peer.close()
    names = {command.encode(): name for name, command in CATALOGUE.items()}
    asked = [names[one] for one in peer.server.asked if one != SHELL.encode()]
    assert asked == ["who", "linux", "linux-facts", "linux"]  # this machine opens no shell


def test_the_catalogue_has_two_constant_commands_for_each_family_and_one_to_tell_them_apart() -> None:
    assert set(CATALOGUE) == {"who", *FAMILIES, *(f"{name}-facts" for name in FAMILIES)}
    for command in CATALOGUE.values():
        assert "\n" not in command
        assert "{}" not in command
        assert not {"rm", "mv", "cp", "tee", "chmod", "kill", "sudo"} & set(command.split())


async def test_a_machine_of_no_known_system_is_named_as_it_answers(client: Ssh) -> None:
    peer = Peer(printing(LINUX), who=b"HP-UX\n")
    trouble = await failing(client, target(peer.port, host_key=fingerprint(peer.key)))
    peer.close()
    assert (trouble.reason, trouble.place) == ("bad_response", "uname")
    assert "HP-UX" in trouble.detail


async def test_endless_output_to_the_first_question_is_cut_as_well(client: Ssh) -> None:
    peer = Peer(flooding, who=None)
    trouble = await failing(client, target(peer.port, host_key=fingerprint(peer.key)), timeout_s=20.0)
    peer.close()
    assert (trouble.reason, trouble.place) == ("bad_response", "uname")


async def test_weak_algorithms_are_refused_by_name_before_the_password_leaves(client: Ssh) -> None:
    peer = Peer(printing(LINUX), weak=True)
    trouble = await failing(client, target(peer.port, host_key=fingerprint(peer.key)))
    peer.close()
    assert trouble.reason == "security"
    assert "3des-cbc" in trouble.detail
    assert peer.server.offered == []
