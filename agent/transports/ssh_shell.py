"""Commands of the catalogue on a machine: many in one shell that stays, or each in a channel of its own.

A channel for each command costs nine packets and as many wake-ups; one shell that reads commands from its
standard input costs two, for all that a command prints is gathered to blocks on the far side. Before a
command the shell prints a word that nobody can guess (128 bits, new for each command), after it the word
again with the exit status; only what stands between is the answer, so no output can pass for its own end. A
command runs in a subshell with an empty standard input: it can neither read the commands that follow nor end
the shell.

A machine on which no such shell comes up (a forced command, another shell) is asked by `run`.
Bounds: MAX_OUTPUT of an answer; the caller's deadline.
"""

import contextlib
import re
import secrets
from dataclasses import dataclass
from time import monotonic

import paramiko

from agent.parsers.families import CATALOGUE
from agent.transports.ssh_login import left
from agent.transports.trouble import BadResponseError, TroubleError, clean

MAX_OUTPUT = 1 << 20
FIRST_WORD_S = 10.0  # for a new shell to say its first word
SHELL = "exec sh"
GATHERED = "dd ibs=8192 obs=32768 2>/dev/null"  # POSIX: short reads are put together to blocks of obs bytes
KILLED = 128  # an exit status of a shell from here on: a signal ended the command
_CHUNK = 65_536
_STATUS = re.compile(rb" (\d{1,3})\n")


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, cleaned; its exit status; whether the output was cut at MAX_OUTPUT."""

    output: str
    status: int
    truncated: bool


class NoShellError(Exception):
    """The machine opens no shell that frames its answers. `final`: it said so, else it was silent."""

    def __init__(self, *, final: bool = True) -> None:
        super().__init__()
        self.final = final


class Shell:
    """A shell on a machine, for one command after the other. Used by one thread at a time."""

    def __init__(self, transport: paramiko.Transport, until: float) -> None:
        """Open it. Raises NoShellError, TroubleError; `until`: the steady clock."""
        until = min(until, monotonic() + FIRST_WORD_S)
        self._channel: paramiko.Channel | None = None
        try:
            self._channel = transport.open_session(timeout=left(until))
            self._channel.settimeout(left(until))
            self._channel.exec_command(SHELL)
            self._channel.sendall(b"exec 2>/dev/null\n")
            said = self._ask(":", until)
        except (TroubleError, paramiko.SSHException, OSError) as error:
            self.close()
            if not transport.is_active():
                raise
            silent = isinstance(error, TroubleError) and error.reason == "no_answer"
            raise NoShellError(final=not silent) from error
        if said.output or said.status:
            self.close()
            raise NoShellError

    def close(self) -> None:
        """End the shell; the connection stays."""
        if self._channel is not None:
            with contextlib.suppress(OSError, EOFError):
                self._channel.close()

    @property
    def alive(self) -> bool:
        """Whether it takes another command."""
        channel = self._channel
        return channel is not None and not (channel.closed or channel.eof_received)

    def run(self, name: str, until: float) -> Said:
        """A command of the catalogue. Raises TroubleError; the shell is then over, as after a cut."""
        try:
            said = self._ask(CATALOGUE[name], until)
        except BaseException:
            self.close()
            raise
        if said.truncated:
            self.close()
        if said.status >= KILLED:
            raise BadResponseError("The command was killed.", place="exit")
        return said

    def _ask(self, command: str, until: float) -> Said:
        channel = self._channel
        assert channel is not None
        word = secrets.token_hex(16)
        framed = f"echo {word}; ( {command} ) </dev/null; printf '\\n%s %d\\n' {word} $?"
        line = f"{{ {framed}; }} | {GATHERED}\n"
        try:
            channel.settimeout(left(until))
            channel.sendall(line.encode())
            return _answer(channel, word.encode(), until)
        except TimeoutError:
            raise TroubleError("no_answer", "The machine did not answer in time.") from None


def _answer(channel: paramiko.Channel, word: bytes, until: float) -> Said:
    """What stands between the two words; what came before the first is not of this command."""
    got, begin, end = bytearray(), word + b"\n", b"\n" + word
    start, look = -1, 0
    while True:
        chunk = channel.recv(_CHUNK)
        if not chunk:
            raise BadResponseError("The command ended without an exit code.", place="exit")
        got += chunk
        if start < 0 and (at := got.find(begin, look)) >= 0:
            start = look = at + len(begin)
        if start >= 0:
            at = got.find(end, look)
            status = _STATUS.match(got, at + len(end)) if at >= 0 else None
            if status is not None:
                return _said(bytes(got[start:at]), int(status[1]))
        if len(got) > MAX_OUTPUT:
            return _said(bytes(got[max(start, 0) :]), -1, truncated=True)
        look = max(start, look, len(got) - len(end) - 6)
        channel.settimeout(left(until))


def run(transport: paramiko.Transport, name: str, until: float) -> Said:
    """Run a command of the catalogue in a channel of its own. Raises TroubleError; `until`: steady clock."""
    channel = transport.open_session(timeout=left(until))
    try:
        channel.settimeout(left(until))
        channel.exec_command(CATALOGUE[name])
        output, truncated = _drain(channel, until)
        if not truncated:
            if not channel.status_event.wait(min(2.0, left(until))):
                raise BadResponseError("The command ended without an exit code.", place="exit")
            if channel.exit_status < 0:
                raise BadResponseError("The command was killed.", place="exit")
        status = channel.exit_status
    finally:
        channel.close()
    return _said(output, status, truncated=truncated)


def _said(output: bytes, status: int, *, truncated: bool = False) -> Said:
    return Said(clean(output.decode("utf-8", "replace"), MAX_OUTPUT), status, truncated)


def _drain(channel: paramiko.Channel, until: float) -> tuple[bytes, bool]:
    """Both streams until they end, together at most MAX_OUTPUT; what goes to stderr is only counted."""
    output = bytearray()
    total = 0
    channel.settimeout(0.1)
    while True:
        left(until)
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
