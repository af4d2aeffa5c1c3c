"""SSH: fixed, read-only commands on machines that carry no software of ours.

A new session asks once which family of systems it is (`uname -s`). Then each poll sends that family's
command, and one that is to identify the machine a second one, for what it has and does (`agent.parsers`).

The server's key must be pinned in the credential (`host_key`: `SHA256:...` or a line of known_hosts); an
unknown or changed key ends the poll before any credential leaves. No agent, no search for keys, one attempt
to log in per poll. What is weak is not spoken, and named in the refusal. Sessions stay open between polls.
Bounds: 30 s in all, 1 MiB from both streams together.
"""

import asyncio
import base64
import contextlib
import hashlib
import io
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

import paramiko

from agent.parsers import inventory
from agent.parsers.families import CATALOGUE, Family, of_answer
from agent.parsers.text import Ticks
from agent.reading import Target
from agent.transports import ssh_offer
from agent.transports.facts import Facts
from agent.transports.trouble import BadResponseError, TroubleError, clean, of_os

PORT = 22
DEADLINE_S = 30.0
MAX_OUTPUT = 1 << 20
THREADS = 16
_CHUNK = 65_536


class _Machine:
    """One target's session. Used by one thread at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.transport: paramiko.Transport | None = None
        self.socket: socket.socket | None = None
        self.target: Target | None = None
        self.family: Family | None = None
        self.ticks: Ticks | None = None

    def close(self) -> None:
        """End the session; a thread that waits on it wakes up."""
        transport, self.transport = self.transport, None
        sock, self.socket = self.socket, None
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        if transport is not None:
            transport.close()


class Ssh:
    """All SSH of an agent, in threads of its own; close it at the end."""

    def __init__(self) -> None:
        self._machines: dict[str, _Machine] = {}
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="ssh")

    def close(self) -> None:
        """End all sessions."""
        for machine in self._machines.values():
            machine.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

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
        timeout_s = min(timeout_s, DEADLINE_S)
        machine = self._machines.setdefault(target.key, _Machine())
        if machine.target != target:
            machine.close()
            machine.target, machine.family, machine.ticks = target, None, None
        ask = _Ask(target, monotonic() + timeout_s, inventoried, now or datetime.now(UTC))
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._pool, _read, machine, ask)
        done, _ = await asyncio.wait({work}, timeout=timeout_s)
        if not done:
            machine.close()
            work.cancel()
            work.add_done_callback(lambda one: None if one.cancelled() else one.exception())
            raise TroubleError("no_answer", f"The session did not end within {timeout_s:g} s.")
        return work.result()


@dataclass(frozen=True, slots=True)
class _Ask:
    """One poll. `until`: the steady clock at which it ends."""

    target: Target
    until: float
    inventoried: bool
    now: datetime


def _read(machine: _Machine, ask: _Ask) -> Facts:
    with machine.lock:
        begun = monotonic()
        try:
            if machine.transport is None or not machine.transport.is_active():
                machine.close()
                _connect(machine, ask.target, ask.until)
            facts = _facts(machine, ask)
        except TroubleError:
            machine.close()
            raise
        except paramiko.ssh_exception.IncompatiblePeer:
            machine.close()
            offered = ssh_offer.offered_by(ask.target.address, ask.target.port or PORT, ask.until)
            raise TroubleError("security", f"{ssh_offer.REFUSED}: {offered}.") from None
        except paramiko.SSHException as error:
            machine.close()
            raise _trouble(error) from None
        except (OSError, EOFError) as error:
            machine.close()
            if isinstance(error, OSError):
                raise of_os(error) from None
            raise TroubleError("refused", "The machine closed the connection.") from None
        facts.rtt_s = monotonic() - begun
        return facts


def _facts(machine: _Machine, ask: _Ask) -> Facts:
    transport = machine.transport
    assert transport is not None
    if machine.family is None:
        machine.family = _family(transport, ask.until)
    family = machine.family
    said = run(transport, family.name, ask.until)
    facts, machine.ticks = family.read(said.output, machine.ticks)
    facts.truncated = said.truncated
    if ask.inventoried:
        try:
            more = run(transport, f"{family.name}-facts", ask.until)
        except BadResponseError:  # the readings stand without it
            facts.truncated = True
        else:
            facts.truncated |= more.truncated
            inventory.tell(family.tell(more.output), facts, now=ask.now)
    return facts


def _family(transport: paramiko.Transport, until: float) -> Family:
    said = run(transport, "who", until)
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


def _left(until: float) -> float:
    left = until - monotonic()
    if left <= 0:
        raise TroubleError("no_answer", "The machine did not answer in time.")
    return left


def _connect(machine: _Machine, target: Target, until: float) -> None:
    if target.address.startswith("-"):
        raise TroubleError("configuration", "The name of a machine cannot begin with '-'.")
    user = str(target.credential.get("user") or "")
    pinned = str(target.credential.get("host_key") or "")
    if not user:
        raise TroubleError("configuration", "The SSH credential lacks a user.")
    machine.socket = socket.create_connection((target.address, target.port or PORT), timeout=_left(until))
    machine.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = machine.transport = paramiko.Transport(machine.socket, disabled_algorithms=ssh_offer.WEAK)
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = _left(until)
    transport.start_client(timeout=_left(until))
    _check_key(transport.get_remote_server_key(), pinned)
    password = target.credential.get("password")
    key = target.credential.get("key")
    if key:
        passphrase = target.credential.get("passphrase")
        transport.auth_publickey(user, _private(str(key), None if passphrase is None else str(passphrase)))
    elif password is not None:
        transport.auth_password(user, str(password), fallback=False)
    else:
        raise TroubleError("configuration", "The SSH credential lacks a password or key.")
    if not transport.is_authenticated():
        raise TroubleError("auth", "The machine wants more than this credential.")


def fingerprint(key: paramiko.PKey) -> str:
    """A key's `SHA256:...` as ssh-keygen shows it."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _check_key(key: paramiko.PKey, pinned: str) -> None:
    """Stop here, before a credential leaves, unless the key is the pinned one."""
    seen = fingerprint(key)
    if not pinned:
        raise TroubleError("security", f"The machine's key is not known yet. It shows {seen}.")
    words = pinned.split()
    known = {word for word in words if word.startswith("SHA256:")} | set(words)
    if seen in known or key.get_base64() in known:
        return
    expected = next((word for word in words if word.startswith("SHA256:")), "another key")
    raise TroubleError("security", f"The machine's key has changed: {expected} is known, it shows {seen}.")


def _private(text: str, passphrase: str | None) -> paramiko.PKey:
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        with contextlib.suppress(paramiko.SSHException, ValueError):
            return kind.from_private_key(io.StringIO(text), passphrase)
    raise TroubleError("configuration", "The private key of the credential cannot be read.")


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, cleaned; its exit status; whether the output was cut at MAX_OUTPUT."""

    output: str
    status: int
    truncated: bool


def run(transport: paramiko.Transport, name: str, until: float) -> Said:
    """Run a command of the catalogue. Raises TroubleError; `until`: the steady clock."""
    channel = transport.open_session(timeout=_left(until))
    try:
        channel.settimeout(_left(until))
        channel.exec_command(CATALOGUE[name])
        output, truncated = _drain(channel, until)
        if not truncated:
            if not channel.status_event.wait(min(2.0, _left(until))):
                raise BadResponseError("The command ended without an exit code.", place="exit")
            if channel.exit_status < 0:
                raise BadResponseError("The command was killed.", place="exit")
        status = channel.exit_status
    finally:
        channel.close()
    return Said(clean(output.decode("utf-8", "replace"), MAX_OUTPUT), status, truncated)


def _drain(channel: paramiko.Channel, until: float) -> tuple[bytes, bool]:
    """Both streams until they end, together at most MAX_OUTPUT; what goes to stderr is only counted."""
    output = bytearray()
    total = 0
    channel.settimeout(0.1)
    while True:
        _left(until)
        try:
            chunk = channel.recv(_CHUNK)
        except TimeoutError:
            chunk = None
        while channel.recv_stderr_ready() and total <= MAX_OUTPUT:
            total += len(channel.recv_stderr(_CHUNK))
        if chunk:
            output += chunk
            total += len(chunk)
        if total > MAX_OUTPUT:
            return bytes(output[:MAX_OUTPUT]), True
        if chunk == b"":
            return bytes(output), False
