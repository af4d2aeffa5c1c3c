"""Ping: one socket for all targets; raw where allowed, else the unprivileged datagram ICMP socket.

Readings: `rtt_seconds` (smallest), `rtt_max_seconds`, `loss_ratio` (0 to 1). An answer counts by a random
token in its payload and by its address. Source: RFC 792, RFC 4443; icmp(7) for the datagram socket.
"""

import asyncio
import contextlib
import secrets
import socket
import struct
from time import monotonic

from agent.transports.facts import Facts
from agent.transports.trouble import TroubleError, of_os

PAYLOAD = 48  # bytes; with the header 56, as ping sends
DRAIN = 256
_TOKEN = 8


def checksum(data: bytes) -> int:
    """The Internet checksum. Source: RFC 1071."""
    if len(data) % 2:
        data += b"\x00"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class _Socket:
    """ICMP of one address family."""

    def __init__(self, family: int) -> None:
        self.family = family
        self.v6 = family == socket.AF_INET6
        protocol = socket.IPPROTO_ICMPV6 if self.v6 else socket.IPPROTO_ICMP
        try:
            self.socket = socket.socket(family, socket.SOCK_RAW, protocol)
            self.raw = True
        except PermissionError:
            self.socket = socket.socket(family, socket.SOCK_DGRAM, protocol)
            self.raw = False
        self.socket.setblocking(False)
        self.waiting: dict[bytes, tuple[asyncio.Future[float], str, float]] = {}
        asyncio.get_running_loop().add_reader(self.socket.fileno(), self._drain)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.socket.fileno())
        self.socket.close()

    def send(self, address: str, token: bytes, sequence: int) -> None:
        kind = 128 if self.v6 else 8
        body = token + bytes(PAYLOAD - _TOKEN)
        identity = int.from_bytes(token[:2], "big")
        packet = struct.pack("!BBHHH", kind, 0, 0, identity, sequence) + body
        if not self.v6:
            packet = packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]
        self.socket.sendto(packet, (address, 0))

    def _drain(self) -> None:
        for _ in range(DRAIN):
            try:
                data, sender = self.socket.recvfrom(2_048)
            except OSError:
                return
            if self.raw and not self.v6:
                data = data[(data[0] & 0x0F) * 4 :] if data else b""
            if len(data) < 8 + _TOKEN or data[0] != (129 if self.v6 else 0):
                continue
            waiting = self.waiting.get(data[8 : 8 + _TOKEN])
            if waiting is None or waiting[1] != sender[0] or waiting[0].done():
                continue
            waiting[0].set_result(monotonic() - waiting[2])


class Icmp:
    """All pings of an agent. Use inside one running loop; close at the end."""

    def __init__(self) -> None:
        self._sockets: dict[int, _Socket] = {}

    def close(self) -> None:
        """Let go of the sockets."""
        for one in self._sockets.values():
            one.close()
        self._sockets.clear()

    async def fetch(self, address: str, *, count: int = 3, timeout_s: float = 3.0) -> Facts:
        """Ping `count` times within `timeout_s` in all; raises TroubleError where nothing came back."""
        until = monotonic() + timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                loop = asyncio.get_running_loop()
                found = await loop.getaddrinfo(address, 0, type=socket.SOCK_DGRAM)
            family, _, _, _, where = found[0]
            if family not in self._sockets:
                self._sockets[family] = _Socket(family)
            each = max(0.05, (until - monotonic()) / count)
            times = [
                await self._one(self._sockets[family], str(where[0]), number, each) for number in range(count)
            ]
        except OSError as error:
            raise of_os(error) from None
        came = [one for one in times if one is not None]
        if not came:
            raise TroubleError("no_answer", f"None of {count} pings came back.")
        readings = {
            "rtt_seconds": min(came),
            "rtt_max_seconds": max(came),
            "loss_ratio": 1 - len(came) / count,
        }
        return Facts(dict(readings), rtt_s=min(came))

    @staticmethod
    async def _one(via: _Socket, address: str, number: int, wait_s: float) -> float | None:
        token = secrets.token_bytes(_TOKEN)
        answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        via.waiting[token] = (answer, address, monotonic())
        try:
            with contextlib.suppress(BlockingIOError):
                via.send(address, token, number + 1)
            async with asyncio.timeout(wait_s):
                return await answer
        except TimeoutError:
            return None
        finally:
            del via.waiting[token]
