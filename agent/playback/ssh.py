"""SSH to the servers of the room: one user, password only, and the shell of `shell.py`.

paramiko speaks the protocol, in a thread per connection; it is imported at the first one, so a
room nobody asks over SSH does not carry it.
"""

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from hmac import compare_digest
from io import StringIO
from typing import TYPE_CHECKING

from agent.playback.plant import Credential, Device
from agent.playback.room import Room
from agent.playback.shell import Shell

if TYPE_CHECKING:
    import paramiko

MAX_SESSIONS = 16
REPLY_FIRST_S = 0.03
logger = logging.getLogger(__name__)


def _server(shell: Shell, credential: Credential, alive: Callable[[], bool]) -> "paramiko.ServerInterface":
    """The protocol's questions, answered for one server."""
    import paramiko  # noqa: PLC0415 heavy, only when somebody comes
    from paramiko.common import (  # noqa: PLC0415
        AUTH_FAILED,
        AUTH_SUCCESSFUL,
        OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
        OPEN_SUCCEEDED,
    )

    class Interface(paramiko.ServerInterface):
        def check_auth_password(self, username: str, password: str) -> int:
            right = username == credential.user and compare_digest(password, credential.password)
            return AUTH_SUCCESSFUL if right else AUTH_FAILED

        def get_allowed_auths(self, _username: str) -> str:
            return "password"

        def check_channel_request(self, kind: str, _chanid: int) -> int:
            wanted = kind == "session"
            return OPEN_SUCCEEDED if wanted else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

        def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
            # the reply to this request leaves when we return; only then may output and the end follow
            threading.Timer(REPLY_FIRST_S, _execute, args=(channel, command)).start()
            return True

    def _execute(channel: paramiko.Channel, command: bytes) -> None:
        if not alive():
            return  # the server has gone silent within the session
        out, err, status = shell.run(command.decode(errors="replace"))
        with contextlib.suppress(OSError, EOFError):
            channel.sendall(out.encode())
            if err:
                channel.sendall_stderr(err.encode())
            channel.send_exit_status(status)
            channel.shutdown_write()
            channel.close()

    return Interface()


class SshServer:
    """One server's SSH door. Without power a connection is accepted and nobody speaks."""

    def __init__(self, room: Room, device: Device, credential: Credential, alive: Callable[[], bool]) -> None:
        self._shell = Shell(room, device)
        self._device = device
        self._credential = credential
        self._alive = alive
        self._listening: socket.socket | None = None
        self._sessions: list[tuple[socket.socket, paramiko.Transport | None]] = []
        self._key: paramiko.PKey | None = None
        self._version = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3"

    def open(self, address: str, port: int) -> None:
        """Listen; connections are taken by the running loop.

        Raises:
            OSError: the address is taken.
        """
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen(8)
        listening.setblocking(False)
        self._listening = listening
        asyncio.get_running_loop().add_reader(listening, self._accept)

    def close(self) -> None:
        """End all sessions and stop listening."""
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()
        for connection, transport in self._sessions:
            if transport is not None:
                transport.close()
            connection.close()
        self._sessions.clear()

    def _accept(self) -> None:
        if self._listening is None:
            return
        with contextlib.suppress(BlockingIOError):
            connection, _ = self._listening.accept()
            self._sweep()
            connection.setblocking(True)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not self._alive():
                self._sessions.append((connection, None))
                return
            threading.Thread(target=self._session, args=(connection,), daemon=True).start()

    def _sweep(self) -> None:
        """Forget sessions that ended; close the oldest where there are too many."""
        living = [(c, t) for c, t in self._sessions if t is None or t.is_active()]
        while len(living) >= MAX_SESSIONS:
            connection, transport = living.pop(0)
            if transport is not None:
                transport.close()
            connection.close()
        self._sessions = living

    def _session(self, connection: socket.socket) -> None:
        import paramiko  # noqa: PLC0415 heavy, only when somebody comes

        from agent.playback.keys import host_key, pem  # noqa: PLC0415 as above

        logging.getLogger("paramiko").setLevel(logging.CRITICAL)
        if self._key is None:
            self._key = paramiko.Ed25519Key.from_private_key(StringIO(pem(host_key(self._device))))
        transport = paramiko.Transport(connection)
        transport.local_version = self._version
        transport.add_server_key(self._key)
        self._sessions.append((connection, transport))
        try:
            transport.start_server(server=_server(self._shell, self._credential, self._alive))
        except (paramiko.SSHException, OSError, EOFError) as error:
            logger.debug("an SSH session did not begin: %s", error)
            transport.close()
