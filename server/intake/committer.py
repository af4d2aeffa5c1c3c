"""Group commit: reports that arrive while a commit runs are written together by the next one.

One synced commit costs milliseconds whatever it holds, so under load a hundred reports share one,
and a lone report waits for nobody. What waits is bounded; beyond that agents are told to come back.
"""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import DataError, DBAPIError, StatementError

from rules import wire
from server.intake import taking
from server.intake.items import Delivery
from server.intake.scope import Scopes
from server.kernel.clock import Clock
from server.kernel.db import Database
from server.kernel.errors import DeskError, TooLargeError, UnavailableError
from server.kernel.i18n import N_

log = structlog.get_logger(__name__)

MOST_REPORTS = 256  # of one commit
MOST_BYTES = 16 * 1024 * 1024  # of one commit
WAITING_BYTES = 64 * 1024 * 1024  # of all that wait


@dataclass(slots=True)
class _Waiting:
    delivery: Delivery
    size: int
    done: "asyncio.Future[wire.Answer]"


class Committer:
    """Takes reports into the database, many in one transaction."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self.scopes = Scopes()
        self._db = db
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._main: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to take."""
        self._main = asyncio.create_task(self._forever(), name="intake")

    async def stop(self) -> None:
        """Finish the running commit; what waits is refused and will be sent again."""
        if self._main is not None:
            self._main.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._main
        while self._waiting:
            self._pop().done.cancel()

    async def submit(self, delivery: Delivery, size: int) -> wire.Answer:
        """The answer to a report, once it is on disk.

        Raises:
            UnavailableError: too much waits, or the database takes nothing now.
        """
        if self._bytes + size > WAITING_BYTES:
            raise UnavailableError(N_("Too many reports wait. Send this one again in a few seconds."))
        waiting = _Waiting(delivery, size, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._bytes += size
        self._wake.set()
        return await waiting.done

    async def _forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                group = self._group()
                try:
                    await asyncio.shield(self._commit(group))
                except asyncio.CancelledError:
                    for one in group:
                        one.done.cancel()
                    raise

    def _group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size = 0
        while self._waiting and len(group) < MOST_REPORTS:
            if group and size + self._waiting[0].size > MOST_BYTES:
                break
            one = self._pop()
            size += one.size
            group.append(one)
        return group

    def _pop(self) -> _Waiting:
        one = self._waiting.popleft()
        self._bytes -= one.size
        return one

    async def _commit(self, group: list[_Waiting]) -> None:
        deliveries = [one.delivery for one in group]
        try:
            answers = await self._db.run(taking.take, deliveries, self.scopes, now=self._clock.now())
        except DeskError as error:
            for one in group:
                _fail(one, error)
            return
        except Exception as error:  # outermost loop: one report that cannot be taken must not stop the rest
            if len(group) == 1:
                log.exception("report not taken", key=deliveries[0].key, trace=deliveries[0].trace)
                _fail(group[0], _of_its_content(error) or error)
                return
            for one in group:
                await self._commit([one])
            return
        for one, answer in zip(group, answers, strict=True):
            if not one.done.done():
                one.done.set_result(answer)


def _of_its_content(error: Exception) -> TooLargeError | None:
    """Where the database cannot hold a value: the answer that lets the agent cut the report in parts.

    It then sends the halves, down to the one item that is at fault, and puts that aside. Answered as a
    failure of ours, the report would stand at the head of the agent's outbox for ever.
    """
    unwritable = isinstance(error, (DataError, OverflowError, UnicodeError)) or (
        isinstance(error, StatementError) and not isinstance(error, DBAPIError)
    )
    if not unwritable:
        return None
    return TooLargeError(N_("Something in this report cannot be kept. Send it in smaller parts."), limit=1)


def _fail(one: _Waiting, error: Exception) -> None:
    if not one.done.done():
        one.done.set_exception(error)
