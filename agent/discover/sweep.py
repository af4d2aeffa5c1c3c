"""Knock at addresses: who is there, and by which doors? Paced, bounded, each address for itself.

A pong, an open port, and a port that is refused all say that somebody is there. SNMP v1 and v2c are not
knocked at here: without a community that is right nobody answers them. A v3 engine tells whom it is when it
is asked without a user (RFC 3414, section 4), so no account is tried where none is.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent.transports import ber, tcp
from agent.transports.icmp import Icmp
from agent.transports.trouble import TroubleError
from rules.wire import Way

PORTS: Mapping[Way, tuple[int, ...]] = {
    "snmp": (161,),
    "ssh": (22,),
    "http": (80, 443),
    "modbus": (502,),
    "tcp": (),
}
STREAMS: tuple[Way, ...] = ("ssh", "http", "modbus", "tcp")
PING_S, CONNECT_S = 1.0, 1.5
PINGS = 2
HAIL_S, HAILS = 1.0, 2
LONGEST_BURST = 1.0  # seconds of the rate that may come at once after a pause
MAX_BURST = 32


class Pace:
    """At most `rate` beginnings in a second, spread evenly."""

    def __init__(self, rate: float) -> None:
        self._gap = 1.0 / rate
        self._slack = min(MAX_BURST * self._gap, LONGEST_BURST)
        self._due = 0.0
        self._lock = asyncio.Lock()

    async def take(self) -> None:
        """Wait for one's turn."""
        async with self._lock:
            loop = asyncio.get_running_loop()
            self._due = max(self._due + self._gap, loop.time() - self._slack)
            await asyncio.sleep(max(0.0, self._due - loop.time()))


@dataclass(slots=True)
class Signs:
    """What an address showed. `open` are the ports that took a connection, `banners` what they said first."""

    address: str
    ping: bool = False
    refused: bool = False
    open: dict[Way, list[int]] = field(default_factory=dict)
    banners: dict[int, str] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """Whether somebody is there."""
        return self.ping or self.refused or bool(self.open)


async def knock(icmp: Icmp, address: str, ways: Sequence[Way], ports: Mapping[Way, Sequence[int]]) -> Signs:
    """Ping and connect at once, within about two seconds; never raises for what the network does."""
    signs = Signs(address)
    doors = [(way, port) for way in STREAMS if way in ways for port in ports.get(way, PORTS[way])]
    asked = [_connect(signs, way, port) for way, port in doors]
    if "icmp" in ways:
        asked.append(_ping(icmp, signs))
    await asyncio.gather(*asked)
    for numbers in signs.open.values():
        numbers.sort()
    return signs


async def _ping(icmp: Icmp, signs: Signs) -> None:
    for _ in range(PINGS):
        try:
            await icmp.fetch(signs.address, count=1, timeout_s=PING_S)
        except TroubleError as error:
            if error.reason == "no_answer":
                continue
            return
        except OSError:  # no raw socket and no datagram socket for this user
            return
        signs.ping = True
        return


async def _connect(signs: Signs, way: Way, port: int) -> None:
    try:
        facts = await tcp.fetch(signs.address, port, timeout_s=CONNECT_S, banner=way in {"ssh", "tcp"})
    except TroubleError as error:
        signs.refused |= error.reason == "refused"
        return
    signs.open.setdefault(way, []).append(port)
    banner = facts.readings.get("banner")
    if isinstance(banner, str) and banner.strip():
        signs.banners[port] = banner.strip()[:200]


class _Hail(asyncio.DatagramProtocol):
    """Whether a message of SNMP comes back."""

    def __init__(self) -> None:
        self.heard = asyncio.Event()
        self.refused = False

    def datagram_received(self, data: bytes, _from: object) -> None:
        if data[:1] == bytes([ber.SEQUENCE]):
            self.heard.set()

    def error_received(self, _error: Exception) -> None:
        self.refused = True
        self.heard.set()


async def hail(address: str, port: int) -> bool:
    """Whether an SNMPv3 engine is there, within about two seconds; tries no user."""
    loop = asyncio.get_running_loop()
    try:
        transport, told = await loop.create_datagram_endpoint(_Hail, remote_addr=(address, port))
    except OSError:
        return False
    try:
        for number in range(HAILS):
            transport.sendto(_who_is_there(number + 1))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HAIL_S):
                    await told.heard.wait()
                    return not told.refused
    finally:
        transport.close()
    return False


def _who_is_there(number: int) -> bytes:
    """A v3 message with no user, of no engine: what it is answered with names the engine."""
    nothing = ber.tlv(ber.OCTETS, b"")
    flags = ber.tlv(ber.OCTETS, b"\x04")  # reportable, neither signed nor encrypted
    head = ber.integer(number) + ber.integer(65_507) + flags + ber.integer(3)
    security = ber.tlv(ber.SEQUENCE, nothing + ber.integer(0) + ber.integer(0) + 3 * nothing)
    get = ber.tlv(ber.GET, ber.integer(number) + 2 * ber.integer(0) + ber.tlv(ber.SEQUENCE, b""))
    parts = (
        ber.integer(3),
        ber.tlv(ber.SEQUENCE, head),
        ber.tlv(ber.OCTETS, security),
        ber.tlv(ber.SEQUENCE, 2 * nothing + get),
    )
    return ber.tlv(ber.SEQUENCE, b"".join(parts))
