"""The command line of a network device over a signed-in SSH connection: shows, and nothing else.

netmiko knows each platform's prompts, how it stops paging, and `enable`; the connection is ours (`ssh_login`:
pinned key, one attempt). A device's platform is told by its greeting, else by its answer to `show version`
or `display version`, once; then each poll signs in, asks the commands of `rules/platforms` and signs out, for
such devices have few lines. All goes over a Line, which ends at the deadline and with more than MAX_OUTPUT of
an answer, and turns the page where a device asks for it all the same.
"""

import contextlib
import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

import paramiko

from agent.reading import Target
from agent.transports.facts import Facts
from agent.transports.ssh_login import left
from agent.transports.trouble import BadResponseError, TroubleError, clean
from rules.platform import Platform, of_banner, packaged, pattern

MAX_OUTPUT = 1 << 20
WIDTH, HEIGHT = 511, 1_000  # signs and lines of the terminal: few devices need to turn a page
QUIET_S = 0.3  # after what looks like a prompt
STEP_S = 0.02
SPARE_S = 1.0  # of the deadline, kept to read what was said
_TAIL = 80
Done = TypeVar("Done")
_PROMPT = re.compile(rb"[>#\]$%] ?(?:\x1b\[[0-9;?]*[A-Za-z])*\s*$")
_PAGE = re.compile(
    rb"(?:-+ ?\(?more\b[^\r\n]{0,40}-+|<-+ ?more ?-+>|press any key to continue[. ]*)\s*$", re.IGNORECASE
)


class Line:
    """A channel with a terminal, as netmiko uses it. `until`: the steady clock at which it is over."""

    def __init__(self, channel: paramiko.Channel, until: float) -> None:
        self._channel = channel
        self._until = until
        self._got = 0
        self._tail = b""

    def begin(self) -> None:
        """From here on another answer is counted."""
        self._got = 0

    def recv_ready(self) -> bool:
        """Whether something is there, or the end. Raises TroubleError when the time is over."""
        left(self._until)
        channel = self._channel
        return bool(channel.recv_ready() or channel.eof_received or channel.closed)

    def recv(self, size: int) -> bytes:
        """What is there; turns the page where it ends with a question for that."""
        chunk = self._channel.recv(size)
        self._got += len(chunk)
        if self._got > MAX_OUTPUT:
            raise TroubleError("limit", f"An answer of the device is longer than {MAX_OUTPUT >> 20} MiB.")
        self._tail = (self._tail + chunk)[-_TAIL:]
        if _PAGE.search(self._tail):
            self._tail = b""
            self.sendall(b" ")
        return chunk

    def sendall(self, data: bytes) -> None:
        """Send; raises OSError where the channel is closed."""
        self._channel.settimeout(left(self._until))
        self._channel.sendall(data)

    def settimeout(self, _seconds: float | None) -> None:
        """The deadline is the line's own."""

    def close(self) -> None:
        """Let go of the channel."""
        self._channel.close()

    def settle(self) -> str:
        """All that comes until a prompt stands at the end and nothing follows."""
        got, quiet = bytearray(), 0.0
        while quiet < QUIET_S or not _PROMPT.search(got[-_TAIL:]):
            if self.recv_ready():
                chunk = self.recv(65_536)
                if not chunk:
                    raise BadResponseError("The device closed its command line.", place="prompt")
                got += chunk
                quiet = 0.0
            else:
                time.sleep(STEP_S)
                quiet += STEP_S
        return got.decode("utf-8", "replace")


class _Opened:
    """Stands where netmiko expects a client of its own that connects; we are connected."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def connect(self, **_options: object) -> None:
        """Nothing to do."""

    def invoke_shell(self, **_options: object) -> Line:
        """The line that is open."""
        return self._line

    def close(self) -> None:
        """The session's end is its owner's."""


def read(
    transport: paramiko.Transport, target: Target, known: Platform | None, until: float, *, inventoried: bool
) -> tuple[Facts, Platform]:
    """Facts of a device, and its platform for the next time. Raises TroubleError, SSHException, OSError.

    Args:
        transport: signed in; the caller ends it.
        target: whose credential may hold `enable`, the password of the privileged mode.
        known: its platform, where it is known.
        until: the steady clock.
        inventoried: whether to ask as well who the device is and who stands next to it.
    """
    from agent.parsers import network  # noqa: PLC0415 - the templates take their time, and few agents need them

    channel = transport.open_session(timeout=left(until))
    channel.settimeout(left(until))
    channel.get_pty("vt100", WIDTH, HEIGHT)
    channel.invoke_shell()
    line = Line(channel, until)
    platform = known or _platform(line, transport.remote_version)
    driver = _guarded(lambda: _driver(platform, line, target))
    answers: dict[str, str] = {}
    truncated = False
    for command in platform.commands:
        if not (command.always or inventoried):
            continue
        try:
            answers[command.send] = network.tidy(_guarded(lambda: _say(driver, line, command.send, until)))  # noqa: B023
        except TroubleError:
            if not answers:
                raise
            truncated = True  # what it said before stands
            break
    facts = network.read(platform, answers)
    facts.truncated = truncated
    return facts, platform


def _platform(line: Line, banner: str) -> Platform:
    """By the greeting where only one fits, else by what the device answers."""
    greeted = of_banner(banner)
    if len(greeted) == 1:
        return greeted[0]
    line.settle()
    said = ""
    candidates = greeted or list(packaged().values())
    for ask in dict.fromkeys(one.ask for one in candidates):
        line.begin()
        line.sendall(ask.encode() + b"\r")
        said = clean(line.settle(), MAX_OUTPUT)
        for one in candidates:
            if one.ask == ask and pattern(one.says).found(said):
                line.sendall(b"\r")  # netmiko waits for a prompt
                return one
    shown = " ".join(said.split())[:80] or "nothing"
    raise BadResponseError(
        f"The device's command line is not one that can be read; it answers: {shown}.",
        place="show version",
        evidence=said.encode("utf-8", "replace"),
    )


def _driver(platform: Platform, line: Line, target: Target) -> Any:
    """The driver of netmiko at the prompt, privileged where the credential says how."""
    from netmiko.exceptions import ReadTimeout  # noqa: PLC0415 - as below
    from netmiko.ssh_dispatcher import CLASS_MAPPER  # noqa: PLC0415 - 1 s and 5 MiB that few agents need

    base: Any = CLASS_MAPPER[platform.driver]
    secret = str(target.credential.get("enable") or "")

    class Driver(base):  # type: ignore[misc]
        def _build_ssh_client(self) -> _Opened:
            return _Opened(line)

        def set_terminal_width(self, *arguments: Any, **options: Any) -> str:
            """Where it says something else to it, the terminal is as wide as it was opened."""
            with contextlib.suppress(ReadTimeout):
                return str(super().set_terminal_width(*arguments, **options))
            return ""

        def disable_paging(self, *arguments: Any, **options: Any) -> str:
            """Where it says something else to it, the line turns the pages."""
            with contextlib.suppress(ReadTimeout):
                return str(super().disable_paging(*arguments, **options))
            return ""

        def asa_login(self) -> None:
            """No second sign-in: the first one was the poll's only attempt."""

        def enable(self, *arguments: Any, **options: Any) -> str:
            """Once, with the credential's own password; without one the device is read as it is."""
            return str(super().enable(*arguments, **options)) if secret else ""

    driver = Driver(
        device_type=platform.driver,
        host=target.address,
        username=str(target.credential.get("user") or ""),
        secret=secret,
        auto_connect=False,
        allow_auto_change=False,
    )
    driver.establish_connection(WIDTH, HEIGHT)
    driver._try_session_preparation()  # noqa: SLF001 - what ConnectHandler does after it connected
    if secret and not driver.check_enable_mode():
        try:
            driver.enable()
        except ValueError:
            raise TroubleError(
                "auth", "The device did not accept the password of the privileged mode."
            ) from None
    driver.global_cmd_verify = None  # an answer begins with its echo, or the prompt before would be its end
    driver.whole_prompt = re.escape(driver.find_prompt()) + r"\s*$"
    return driver


def _say(driver: Any, line: Line, command: str, until: float) -> str:
    line.begin()
    seconds = max(0.1, left(until) - SPARE_S)
    return str(driver.send_command(command, expect_string=driver.whole_prompt, read_timeout=seconds))


def _guarded(work: Callable[[], Done]) -> Done:
    """Work of netmiko's; what it raises as ours."""
    from netmiko.exceptions import NetmikoBaseException, NetmikoTimeoutException  # noqa: PLC0415 - as above

    try:
        return work()
    except (NetmikoBaseException, NetmikoTimeoutException) as error:
        text = clean(" ".join(str(error).split()), 200)
        if "closed" in text:
            raise BadResponseError("The device closed its command line.", place="prompt") from None
        raise TroubleError("no_answer", f"The device's command line did not answer in time: {text}") from None
    except ValueError as error:
        text = clean(" ".join(str(error).split()), 200)
        raise BadResponseError(f"The device's prompt makes no sense: {text}.", place="prompt") from None
