"""The receiving side of SNMPv3's user-based security: digests, ciphers, clocks, and reports to informers.

Sources: RFC 3412 (message), RFC 3414 (security, MD5, SHA-1, DES), RFC 3826 (AES), RFC 7860 (SHA-2); AES-192
and AES-256 as devices have them, keys extended by draft-blumenthal-aes-usm-04 or as Cisco does.

A trap is signed by its sender's engine, an inform for ours. A message that is weaker than its user's
credential is refused. What an engine sent before is refused once a later time of it is known.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

try:  # moved in cryptography 46 to where ciphers of old protocols live
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
except ImportError:
    from cryptography.hazmat.primitives.ciphers.algorithms import TripleDES
    from cryptography.hazmat.primitives.ciphers.modes import CFB

from agent.listeners import trap
from agent.listeners.trap import Trap
from agent.reading import Param
from agent.transports import ber
from agent.transports.trouble import BadResponseError, TroubleError

MODEL = 3
AUTH, PRIV, REPORTABLE = 0x01, 0x02, 0x04
WINDOW_S = 150
REPORT = 0xA8
STATS = "1.3.6.1.6.3.15.1.1"
NOT_IN_WINDOW, UNKNOWN_USER, UNKNOWN_ENGINE, WRONG_DIGEST = 2, 3, 4, 5
MAX_SIZE = 65_507
MAX_ENGINES = 10_000
HASHES: dict[str, tuple[str, int]] = {  # the hash, and how many octets of it are sent
    "md5": ("md5", 12),
    "sha": ("sha1", 12),
    "sha1": ("sha1", 12),
    "sha224": ("sha224", 16),
    "sha256": ("sha256", 24),
    "sha384": ("sha384", 32),
    "sha512": ("sha512", 48),
}
KEY_SIZES = {"des": 16, "aes": 16, "aes128": 16, "aes192": 24, "aes256": 32}


@dataclass(frozen=True, slots=True)
class User:
    """A name with its passwords; "" for a protocol that it does not use."""

    name: str
    auth: str = ""
    auth_password: str = field(default="", repr=False)
    priv: str = ""
    priv_password: str = field(default="", repr=False)
    cisco: bool = False

    @property
    def level(self) -> int:
        """The flags that its messages must have at least."""
        return (AUTH if self.auth else 0) | (PRIV if self.priv else 0)


@dataclass(frozen=True, slots=True)
class Keys:
    """A user's keys for one engine."""

    auth: bytes = field(repr=False)
    priv: bytes = field(repr=False)


@dataclass(slots=True)
class Message:
    """A v3 message, its header read."""

    data: bytes
    number: int
    flags: int
    engine_id: bytes
    boots: int
    time: int
    user: bytes
    digest: tuple[int, int]  # its place
    salt: bytes
    scoped_at: int  # place of the scoped PDU, or of the octets that hold it encrypted
    end: int
    context: bytes = b""  # engine and name of the context, as encoded; known once it is opened


class RefusedError(TroubleError):
    """A message that its security does not let in; `report` goes back to the sender, where one may."""

    def __init__(self, detail: str, report: bytes | None = None) -> None:
        super().__init__("security", detail)
        self.report = report


def user_of(credential: Mapping[str, Param]) -> User | None:
    """The v3 user of a target's credential; None where it has none or names what is not known here."""
    name = str(credential.get("user") or "")
    auth = _protocol(credential.get("auth_protocol"))
    priv = _protocol(credential.get("priv_protocol"))
    if not name or (auth and auth not in HASHES) or (priv and priv not in KEY_SIZES) or (priv and not auth):
        return None
    auth_password = str(credential.get("auth_password") or "")
    priv_password = str(credential.get("priv_password") or "")
    if (auth and len(auth_password) < 8) or (priv and len(priv_password) < 8):
        return None
    cisco = str(credential.get("key_expansion", "")).lower() == "cisco"
    return User(name, auth, auth_password, priv, priv_password, cisco)


def _protocol(value: Param) -> str:
    said = str(value or "").lower().replace("-", "").replace("_", "")
    return "" if said == "none" else said


@lru_cache(maxsize=1_000)
def _digest_of(password: bytes, hash_name: str) -> bytes:
    """The hash of a password repeated to a million octets: RFC 3414, A.2."""
    million = 1 << 20
    return hashlib.new(hash_name, (password * (million // len(password) + 1))[:million]).digest()


def _localized(password: bytes, engine_id: bytes, hash_name: str) -> bytes:
    digest = _digest_of(password, hash_name)
    return hashlib.new(hash_name, digest + engine_id + digest).digest()


@lru_cache(maxsize=4_096)
def keys_of(user: User, engine_id: bytes) -> Keys:
    """A user's keys for an engine."""
    if not user.auth:
        return Keys(b"", b"")
    hash_name = HASHES[user.auth][0]
    auth = _localized(user.auth_password.encode(), engine_id, hash_name)
    if not user.priv:
        return Keys(auth, b"")
    priv = _localized(user.priv_password.encode(), engine_id, hash_name)
    size = KEY_SIZES[user.priv]
    while len(priv) < size:
        priv += (
            _localized(priv, engine_id, hash_name) if user.cisco else hashlib.new(hash_name, priv).digest()
        )
    return Keys(auth, priv[:size])


def parse(data: bytes) -> Message:
    """The header of a v3 message; raises BadResponseError."""
    start, end = ber.expect(data, 0, len(data), ber.SEQUENCE, "message")
    at = ber.number(data, start, end, "version")[2]
    start, at = ber.expect(data, at, end, ber.SEQUENCE, "header")
    number, _, start = ber.number(data, start, at, "message id")
    start = ber.number(data, start, at, "maximum size")[2]
    flags_at, start = ber.expect(data, start, at, ber.OCTETS, "flags")
    model = ber.number(data, start, at, "security model")[0]
    if start - flags_at != 1 or model != MODEL:
        raise BadResponseError("It is not secured by a user's keys.", place="security model", evidence=data)
    start, scoped = ber.expect(data, at, end, ber.OCTETS, "security")
    start, stop = ber.expect(data, start, scoped, ber.SEQUENCE, "security")
    engine, start = ber.expect(data, start, stop, ber.OCTETS, "engine")
    engine_id = data[engine:start]
    boots, _, start = ber.number(data, start, stop, "boots")
    time, _, start = ber.number(data, start, stop, "time")
    name, start = ber.expect(data, start, stop, ber.OCTETS, "user")
    user = data[name:start]
    digest, start = ber.expect(data, start, stop, ber.OCTETS, "digest")
    salt, salt_end = ber.expect(data, start, stop, ber.OCTETS, "salt")
    if len(engine_id) > 32 or len(user) > 32 or not 0 <= boots < 2**31 or not 0 <= time < 2**31:
        raise BadResponseError("Its engine, user or time is impossible.", place="security", evidence=data)
    return Message(
        data, number, data[flags_at], engine_id, boots, time, user, (digest, start), data[salt:salt_end],
        scoped, end,
    )  # fmt: skip


class Security:
    """All engines that send, and our own that informers speak to.

    Args:
        engine_id: ours; stays the same over restarts.
        boots: how often it started; one more each time.
        up_s: seconds since this start.
    """

    def __init__(self, engine_id: bytes, boots: int, up_s: Callable[[], float]) -> None:
        self.engine_id = engine_id
        self.boots = boots
        self._up_s = up_s
        self._clocks: dict[bytes, tuple[int, int]] = {}  # the latest boots and time of each engine
        self._refused = dict.fromkeys((NOT_IN_WINDOW, UNKNOWN_USER, UNKNOWN_ENGINE, WRONG_DIGEST), 0)

    def open(self, data: bytes, users: Mapping[bytes, User]) -> tuple[Trap, Message, User]:
        """The trap in a message of one of these users.

        Raises RefusedError for what its security does not let in, BadResponseError for what makes no sense.
        """
        told = parse(data)
        user = users.get(told.user)
        ours = told.engine_id == self.engine_id
        if not told.engine_id or (told.flags & REPORTABLE and not ours):
            raise RefusedError("It asks who we are.", self._report(told, UNKNOWN_ENGINE))
        if user is None:
            raise RefusedError("Its user is not known.", self._report(told, UNKNOWN_USER))
        if told.flags & user.level != user.level or told.flags & (AUTH | PRIV) == PRIV:
            raise RefusedError("It is weaker than its user's credential.")
        keys = keys_of(user, told.engine_id)
        if told.flags & AUTH:
            self._check(told, user, keys, ours=ours)
        scoped, end = self._opened(told, user, keys)
        start, stop = ber.expect(scoped, 0, end, ber.SEQUENCE, "scoped PDU")
        context = start
        start = ber.expect(scoped, start, stop, ber.OCTETS, "context engine")[1]
        start = ber.expect(scoped, start, stop, ber.OCTETS, "context")[1]
        told.context = scoped[context:start]
        found = trap.read_pdu(scoped, start, stop, 3, told.user)
        if (found.kind == trap.INFORM) is not ours:
            raise RefusedError("An inform is for our engine, a trap for its sender's.")
        return found, told, user

    def _check(self, told: Message, user: User, keys: Keys, *, ours: bool) -> None:
        """Digest, then time; raises RefusedError."""
        start, stop = told.digest
        size = HASHES[user.auth][1] if user.auth else 0
        if not user.auth or stop - start != size:
            raise RefusedError("Its digest has another length.", self._report(told, WRONG_DIGEST))
        unsigned = told.data[:start] + bytes(size) + told.data[stop : told.end]
        if not hmac.compare_digest(_sign(unsigned, user, keys), told.data[start:stop]):
            raise RefusedError("Its digest is wrong.", self._report(told, WRONG_DIGEST))
        if ours:
            if told.boots != self.boots or abs(told.time - int(self._up_s())) > WINDOW_S:
                report = self._report(told, NOT_IN_WINDOW, signed_by=(user, keys))
                raise RefusedError("Its time is not ours.", report)
            return
        boots, time = self._clocks.get(told.engine_id, (0, 0))
        if told.boots < boots or (told.boots == boots and told.time < time - WINDOW_S):
            raise RefusedError("It was sent before what is known already.")
        if told.engine_id not in self._clocks and len(self._clocks) >= MAX_ENGINES:
            self._clocks.pop(next(iter(self._clocks)))
        self._clocks[told.engine_id] = max((boots, time), (told.boots, told.time))

    def _opened(self, told: Message, user: User, keys: Keys) -> tuple[bytes, int]:
        """The scoped PDU in clear, and where it ends."""
        if not told.flags & PRIV:
            return told.data[told.scoped_at : told.end], told.end - told.scoped_at
        if len(told.salt) != 8 or not user.priv:
            raise RefusedError("It is encrypted, but cannot be opened.")
        start, stop = ber.expect(told.data, told.scoped_at, told.end, ber.OCTETS, "encrypted PDU")
        sealed = told.data[start:stop]
        if user.priv == "des" and len(sealed) % 8:
            raise RefusedError("It is encrypted, but cannot be opened.")
        decryptor = _cipher(user, keys, told.boots, told.time, told.salt).decryptor()
        plain = decryptor.update(sealed) + decryptor.finalize()
        return plain, len(plain)

    def acknowledge(self, found: Trap, told: Message, user: User) -> bytes:
        """The answer to an inform, as strong as the inform was."""
        scoped = ber.tlv(ber.SEQUENCE, told.context + trap.answer(found))
        flags = told.flags & (AUTH | PRIV)
        return self._framed(told.number, flags, user, keys_of(user, self.engine_id), scoped)

    def _report(self, told: Message, why: int, signed_by: tuple[User, Keys] | None = None) -> bytes | None:
        """What is wrong, for a sender that asks to be told; with our engine's id and time."""
        if not told.flags & REPORTABLE:
            return None
        self._refused[why] = self._refused[why] + 1 & 0xFFFFFFFF
        count = self._refused[why]
        name = ber.tlv(ber.OID, ber.encode_oid(f"{STATS}.{why}.0"))
        value = ber.tlv(ber.COUNTER32, count.to_bytes(count.bit_length() // 8 + 1, "big"))
        varbind = ber.tlv(ber.SEQUENCE, name + value)
        body = ber.integer(told.number) + ber.integer(0) * 2 + ber.tlv(ber.SEQUENCE, varbind)
        scoped = ber.tlv(
            ber.SEQUENCE,
            ber.tlv(ber.OCTETS, self.engine_id) + ber.tlv(ber.OCTETS, b"") + ber.tlv(REPORT, body),
        )
        if signed_by is not None:
            return self._framed(told.number, AUTH, *signed_by, scoped)
        name_told = told.user if told.engine_id else b""
        return self._frame(told.number, 0, int(self._up_s()), name_told, digest=b"", salt=b"", body=scoped)

    def _framed(self, number: int, flags: int, user: User, keys: Keys, scoped: bytes) -> bytes:
        name, now = user.name.encode(), int(self._up_s())
        salt, body = b"", scoped
        if flags & PRIV:
            salt = os.urandom(8)
            if user.priv == "des":
                salt = self.boots.to_bytes(4, "big") + salt[:4]
                body += bytes(-len(body) % 8)
            encryptor = _cipher(user, keys, self.boots, now, salt).encryptor()
            body = ber.tlv(ber.OCTETS, encryptor.update(body) + encryptor.finalize())
        if not flags & AUTH:
            return self._frame(number, flags, now, name, digest=b"", salt=salt, body=body)
        size = HASHES[user.auth][1]
        blank = self._frame(number, flags, now, name, digest=bytes(size), salt=salt, body=body)
        return self._frame(number, flags, now, name, digest=_sign(blank, user, keys), salt=salt, body=body)

    def _frame(
        self, number: int, flags: int, now: int, user: bytes, *, digest: bytes, salt: bytes, body: bytes
    ) -> bytes:
        header = (
            ber.integer(number)
            + ber.integer(MAX_SIZE)
            + ber.tlv(ber.OCTETS, bytes((flags,)))
            + ber.integer(MODEL)
        )
        parts = ber.tlv(ber.OCTETS, self.engine_id) + ber.integer(self.boots) + ber.integer(now)
        parts += ber.tlv(ber.OCTETS, user) + ber.tlv(ber.OCTETS, digest) + ber.tlv(ber.OCTETS, salt)
        security = ber.tlv(ber.OCTETS, ber.tlv(ber.SEQUENCE, parts))
        return ber.tlv(ber.SEQUENCE, ber.integer(3) + ber.tlv(ber.SEQUENCE, header) + security + body)


def _sign(whole: bytes, user: User, keys: Keys) -> bytes:
    name, size = HASHES[user.auth]
    return hmac.digest(keys.auth, whole, name)[:size]


def _cipher(user: User, keys: Keys, boots: int, time: int, salt: bytes) -> Cipher[Any]:
    if user.priv == "des":
        vector = bytes(one ^ other for one, other in zip(keys.priv[8:16], salt, strict=True))
        return Cipher(TripleDES(keys.priv[:8] * 3), modes.CBC(vector))
    vector = boots.to_bytes(4, "big") + time.to_bytes(4, "big") + salt
    return Cipher(algorithms.AES(keys.priv), CFB(vector))
