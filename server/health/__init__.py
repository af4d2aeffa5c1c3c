"""The desk's own health: what it needs itself becomes an alert like any other, before it fails."""

import asyncio
import contextlib

from aiohttp import web

from server.health import disk
from server.kernel import keys
from server.kernel.i18n import N_
from server.kernel.practice import Practice

WATCH: "web.AppKey[asyncio.Task[None]]" = web.AppKey("health.watch")


async def _start(app: web.Application) -> None:
    if not app[keys.BACKGROUND]:
        return
    watch = disk.Watch(app[keys.DATABASE], app[keys.CLOCK], app[keys.SETTINGS].data)
    app[WATCH] = asyncio.create_task(watch.forever(), name="health")


async def _stop(app: web.Application) -> None:
    task = app.get(WATCH)
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


PRACTICE = Practice(name="health", title=N_("Own health"), startup=(_start,), cleanup=(_stop,))
