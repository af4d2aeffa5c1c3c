"""Sign in to an SSH server whose key is pinned: one attempt; nothing leaves before the key is the right one.

The server's key must be pinned in the credential (`host_key`: `SHA256:...` or a line of known_hosts). No
agent, no search for keys. What is weak is not spoken; of what is left, the cheapest for the processor is
offered first (AES-GCM needs no second pass for its digest).
"""

import base64
import contextlib
import hashlib
import io
import socket
from time import monotonic

import paramiko

from agent.reading import Target
from agent.transports import ssh_offer
from agent.transports.trouble import TroubleError
from rules.platform import of_banner

PORT = 22
PREFERRED = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")


def left(until: float) -> float:
    """Seconds to a moment of the steady clock; raises TroubleError where it has passed."""
    seconds = until - monotonic()
    if seconds <= 0:
        raise TroubleError("no_answer", "The machine did not answer in time.")
    return seconds


class Connection:
    """A signed-in connection. `sign_in` raises TroubleError, paramiko.SSHException, OSError, EOFError."""

    def __init__(self) -> None:
        self.transport: paramiko.Transport | None = None
        self._socket: socket.socket | None = None

    def close(self) -> None:
        """End it; a thread that waits on it wakes up."""
        transport, self.transport = self.transport, None
        sock, self._socket = self._socket, None
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        if transport is not None:
            transport.close()  # its thread, woken by this, closes the socket
        elif sock is not None:
            sock.close()

    @property
    def alive(self) -> bool:
        """Whether it can be used."""
        return self.transport is not None and self.transport.is_active()

    def sign_in(self, target: Target, until: float) -> paramiko.Transport:
        """Connect, look at the key, sign in once. `until`: the steady clock."""
        if target.address.startswith("-"):
            raise TroubleError("configuration", "The name of a machine cannot begin with '-'.")
        if not target.credential.get("user"):
            raise TroubleError("configuration", "The SSH credential lacks a user.")
        self._socket = socket.create_connection((target.address, target.port or PORT), timeout=left(until))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = self.transport = paramiko.Transport(self._socket, disabled_algorithms=ssh_offer.WEAK)
        _prefer(transport)
        transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = left(until)
        transport.start_client(timeout=left(until))
        _check_key(transport.get_remote_server_key(), str(target.credential.get("host_key") or ""))
        _authenticate(transport, target)
        return transport


def _prefer(transport: paramiko.Transport) -> None:
    options = transport.get_security_options()
    offered = tuple(options.ciphers)
    first = tuple(name for name in PREFERRED if name in offered)
    options.ciphers = first + tuple(name for name in offered if name not in first)


def _authenticate(transport: paramiko.Transport, target: Target) -> None:
    user = str(target.credential["user"]) + _suffix(transport.remote_version)
    password = target.credential.get("password")
    key, passphrase = target.credential.get("key"), target.credential.get("passphrase")
    if key:
        transport.auth_publickey(user, _private(str(key), None if passphrase is None else str(passphrase)))
    elif password is not None:
        transport.auth_password(user, str(password), fallback=False)
    else:
        raise TroubleError("configuration", "The SSH credential lacks a password or key.")
    if not transport.is_authenticated():
        raise TroubleError("auth", "The machine wants more than this credential.")


def _suffix(banner: str) -> str:
    """What a platform takes behind the user's name to be read by a program."""
    return next((one.user_suffix for one in of_banner(banner)), "")


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
