"""The devices that an agent watches: each asked in its turn, what it says taken where it belongs."""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable

from agent.clock import Clock
from agent.collect import Collector
from agent.config import Settings
from agent.devices import HOST, Device, Library, library
from agent.observe import Observer, own_name
from agent.poll import Poller
from agent.reading import Reading
from agent.schedule import Schedule
from agent.watch import Watch
from rules.wire import Config

log = logging.getLogger("watchdesk.agent")


class Polling:
    """Asks devices on schedule. Make it inside the running loop; `poller` is closed by who ends it.

    Args:
        collector: takes what is read and what the watch has to tell.
        watch: judges what is read.
        seed: tells agents apart, as of `Schedule`.
        on_news: called when the collector was given news.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        collector: Collector,
        watch: Watch,
        *,
        seed: str,
        on_news: Callable[[], None],
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.collector = collector
        self.watch = watch
        self.poller = Poller(checks=settings.commands)
        self.observer = Observer()
        self.schedule = Schedule(seed=seed)
        self.library: Library = library(None, listening=settings.listening, own=settings.own_heard)
        self.devices: dict[str, Device] = {}
        self.chosen: dict[str, str] = {}
        self.wake = asyncio.Event()
        self.room = asyncio.Semaphore(settings.poll.concurrency)
        self.doubted = asyncio.Semaphore(max(1, settings.poll.concurrency // 2))
        self._config: Config | None = None
        self._on_news = on_news

    async def run(self) -> None:
        """Ask whoever is due, until cancelled."""
        async with asyncio.TaskGroup() as polls:
            while True:
                await self.room.acquire()
                key = await self._next()
                if self.schedule.failing(key):
                    self.room.release()
                    polls.create_task(self._poll_doubted(key))
                else:
                    polls.create_task(self._poll(key))

    @property
    def known(self) -> set[str]:
        """The keys of all that is watched, or was before a restart."""
        return self.devices.keys() | self.watch.waiting.keys()

    def wanted(self, config: Config) -> dict[str, Device]:
        """The devices that a configuration names, by key, as its profiles and alert rules have them."""
        before, self._config = self._config, config
        if before is None or (config.profiles, config.alerts) != (before.profiles, before.alerts):
            self.library = library(config, listening=self.settings.listening, own=self.settings.own_heard)
            for fault in self.library.faults:
                log.error("a file of the server is left out: %s", fault)
        found: dict[str, Device] = {}
        for one in config.targets:
            device = self.library.device(one, self.chosen.get(f"t{one.id}"))
            found[device.target.key] = device
        if config.host:
            found[HOST] = self.library.host(own_name())
        return found

    def put(self, key: str, device: Device, *, at: float) -> None:
        """Watch a device from now on, or as it is from now on."""
        before = self.devices.get(key)
        if before is not None and before.target != device.target:
            self.poller.forget(key)
            self.observer.forget(key)
        self.devices[key] = device
        self.watch.put(key, device.target.name, device.plan, self.library.rules, at=at)
        self.schedule.put(key, device.every_s, at, parents=device.parents)

    def remove(self, key: str, *, at: float, wall: float) -> None:
        """Let go of a device; its alerts end."""
        self.devices.pop(key, None)
        self.chosen.pop(key, None)
        self.schedule.drop(key)
        self.poller.forget(key)
        self.observer.forget(key)
        self.collector.forget(key)
        self.collector.tell(self.watch.remove(key, at=at, wall=wall))

    def name_of(self, key: str) -> str | None:
        """What a device is called; None for one that is not watched."""
        device = self.devices.get(key)
        return device.target.name if device is not None else None

    def hasten(self, key: str) -> None:
        """Poll a device at once."""
        self.schedule.hasten(key, self.clock.steady())
        self.wake.set()

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
            self._on_news()
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
        one = (
            next((one for one in self._config.targets if f"t{one.id}" == key), None) if self._config else None
        )
        if one is None:
            return device
        found = self.library.device(one, self.chosen[key])
        self.put(key, found, at=self.clock.steady())
        return found
