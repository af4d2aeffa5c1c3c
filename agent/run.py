"""The living program: has devices polled, keeps and delivers what comes of it, follows its configuration."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from agent import config as configuration
from agent.clock import Clock
from agent.collect import Collector
from agent.config import Settings
from agent.delivery import Delivery
from agent.devices import HOST
from agent.discover.runs import Runs
from agent.durable import replace
from agent.knowledge import packaged as packaged_knowledge
from agent.link import Link, Told
from agent.listeners.names import Names
from agent.listeners.standing import Standing, is_heard
from agent.listeners.station import Station
from agent.outbox import Outbox
from agent.parcel import Parcel
from agent.polling import Polling
from agent.registry import Registry
from agent.selfwatch import Selfwatch
from agent.vault import Identity, load_config, save_config
from agent.version import VERSION
from agent.watch import Watch
from rules.wire import AlertNews, Config

log = logging.getLogger("watchdesk.agent")
CONFIG_S = 30.0  # between two looks for a new configuration
NEWS_S = 0.2  # news are gathered so long before they are put on the disk
SNAPSHOT_S = 60.0
STOP_S = 8.0


@dataclass
class Agent:
    """All parts of a running agent. Make it inside the running loop.

    Waiting with a bound is `asyncio.timeout`: `wait_for` of Python 3.11 may swallow being cancelled.
    """

    settings: Settings
    identity: Identity
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        data = self.settings.directory
        self.outbox = open_outbox(self.settings, self.clock.wall)
        self.registry = Registry(data / "series.log")
        self.collector = Collector(self.registry)
        self.watch = Watch()
        self.config: Config | None = None
        self.etag = ""
        self.news = asyncio.Event()
        self.changed = asyncio.Event()
        self.polling = Polling(
            self.settings,
            self.clock,
            self.collector,
            self.watch,
            seed=str(self.identity.agent_id),
            on_news=self.news.set,
        )
        self.link = Link(self.identity.server, self.identity, version=VERSION, ca=self.settings.ca)
        self.delivery = Delivery(
            self.outbox,
            self.registry,
            self.link,
            self.identity.agent_id,
            data,
            self.clock.wall,
            on_generation=self._wanted,
        )
        self.own = Selfwatch(self.polling.schedule, self.outbox, self.delivery, self.collector)
        self.heard = Standing(
            Names(packaged_knowledge),
            name_of=self.polling.name_of,
            polled=self.watch.judges,
            hasten=self.polling.hasten,
        )
        self.station = Station(
            self.settings.traps,
            self.settings.syslog,
            data,
            standing=self.heard,
            tell=self._tell,
            show=self.collector.hear,
            wall=self.clock.wall,
        )
        self.own.others = self.station.metrics
        self.runs = Runs(data, self.collector, self.clock, self.news.set, self.polling.library)
        self._restore(data)

    async def run(self) -> None:
        """Live until cancelled or until the disk refuses; then put away what is in memory."""
        kept = load_config(self.settings.directory)
        self.apply(kept or Config(generation="none"), kept=kept is not None)
        try:
            async with asyncio.TaskGroup() as group:
                for task in (
                    self.polling.run,
                    self._flush_loop,
                    self._config_loop,
                    self.delivery.run,
                    self.station.run,
                ):
                    group.create_task(task())
                group.create_task(self.own.expose(self.settings.metrics.host, self.settings.metrics.port))
        finally:
            await self._close()

    def apply(self, config: Config, *, kept: bool = True) -> None:
        """Watch what a configuration names. What is no longer in it is let go, its alerts ended.

        Args:
            config: found good before.
            kept: False where it only stands in for one that never came: then nothing that stood is ended.
        """
        at, wall = self.clock.steady(), self.clock.wall()
        wanted = self.polling.wanted(config)
        if kept:
            for key in self.polling.known - wanted.keys():
                self.polling.remove(key, at=at, wall=wall)
                self.collector.tell(self.heard.remove(key, wall=wall))
        for key, device in wanted.items():
            self.polling.put(key, device, at=at)
        self.collector.tell(self.watch.dropped(at=at, wall=wall))
        self.station.know(self.polling.library.heard.values())
        self.station.ignore(config.ignored)
        targets = (one.target for one in self.polling.devices.values())
        self.station.heed(targets, host=config.host and kept)
        self.runs.follow(config, self.polling.library)
        self.config = config
        if self.collector.has_news:
            self.news.set()
        self.polling.wake.set()

    def flush(self, *, samples: bool) -> None:
        """Put what was gathered on the disk, then let it be sent. One step: nothing comes in between."""
        told = self.collector.put_news(self.outbox)
        if samples:
            self.collector.put_samples(self.outbox)
        self.outbox.sync()
        if told:
            self._snapshot()
        self.runs.settle()
        self.outbox.release()
        self.delivery.wake.set()

    async def _flush_loop(self) -> None:
        following = saved = self.clock.steady()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.05, following - self.clock.steady())):
                    await self.news.wait()
                await asyncio.sleep(NEWS_S)
            self.news.clear()
            now = self.clock.steady()
            due = now >= following
            if due:
                every = self.config.report_every_s if self.config else 10.0
                following = now + every
                self.collector.own(HOST, self.own.metrics(), wall=self.clock.wall())
                self.outbox.drop_old()
            self.flush(samples=due)
            if now - saved >= SNAPSHOT_S:
                self._snapshot()
                saved = now

    async def _config_loop(self) -> None:
        while True:
            self.changed.clear()
            told = await self.link.config(self.etag)
            if isinstance(told, Told):
                if told.kind not in {"unchanged", "away"}:
                    log.warning("no configuration: %s %s", told.kind, told.reason)
            else:
                self._configure(*told)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CONFIG_S):
                    await self.changed.wait()

    def _configure(self, config: Config, etag: str) -> None:
        """Take a configuration if it is sane; else keep the one that was good."""
        self.etag = etag
        found = configuration.faults(config, self.settings.poll.transports)
        if found:
            log.error(
                "configuration %s refused, the last good one is kept: %s", config.generation, "; ".join(found)
            )
            return
        save_config(self.settings.directory, config)
        self.apply(config)

    def _wanted(self, generation: str) -> None:
        if self.config is None or generation != self.config.generation:
            self.changed.set()

    def _tell(self, news: list[AlertNews]) -> None:
        """News that no poll brought."""
        self.collector.tell(news)
        self.news.set()

    def _snapshot(self) -> None:
        events = self.outbox.last("events")
        replace(self.settings.directory / "standing.msgpack", self.watch.snapshot(events))
        if self.station.ears or self.heard.conditions:
            replace(self.settings.directory / "heard.msgpack", self.heard.snapshot(events))

    def _restore(self, data: Path) -> None:
        """What stood before the restart, and the news that were put down after it was written."""
        events = heard = 0
        with contextlib.suppress(OSError):
            events = self.watch.load((data / "standing.msgpack").read_bytes())
        with contextlib.suppress(OSError):
            heard = self.heard.load((data / "heard.msgpack").read_bytes())
        for record in self.outbox.unacknowledged("events", min(events, heard)):
            with contextlib.suppress(msgspec.MsgspecError):
                for news in msgspec.msgpack.decode(record.body, type=Parcel).alerts:
                    if is_heard(news):
                        if record.number > heard:
                            self.heard.replay(news, self.polling.library.heard)
                    elif record.number > events:
                        self.watch.replay(news, at=self.clock.steady())

    async def _close(self) -> None:
        await self.runs.close()
        if self.outbox.failed is None:
            self.flush(samples=True)
            self._snapshot()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S / 2):
                await self.polling.poller.close()
        await self.link.close()
        self.outbox.close()


def open_outbox(settings: Settings, now: Callable[[], float]) -> Outbox:
    """The outbox of an agent."""
    return Outbox(
        settings.directory / "outbox",
        cap=settings.spool.max_mb * 1024 * 1024,
        max_age_s=settings.spool.max_hours * 3600.0,
        gap_body=lambda gap: msgspec.msgpack.encode(Parcel(gaps=[gap])),
        now=now,
    )


def storage_fault(group: BaseExceptionGroup[OSError]) -> OSError:
    """The failure of the disk that ended the program, out of what its tasks raised together."""
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    assert isinstance(first, OSError)
    return first


async def live(settings: Settings, identity: Identity) -> None:
    """Run until SIGTERM or SIGINT; raises StorageFailedError where the disk refuses."""
    agent = Agent(settings, identity)
    running = asyncio.ensure_future(agent.run())
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows has no signals in its loop
            loop.add_signal_handler(one, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running
