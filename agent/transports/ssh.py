"""SSH: fixed, read-only commands on machines that carry no software of ours.

A new session asks once which family of systems it is (`uname -s`). Then each poll sends that family's
command, and one that is to identify the machine a second one, for what it has and does (`agent.parsers`).
A network device, which greets as one or answers `uname` as its command line does, is read by `cli`.

The server's key must be pinned (`ssh_login`); an unknown or changed key ends the poll before any credential
leaves. One attempt to log in per poll. Sessions stay open between polls, on POSIX systems with one shell
that takes all commands (`ssh_shell`). Bounds: 30 s in all, 1 MiB from both streams together.
"""

import asyncio
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any, TypeVar

import paramiko

from agent.parsers import inventory
from agent.parsers.families import Family, of_answer
from agent.parsers.text import Ticks
from agent.reading import Target
from agent.transports import cli, ssh_offer
from agent.transports.facts import Facts
from agent.transports.ssh_login import PORT, Connection
from agent.transports.ssh_shell import NoShellError, Said, Shell, run
from agent.transports.trouble import BadResponseError, TroubleError, clean, of_os
from rules.platform import Platform, of_banner

DEADLINE_S = 30.0
THREADS = 16
NO_SHELL = re.compile(
    r"\s*(?:%|\^|error:|unknown command|unrecognized|invalid (?:input|command)|bad command|syntax error)",
    re.IGNORECASE,
)
Done = TypeVar("Done")


class Machine(Connection):
    """One target's session. Used by one thread at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.target: Target | None = None
        self.family: Family | None = None
        self.network = False  # it has a command line, no shell
        self.platform: Platform | None = None
        self.ticks: Ticks | None = None
        self.framed = True  # until no shell comes up
        self._shell: Shell | None = None
        self._slow = False  # a shell did not come up in time

    def close(self) -> None:
        """End the session; a thread that waits on it wakes up."""
        self._shell = None
        super().close()

    def forget(self) -> None:
        """End the session, for that of another target."""
        self.close()
        self.network, self.platform = False, None
        self.family, self.ticks, self.framed, self._slow = None, None, True, False

    def run(self, name: str, until: float) -> Said:
        """A command of the catalogue: in the shell that stays, where the system has one."""
        assert self.transport is not None
        if self.framed and self.family is not None and self.family.says:
            try:
                if self._shell is None or not self._shell.alive:
                    self._shell = Shell(self.transport, until)
                return self._shell.run(name, until)
            except NoShellError as error:
                if not error.final and not self._slow:
                    self._slow = True
                    raise TroubleError("no_answer", "The machine opens no shell in time.") from error
                self.framed = False
        return run(self.transport, name, until)


class Ssh:
    """All SSH of an agent, in threads of its own; close it at the end."""

    def __init__(self) -> None:
        self._machines: dict[str, Machine] = {}
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="ssh")

    def close(self) -> None:
        """End all sessions."""
        for machine in self._machines.values():
            machine.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def forget(self, key: str) -> None:
        """A target is gone: so is its session."""
        machine = self._machines.pop(key, None)
        if machine is not None:
            machine.close()

    async def fetch(
        self,
        target: Target,
        *,
        inventoried: bool = False,
        now: datetime | None = None,
        timeout_s: float = DEADLINE_S,
    ) -> Facts:
        """The readings of a machine, after `timeout_s` (at most 30 s) in all; raises TroubleError.

        Args:
            target: whose credential holds user, host_key, and password or key.
            inventoried: whether to ask as well what the machine has and does.
            now: the agent's time, against which certificates end; the system's where it is not given.
            timeout_s: for all of it.
        """
        ask = _Ask(inventoried, now or datetime.now(UTC))
        begun = monotonic()
        facts = await self.use(
            target, lambda machine, until: _facts(machine, ask, until), timeout_s=timeout_s
        )
        facts.rtt_s = monotonic() - begun
        return facts

    async def use(
        self, target: Target, work: Callable[[Machine, float], Done], *, timeout_s: float = DEADLINE_S
    ) -> Done:
        """Work with a machine's open session, in a thread; `work` is given when it has to end (steady clock).

        Raises TroubleError, after `timeout_s` (at most 30 s) in all.
        """
        timeout_s = min(timeout_s, DEADLINE_S)
        machine = self._machines.setdefault(target.key, Machine())
        if machine.target != target:
            machine.forget()
            machine.target = target
        until = monotonic() + timeout_s
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._pool, _opened, machine, target, work, until)
        running.add_done_callback(_heard)
        done, _ = await asyncio.wait({running}, timeout=timeout_s)
        if not done:
            machine.close()
            running.cancel()
            raise TroubleError("no_answer", f"The session did not end within {timeout_s:g} s.")
        return running.result()


def _heard(over: asyncio.Future[Any]) -> None:
    """Look at what came of a thread: whoever waited for it may be gone by then."""
    if not over.cancelled():
        over.exception()


@dataclass(frozen=True, slots=True)
class _Ask:
    """One poll. `now`: the agent's time, UTC."""

    inventoried: bool
    now: datetime


def _opened(machine: Machine, target: Target, work: Callable[[Machine, float], Done], until: float) -> Done:
    """Sign in where no session is open, then work; what goes wrong ends the session."""
    with machine.lock:
        try:
            if not machine.alive:
                machine.close()
                machine.sign_in(target, until)
            return work(machine, until)
        except TroubleError:
            machine.close()
            raise
        except paramiko.ssh_exception.IncompatiblePeer:
            machine.close()
            offered = ssh_offer.offered_by(target.address, target.port or PORT, until)
            raise TroubleError("security", f"{ssh_offer.REFUSED}: {offered}.") from None
        except paramiko.SSHException as error:
            machine.close()
            raise _trouble(error) from None
        except (OSError, EOFError) as error:
            machine.close()
            if isinstance(error, OSError):
                raise of_os(error) from None
            raise TroubleError("refused", "The machine closed the connection.") from None


def _facts(machine: Machine, ask: _Ask, until: float) -> Facts:
    if machine.family is None and not machine.network:
        _meet(machine, until)
    if machine.family is None:
        return _network_facts(machine, ask, until)
    family = machine.family
    said = machine.run(family.name, until)
    facts, machine.ticks = family.read(said.output, machine.ticks)
    facts.truncated = said.truncated
    if ask.inventoried:
        try:
            more = machine.run(f"{family.name}-facts", until)
        except BadResponseError:  # the readings stand without it
            facts.truncated = True
        else:
            facts.truncated |= more.truncated
            inventory.tell(family.tell(more.output), facts, now=ask.now)
    return facts


def _meet(machine: Machine, until: float) -> None:
    """Find out what stands there: by its greeting, else by what it answers to `uname`."""
    assert machine.transport is not None
    machine.network = bool(of_banner(machine.transport.remote_version))
    if not machine.network:
        try:
            said = machine.run("who", until)
        except paramiko.SSHException:  # it takes no commands but at its own prompt
            machine.network = True
        else:
            machine.network = NO_SHELL.match(said.output) is not None
            if not machine.network:
                machine.family = _family(said)


def _network_facts(machine: Machine, ask: _Ask, until: float) -> Facts:
    """Of a network device; its line is given back, for it has few."""
    assert machine.target is not None
    if not machine.alive:  # some end the connection with the first command
        machine.close()
        machine.sign_in(machine.target, until)
    assert machine.transport is not None
    try:
        facts, machine.platform = cli.read(
            machine.transport, machine.target, machine.platform, until, inventoried=ask.inventoried
        )
    finally:
        machine.close()
    return facts


def _family(said: Said) -> Family:
    family = of_answer(said.output, said.status)
    if family is None:
        shown = said.output.strip()[:80] or "nothing"
        raise BadResponseError(
            f"The machine's system is not one that can be read over SSH; to `uname -s` it says: {shown}.",
            place="uname",
            evidence=said.output.encode("utf-8", "replace"),
        )
    return family


def _trouble(error: paramiko.SSHException) -> TroubleError:
    text = clean(str(error), 300)
    if isinstance(error, paramiko.AuthenticationException):
        return TroubleError("auth", "The machine did not accept the credential.")
    return BadResponseError(f"The session failed: {text}.", place="SSH")
