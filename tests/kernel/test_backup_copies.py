import json
import shutil
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.accounts.models import Department
from server.kernel import backup, secrets
from server.kernel.backup import BackupError
from server.kernel.db import Database
from server.kernel.settings import Settings
from tests.postgres import Postgres


def _fill(session: Session) -> None:
    session.add_all(Department(code=f"d{number}", name={"zh": "运行中心"}) for number in range(50))


def _count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Department)) or 0


def _hire(session: Session, number: int) -> None:
    session.add(Department(code=f"n{number}", name={"en": "New"}))


@pytest.fixture
def desk_of(tmp_path: Path, sqlite_template: Path) -> Settings:
    settings = Settings(data=tmp_path / "data")
    settings.data.mkdir()
    shutil.copy(sqlite_template, settings.data / "watchdesk.db")
    (settings.data / "watchdesk.toml").write_text('site_name = "Ours"\n')
    secrets.Keys(settings.data / "master.key")
    database = Database(settings.database_url)
    database.run_now(_fill)
    database.close()
    return settings


def test_P17_what_was_backed_up_is_put_back_whole(desk_of: Settings, tmp_path: Path) -> None:  # noqa: N802
    made = backup.write(desk_of, tmp_path / "copy", with_keys=False)
    assert not (tmp_path / "copy" / "master.key").exists()
    fresh = Settings(data=tmp_path / "fresh")
    put = backup.restore(fresh, tmp_path / "copy")
    assert (put.rows, put.head) == (made.rows, made.head)
    database = Database(fresh.database_url)
    assert database.read_now(_count) == 50
    database.close()
    assert (fresh.data / "watchdesk.toml").read_text() == 'site_name = "Ours"\n'


def test_a_backup_is_taken_while_the_desk_writes(desk_of: Settings, tmp_path: Path) -> None:
    database = Database(desk_of.database_url)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("INSERT INTO number_series VALUES ('XX', 1)")
        backup.write(desk_of, tmp_path / "copy", with_keys=True)
        connection.rollback()
    database.close()
    assert (tmp_path / "copy" / "master.key").exists()


@pytest.mark.parametrize("what", ["altered", "missing", "newer", "elsewhere"])
def test_a_backup_that_is_not_whole_is_refused(desk_of: Settings, tmp_path: Path, what: str) -> None:
    copy = tmp_path / "copy"
    backup.write(desk_of, copy, with_keys=False)
    manifest = json.loads((copy / "manifest.json").read_text())
    if what == "altered":
        with (copy / "watchdesk.db").open("r+b") as file:
            file.seek(5000)
            file.write(b"x")
    elif what == "missing":
        (copy / "watchdesk.toml").unlink()
    elif what == "newer":
        (copy / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    else:
        manifest["files"]["../outside"] = "0" * 64
        (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BackupError):
        backup.restore(Settings(data=tmp_path / "fresh"), copy)
    assert not (tmp_path / "fresh" / "watchdesk.db").exists()


def test_a_living_desk_is_not_overwritten(desk_of: Settings, tmp_path: Path) -> None:
    backup.write(desk_of, tmp_path / "copy", with_keys=False)
    with pytest.raises(BackupError, match="exists"):
        backup.restore(desk_of, tmp_path / "copy")
    with pytest.raises(BackupError, match="not empty"):
        backup.write(desk_of, tmp_path / "copy", with_keys=False)


def test_a_copy_that_cannot_be_put_back_leaves_nothing_to_stumble_over(
    desk_of: Settings, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    backup.write(desk_of, copy, with_keys=False)
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, "head": "0" * 64}))
    fresh = Settings(data=tmp_path / "fresh")
    with pytest.raises(BackupError, match="not the one"):
        backup.restore(fresh, copy)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert backup.restore(fresh, copy).head == manifest["head"]


@pytest.fixture
def empty_database(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings that name an empty PostgreSQL database, with its client programs on the PATH."""
    monkeypatch.setenv("PATH", str(postgres.programs), prepend=":")
    name = f"r{uuid.uuid4().hex}"
    with psycopg.connect(postgres.plain_url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield Settings(data=tmp_path / "fresh", database_url=postgres.url(name))
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_P17_a_desk_on_postgresql_is_put_back_whole_while_it_was_written_to(  # noqa: N802
    postgresql_db: Database, empty_database: Settings, tmp_path: Path
) -> None:
    postgresql_db.run_now(_fill)
    url = postgresql_db.url.render_as_string(hide_password=False)
    settings = Settings(data=tmp_path / "data", database_url=url)
    settings.data.mkdir()
    secrets.Keys(settings.data / "master.key")
    end = threading.Event()
    hired: list[int] = []

    def keep_hiring() -> None:
        while not end.is_set():
            postgresql_db.run_now(_hire, len(hired))
            hired.append(len(hired))

    writer = threading.Thread(target=keep_hiring)
    writer.start()
    try:
        made = backup.write(settings, tmp_path / "copy", with_keys=True)
    finally:
        end.set()
        writer.join()
    put = backup.restore(empty_database, tmp_path / "copy")
    assert (put.rows, put.head) == (made.rows, made.head)
    database = Database(empty_database.database_url)
    found = database.read_now(_count)
    database.run_now(_hire, 10**6)  # the numbers of new rows go on after those put back
    database.close()
    assert 50 <= found <= 50 + len(hired)
    assert found == 50 + made.rows - 1, "one row of the audit log for each transaction before that moment"
    assert (empty_database.data / "master.key").stat().st_mode & 0o077 == 0


def test_a_postgresql_database_that_holds_something_is_not_overwritten(
    postgresql_db: Database, empty_database: Settings, tmp_path: Path
) -> None:
    url = postgresql_db.url.render_as_string(hide_password=False)
    settings = Settings(data=tmp_path / "data", database_url=url)
    backup.write(settings, tmp_path / "copy", with_keys=False)
    with pytest.raises(BackupError, match="holds tables already"):
        backup.restore(settings, tmp_path / "copy")
    with pytest.raises(BackupError, match="the settings name sqlite"):
        backup.restore(Settings(data=tmp_path / "other"), tmp_path / "copy")


def test_without_the_client_programs_the_operator_is_told_what_to_install(
    postgresql_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    url = postgresql_db.url.render_as_string(hide_password=False)
    with pytest.raises(BackupError, match="pg_dump is not on the PATH"):
        backup.write(Settings(data=tmp_path, database_url=url), tmp_path / "copy", with_keys=False)
