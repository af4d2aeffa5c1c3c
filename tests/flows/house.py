"""The demo as a stranger starts it: desk, room and agent as programs of their own, on real sockets."""

import asyncio
import os
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import psutil

T = TypeVar("T")
BIN = Path(sys.executable).parent
PASSWORD = "watchdesk-demo"
READY_S = 180  # where others load the machine


class House:
    """A running demo and a browser that is signed in to it."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, computed_s: float) -> None:
        self.process = process
        self.url = url
        self.computed_s = computed_s  # CPU seconds of all its programs until it was ready
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def sign_in(self, username: str) -> None:
        page = await self.text("/login")
        form = {"csrf": _csrf(page), "username": username, "password": PASSWORD}
        async with self.http.post(self.url + "/login", data=form, headers=self._origin) as response:
            assert response.status == 200, await response.text()

    async def text(self, path: str) -> str:
        async with self.http.get(self.url + path) as response:
            text = await response.text()
            assert response.status == 200, f"{path}: {response.status} {text[:300]}"
            return text

    async def json(self, path: str) -> Any:
        async with self.http.get(self.url + path) as response:
            assert response.status == 200, f"{path}: {response.status} {await response.text()}"
            return await response.json()

    async def post(self, path: str, **form: str) -> None:
        """Press a button: the form's token is that of the page the person looks at."""
        form["csrf"] = _csrf(await self.text("/demo"))
        async with self.http.post(self.url + path, data=form, headers=self._origin) as response:
            assert response.status == 200, f"{path}: {response.status} {await response.text()}"

    @property
    def _origin(self) -> dict[str, str]:
        return {"Origin": self.url, "Sec-Fetch-Site": "same-origin"}

    async def until(
        self, ask: Callable[[], Awaitable[T | None]], within_s: float, *, what: str, every_s: float = 1.0
    ) -> T:
        """Ask again until there is an answer; fails with `what` when the time is over."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            found = await ask()
            if found:
                return found
            assert self.process.returncode is None, "the demo ended"
            await asyncio.sleep(every_s)
        raise AssertionError(f"not within {within_s:g} s: {what}")


def _csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, "the page has no form"
    return found.group(1)


def _computed_s(pid: int) -> float:
    """What a program and those it started computed so far, in seconds of one core."""
    demo = psutil.Process(pid)
    times = [one.cpu_times() for one in (demo, *demo.children(recursive=True))]
    return sum(one.user + one.system + one.children_user + one.children_system for one in times)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def demo(data: Path) -> AsyncIterator[House]:
    """Start the demo, wait until it is ready, and end it as Ctrl C would."""
    port = free_port()
    words = ["demo", "--port", str(port), "--data", str(data), "--no-auto"]
    process = await asyncio.create_subprocess_exec(
        str(BIN / "watchdesk-server"),
        *words,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    async with asyncio.timeout(READY_S):
        while b"Watchdesk demo, ready" not in (line := await process.stdout.readline()):
            if not line:
                await process.wait()
                raise AssertionError("the demo ended before it was ready")
    house = House(process, f"http://127.0.0.1:{port}", _computed_s(process.pid))
    drain = asyncio.create_task(process.stdout.read())
    try:
        yield house
    finally:
        await house.http.close()
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            await process.wait()
        drain.cancel()
