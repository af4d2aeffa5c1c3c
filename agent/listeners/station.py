"""The listeners of an agent: ports, ears, and what they hear on its way to the collector.

Off unless the agent's own settings name a port; the server can open none.
"""

import asyncio
import contextlib
import logging
import os
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from random import getrandbits
from time import monotonic

import msgspec
import psutil

from agent.config import SyslogSettings, TrapSettings
from agent.durable import replace
from agent.listeners.ear import Ear, Sample
from agent.listeners.lines import LineEar
from agent.listeners.receive import Receiver
from agent.listeners.sources import Address, Source, packed, table
from agent.listeners.standing import Standing
from agent.listeners.streams import Streams
from agent.listeners.traps import TrapEar
from agent.listeners.usm import Security, User, user_of
from agent.reading import Target
from rules.heard import HeardRule
from rules.wire import AlertNews, HeardSample, HeardValue, IgnoredHeard

log = logging.getLogger("watchdesk.agent")
TICK_S = 1.0
AGAIN_S = 30.0  # between two tries to bind a port
RESOLVE_S = 600.0  # between two looks where names lead
TOLD_S = 3_600.0  # between two lines in the log about strangers
AT_ONCE = 500  # heard things that become news before the loop does something else
Metric = tuple[str, str, dict[str, str], float]
Tell = Callable[[list[AlertNews]], None]
Show = Callable[[HeardSample], None]
MAX_VALUES = 40  # of a trap that people see


class EngineKept(msgspec.Struct):
    """Our SNMP engine, the same over restarts."""

    engine_id: bytes
    boots: int = 0


class Station:
    """All that listens. Make it inside the running loop; `run` until cancelled.

    Args:
        traps: settings; port 0 listens nowhere.
        syslog: likewise.
        data: the agent's directory.
        standing: what is made of what was heard.
        tell: takes news.
        show: takes messages that people may look at.
        wall: the clock that people see.
    """

    def __init__(
        self,
        traps: TrapSettings,
        syslog: SyslogSettings,
        data: Path,
        *,
        standing: Standing,
        tell: Tell,
        show: Show,
        wall: Callable[[], float],
    ) -> None:
        self.traps, self.syslog = traps, syslog
        self.standing = standing
        self._tell, self._show, self._wall = tell, show, wall
        self._ignored: tuple[IgnoredHeard, ...] = ()
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._targets: list[Target] = []
        self._host = False
        self._naming: asyncio.Task[None] | None = None
        self._receivers: list[Receiver] = []
        self.streams: Streams | None = None
        self.trap_ear: TrapEar | None = None
        self.line_ear: LineEar | None = None
        if traps.port:
            security = _security(data / "engine.msgpack")
            self.trap_ear = TrapEar(
                security,
                in_all=traps.in_all,
                wake=self._wake,
                communities=traps.communities,
                send=self._answer,
            )
        if syslog.udp or syslog.tcp or syslog.tls:
            self.line_ear = LineEar(in_all=syslog.in_all, wake=self._wake)
        self._pending = self._planned()

    @property
    def ears(self) -> list[Ear]:
        """Those that are open."""
        return [ear for ear in (self.trap_ear, self.line_ear) if ear is not None]

    async def open(self) -> None:
        """Bind the ports that are not bound yet; one that cannot be is told in the log and tried again."""
        for name, bind in list(self._pending.items()):
            try:
                await bind()
            except OSError as error:
                log.error("not listening for %s, tried again soon: %s", name, error.strerror or error)  # noqa: TRY400
            else:
                log.info("listening for %s", name)
                del self._pending[name]

    def _planned(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What binds each port, by its name for people."""
        plan: dict[str, Callable[[], Awaitable[None]]] = {}
        traps, syslog = self.traps, self.syslog
        if self.trap_ear is not None:
            take = partial(self._receive, traps.host, traps.port, self.trap_ear)
            plan[f"traps on {traps.host}, UDP port {traps.port}"] = take
        if self.line_ear is not None:
            self.streams = Streams(self.line_ear)
            place = f"syslog on {syslog.host}"
            if syslog.udp:
                plan[f"{place}, UDP port {syslog.udp}"] = partial(
                    self._receive, syslog.host, syslog.udp, self.line_ear
                )
            if syslog.tcp:
                plan[f"{place}, TCP port {syslog.tcp}"] = partial(self.streams.open, syslog.host, syslog.tcp)
            if syslog.tls:
                plan[f"{place}, TLS port {syslog.tls}"] = self._secure
        return plan

    async def _receive(self, host: str, port: int, ear: TrapEar | LineEar) -> None:
        receiver = Receiver(ear.kind, host, port, ear.take)
        receiver.start()
        self._receivers.append(receiver)

    async def _secure(self) -> None:
        assert self.streams is not None
        await self.streams.open(self.syslog.host, self.syslog.tls, _tls(self.syslog))

    @property
    def ports(self) -> list[int]:
        """The UDP ports that are bound, traps first."""
        return [one.port for one in self._receivers]

    async def run(self) -> None:
        """Take what is heard until cancelled."""
        if not self.ears:
            return
        resolved = ticked = told = tried = -1e9
        try:
            while True:
                now = monotonic()
                if now - resolved >= RESOLVE_S:
                    resolved = now
                    await self._resolve()
                if now - ticked >= TICK_S:
                    ticked = now
                    self._told(self.standing.tick(self.ears, now=now, wall=self._wall()))
                    self._ignore()
                if self._pending and now - tried >= AGAIN_S:
                    tried = now
                    await self.open()
                if now - told >= TOLD_S:
                    told = now
                    self._strangers()
                if not self._take():
                    # Not wait_for: of Python 3.11, it may swallow being cancelled.
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(TICK_S):
                            await self._woken.wait()
                    self._woken.clear()
                else:
                    await asyncio.sleep(0)
        finally:
            await self.close()

    async def close(self) -> None:
        """Let go of all ports; what was heard before is taken."""
        if self._naming is not None:
            self._naming.cancel()
        receivers, self._receivers = self._receivers, []
        for receiver in receivers:
            await asyncio.to_thread(receiver.close)
        if self.streams is not None:
            await self.streams.close()
        while self._take():
            pass

    def know(self, rules: Iterable[HeardRule]) -> None:
        """Judge by these rules from now on."""
        mine = list(rules)
        for ear in (self.trap_ear, self.line_ear):
            if ear is not None:
                ear.know(mine)

    def ignore(self, ignored: Iterable[IgnoredHeard]) -> None:
        """Leave these out from now on, each until its time is over."""
        self._ignored = tuple(ignored)
        self._ignore()

    def _ignore(self) -> None:
        wall = self._wall()
        for ear in self.ears:
            ear.ignored = frozenset(
                (one.source, one.what)
                for one in self._ignored
                if one.kind == ear.kind and not 0.0 < one.until <= wall
            )

    def heed(self, targets: Iterable[Target], *, host: bool) -> None:
        """Hear these targets from now on, and this machine where it is watched."""
        self._targets = sorted(targets, key=lambda one: (not one.credential, one.key))
        self._host = host
        self._heed({})
        if self.ears:
            self._naming = self._loop.create_task(self._resolve())

    async def _resolve(self) -> None:
        """Where the names of targets lead; what cannot be resolved is not heard until it can."""
        names = {one.address for one in self._targets if one.address and packed(one.address) is None}
        found: dict[str, list[str]] = {}
        for name in sorted(names):
            with contextlib.suppress(OSError, UnicodeError, TimeoutError):
                async with asyncio.timeout(5.0):
                    told = await self._loop.getaddrinfo(name, None)
                found[name] = [str(one[4][0]) for one in told]
        if names:
            self._heed(found)

    def _heed(self, found: Mapping[str, list[str]]) -> None:
        if self.trap_ear is not None:
            self.trap_ear.heed(self._sources(found, self.traps))
        if self.line_ear is not None:
            self.line_ear.heed(self._sources(found, self.syslog))

    def _sources(
        self, found: Mapping[str, list[str]], settings: TrapSettings | SyslogSettings
    ) -> dict[Address, Source]:
        """Sources by address: relays, then targets, then this machine."""
        rate, burst = settings.per_source, settings.per_source * 10.0
        relays = [
            (
                text,
                Source(
                    "",
                    text,
                    text,
                    relay=True,
                    rate=settings.in_all,
                    burst=settings.in_all,
                    tokens=settings.in_all,
                ),
            )
            for text in settings.relays
        ]
        users = _users(self._targets)
        targets = [
            (
                text,
                Source(
                    one.key, one.name, text, users.get(one.address, {}), rate=rate, burst=burst, tokens=burst
                ),
            )
            for one in self._targets
            for text in found.get(one.address, [one.address])
        ]
        own = [
            (text, Source("host", "host", text, rate=rate, burst=burst, tokens=burst))
            for text in (_own() if self._host else [])
        ]
        return table([*relays, *targets, *own])

    def metrics(self) -> list[Metric]:
        """What was heard and what became of it, for the agent's own figures."""
        found: list[Metric] = []
        for ear in self.ears:
            figures = ear.figures()
            figures["lost"] = sum(one.dropped() for one in self._of(ear))
            found += [
                ("agent_heard_total", "", {"kind": ear.kind, "outcome": outcome}, float(count))
                for outcome, count in sorted(figures.items())
            ]
            ago = self._wall() - monotonic()
            for source, one in ear.strangers.loudest():
                labels = {"kind": ear.kind, "source": source}
                found += [
                    ("agent_unknown_source_total", "", labels, float(one.count)),
                    ("agent_unknown_source_heard_seconds", "s", labels, round(one.heard_at + ago, 3)),
                ]
        if self.line_ear is not None:
            found += [
                ("agent_syslog_lines_total", "", {"level": str(level)}, float(count))
                for level, count in enumerate(self.line_ear.levels)
            ]
        return found

    def _of(self, ear: Ear) -> list[Receiver]:
        return [one for one in self._receivers if one.kind == ear.kind]

    def _take(self) -> bool:
        """Make news of what waits, up to a bound; whether there was any."""
        wall = self._wall()
        some = False
        for ear in self.ears:
            for _ in range(min(AT_ONCE, len(ear.waiting))):
                some = True
                heard = ear.waiting.popleft()
                self._told(self.standing.take(heard, wall=wall, trace=f"{getrandbits(128):032x}"))
            while ear.samples:
                self._show(self._named(ear, ear.samples.popleft(), wall))
        return some

    def _named(self, ear: Ear, sample: Sample, wall: float) -> HeardSample:
        """A message as people read it: the names of its trap and objects, values in words."""
        names = self.standing.names
        values = []
        for oid, text in list(sample.values.items())[:MAX_VALUES]:
            name, shown = names.value(oid, text)
            values.append(HeardValue(oid[:200], name[:200], text, shown))
        name = names.trap(sample.what) if ear.kind == "trap" else ""
        return HeardSample(
            ear.kind, sample.device, sample.source, wall, sample.what, name[:200], list(sample.rules[:20]),
            sample.version, values, sample.priority, sample.line,
        )  # fmt: skip

    def _told(self, news: list[AlertNews]) -> None:
        if news:
            self._tell(news)

    def _answer(self, peer: object, data: bytes) -> None:
        for receiver in self._receivers:
            if receiver.kind == "trap":
                receiver.send(peer, data)

    def _wake(self) -> None:
        """From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody takes any more
            self._loop.call_soon_threadsafe(self._woken.set)

    def _strangers(self) -> None:
        for ear in self.ears:
            loudest = ear.strangers.loudest()
            if loudest:
                listed = ", ".join(f"{source} ({one.count})" for source, one in loudest)
                log.warning("%s from addresses that are no targets: %s", ear.kind, listed)


def _security(path: Path) -> Security:
    """Our engine as it is kept on disk, started once more."""
    kept = EngineKept(b"")
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        kept = msgspec.msgpack.decode(path.read_bytes(), type=EngineKept)
    if not 5 <= len(kept.engine_id) <= 32 or not 0 <= kept.boots < 2**31 - 1:
        # Administratively assigned, of no enterprise: RFC 3411, SnmpEngineID.
        kept = EngineKept(b"\x80\0\0\0\x05" + os.urandom(12))
    kept.boots += 1
    replace(path, msgspec.msgpack.encode(kept))
    begun = monotonic()
    return Security(kept.engine_id, kept.boots, lambda: monotonic() - begun)


def _users(targets: Iterable[Target]) -> dict[str, dict[bytes, User]]:
    """The v3 users of the targets at each address."""
    found: dict[str, dict[bytes, User]] = {}
    for one in targets:
        user = user_of(one.credential)
        if user is not None:
            found.setdefault(one.address, {})[user.name.encode()] = user
    return found


def _own() -> list[str]:
    """The addresses of this machine."""
    return [one.address for many in psutil.net_if_addrs().values() for one in many if packed(one.address)]


def _tls(settings: SyslogSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.certificate, settings.key or None)
    if settings.clients_ca:
        context.load_verify_locations(settings.clients_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
