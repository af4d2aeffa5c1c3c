"""A device that is asked at its command line, played by paramiko's server: prompts, echo, pages, privileges.

What it answers was made up after the makers' manuals; no device of these names exists.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import paramiko


@dataclass
class Script:
    """How a device behaves. `answers` by command; `lines` of its screen before it asks to turn the page."""

    answers: Mapping[str, str]
    prompt: str = "sw1>"
    banner: str = "SSH-2.0-OpenSSH_8.9"
    greeting: str = ""
    lines: int = 0  # 0: it does not page
    page: str = "--More--"
    unpaged: str = ""  # the command that stops paging
    enable: str = ""  # the password of the privileged mode; then `needs` commands answer only there
    needs: frozenset[str] = frozenset()
    executes: bytes | None = None  # what a command outside the prompt prints; None: none is taken
    odd: str = "% Invalid input detected at '^' marker.\r\n"
    endless: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()  # commands after which nothing is said any more
    said: list[str] = field(default_factory=list)  # every line that was typed
    offered: list[tuple[str, str]] = field(default_factory=list)


class _Server(paramiko.ServerInterface):
    def __init__(self, script: Script) -> None:
        self._script = script

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_auth_password(self, username: str, password: str) -> int:
        self._script.offered.append((username, password))
        return paramiko.AUTH_SUCCESSFUL if password == "right" else paramiko.AUTH_FAILED  # type: ignore[attr-defined,no-any-return]

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED  # type: ignore[attr-defined,no-any-return]

    def check_channel_pty_request(self, *arguments: object) -> bool:
        return True

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        threading.Thread(target=_Session(self._script, channel).run, daemon=True).start()
        return True

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        said = self._script.executes
        if said is None:
            return False

        def answer() -> None:
            time.sleep(0.03)
            with contextlib.suppress(OSError, EOFError):
                channel.sendall(said)
                channel.send_exit_status(1)
                channel.close()

        threading.Thread(target=answer, daemon=True).start()
        return True


class _Session:
    """One session at the prompt."""

    def __init__(self, script: Script, channel: paramiko.Channel) -> None:
        self._script, self._channel = script, channel
        self._prompt, self._lines = script.prompt, script.lines
        self._typed = b""

    def run(self) -> None:
        try:
            time.sleep(0.03)
            self._send(self._script.greeting + self._prompt)
            while (line := self._line()) is not None:
                if line.strip() in self._script.silent:
                    self._hush()
                else:
                    self._answer(line.strip())
        except (OSError, EOFError):
            pass

    def _hush(self) -> None:
        """Take what is typed until the line is given back, and say nothing."""
        while self._key():
            pass

    def _send(self, text: str) -> None:
        self._channel.sendall(text.encode())

    def _key(self) -> bytes:
        if not self._typed:
            self._typed = self._channel.recv(1_024)
        key, self._typed = self._typed[:1], self._typed[1:]
        return key

    def _line(self, *, echo: bool = True) -> str | None:
        line = b""
        while key := self._key():
            if key in b"\r\n":
                if key == b"\r" and self._typed[:1] == b"\n":
                    self._typed = self._typed[1:]
                if echo:
                    self._send("\r\n")
                return line.decode()
            line += key
            if echo:
                self._channel.sendall(key)
        return None

    def _answer(self, line: str) -> None:
        script = self._script
        if line:
            script.said.append(line)
        privileged = self._prompt.endswith("#")
        if line in script.endless:
            while True:
                self._send("x" * 70 + "\r\n")
        elif line == "enable" and script.enable:
            self._send("Password: ")
            if self._line(echo=False) == script.enable:
                self._prompt = script.prompt[:-1] + "#"
            else:
                self._send("\r\n% Access denied\r\n")
        elif line == script.unpaged and line:
            self._lines = 0
        elif line in script.needs and not privileged:
            self._send(script.odd)
        elif line in script.answers:
            self._show(script.answers[line])
        elif line and not line.startswith(("terminal ", "screen-", "set cli", "show curpriv")):
            self._send(script.odd)
        self._send(self._prompt)

    def _show(self, text: str) -> None:
        for number, row in enumerate(text.splitlines(), 1):
            self._send(row + "\r\n")
            if self._lines and number % self._lines == 0:
                self._send(self._script.page)
                if self._key() != b" ":
                    self._send("\r\n")
                    return
                self._send("\r" + " " * len(self._script.page) + "\r")


class Device:
    """A listening socket of such a device."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.key = paramiko.ECDSAKey.generate()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.transports: list[paramiko.Transport] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.local_version = self.script.banner
            transport.add_server_key(self.key)
            self.transports.append(transport)
            try:
                transport.start_server(server=_Server(self.script))
            except (paramiko.SSHException, EOFError, OSError):
                continue

    def close(self) -> None:
        self._listener.close()
        for transport in self.transports:
            transport.close()


Played = Callable[[Script], Device]
