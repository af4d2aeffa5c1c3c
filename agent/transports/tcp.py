"""TCP connect: is a port open, and how soon? Readings: `connect_seconds`; `banner` where asked for."""

import asyncio
import contextlib
from time import monotonic

from agent.transports.facts import Facts
from agent.transports.trouble import of_os, text_of

BANNER = 512  # bytes


async def fetch(address: str, port: int, *, timeout_s: float = 3.0, banner: bool = False) -> Facts:
    """Connect and close again. `banner`: wait for what the service says first. Raises TroubleError."""
    begun = monotonic()
    facts = Facts()
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(address, port)
    except OSError as error:
        raise of_os(error) from None
    took = monotonic() - begun
    facts.readings["connect_seconds"] = facts.rtt_s = took
    if banner:
        with contextlib.suppress(OSError):
            async with asyncio.timeout(max(0.05, timeout_s - took)):
                facts.readings["banner"] = text_of(await reader.read(BANNER), BANNER)
    writer.close()
    with contextlib.suppress(OSError):
        async with asyncio.timeout(1.0):
            await writer.wait_closed()
    return facts
