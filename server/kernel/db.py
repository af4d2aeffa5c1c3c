"""The database: a synchronous core behind one asynchronous door.

Services are plain functions of a Session. `Database.run` calls one in a thread, in a transaction
of its own: commit when it returns, roll back when it raises. SQLite has one writer (a queue of
one thread, BEGIN IMMEDIATE, WAL, synchronous=FULL) and several readers; PostgreSQL has a pool.

`synchronous=FULL` is not negotiable: what was acknowledged must outlive a power cut.
"""

import asyncio
import contextvars
import enum
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import JSON, DateTime, Engine, Enum, MetaData, create_engine, event
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from server.kernel.errors import UnavailableError
from server.kernel.i18n import N_

P = ParamSpec("P")
T = TypeVar("T")

READERS = 4
WRITERS_POSTGRESQL = 8
TRIES = 3


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; refuses a datetime without a zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database: UTC, without zone where the database keeps none."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a zone")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database: always UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _values(kind: type[enum.Enum]) -> list[str]:
    return [str(member.value) for member in kind]


class Base(DeclarativeBase):
    """Stores enums as their text, moments as UTC, dicts and lists as JSON."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        datetime: UtcDateTime,
        enum.Enum: Enum(enum.Enum, native_enum=False, values_callable=_values, length=32),
        dict[str, Any]: JSON,
        dict[str, str]: JSON,
        list[Any]: JSON,
        list[str]: JSON,
    }


def after_commit(session: Session, call: Callable[[], None]) -> None:
    """Run `call` once this session's transaction is on disk; not at all if it is rolled back."""
    session.info.setdefault("after_commit", []).append(call)


class Database:
    """The system of record. One per process.

    Args:
        url: `sqlite:///path/to.db` or `postgresql+psycopg://...`.
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self.engine = _sqlite(url, writer=True)
            self.reader = _sqlite(url, writer=False)
            self._writers = ThreadPoolExecutor(1, "db-write")
        else:
            self.engine = create_engine(url, pool_size=WRITERS_POSTGRESQL + READERS, pool_pre_ping=True)
            self.reader = self.engine
            self._writers = ThreadPoolExecutor(WRITERS_POSTGRESQL, "db-write")
        self._readers = ThreadPoolExecutor(READERS, "db-read")
        self._lock = threading.Lock()

    async def run(
        self, call: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call `call(session, *args, **kwargs)` in a transaction that may write."""
        return await self._in(self._writers, self.run_now, call, *args, **kwargs)

    async def read(
        self, call: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call `call(session, *args, **kwargs)` in a transaction that only reads."""
        return await self._in(self._readers, self.read_now, call, *args, **kwargs)

    def run_now(
        self, call: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `run`, in the calling thread. Retries what a concurrent writer made impossible."""
        for last in (*[False] * (TRIES - 1), True):
            with Session(self.engine, expire_on_commit=False) as session:
                try:
                    answer = call(session, *args, **kwargs)
                    session.commit()
                except OperationalError as error:
                    session.rollback()
                    if last or not _passing(error):
                        raise _as_unavailable(error) from error
                    continue
                for after in session.info.pop("after_commit", []):
                    after()
                return answer
        raise AssertionError("unreachable")

    def read_now(
        self, call: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `read`, in the calling thread."""
        with Session(self.reader, expire_on_commit=False) as session:
            answer = call(session, *args, **kwargs)
            session.rollback()
            return answer

    def close(self) -> None:
        """Finish what runs and let go of all connections."""
        self._writers.shutdown()
        self._readers.shutdown()
        self.engine.dispose()
        self.reader.dispose()

    @staticmethod
    async def _in(pool: ThreadPoolExecutor, call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, lambda: context.run(call, *args, **kwargs))


def _passing(error: DBAPIError) -> bool:
    """Whether the same transaction may succeed if it is tried again."""
    state = getattr(error.orig, "sqlstate", None)
    return state in {"40001", "40P01"} or "database is locked" in str(error.orig)


def _as_unavailable(error: DBAPIError) -> Exception:
    """A full disk or an absent database is the operator's news, anything else is a bug."""
    text = str(error.orig)
    full = "disk is full" in text or "No space left" in text
    if full or error.connection_invalidated or "connection" in text or "locked" in text:
        return UnavailableError(N_("The database does not take writes now. Try again in a minute."))
    return error


def _sqlite(url: str, *, writer: bool) -> Engine:
    engine = create_engine(
        url,
        pool_size=1 if writer else READERS,
        max_overflow=0,
        connect_args={"timeout": 30, "isolation_level": None, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-16000")
        cursor.execute("PRAGMA temp_store=MEMORY")
        if not writer:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine
