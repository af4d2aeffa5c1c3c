"""The living program: polls on schedule, watches, keeps, delivers, and follows its configuration."""

import asyncio
import contextlib
import logging
import signal
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from agent import config as configuration
from agent.clock import Clock
from agent.collect import Collector
from agent.config import Settings
from agent.delivery import Delivery
from agent.devices import HOST, Device, Library, library
from agent.discover.runs import Runs
from agent.durable import replace
from agent.knowledge import packaged as packaged_knowledge
from agent.link import Link, Told
from agent.listeners.names import Names
from agent.listeners.standing import Standing, is_heard
from agent.listeners.station import Station
from agent.observe import Observer, own_name
from agent.outbox import Outbox
from agent.parcel import Parcel
from agent.poll import Poller
from agent.reading import Reading
from agent.registry import Registry
from agent.schedule import Schedule
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
        self.poller = Poller(checks=self.settings.commands)
        self.outbox = open_outbox(self.settings, self.clock.wall)
        self.registry = Registry(data / "series.log")
        self.collector = Collector(self.registry)
        self.watch = Watch()
        self.observer = Observer()
        self.schedule = Schedule(seed=str(self.identity.agent_id))
        self.library: Library = library(None, listening=self.settings.listening, own=self.settings.own_heard)
        self.devices: dict[str, Device] = {}
        self.chosen: dict[str, str] = {}
        self.config: Config | None = None
        self.etag = ""
        self.news = asyncio.Event()
        self.changed = asyncio.Event()
        self.wake = asyncio.Event()
        self.room = asyncio.Semaphore(self.settings.poll.concurrency)
        self.doubted = asyncio.Semaphore(max(1, self.settings.poll.concurrency // 2))
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
        self.own = Selfwatch(self.schedule, self.outbox, self.delivery, self.collector)
        self.heard = Standing(
            Names(packaged_knowledge),
            name_of=self._name_of,
            polled=self.watch.judges,
            hasten=self._hasten,
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
        self.runs = Runs(data, self.collector, self.clock, self.news.set, self.library)
        self._restore(data)

    async def run(self) -> None:
        """Live until cancelled or until the disk refuses; then put away what is in memory."""
        kept = load_config(self.settings.directory)
        self.apply(kept or Config(generation="none"), kept=kept is not None)
        try:
            async with asyncio.TaskGroup() as group:
                for task in (
                    self._poll_loop,
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
        if self.config is None or (config.profiles, config.alerts) != (
            self.config.profiles,
            self.config.alerts,
        ):
            self.library = library(config, listening=self.settings.listening, own=self.settings.own_heard)
            for fault in self.library.faults:
                log.error("a file of the server is left out: %s", fault)
        wanted: dict[str, Device] = {}
        for one in config.targets:
            device = self.library.device(one, self.chosen.get(f"t{one.id}"))
            wanted[device.target.key] = device
        if config.host:
            wanted[HOST] = self.library.host(own_name())
        if kept:
            for key in (self.devices.keys() | self.watch.waiting.keys()) - wanted.keys():
                self._remove(key, at=at, wall=wall)
        for key, device in wanted.items():
            self._put(key, device, at=at)
        self.collector.tell(self.watch.dropped(at=at, wall=wall))
        self.station.know(self.library.heard.values())
        self.station.ignore(config.ignored)
        self.station.heed((one.target for one in self.devices.values()), host=config.host and kept)
        self.runs.follow(config, self.library)
        self.config = config
        if self.collector.has_news:
            self.news.set()
        self.wake.set()

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

    async def _poll_loop(self) -> None:
        async with asyncio.TaskGroup() as polls:
            while True:
                await self.room.acquire()
                key = await self._next()
                if self.schedule.failing(key):
                    self.room.release()
                    polls.create_task(self._poll_doubted(key))
                else:
                    polls.create_task(self._poll(key))

    async def _next(self) -> str:
        """The next device that is due."""
        while True:
            key = self.schedule.take(self.clock.steady())
            if key is not None:
                return key
            pause = self.schedule.wait(self.clock.steady())
            self.wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(pause if pause is not None else 1.0, 1.0)):
                    await self.wake.wait()

    async def _poll_doubted(self, key: str) -> None:
        """Ask one that did not answer last time: its kind has half of the room, the others wait for none."""
        async with self.doubted:
            await self.room.acquire()
            await self._poll(key)

    async def _poll(self, key: str) -> None:
        up = False
        begun = self.clock.steady()
        try:
            device = self.devices.get(key)
            if device is not None:
                up = await self._ask(key, device)
        finally:
            self.room.release()
            now = self.clock.steady()
            for parent in self.schedule.done(key, now, up=up, took_s=now - begun):
                self.schedule.hasten(parent, now)
            self.wake.set()

    async def _ask(self, key: str, device: Device) -> bool:
        trace = uuid.uuid4().hex
        if device.probing:
            device = await self._choose(key, device)
        identify = self.observer.due(key, self.clock.steady())
        plan = device.identifying if identify else device.plan
        try:
            reading = await self.poller.poll(device.target, plan)
        except Exception:  # one device's bug must not blind the agent for all others
            log.exception("polling %s failed (trace %s)", key, trace)
            reading = Reading(up=False, reason="bad_response", detail="The agent failed on the answer.")
        if self.devices.get(key) is not device:
            return reading.up
        at, wall = self.clock.steady(), self.clock.wall()
        self.collector.take(key, device.plan, reading, wall=wall)
        if not reading.up:
            self.observer.forget(key)
        elif identify:
            told = self.observer.observe(device.target, plan, reading, at=at, wall=wall, trace=trace)
            if told is not None:
                self.collector.observe(told)
        news = self.watch.take(key, reading, at=at, wall=wall, trace=trace)
        if news:
            self.collector.tell(news)
            self.news.set()
        return reading.up

    async def _choose(self, key: str, device: Device) -> Device:
        """Learn which profile a device without one fits; the device as it is polled from now on."""
        reading = await self.poller.poll(device.target, self.library.probe())
        if not reading.up or self.devices.get(key) is not device:
            return device
        answered = frozenset(
            one.metric.removeprefix("answers:") for one in reading.values if one.raw is not None
        )
        self.chosen[key] = self.library.choose(reading.identity, answered)
        one = next((one for one in self.config.targets if f"t{one.id}" == key), None) if self.config else None
        if one is None:
            return device
        found = self.library.device(one, self.chosen[key])
        self._put(key, found, at=self.clock.steady())
        return found

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

    def _put(self, key: str, device: Device, *, at: float) -> None:
        before = self.devices.get(key)
        if before is not None and before.target != device.target:
            self.poller.forget(key)
            self.observer.forget(key)
        self.devices[key] = device
        self.watch.put(key, device.target.name, device.plan, self.library.rules, at=at)
        self.schedule.put(key, device.every_s, at, parents=device.parents)

    def _remove(self, key: str, *, at: float, wall: float) -> None:
        self.devices.pop(key, None)
        self.chosen.pop(key, None)
        self.schedule.drop(key)
        self.poller.forget(key)
        self.observer.forget(key)
        self.collector.forget(key)
        self.collector.tell(self.watch.remove(key, at=at, wall=wall))
        self.collector.tell(self.heard.remove(key, wall=wall))

    def _tell(self, news: list[AlertNews]) -> None:
        """News that no poll brought."""
        self.collector.tell(news)
        self.news.set()

    def _name_of(self, key: str) -> str | None:
        device = self.devices.get(key)
        return device.target.name if device is not None else None

    def _hasten(self, key: str) -> None:
        """Poll a device at once."""
        self.schedule.hasten(key, self.clock.steady())
        self.wake.set()

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
                            self.heard.replay(news, self.library.heard)
                    elif record.number > events:
                        self.watch.replay(news, at=self.clock.steady())

    async def _close(self) -> None:
        await self.runs.close()
        if self.outbox.failed is None:
            self.flush(samples=True)
            self._snapshot()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S / 2):
                await self.poller.close()
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
