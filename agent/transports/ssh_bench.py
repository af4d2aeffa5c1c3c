"""`watchdesk-agent bench ssh`: what a command over SSH costs, on the way that production goes.

The bench starts OpenSSH's sshd on loopback with keys of its own, signs in as often as there are sessions
(`Ssh.fetch`, pinned key, the shell that stays), and then sends each session's commands, all sessions at
once in as many threads as production has. CPU is that of this process alone, all its threads.

    watchdesk-agent bench ssh [--devices 50] [--count 20000] [--rounds 3] [--peer]

The last line is one JSON object: commands, cpu_s, per_cpu_s, p50_ms and p99_ms of a command, peak_mb; polls_*
is the same for whole polls of a Linux machine (fourteen readings in one command, parsed). `--peer` sends the
same command over the same connections in a channel for each (paramiko's exec_command), in the same run.
"""

import asyncio
import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from agent.bench import peak_mb
from agent.listeners.bench import own_cpu_s
from agent.reading import Target
from agent.texts import _
from agent.transports.ssh import Machine, Ssh
from agent.transports.ssh_shell import Said, run

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin:/sbin:/bin")
RUN = Path("/run/sshd")  # where root's sshd parts with its rights
COMMAND = "who"
OPEN_S = 30.0  # for a poll or a command
PEER_EACH = 4  # commands of a session in a round: each starts a sign-in shell on the far side
STARTED_S = 5.0


@contextmanager
def sshd(folder: Path) -> Iterator[tuple[int, str, str]]:
    """OpenSSH's server: its port, its key as it is pinned, a private key that may sign in as this account."""
    assert SSHD is not None
    if os.geteuid() == 0:
        RUN.mkdir(mode=0o755, exist_ok=True)
    for name in ("host", "user"):
        made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(made, check=True)  # noqa: S603 - constant words and a path of ours
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    (folder / "conf").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nStrictModes no\nUsePAM no\n"
        f"AuthorizedKeysFile {folder / 'user.pub'}\nPermitRootLogin prohibit-password\n"
        f"PasswordAuthentication no\nMaxStartups 500\nPidFile none\n"
        f"SetEnv HOME={folder}\n",
        encoding="utf-8",
    )
    process = subprocess.Popen(  # noqa: S603 - as above
        [SSHD, "-D", "-e", "-f", str(folder / "conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port)
        yield port, (folder / "host.pub").read_text("utf-8"), (folder / "user").read_text("utf-8")
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    until = time.monotonic() + STARTED_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > until:
            raise OSError(_("sshd does not start on loopback."))
        time.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done: commands in all, over all sessions and rounds."""

    sessions: int
    commands: int
    rounds: int
    peer: bool


class Figures:
    """What was measured: rates of the rounds, seconds that each command took."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.took: list[float] = []
        self.cpu_s = 0.0

    def told(self, prefix: str = "") -> dict[str, float]:
        """For the line that is printed."""
        cuts = quantiles(self.took, n=100)
        return {
            f"{prefix}cpu_s": round(self.cpu_s, 3),
            f"{prefix}per_cpu_s": round(median(self.rates)),
            f"{prefix}p50_ms": round(cuts[49] * 1_000, 2),
            f"{prefix}p99_ms": round(cuts[98] * 1_000, 2),
        }


class Bench:
    """Sessions of the agent to one sshd."""

    def __init__(self, port: int, host_key: str, key: str, sessions: int) -> None:
        credential = {"user": getpass.getuser(), "key": key, "host_key": host_key}
        self.ssh = Ssh()
        self.targets = [
            Target(f"t{number}", f"srv-{number}", "127.0.0.1", port, dict(credential))
            for number in range(sessions)
        ]

    async def polls(self, figures: Figures) -> None:
        """A whole poll of each machine, all at once."""
        await self._all(figures, 1, lambda target: self.ssh.fetch(target, timeout_s=OPEN_S))

    async def commands(self, figures: Figures, each: int, send: Callable[[Machine, float], Said]) -> None:
        """So many commands in each session, one after the other; all sessions at once."""
        await self._all(figures, each, lambda target: self.ssh.use(target, send, timeout_s=OPEN_S))

    async def _all(self, figures: Figures, each: int, ask: Callable[[Target], Awaitable[object]]) -> None:
        before = own_cpu_s()

        async def one(target: Target) -> None:
            for _turn in range(each):
                begun = time.perf_counter()
                await ask(target)
                figures.took.append(time.perf_counter() - begun)

        await asyncio.gather(*(one(target) for target in self.targets))
        cpu_s = own_cpu_s() - before
        figures.cpu_s += cpu_s
        figures.rates.append(each * len(self.targets) / max(cpu_s, 1e-9))


def _in_the_shell(machine: Machine, until: float) -> Said:
    return machine.run(COMMAND, until)


def _in_a_channel(machine: Machine, until: float) -> Said:
    assert machine.transport is not None
    return run(machine.transport, COMMAND, until)


async def measure(port: int, host_key: str, key: str, work: Work) -> dict[str, float | int | str]:
    """All rounds; what is printed."""
    bench = Bench(port, host_key, key, work.sessions)
    own, channels, polls = Figures(), Figures(), Figures()
    each = max(1, work.commands // (work.sessions * work.rounds))
    try:
        await bench.polls(Figures())  # signs in and opens the shells; not counted
        for _round in range(work.rounds):
            await bench.commands(own, each, _in_the_shell)
            await bench.polls(polls)
            if work.peer:
                await bench.commands(channels, PEER_EACH, _in_a_channel)
    finally:
        bench.ssh.close()
    told: dict[str, float | int | str] = {
        "sessions": work.sessions, "commands": len(own.took), "rounds": work.rounds,
        **own.told(), **polls.told("polls_"), "peak_mb": round(peak_mb(), 1),
    }  # fmt: skip
    if work.peer:
        ratio = round(median(own.rates) / median(channels.rates), 3)
        told |= {"peer": "exec_command", **channels.told("peer_"), "ratio": ratio}
    return told


def bench(*, sessions: int, commands: int, rounds: int, peer: bool) -> int:
    """Run the bench and print its JSON line; 2 with a sentence where there is no sshd."""
    if SSHD is None or shutil.which("ssh-keygen") is None:
        sys.stderr.write(_("There is no {program} on this machine.").format(program="sshd") + "\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="watchdesk-bench-") as folder, sshd(Path(folder)) as door:
        told = asyncio.run(measure(*door, Work(sessions, commands, rounds, peer)))
    sys.stdout.write(json.dumps(told) + "\n")
    return 0
