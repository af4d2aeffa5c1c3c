"""SNMP v3 over gufo-snmp: its Rust core does the digests and ciphers; bounds and order are checked here.

A wrong digest, engine, user or key ends the poll with the reason `security`; nothing weaker is ever tried.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from time import monotonic
from typing import TypeVar

from gufo.snmp import (
    Aes128Key,
    Aes192Key,
    Aes256Key,
    DesKey,
    Md5Key,
    Sha1Key,
    Sha224Key,
    Sha256Key,
    Sha384Key,
    Sha512Key,
    SnmpAuthError,
    SnmpError,
    SnmpVersion,
    User,
)
from gufo.snmp import NoSuchInstance as NoSuchInstanceError
from gufo.snmp.aio import SnmpSession
from gufo.snmp.user import BaseAuthKey, BasePrivKey, KeyExpansion

from agent.reading import Param
from agent.transports import ber
from agent.transports.snmp_walk import GET_OIDS, MAX_BYTES, MAX_VARBINDS, Answer, Ask, Shape
from agent.transports.trouble import BadResponseError, TroubleError, of_os

AUTH: dict[str, Callable[[bytes], BaseAuthKey]] = {
    "md5": Md5Key,
    "sha": Sha1Key,
    "sha1": Sha1Key,
    "sha224": Sha224Key,
    "sha256": Sha256Key,
    "sha384": Sha384Key,
    "sha512": Sha512Key,
}
PRIV: dict[str, Callable[[bytes], BasePrivKey]] = {
    "des": DesKey,
    "aes": Aes128Key,
    "aes128": Aes128Key,
    "aes192": Aes192Key,
    "aes256": Aes256Key,
}
K = TypeVar("K")
REPETITIONS = 25
TRY_S = 1.5
REFRESH_S = 120.0  # the engine's time window is 150 s


def user_of(credential: dict[str, Param]) -> User:
    """The v3 user of a credential: user, auth_protocol, auth_password, priv_protocol, priv_password.

    `key_expansion` ("blumenthal", "cisco") matters for AES-192/256 under MD5 and SHA-1.
    Raises TroubleError where a word is missing or unknown.
    """
    try:
        auth = _key(credential, "auth", AUTH)
        priv = _key(credential, "priv", PRIV)
        cisco = str(credential.get("key_expansion", "")).lower() == "cisco"
        expansion = KeyExpansion.Cisco if cisco else KeyExpansion.Blumenthal
        return User(str(credential["user"]), auth_key=auth, priv_key=priv, key_expansion=expansion)
    except (KeyError, ValueError) as error:
        raise TroubleError("configuration", f"The SNMPv3 credential lacks {error}.") from None


def _key(credential: dict[str, Param], kind: str, known: dict[str, Callable[[bytes], K]]) -> K | None:
    name = str(credential.get(f"{kind}_protocol") or "").lower().replace("-", "").replace("_", "")
    if not name or name == "none":
        return None
    if name not in known:
        raise ValueError(f"a known {kind}_protocol")
    password = str(credential.get(f"{kind}_password") or "")
    if len(password) < 8:
        raise ValueError(f"a {kind}_password of eight characters")
    return known[name](password.encode())


class SecureSession:
    """One v3 device. The engine's id and time are kept between polls."""

    def __init__(self, peer: tuple[str, int], credential: dict[str, Param], ask: Ask) -> None:
        self.peer, self.ask = peer, ask
        self._names = [ber.decode_oid(one) for one in ask.scalars]
        self._user = user_of(credential)
        self._session = self._connect()
        self._shape: Shape | None = None

    def _connect(self) -> SnmpSession:
        """A session that knows nothing of the device: neither its engine nor its time."""
        self._refreshed = -REFRESH_S
        host, port = self.peer
        return SnmpSession(host, port=port, user=self._user, version=SnmpVersion.v3, timeout=TRY_S)

    async def fetch(self, timeout_s: float) -> Answer:
        """Ask all; raises TroubleError."""
        begun = monotonic()
        answer = Answer(Shape([], b""), [])
        try:
            async with asyncio.timeout(timeout_s):
                try:
                    await self._ask(answer)
                except SnmpAuthError:
                    if self._refreshed >= begun:
                        raise
                    # A device that started again has another time: learn it, then ask with the same keys.
                    answer = Answer(Shape([], b""), [])
                    self._session = self._connect()
                    await self._ask(answer)
        except TimeoutError:
            self._session = self._connect()
            if not answer.values:
                raise TroubleError("no_answer", "The device did not answer in time.") from None
            answer.truncated = True
        except SnmpAuthError:
            self._session = self._connect()
            raise TroubleError("security", "User, keys or digests do not fit the device.") from None
        except SnmpError as error:
            text = str(error) or type(error).__name__
            raise BadResponseError(f"The answer cannot be read: {text}.", place="message") from None
        except OSError as error:
            raise of_os(error) from None
        return self._settled(answer)

    async def _ask(self, answer: Answer) -> None:
        await self._refresh()
        await self._scalars(answer)
        await self._tables(answer)

    async def _refresh(self) -> None:
        """Learn the engine and its time, once again where a datagram was lost."""
        if monotonic() - self._refreshed < REFRESH_S:
            return
        try:
            await self._session.refresh()
        except TimeoutError:
            self._session = self._connect()
            await self._session.refresh()
        self._refreshed = monotonic()

    async def _scalars(self, answer: Answer) -> None:
        for first in range(0, len(self._names), GET_OIDS):
            names = self._names[first : first + GET_OIDS]
            try:
                found = await self._session.get_many(names)
            except TimeoutError:  # lost, or the device started again and has another time
                self._session = self._connect()
                await self._refresh()
                found = await self._session.get_many(names)
            except NoSuchInstanceError:
                found = {}
            answer.round_trips += 1
            answer.received += len(names)
            for number, name in enumerate(names):
                if (value := found.get(name)) is not None:
                    answer.shape.keys.append((first + number, b""))
                    answer.values.append(value)

    async def _tables(self, answer: Answer) -> None:
        place = len(self._names)
        size = 0
        for column in [one for group in self.ask.groups for one in group]:
            last, rows = column, 0
            async for name, value in self._column(ber.decode_oid(column)):
                oid = ber.encode_oid(name)
                if not oid.startswith(column):
                    break
                answer.received += 1
                rows += 1
                size += len(oid) + (len(value) if isinstance(value, bytes | str) else 8)
                bounds = answer.received > MAX_VARBINDS or size > MAX_BYTES or rows > self.ask.max_rows
                if bounds or not ber.after(oid, last):
                    answer.truncated = True
                    break
                last = oid
                if value is not None:
                    answer.shape.keys.append((place, oid[len(column) :]))
                    answer.values.append(value)
            place += 1

    def _column(self, root: str) -> AsyncIterator[tuple[str, ber.Raw]]:
        walk: AsyncIterator[tuple[str, ber.Raw]] = self._session.getbulk(root, max_repetitions=REPETITIONS)
        return walk

    def _settled(self, answer: Answer) -> Answer:
        """The last shape again, where the keys are the same."""
        if self._shape is None or self._shape.keys != answer.shape.keys:
            self._shape = answer.shape
        answer.shape = self._shape
        return answer
