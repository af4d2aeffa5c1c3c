"""Connections that send no request: closed, so that slow or silent clients hold nothing.

aiohttp times idle connections after a request, not before the first one; this closes those.
"""

import asyncio

from aiohttp import web

HEADERS_S = 15.0  # for a request to be there in full, from the connection's beginning
PERIOD_S = 5.0


class Sweeper:
    """Closes connections whose first request does not arrive within 15 s."""

    def __init__(self, server: web.Server) -> None:
        self._server = server
        self._waiting: dict[web.RequestHandler, float] = {}  # since when nothing was asked

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            self.sweep(asyncio.get_running_loop().time())
            await asyncio.sleep(PERIOD_S)

    def sweep(self, now: float) -> int:
        """Close what has waited too long by the loop's time `now`; returns how many."""
        waiting: dict[web.RequestHandler, float] = {}
        late: list[web.RequestHandler] = []
        for handler in self._server.connections:
            # aiohttp has no public word for "nothing was asked yet on this connection".
            if handler._request_in_progress or handler._keepalive_handle is not None:  # noqa: SLF001
                continue
            since = waiting[handler] = self._waiting.get(handler, now)
            if now - since > HEADERS_S:
                late.append(handler)
        for handler in late:
            del waiting[handler]
            handler.force_close()
        self._waiting = waiting
        return len(late)
