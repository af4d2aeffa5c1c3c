"""The user-based security of SNMPv3: SHA-1 authentication with AES-128 privacy.

Source: RFC 3412 (message), RFC 3414 (user-based security), RFC 3826 (AES). One user, always
authPriv: a device that asks for the strong level answers nobody who comes with less.
"""

import hashlib
import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

try:  # moved in cryptography 46 to where ciphers of old protocols live
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
except ImportError:
    from cryptography.hazmat.primitives.ciphers.modes import CFB

from agent.playback import ber

MODEL = 3
AUTH, PRIV, REPORTABLE = 0x01, 0x02, 0x04
WINDOW_S = 150
REPORT = 0xA8
_STATS = (1, 3, 6, 1, 6, 3, 15, 1, 1)
NOT_IN_WINDOW, UNKNOWN_USER, UNKNOWN_ENGINE, WRONG_DIGEST = 2, 3, 4, 5


@dataclass(frozen=True)
class User:
    """A name and its two passwords."""

    name: str
    auth: str
    priv: str


@dataclass(frozen=True)
class Keys:
    """A user's keys, made for one engine."""

    auth: bytes
    priv: bytes


def localize(password: str, engine_id: bytes) -> bytes:
    """A password as the engine's key: RFC 3414, A.2.2 (SHA-1)."""
    secret = password.encode()
    million = 1 << 20
    digest = hashlib.sha1((secret * (million // len(secret) + 1))[:million]).digest()  # noqa: S324 RFC 3414
    return hashlib.sha1(digest + engine_id + digest).digest()  # noqa: S324 RFC 3414


@dataclass(frozen=True)
class _Message:
    number: int
    flags: int
    engine_id: bytes
    boots: int
    time: int
    user: bytes
    digest: bytes
    salt: bytes
    data: bytes  # the scoped PDU, encrypted or not, as encoded


def _parse(message: bytes, at: int) -> _Message:
    header, at = ber.expect(ber.SEQUENCE, message, at)
    number, h = ber.read_integer(header)
    _, h = ber.read_integer(header, h)
    flags, _ = ber.expect(ber.OCTETS, header, h)
    security, at = ber.expect(ber.OCTETS, message, at)
    inner, _ = ber.expect(ber.SEQUENCE, security)
    engine_id, s = ber.expect(ber.OCTETS, inner)
    boots, s = ber.read_integer(inner, s)
    time, s = ber.read_integer(inner, s)
    user, s = ber.expect(ber.OCTETS, inner, s)
    digest, s = ber.expect(ber.OCTETS, inner, s)
    salt, _ = ber.expect(ber.OCTETS, inner, s)
    return _Message(
        number, flags[0] if flags else 0, engine_id, boots, time, user, digest, salt, message[at:]
    )


class Engine:
    """The engine of one device: discovery, the time window, the digest and the cipher."""

    def __init__(
        self, engine_id: bytes, user: User, *, up_s: Callable[[], float], boots: Callable[[], int]
    ) -> None:
        self.engine_id = engine_id
        self._user = user.name.encode()
        self._keys = Keys(localize(user.auth, engine_id), localize(user.priv, engine_id)[:16])
        self._up_s = up_s
        self._boots = boots
        self._refused = dict.fromkeys((NOT_IN_WINDOW, UNKNOWN_USER, UNKNOWN_ENGINE, WRONG_DIGEST), 0)

    def respond(self, message: bytes, at: int, serve: Callable[[bytes], bytes | None]) -> bytes | None:
        """Answer one version 3 message (its body, and where the header stands); None is silence."""
        asked = _parse(message, at)
        why = self._stranger(asked)
        if why is not None:
            return self._report(asked, why)
        whole = ber.sequence(message)
        unsigned = whole.replace(ber.octets(asked.digest), ber.octets(bytes(12)), 1)
        if len(asked.digest) != 12 or not hmac.compare_digest(self._sign(unsigned), asked.digest):
            return self._report(asked, WRONG_DIGEST)
        if asked.boots != self._boots() or abs(asked.time - int(self._up_s())) > WINDOW_S:
            return self._report(asked, NOT_IN_WINDOW, signed=True)
        sealed, _ = ber.expect(ber.OCTETS, asked.data)
        scoped, _ = ber.expect(ber.SEQUENCE, self._cipher(asked, asked.salt, sealed, opening=True))
        _, s = ber.expect(ber.OCTETS, scoped)
        context, s = ber.expect(ber.OCTETS, scoped, s)
        said = serve(scoped[s:])
        if said is None:
            return None
        salt = os.urandom(8)
        plain = ber.sequence(ber.octets(self.engine_id), ber.octets(context), said)
        now = int(self._up_s())
        timed = _Message(
            asked.number, AUTH | PRIV, self.engine_id, self._boots(), now, self._user, b"", salt, b""
        )
        sealed = self._cipher(timed, salt, plain, opening=False)
        return self._signed(timed, ber.octets(sealed))

    def _stranger(self, asked: _Message) -> int | None:
        """What is wrong with who asks, before any key is tried."""
        if asked.engine_id != self.engine_id:
            return UNKNOWN_ENGINE
        if asked.user != self._user:
            return UNKNOWN_USER
        return WRONG_DIGEST if asked.flags & (AUTH | PRIV) != AUTH | PRIV else None

    def _report(self, asked: _Message, why: int, *, signed: bool = False) -> bytes | None:
        """The counter that tells the manager what it did wrong, and our engine's id and time."""
        if not asked.flags & REPORTABLE:
            return None
        self._refused[why] += 1
        name = ber.oid((*_STATS, why, 0))
        count = ber.integer(self._refused[why], ber.COUNTER32)
        body = ber.sequence(
            ber.integer(asked.number),
            ber.integer(0),
            ber.integer(0),
            ber.sequence(ber.sequence(name, count)),
            tag=REPORT,
        )
        scoped = ber.sequence(ber.octets(self.engine_id), ber.octets(b""), body)
        flags = AUTH if signed else 0
        user = asked.user if why != UNKNOWN_ENGINE else b""
        now = int(self._up_s())
        told = _Message(asked.number, flags, self.engine_id, self._boots(), now, user, b"", b"", b"")
        return self._signed(told, scoped) if signed else self._frame(told, b"", scoped)

    def _frame(self, told: _Message, digest: bytes, data: bytes) -> bytes:
        header = ber.sequence(
            ber.integer(told.number), ber.integer(65507), ber.octets(bytes((told.flags,))), ber.integer(MODEL)
        )
        security = ber.sequence(
            ber.octets(told.engine_id),
            ber.integer(told.boots),
            ber.integer(told.time),
            ber.octets(told.user),
            ber.octets(digest),
            ber.octets(told.salt),
        )
        return ber.sequence(ber.integer(3), header, ber.octets(security), data)

    def _signed(self, told: _Message, data: bytes) -> bytes:
        return self._frame(told, self._sign(self._frame(told, bytes(12), data)), data)

    def _sign(self, whole: bytes) -> bytes:
        return hmac.new(self._keys.auth, whole, hashlib.sha1).digest()[:12]

    def _cipher(self, timed: _Message, salt: bytes, data: bytes, *, opening: bool) -> bytes:
        if len(salt) != 8:
            raise ber.MalformedError("a salt has eight octets")
        vector = timed.boots.to_bytes(4, "big") + timed.time.to_bytes(4, "big") + salt
        cipher = Cipher(algorithms.AES(self._keys.priv), CFB(vector))
        work = cipher.decryptor() if opening else cipher.encryptor()
        return work.update(data) + work.finalize()
