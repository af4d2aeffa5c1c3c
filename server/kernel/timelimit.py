"""How long one statement of the database may take; what takes longer is cut and answered as such.

The limit belongs to the one who asks: `with within(SEARCH_S)` holds for everything that is read or
written inside, in whatever thread. SQLite looks at the clock between its own steps; PostgreSQL
gets its statement_timeout for the transaction.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Engine, event

STATEMENT_S = 30.0  # of jobs, reports of agents, and all that says nothing else
PAGE_S = 10.0  # of a page or API answer that is read
SEARCH_S = 2.0  # of a page or API answer that searches for what a person typed
STEPS = 100_000  # of SQLite between two looks at the clock: some milliseconds

_limit: ContextVar[float] = ContextVar("statement_limit", default=STATEMENT_S)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Inside the block a statement may take that long."""
    token = _limit.set(seconds)
    try:
        yield
    finally:
        _limit.reset(token)


def allow(seconds: float) -> None:
    """As `within`, for the rest of the running task."""
    _limit.set(seconds)


def limit_s() -> float:
    """Seconds that a statement may take now."""
    return _limit.get()


class _Deadline:
    """When the running statement of one connection is cut, on the monotonic clock."""

    def __init__(self) -> None:
        self.at = math.inf

    def over(self) -> int:
        """SQLite's question between its steps; 1 cuts the statement."""
        return int(time.monotonic() > self.at)


def watch_sqlite(engine: Engine) -> None:
    """Cut the statements of SQLite connections that this engine opens."""

    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        deadline = record.info["deadline"] = _Deadline()
        connection.set_progress_handler(deadline.over, STEPS)

    @event.listens_for(engine, "before_cursor_execute")
    def begin(connection: Any, *_statement: Any) -> None:
        connection.info["deadline"].at = time.monotonic() + _limit.get()


def watch_postgresql(engine: Engine) -> None:
    """Tell PostgreSQL the limit of each transaction where it is not the connection's own."""

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        seconds = _limit.get()
        if seconds != STATEMENT_S:
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {postgresql_ms(seconds)}")


def postgresql_ms(seconds: float) -> int:
    """The limit in PostgreSQL's words: milliseconds, 0 for none."""
    return 0 if math.isinf(seconds) else max(1, int(seconds * 1000))
