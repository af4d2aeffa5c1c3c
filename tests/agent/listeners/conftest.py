"""A station that hears on loopback, with what it told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.config import SyslogSettings, TrapSettings
from agent.knowledge import packaged as packaged_knowledge
from agent.listeners.bench import free_port
from agent.listeners.names import Names
from agent.listeners.standing import Standing
from agent.listeners.station import Station
from agent.reading import Target
from rules import heard_reading
from rules.heard import HeardRule
from rules.wire import AlertNews, HeardSample

ALICE = Target("t1", "sw-alice", "127.0.0.1")
KEYS = {
    "user": "watch",
    "auth_protocol": "sha256",
    "auth_password": "alice-auth-key",
    "priv_protocol": "aes",
    "priv_password": "alice-priv-key",
}


@dataclass
class Place:
    """An open station. `polled` holds (device, rule) that polling tells; `asked` the polls it wanted.

    `shown`: messages for people to look at.
    """

    station: Station
    news: list[AlertNews]
    port: int
    polled: set[tuple[str, str]] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    shown: list[HeardSample] = field(default_factory=list)

    async def told(self, count: int = 1, *, seconds: float = 10.0) -> list[AlertNews]:
        """The news, once there are so many."""
        for _ in range(int(seconds * 50)):
            if len(self.news) >= count:
                return self.news
            await asyncio.sleep(0.02)
        pytest.fail(f"{len(self.news)} news instead of {count}: {self.news}")

    async def counted(self, outcome: str, count: int = 1) -> None:
        """Wait until so many messages had an outcome."""
        for _ in range(500):
            if sum(ear.figures().get(outcome, 0) for ear in self.station.ears) >= count:
                return
            await asyncio.sleep(0.02)
        pytest.fail(f"not {count} times {outcome}: {[ear.figures() for ear in self.station.ears]}")


@asynccontextmanager
async def listening(
    folder: Path,
    *,
    targets: Iterable[Target] = (ALICE,),
    rules: Iterable[HeardRule] | None = None,
    traps: TrapSettings | None = None,
    syslog: SyslogSettings | None = None,
) -> AsyncIterator[Place]:
    """A station on free ports of loopback, with the rules of the package."""
    port = free_port()
    heeded = list(targets)
    names = {one.key: one.name for one in heeded}
    news: list[AlertNews] = []
    polled: set[tuple[str, str]] = set()
    asked: list[str] = []
    shown: list[HeardSample] = []
    standing = Standing(
        Names(packaged_knowledge),
        name_of=names.get,
        polled=lambda key, rule: (key, rule) in polled,
        hasten=asked.append,
    )
    station = Station(
        traps or (TrapSettings(port=port) if syslog is None else TrapSettings()),
        syslog or SyslogSettings(),
        folder,
        standing=standing,
        tell=news.extend,
        show=shown.append,
        wall=lambda: 1_700_000_000.0,
    )
    station.know(heard_reading.packaged().values() if rules is None else rules)
    station.heed(heeded, host=False)
    await station.open()
    assert not station._pending
    running = asyncio.create_task(station.run())
    try:
        yield Place(station, news, port, polled, asked, shown)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


Listening = Callable[..., AsyncIterator[Place]]
