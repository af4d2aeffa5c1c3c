"""Fixtures of all tests: databases of both kinds, and the desk with its people.

- `db`: a `Database` with the schema, empty; each test runs on SQLite and on PostgreSQL.
- `sqlite_db`, `postgresql_db`: one of the two.
- `shared_db`: like `db`, one for all tests of a file.
- `clock`: a clock set to noon, moved by hand.
- `desk`: the whole application on SQLite, as Alice sees it; `desk.bob`, `desk.charlie`, `desk.admin`
  are other people's browsers, `desk.stranger` one that is not signed in.
"""

import importlib
import pkgutil
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from sqlalchemy import create_engine

import server
from server.kernel.clock import ManualClock
from server.kernel.db import Base, Database
from server.kernel.telemetry import configure_logs
from tests.desk_client import Desk, open_desk
from tests.postgres import Postgres
from tests.realness import note

configure_logs(json_lines=True, level="warning")
settings.register_profile("house", deadline=None)  # how long an example takes is the machine's affair
settings.load_profile("house")
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def _all_models() -> None:
    """Import every module of the server that has tables."""
    importlib.import_module("server.kernel.system")
    for module in pkgutil.iter_modules(server.__path__):
        if module.ispkg and module.name not in {"migrations", "locale", "help", "kernel"}:
            importlib.import_module(f"server.{module.name}")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the schema, copied for each test."""
    _all_models()
    path = tmp_path_factory.mktemp("template") / "empty.db"
    engine = create_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for the whole run."""
    running = Postgres()
    try:
        running.start()
        note("PostgreSQL", "real", "server 18 from the wheel's binaries, a fresh cluster")
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> Postgres:
    """The server with a template database that has the schema."""
    _all_models()
    with psycopg.connect(postgres.plain_url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE empty")
    engine = create_engine(postgres.url("empty"))
    Base.metadata.create_all(engine)
    engine.dispose()
    return postgres


@contextmanager
def fresh_sqlite(template: Path, folder: Path) -> Iterator[Database]:
    """An empty SQLite database with the schema, in this folder."""
    path = folder / "watchdesk.db"
    shutil.copy(template, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@contextmanager
def fresh_postgresql(server: Postgres) -> Iterator[Database]:
    """An empty PostgreSQL database with the schema, gone afterwards."""
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(server.plain_url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE empty STRATEGY FILE_COPY".encode())
    database = Database(server.url(name))
    yield database
    database.close()
    with psycopg.connect(server.plain_url("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def sqlite_db(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """An empty SQLite database with the schema."""
    with fresh_sqlite(sqlite_template, tmp_path) as database:
        yield database


@pytest.fixture
def postgresql_db(postgres_template: Postgres) -> Iterator[Database]:
    """An empty PostgreSQL database with the schema."""
    with fresh_postgresql(postgres_template) as database:
        yield database


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest) -> Database:
    """An empty database with the schema, of either kind."""
    database: Database = request.getfixturevalue(f"{request.param}_db")
    return database


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_db(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database of either kind that the tests of one file share: for a long story that they only read."""
    if request.param == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        with fresh_sqlite(template, tmp_path_factory.mktemp("shared")) as database:
            yield database
    else:
        with fresh_postgresql(request.getfixturevalue("postgres_template")) as database:
            yield database


@pytest.fixture
def clock() -> ManualClock:
    """A clock at noon of 20 November 2026, moved by hand."""
    return ManualClock(NOON)


@pytest.fixture
async def desk(sqlite_db: Database, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Desk]:
    """The whole application with its people, as Alice sees it."""
    async with open_desk(sqlite_db, clock, tmp_path) as opened:
        yield opened
