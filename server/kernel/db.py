"""The database: a synchronous core behind one asynchronous door.

Services are plain functions of a Session. `Database.run` calls one in a thread, in a transaction
of its own: commit when it returns, roll back when it raises. SQLite has one writer (a queue of
one thread, BEGIN IMMEDIATE, WAL, synchronous=FULL) and several readers; PostgreSQL has a pool.

`synchronous=FULL` is not negotiable: what was acknowledged must outlive a power cut.
"""

import asyncio
import contextlib
import contextvars
import enum
import json
import math
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar, cast

from sqlalchemy import JSON, DateTime, Engine, Enum, MetaData, Table, create_engine, event, text
from sqlalchemy.engine import Connection, Dialect, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from server.kernel import dberrors, timelimit
from server.kernel.dberrors import Meaning
from server.kernel.errors import FullError, UnavailableError
from server.kernel.i18n import N_
from server.kernel.remembered import READING
from server.kernel.space import Space
from server.kernel.telemetry import TRANSACTION_SECONDS

P = ParamSpec("P")
T = TypeVar("T")

READERS = 4
WRITERS_POSTGRESQL = 8
TRIES = 3
BUSY_S = 30  # SQLite waits that long for another process of this machine
SHRINK_S = 5.0  # between two tries to get room back from our own log
LOG_PAGES = 4_000  # of 4 kB: then SQLite brings its log into the database, each page once
LOG_BYTES = 64 << 20  # SQLite's log is cut to that after a large transaction


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

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
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
    type_annotation_map: ClassVar = {
        datetime: UtcDateTime,
        enum.Enum: Enum(enum.Enum, native_enum=False, values_callable=_values, length=32),
        dict[str, Any]: JSON,
        dict[str, str]: JSON,
        list[Any]: JSON,
        list[str]: JSON,
    }


def as_json(value: Any) -> str:
    """A JSON column's text; Chinese stays Chinese, so that the text can be searched."""
    return json.dumps(value, ensure_ascii=False)


def insert_missing(session: Session, model: type[Base], *rows: dict[str, Any]) -> int:
    """Insert the rows whose unique keys are not there yet; returns how many were new."""
    if not rows:
        return 0
    table = cast("Table", model.__table__)
    missing = insert_into(session, model).values(list(rows)).on_conflict_do_nothing()
    return len(session.execute(missing.returning(*table.primary_key)).all())


def insert_into(session: Session, model: type[Base]) -> Any:
    """An INSERT of the session's database, which can be told what to do on a conflict."""
    # Either dialect takes 50 ms to load; only the one in use is.
    if session.get_bind().dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]  # noqa: PLC0415
    return insert(cast("Table", model.__table__))


def database_now(session: Session) -> datetime:
    """The database's own clock, UTC: one clock for all servers, used for leases."""
    if session.get_bind().dialect.name == "postgresql":
        moment: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        return moment.astimezone(UTC)
    return datetime.now(UTC)  # SQLite has no clock but that of its machine


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
        self._shrunk_at = -math.inf
        self.space: Space | None = None  # of PostgreSQL we cannot see the disk
        if self.is_sqlite:
            if self.url.database:
                self.space = Space(Path(self.url.database).absolute().parent)
            self.engine = _sqlite(url, writer=True)
            self.reader = _sqlite(url, writer=False)
            self._writers = ThreadPoolExecutor(1, "db-write")
        else:
            self.engine = _postgresql(url)
            self.reader = self.engine
            self._writers = ThreadPoolExecutor(WRITERS_POSTGRESQL, "db-write")
        self._readers = ThreadPoolExecutor(READERS, "db-read")
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        self._listening: threading.Thread | None = None
        self._closed = threading.Event()
        self.broken = ""  # why nothing is written any more, once a sync has failed

    def on(self, channel: str, call: Callable[[], None]) -> None:
        """Call `call` (in any thread) after each commit that told `channel`, of any server."""
        self._listeners.setdefault(channel, []).append(call)
        if not self.is_sqlite and self._listening is None:
            self._listening = threading.Thread(target=self._listen, name="db-listen", daemon=True)
            self._listening.start()

    def after(self, session: Session, channel: str) -> None:
        """Tell `channel` once this session's transaction is committed; at most once for each."""
        told: set[str] = session.info.setdefault("told", set())
        if channel in told:
            return
        told.add(channel)
        after_commit(session, lambda: self.tell(channel))
        if not self.is_sqlite:
            session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": channel})

    def tell(self, channel: str) -> None:
        """Wake those who listen to `channel` in this process."""
        for call in self._listeners.get(channel, []):
            call()

    def _listen(self) -> None:
        """Hear what other servers commit (PostgreSQL); reconnects for ever."""
        while not self._closed.is_set():
            try:
                with self.engine.connect() as connection:
                    self._hear(connection)
            except DBAPIError:
                self._closed.wait(2)

    def _hear(self, connection: Connection) -> None:
        driver = cast("Any", connection.connection.driver_connection)
        connection.commit()
        driver.autocommit = True
        try:
            heard: set[str] = set()
            while not self._closed.is_set():
                for channel in set(self._listeners) - heard:
                    driver.execute(f'LISTEN "{channel}"')
                    heard.add(channel)
                    self.tell(channel)
                for news in driver.notifies(timeout=1.0, stop_after=1):
                    self.tell(news.channel)
        finally:
            connection.detach()

    async def run(self, call: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `call(session, *args, **kwargs)` in a transaction that may write."""
        return await self._in(self._writers, self.run_now, call, *args, **kwargs)

    async def read(self, call: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `call(session, *args, **kwargs)` in a transaction that only reads."""
        return await self._in(self._readers, self.read_now, call, *args, **kwargs)

    def run_now(self, call: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `run`, in the calling thread. Retries what a concurrent writer made impossible.

        Raises:
            FullError: the disk has no room for it.
            TooLongError: a statement took longer than its limit.
            UnavailableError: the database is away, or a sync has failed before: what the disk then
                holds is unknown, so nothing is acknowledged until a new start.
        """
        if self.broken:
            raise UnavailableError(N_("The disk of the database failed. Watchdesk must be started anew."))
        self._admit()
        started = time.monotonic()
        for last in (*[False] * (TRIES - 1), True):
            with Session(self.engine, expire_on_commit=False, info={"database": self}) as session:
                try:
                    answer = call(session, *args, **kwargs)
                    session.commit()
                except OperationalError as error:
                    session.rollback()
                    if last or not self._again(error):
                        raise dberrors.told(error) from error
                    continue
                TRANSACTION_SECONDS.labels("write").observe(time.monotonic() - started)
                for after in session.info.pop("after_commit", []):
                    after()
                return answer
        raise AssertionError("unreachable")

    def _admit(self) -> None:
        """Let a write begin; where the disk is full, see first whether our own log can give room back."""
        if self.space is None:
            return
        try:
            self.space.admit()
        except FullError:
            if time.monotonic() - self._shrunk_at < SHRINK_S:
                raise
            self._shrunk_at = time.monotonic()
            self._shrink()
            self.space.admit()

    def _shrink(self) -> None:
        """Bring SQLite's log into the database and cut it to nothing, unless a reader needs it now."""
        connection = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA busy_timeout=200")
            with contextlib.suppress(sqlite3.OperationalError):
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            cursor.execute(f"PRAGMA busy_timeout={BUSY_S * 1000}")
            cursor.close()
        finally:
            connection.close()

    def _again(self, error: OperationalError) -> bool:
        """Whether the same transaction may succeed if it is tried again; notes a disk that failed."""
        means = dberrors.meaning(error)
        if means is Meaning.BROKEN:
            self.broken = str(error.orig)
        if means is Meaning.FULL and self.space is not None:
            self._shrunk_at = -math.inf  # what was undone may have left a long log
            return self.space.give_up_reserve()
        return means is Meaning.RACE

    def read_now(self, call: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `read`, in the calling thread. What was loaded stays readable afterwards."""
        started = time.monotonic()
        with Session(self.reader, expire_on_commit=False, info={READING: True}) as session:
            try:
                answer = call(session, *args, **kwargs)
            except OperationalError as error:
                raise dberrors.told(error) from error
        TRANSACTION_SECONDS.labels("read").observe(time.monotonic() - started)
        return answer

    def close(self) -> None:
        """Finish what runs and let go of all connections."""
        self._closed.set()
        if self._listening is not None:
            self._listening.join()
        self._writers.shutdown()
        self._readers.shutdown()
        self.engine.dispose()
        self.reader.dispose()

    @staticmethod
    async def _in(pool: ThreadPoolExecutor, call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, lambda: context.run(call, *args, **kwargs))


def _sqlite(url: str, *, writer: bool) -> Engine:
    engine = create_engine(
        url,
        pool_size=1 if writer else READERS,
        max_overflow=0,
        json_serializer=as_json,
        connect_args={"timeout": BUSY_S, "isolation_level": None, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
        cursor.execute(f"PRAGMA journal_size_limit={LOG_BYTES}")
        cursor.execute("PRAGMA cache_size=-16000")
        cursor.execute("PRAGMA temp_store=MEMORY")
        if not writer:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    timelimit.watch_sqlite(engine)
    return engine


def _postgresql(url: str) -> Engine:
    usual = timelimit.postgresql_ms(timelimit.STATEMENT_S)
    engine = create_engine(
        url,
        pool_size=WRITERS_POSTGRESQL + READERS,
        pool_pre_ping=True,
        json_serializer=as_json,
        connect_args={"options": f"-c statement_timeout={usual}"},
    )
    timelimit.watch_postgresql(engine)
    return engine
