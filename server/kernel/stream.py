"""Server-sent events: `/events?topics=incidents,incident:INC-000123`.

One hub a process reads the event log when something was committed and hands each piece of news
to the browsers that listen to its topic. A browser that was away says how far it had read
(`Last-Event-ID`) and gets the rest; if the log no longer reaches back that far, or the browser
reads too slowly, it is told `gap` and asks for fresh fragments.
"""

import asyncio
import contextlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field

import structlog
from aiohttp import web
from sqlalchemy.exc import DBAPIError

from server.kernel import events, keys
from server.kernel.call import Call
from server.kernel.db import Database
from server.kernel.errors import DeskError, ForbiddenError, InvalidError, TooManyError
from server.kernel.i18n import N_
from server.kernel.telemetry import EVENT_STREAMS, EVENTS_SENT
from server.kernel.web import Raw

log = structlog.get_logger(__name__)

HEARTBEAT_S = 15.0
CHECK_S = 4.0  # a session that ended closes its streams within 5 s
BEHIND = 500  # pieces of news one browser may be behind before it is told of a gap
STREAMS_PER_PERSON = 12
STREAMS = 2000
TOPICS = 50
TOPIC = re.compile(r"[a-z]{1,32}(:[A-Za-z0-9._\-]{1,80})?")

News = tuple[int, str, dict[str, object]]
pages = Raw("kernel")


@dataclass(eq=False)
class Listener:
    """One browser's stream."""

    topics: frozenset[str]
    actor_id: int
    waiting: list[News] = field(default_factory=list)
    gap: bool = False
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def hand(self, news: News) -> None:
        """Queue one piece of news; a browser that is too far behind is told of a gap instead."""
        if len(self.waiting) >= BEHIND:
            self.waiting.clear()
            self.gap = True
        self.waiting.append(news)
        self.wake.set()


class Hub:
    """Reads the event log and hands news to listeners."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._listeners: set[Listener] = set()
        self._by_person: Counter[int] = Counter()
        self.last = 0
        self.open = True
        self._task: asyncio.Task[None] | None = None
        database.on(events.CHANNEL, self._woken)

    async def start(self) -> None:
        """Begin at the end of the log."""
        _, self.last = await self._db.read(events.bounds)
        self._task = asyncio.create_task(self._forever(), name="events")

    async def stop(self) -> None:
        """End, and let all streams end."""
        self.open = False
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for listener in self._listeners:
            listener.gap = True
            listener.wake.set()

    def join(self, listener: Listener) -> None:
        """Begin to listen.

        Raises:
            TooManyError: this person, or all together, listen in too many places.
        """
        if self._by_person[listener.actor_id] >= STREAMS_PER_PERSON or len(self._listeners) >= STREAMS:
            raise TooManyError(N_("Too many pages listen for live updates. Close some."))
        self._listeners.add(listener)
        self._by_person[listener.actor_id] += 1
        EVENT_STREAMS.set(len(self._listeners))

    def leave(self, listener: Listener) -> None:
        """Stop listening."""
        self._listeners.discard(listener)
        self._by_person[listener.actor_id] -= 1
        if not self._by_person[listener.actor_id]:
            del self._by_person[listener.actor_id]
        EVENT_STREAMS.set(len(self._listeners))

    def _woken(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._wake.set)

    async def _forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._read()
            except (DBAPIError, DeskError):
                log.warning("the event log cannot be read")
                await asyncio.sleep(1)
                self._wake.set()
            await asyncio.sleep(0.05)  # a burst is read in one go

    async def _read(self) -> None:
        while rows := await self._db.read(events.news_after, self.last):
            for number, _at, topic, payload in rows:
                self.last = number
                for listener in self._listeners:
                    if topic in listener.topics:
                        listener.hand((number, topic, payload))


def asked_topics(text: str, call: Call) -> frozenset[str]:
    """The topics a page wants, if they are topics and the person may hear of them."""
    topics = frozenset(part for part in text.split(",") if part)
    if not topics or len(topics) > TOPICS:
        raise InvalidError(N_("Name 1 to {limit} topics."), field="/topics", limit=TOPICS)
    rights = {stem: right for practice in call.app[keys.PRACTICES] for stem, right in practice.topics.items()}
    for topic in topics:
        right = rights.get(topic.partition(":")[0])
        if TOPIC.fullmatch(topic) is None or right is None:
            raise InvalidError(N_("This is no topic."), field="/topics")
        if not call.actor.may(right):
            raise ForbiddenError(N_("Your roles do not include this."), permission=right)
    return topics


def _start_after(call: Call) -> int | None:
    said = call.request.headers.get("Last-Event-ID") or call.request.query.get("last_event_id", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 19 else None


@pages.get("/events", signed_in=True)
async def listen(call: Call) -> web.StreamResponse:
    """Stream news of the asked topics until the browser leaves or its session ends."""
    hub = call.app[keys.HUB]
    listener = Listener(asked_topics(call.request.query.get("topics", ""), call), call.actor.id)
    hub.join(listener)
    try:
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
                "X-Content-Type-Options": "nosniff",
            }
        )
        with contextlib.suppress(ConnectionError):  # the browser has left, perhaps before the first line
            await response.prepare(call.request)
            await _resume(call, hub, listener, response)
            await _pump(call, listener, response)
        return response
    finally:
        hub.leave(listener)


async def _resume(call: Call, hub: Hub, listener: Listener, response: web.StreamResponse) -> None:
    """Tell first what the browser missed."""
    after = _start_after(call)
    if after is None or after >= hub.last:
        await response.write(f"retry: 3000\nid: {hub.last}\nevent: hello\ndata: {{}}\n\n".encode())
        return
    first, _ = await call.db.read(events.bounds)
    missed = await call.db.read(events.news_after, after, limit=BEHIND)
    if after < first - 1 or len(missed) >= BEHIND:
        listener.gap = True
        listener.wake.set()
        return
    handed = {news[0] for news in listener.waiting}
    for number, _at, topic, payload in missed:
        if topic in listener.topics and number not in handed:
            await response.write(_line(number, topic, payload))


async def _pump(call: Call, listener: Listener, response: web.StreamResponse) -> None:
    loop = asyncio.get_running_loop()
    beat = checked = loop.time()
    while call.app[keys.HUB].open:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CHECK_S):
                await listener.wake.wait()
        listener.wake.clear()
        if loop.time() - checked >= CHECK_S:
            checked = loop.time()
            if not await _still_good(call):
                await response.write(b"event: end\ndata: {}\n\n")
                return
        if listener.gap:
            listener.gap = False
            await response.write(f"id: {call.app[keys.HUB].last}\nevent: gap\ndata: {{}}\n\n".encode())
        news, listener.waiting = listener.waiting, []
        if news:
            await response.write(b"".join(_line(*piece) for piece in news))
            EVENTS_SENT.inc(len(news))
        if news or loop.time() - beat >= HEARTBEAT_S:
            beat = loop.time()
            await response.write(b": beat\n\n")


async def _still_good(call: Call) -> bool:
    if call.visit is None:  # a token: it ends with the connection
        return True
    who, now = call.app[keys.AUTHENTICATOR], call.app[keys.CLOCK].now()
    return await call.db.read(who.visit, call.visit.token, now) is not None


def _line(number: int, topic: str, payload: dict[str, object]) -> bytes:
    data = json.dumps({"topic": topic, **payload}, ensure_ascii=False)
    return f"id: {number}\nevent: news\ndata: {data}\n\n".encode()
