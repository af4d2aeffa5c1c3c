"""NTP: how far another clock is from ours. One SNTP exchange; source: RFC 5905, sections 7.3 and 8.

Readings: `offset_seconds` (theirs minus ours), `delay_seconds`, `stratum`, `leap` (3: not synchronised).
"""

import asyncio
import struct
from collections.abc import Callable

from agent.reading import Target
from agent.transports.facts import Facts
from agent.transports.trouble import BadResponseError, TroubleError, of_os

PORT = 123
ERA = 2_208_988_800  # seconds from 1900 to 1970
PACKET = struct.Struct(">BBbb11I")
CLIENT, SERVER, VERSION = 3, 4, 4
KISS = 0  # a stratum that is a refusal


class _Exchange(asyncio.DatagramProtocol):
    """Waits for the one answer that carries our own time back."""

    def __init__(self, clock: Callable[[], float], cookie: bytes) -> None:
        self.clock, self.cookie = clock, cookie
        self.answer: asyncio.Future[tuple[bytes, float]] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002
        ours = len(data) >= PACKET.size and data[24:32] == self.cookie
        if (ours or len(data) < PACKET.size) and not self.answer.done():
            self.answer.set_result((data, self.clock()))

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def fetch(target: Target, *, clock: Callable[[], float], timeout_s: float = 5.0) -> Facts:
    """Ask a clock for its time; `clock` is ours, in seconds since 1970. Raises TroubleError."""
    loop = asyncio.get_running_loop()
    sent = clock()
    cookie = _stamp(sent)
    try:
        async with asyncio.timeout(timeout_s):
            transport, exchange = await loop.create_datagram_endpoint(
                lambda: _Exchange(clock, cookie), remote_addr=(target.address, target.port or PORT)
            )
            try:
                transport.sendto(bytes([VERSION << 3 | CLIENT]) + bytes(39) + cookie)
                data, received = await exchange.answer
            finally:
                transport.close()
    except TimeoutError:
        raise TroubleError("no_answer", f"No answer in {timeout_s:g} s.") from None
    except OSError as error:
        raise of_os(error) from None
    return _read(data, sent, received)


def _read(data: bytes, sent: float, received: float) -> Facts:
    if len(data) < PACKET.size or data[0] & 7 != SERVER:
        raise BadResponseError("The answer is no time.", place="header", evidence=data)
    stratum = data[1]
    if stratum == KISS:
        word = data[12:16].decode("ascii", "replace")
        raise TroubleError("refused", f"The time server refuses ({word}).", evidence=data)
    heard, told = _moment(data[32:40]), _moment(data[40:48])
    delay = max(0.0, (received - sent) - (told - heard))
    offset = ((heard - sent) + (told - received)) / 2
    readings = {
        "offset_seconds": offset,
        "delay_seconds": delay,
        "stratum": stratum,
        "leap": data[0] >> 6,
    }
    return Facts(dict(readings), rtt_s=received - sent)


def _stamp(seconds: float) -> bytes:
    whole = int(seconds)
    return struct.pack(">II", (whole + ERA) & 0xFFFFFFFF, int((seconds - whole) * 2**32))


def _moment(raw: bytes) -> float:
    """Seconds since 1970; the second era (from 2036) is the one with the highest bit clear."""
    whole, part = struct.unpack(">II", raw)
    if whole < 1 << 31:
        whole += 1 << 32
    return float(whole - ERA) + float(part) / 2**32
