import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from server.kernel import migrate
from server.kernel.db import Base, Database
from tests.conftest import _all_models
from tests.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with nothing in it."""
    _all_models()
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'bare.db'}")
    else:
        running: Postgres = request.getfixturevalue("postgres")
        engine = create_engine(running.url("postgres"), isolation_level="AUTOCOMMIT")
        name = f"bare_{tmp_path.name}".replace("-", "_").lower()
        with engine.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        engine.dispose()
        database = Database(running.url(name))
    yield database
    database.close()


def _differences(database: Database) -> list[object]:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def test_the_steps_make_what_the_models_say(bare: Database) -> None:
    migrate.migrate(bare)
    assert _differences(bare) == []


def test_a_second_run_changes_nothing(bare: Database) -> None:
    migrate.migrate(bare)
    migrate.migrate(bare)
    with bare.engine.connect() as connection:
        assert migrate.stands_at(connection) == migrate.newest()


def test_P16_a_database_of_a_newer_program_is_refused_with_a_sentence(bare: Database) -> None:  # noqa: N802
    migrate.migrate(bare)
    with bare.engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("DELETE FROM alembic_version"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('9999')"))
    with pytest.raises(migrate.SchemaTooNewError, match="newer Watchdesk"):
        migrate.migrate(bare)


def test_every_step_goes_back_again(bare: Database) -> None:
    if migrate.newest() is None:
        pytest.skip("there are no steps yet: the first is written when all models are there")
    migrate.migrate(bare)
    with bare.engine.begin() as connection:
        command.downgrade(migrate.config(connection), "base")
    assert set(inspect(bare.engine).get_table_names()) <= {"alembic_version"}


def test_a_step_written_from_the_models_makes_them(bare: Database, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.FOLDER, folder, ignore=shutil.ignore_patterns("[0-9]*.py", "__pycache__"))
    (folder / "versions").mkdir(exist_ok=True)
    empty = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    written = migrate.write_step(empty, "Everything", folder=folder)
    empty.close()
    assert "server." not in written.read_text()
    spec = importlib.util.spec_from_file_location("step", written)
    assert spec is not None
    with bare.engine.begin() as connection:
        command.upgrade(migrate.config(connection, folder), "head")
    assert _differences(bare) == []
    with bare.engine.begin() as connection:
        command.downgrade(migrate.config(connection, folder), "base")
    assert set(inspect(bare.engine).get_table_names()) <= {"alembic_version"}
