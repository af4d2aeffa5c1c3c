"""One UDP socket for all SNMP v1 and v2c devices: sends, retries, matches and drains.

An answer counts only with the request id that waits and from the address that was asked; everything else
is counted in `strange` and ignored. At most `window` fresh questions are on their way, so that the answers
of a burst fit the socket's buffer; a question loses its place there after `FRESH_S`, so that devices which
hang hold nobody up.
"""

import asyncio
import contextlib
import itertools
import secrets
import socket
from collections import deque
from time import monotonic

from agent.transports import ber
from agent.transports.snmp_walk import Answer, Session, Walk
from agent.transports.trouble import BadResponseError, TroubleError, of_os

FRESH_S = 0.15
TICK_S = 0.05
GATHER_S = (
    0.002  # after answers came, the next are awaited together: waking per datagram costs more than reading
)
DRAIN = 512  # datagrams taken in one go
BUFFER = 4 << 20
_SO_RCVBUFFORCE = 33  # Linux, needs CAP_NET_ADMIN
Peer = tuple[str, int]


class _Exchange:
    """A walk on its way."""

    __slots__ = ("datagram", "done", "fresh", "mismatched", "peer", "request_id", "retry_s", "sent_at",
                 "tries", "until", "walk")  # fmt: skip

    def __init__(self, walk: Walk, peer: Peer, until: float, retry_s: float) -> None:
        self.walk = walk
        self.peer = peer
        self.until = until
        self.retry_s = retry_s
        self.done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.datagram = bytearray()
        self.request_id = self.tries = self.mismatched = 0
        self.sent_at = 0.0
        self.fresh = False


class Engine:
    """All v1 and v2c traffic of one address family. Use inside one running loop; close at the end."""

    def __init__(self, family: socket.AddressFamily = socket.AF_INET) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self.window = self._room()
        self._loop.add_reader(self._socket.fileno(), self._wake)
        self._gathering: asyncio.TimerHandle | None = None
        self._ids = itertools.count(secrets.randbelow(1 << 28))
        self._waiting: dict[int, _Exchange] = {}
        self._peers: dict[Peer, _Exchange] = {}
        self._queue: deque[_Exchange] = deque()
        self._fresh = 0
        self._timer: asyncio.TimerHandle | None = None
        self.strange = 0  # answers nobody waited for

    def _room(self) -> int:
        """Enlarge the receive buffer as far as allowed; how many answers it holds."""
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER)
        size = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        return max(16, min(512, size // 4_608))

    def close(self) -> None:
        """Let go of the socket; whoever still waits is told."""
        self._loop.remove_reader(self._socket.fileno())
        for timer in (self._timer, self._gathering):
            if timer is not None:
                timer.cancel()
        for exchange in list(self._waiting.values()) + list(self._queue):
            self._fail(exchange, TroubleError("no_answer", "The agent stops."))
        self._socket.close()

    async def fetch(self, session: Session, peer: Peer, *, timeout_s: float, retry_s: float = 1.0) -> Answer:
        """Ask a device all that its session asks; raises TroubleError. Gives up after `timeout_s` in all."""
        walk = Walk(session)
        if walk.done:
            return walk.answer()
        exchange = _Exchange(walk, peer, monotonic() + timeout_s, retry_s)
        self._peers[peer] = exchange
        self._queue.append(exchange)
        self._pump()
        try:
            return await exchange.done
        finally:
            self._release(exchange)
            if self._peers.get(peer) is exchange:
                del self._peers[peer]

    def _pump(self) -> None:
        """Send what waits, as far as the window allows."""
        while self._queue and self._fresh < self.window:
            exchange = self._queue.popleft()
            if not exchange.done.done():
                self._ask(exchange)
        if self._timer is None and (self._waiting or self._queue):
            self._timer = self._loop.call_later(TICK_S, self._tick)

    def _ask(self, exchange: _Exchange) -> None:
        question, at = exchange.walk.question()
        # 0x40000000 and up: always four bytes, never negative.
        exchange.request_id = 0x40000000 | next(self._ids) & 0x3FFFFFFF
        exchange.datagram = bytearray(question)
        exchange.datagram[at : at + 4] = exchange.request_id.to_bytes(4, "big")
        exchange.tries = 0
        self._waiting[exchange.request_id] = exchange
        self._send(exchange)

    def _send(self, exchange: _Exchange) -> None:
        exchange.tries += 1
        exchange.sent_at = monotonic()
        if not exchange.fresh:
            exchange.fresh = True
            self._fresh += 1
        try:
            self._socket.sendto(exchange.datagram, exchange.peer)
        except BlockingIOError:
            pass  # the retry comes
        except OSError as error:
            self._fail(exchange, of_os(error))

    def _wake(self) -> None:
        """Something came: more will, where several devices are asked. They are taken together soon."""
        if len(self._waiting) < 4:
            self._drain()
            return
        self._loop.remove_reader(self._socket.fileno())
        self._gathering = self._loop.call_later(GATHER_S, self._gathered)

    def _gathered(self) -> None:
        if self._drain() and len(self._waiting) >= 4:
            self._gathering = self._loop.call_later(GATHER_S, self._gathered)
        else:
            self._gathering = None
            self._loop.add_reader(self._socket.fileno(), self._wake)

    def _drain(self) -> int:
        """Take what has come, and how much. Walks that go on ask at once, so no device waits for another."""
        count = 0
        receive = self._socket.recvfrom
        for _ in range(DRAIN):
            try:
                data, sender = receive(65_536)
            except BlockingIOError:
                break
            except OSError:
                continue  # an ICMP error of some earlier datagram; the retry will tell
            count += 1
            self._take(data, (sender[0], sender[1]))
        if self._queue:
            self._pump()
        return count

    def _take(self, data: bytes, sender: Peer) -> None:
        try:
            request_id = _request_id(data)
        except BadResponseError as error:
            exchange = self._peers.get(sender)
            if exchange is None or exchange.request_id not in self._waiting:
                self.strange += 1
            else:
                self._fail(exchange, error)
            return
        exchange = self._waiting.get(request_id)
        if exchange is None or exchange.peer != sender:
            self.strange += 1
            if (asked := self._peers.get(sender)) is not None:
                asked.mismatched += 1
            return
        del self._waiting[request_id]
        try:
            done = exchange.walk.take(data)
        except TroubleError as error:
            self._fail(exchange, error)
            return
        if not done:
            self._ask(exchange)
        elif not exchange.done.done():
            self._release(exchange)
            exchange.done.set_result(exchange.walk.answer())

    def _tick(self) -> None:
        """Retry what is late, give up what is over, free the window of what is no longer fresh."""
        self._timer = None
        now = monotonic()
        for exchange in list(self._waiting.values()):
            age = now - exchange.sent_at
            if now >= exchange.until:
                self._give_up(exchange)
            elif age >= exchange.retry_s * exchange.tries:
                self._send(exchange)
            elif exchange.fresh and age > FRESH_S:
                exchange.fresh = False
                self._fresh -= 1
        for exchange in [one for one in self._queue if now >= one.until]:
            self._queue.remove(exchange)
            self._give_up(exchange)
        self._pump()

    def _give_up(self, exchange: _Exchange) -> None:
        walk = exchange.walk
        if exchange.mismatched:
            detail = f"No answer fitted its question; {exchange.mismatched} did not match."
            self._fail(exchange, BadResponseError(detail, place="request-id"))
        elif walk.values and not exchange.done.done():
            walk.truncated = True
            self._release(exchange)
            exchange.done.set_result(walk.answer())
        else:
            self._fail(exchange, TroubleError("no_answer", "The device did not answer in time."))

    def _fail(self, exchange: _Exchange, error: TroubleError) -> None:
        self._release(exchange)
        if not exchange.done.done():
            exchange.done.set_exception(error)

    def _release(self, exchange: _Exchange) -> None:
        self._waiting.pop(exchange.request_id, None)
        if exchange.fresh:
            exchange.fresh = False
            self._fresh -= 1


def _request_id(data: bytes) -> int:
    """The request id of an answer, by its heads alone; raises BadResponseError."""
    try:
        at = 2 + (data[1] & 0x7F if data[1] > 0x7F else 0)
        at += 2 + data[at + 1]  # version
        at += 2 + data[at + 1]  # community, below 128 bytes
        at += 2 + (data[at + 1] & 0x7F if data[at + 1] > 0x7F else 0)
        size = data[at + 1]
        if (
            data[0] == ber.SEQUENCE
            and data[at] == ber.INTEGER
            and 0 < size <= 8
            and at + 2 + size <= len(data)
        ):
            return int.from_bytes(data[at + 2 : at + 2 + size], "big", signed=True)
    except IndexError:
        pass
    return ber.read(data).request_id
