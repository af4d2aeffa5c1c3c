"""Secrets at rest: AES-256-GCM, bound to the record they belong to.

The master key file lies beside the data, not in the database or its backup. It holds one key a
line, `ID:BASE64`; the first one seals, all of them unseal, so keys can be rotated.
A sealed value is `version(1) key id(4) nonce(12) ciphertext and tag`.
"""

import base64
import fcntl
import hashlib
import os
import secrets as random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.kernel.errors import UnavailableError
from server.kernel.i18n import N_

VERSION = b"\x01"
KEY_ID = 4
NONCE = 12


class Keys:
    """The master keys of one installation.

    The file is looked at again before each use (some microseconds), so that a server which is
    running seals with the new key as soon as a command has put one there.

    Args:
        path: the key file; made with mode 0600 if it is absent.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, ...] = ()
        self._kept: dict[bytes, bytes] = {}
        if not path.exists():
            self._write([random.token_bytes(32)])
        self._ring()

    @property
    def names(self) -> tuple[str, ...]:
        """The public names of the keys; the first one seals."""
        return tuple(name.hex() for name in self._ring())

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypt; only `unseal` with the same `context` (as `credential:12:password`) opens it."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  20 ms at start

        name, key = next(iter(self._ring().items()))
        nonce = random.token_bytes(NONCE)
        return VERSION + name + nonce + AESGCM(key).encrypt(nonce, plain, context.encode())

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """Decrypt what `seal` made.

        Raises:
            UnavailableError: the key is missing, or value and context do not belong together.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        name, rest = sealed[1 : 1 + KEY_ID], sealed[1 + KEY_ID :]
        key = self._ring().get(name)
        if key is None or sealed[:1] != VERSION:
            raise UnavailableError(N_("A stored secret was sealed with a key that is not here."))
        try:
            return AESGCM(key).decrypt(rest[:NONCE], rest[NONCE:], context.encode())
        except InvalidTag as error:
            raise UnavailableError(N_("A stored secret is damaged or belongs to another record.")) from error

    def rotate(self) -> str:
        """Put a new key first; old values stay readable. Returns its name."""
        fresh = random.token_bytes(32)
        with self._alone():
            self._write([fresh, *self._ring().values()])
        return self.names[0]

    def forget(self) -> tuple[str, ...]:
        """Keep the sealing key alone; returns the others' names. What they sealed cannot be read any more."""
        with self._alone():
            first, *others = self._ring().items()
            self._write([first[1]])
        return tuple(name.hex() for name, _ in others)

    def _ring(self) -> dict[bytes, bytes]:
        """The keys by name as the file has them now, the sealing one first."""
        found = self.path.stat()
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        if seen != self._seen:
            lines = self.path.read_text("ascii").split()
            self._kept = {bytes.fromhex(name): base64.b64decode(key) for name, _, key in map(_split, lines)}
            self._seen = seen
        return self._kept

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One program at a time changes the file; it reads what the one before has written."""
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write(self, keys: list[bytes]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            for key in keys:
                file.write(f"{_name(key).hex()}:{base64.b64encode(key).decode()}\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the key is on disk before anything is sealed with it
        finally:
            os.close(folder)


_keys: Keys | None = None


def use_keys(keys: Keys) -> None:
    """Make `keys` those of this process; called once at start."""
    global _keys  # noqa: PLW0603  one installation, one key ring
    _keys = keys


def seal(plain: bytes, context: str) -> bytes:
    """Encrypt with this process' keys; see `Keys.seal`."""
    return _here().seal(plain, context)


def unseal(sealed: bytes, context: str) -> bytes:
    """Decrypt with this process' keys; see `Keys.unseal`."""
    return _here().unseal(sealed, context)


def sealed_by(sealed: bytes) -> str:
    """The name of the key that sealed a value."""
    return sealed[1 : 1 + KEY_ID].hex()


def _here() -> Keys:
    if _keys is None:
        raise UnavailableError(N_("The master key is not loaded."))
    return _keys


def _name(key: bytes) -> bytes:
    """A key's public name: the start of a keyed digest, which tells nothing of the key."""
    return hashlib.blake2b(b"watchdesk key name", key=key, digest_size=KEY_ID).digest()


def _split(line: str) -> tuple[str, str, str]:
    return line.partition(":")
