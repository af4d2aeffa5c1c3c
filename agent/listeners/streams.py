"""Syslog over TCP and TLS: framed, bounded in connections, in idle time and in what is kept of each."""

import asyncio
import ssl
from collections import Counter
from time import monotonic

from agent.listeners.framing import Frames
from agent.listeners.lines import LineEar
from agent.listeners.sources import Address, packed

CHUNK = 65_536
PER_SOURCE = 20  # connections
IN_ALL = 1_000
IDLE_S = 3_600.0  # a device that says nothing for so long may connect again
HANDSHAKE_S = 10.0


class Streams:
    """All connections, of all ports."""

    def __init__(self, ear: LineEar) -> None:
        self.ear = ear
        self.servers: list[asyncio.Server] = []
        self._open: Counter[Address] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listen on a port; raises OSError."""
        server = await asyncio.start_server(
            self._serve, host, port, ssl=tls, ssl_handshake_timeout=HANDSHAKE_S if tls else None, limit=CHUNK
        )
        self.servers.append(server)

    @property
    def ports(self) -> list[int]:
        """The ports that are bound, in the order they were opened."""
        return [server.sockets[0].getsockname()[1] for server in self.servers]

    async def close(self) -> None:
        """End all connections."""
        for server in self.servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.servers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        peer = writer.get_extra_info("peername")
        address = packed(peer[0]) if peer else None
        try:
            if address is None or not self._welcome(address):
                return
            self._open[address] += 1
            try:
                await self._read(reader, address)
            finally:
                self._open[address] -= 1
                self._open += Counter()  # drops those that are at none
        except (OSError, ssl.SSLError, TimeoutError, asyncio.CancelledError):
            pass  # the other end is gone, or we end: what came is taken
        finally:
            self._tasks.discard(task)
            writer.close()

    def _welcome(self, address: Address) -> bool:
        """Whether one more connection is taken; of strangers none, they are counted."""
        if address not in self.ear.sources:
            self.ear.strangers.count(address, monotonic())
            return False
        if self._open[address] >= PER_SOURCE or self._open.total() >= IN_ALL:
            self.ear.counts["refused_connections"] += 1
            return False
        return True

    async def _read(self, reader: asyncio.StreamReader, address: Address) -> None:
        frames = Frames()
        while True:
            async with asyncio.timeout(IDLE_S):
                chunk = await reader.read(CHUNK)
            messages = frames.feed(chunk) if chunk else frames.finish()
            if messages:
                self.ear.take([(address, message, None) for message in messages])
            if frames.cut:
                self.ear.counts["cut"] += frames.cut
                frames.cut = 0
            if not chunk:
                return
            await asyncio.sleep(0)
