import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.accounts.models import Department
from server.kernel import backup, secrets
from server.kernel.backup import BackupError
from server.kernel.db import Database
from server.kernel.settings import Settings


def _fill(session: Session) -> None:
    session.add_all(Department(code=f"d{number}", name={"zh": "运行中心"}) for number in range(50))


def _count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Department)) or 0


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
