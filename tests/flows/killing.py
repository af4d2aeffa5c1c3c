"""Programs that are killed and started again: the server on a port of its own, the agent on its folder."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from dataclasses import dataclass, field
from pathlib import Path

import psutil

START_S = 120.0  # what a start may take where others load the machine


@dataclass
class Killed:
    """One program; of each start how long it took, and of that how long it computed."""

    words: list[str]
    log: Path
    ready: bytes = b""  # what its standard output says once it is ready; empty: nothing
    environment: dict[str, str] = field(default_factory=dict)
    took_s: list[float] = field(default_factory=list)
    computed_s: list[float] = field(default_factory=list)
    kills: int = 0
    process: Process | None = None

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        await self.launch()
        await self.until_ready()

    async def launch(self) -> None:
        """Start it without waiting."""
        self._began = time.monotonic()
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self.words,
                stdout=PIPE if self.ready else DEVNULL,
                stderr=log,
                env=os.environ | {"LANG": "C.UTF-8"} | self.environment,
            )

    async def until_ready(self) -> None:
        """Wait for its word; fails where it ends before."""
        assert self.process is not None
        if self.ready:
            assert self.process.stdout is not None
            async with asyncio.timeout(START_S):
                while self.ready not in (line := await self.process.stdout.readline()):
                    assert line, f"it ended: {self.log.read_text()[-2000:]}"
        self.took_s.append(time.monotonic() - self._began)
        times = psutil.Process(self.process.pid).cpu_times()
        self.computed_s.append(times.user + times.system)

    async def kill(self) -> None:
        """SIGKILL, whatever it does at the moment; fails where it had ended by itself."""
        assert self.process is not None
        assert self.process.returncode is None, f"it ended: {self.log.read_text()[-2000:]}"
        self.process.kill()
        await self.process.wait()
        self.kills += 1

    def freeze(self) -> None:
        """SIGSTOP: it is there and does nothing, until `thaw`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        """SIGTERM; it must end cleanly within 10 s."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await self.process.wait() == 0, self.log.read_text()[-2000:]

    async def end(self) -> None:
        """Whatever its state, leave nothing running."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
