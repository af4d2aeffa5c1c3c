"""Backup and restore: a folder with the database, the settings and a manifest of hashes.

SQLite is copied by its online backup, so the desk goes on meanwhile; PostgreSQL by `pg_dump`.
The master key is left out unless asked for: who has database and key together has every secret.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from server.kernel import audit, migrate
from server.kernel.db import Database
from server.kernel.settings import FILE, Settings

if TYPE_CHECKING:
    from sqlalchemy import URL

MANIFEST = "manifest.json"
KEYS = "master.key"
SQLITE_COPY = "watchdesk.db"
POSTGRESQL_COPY = "watchdesk.pgdump"
FORMAT = 1


class BackupError(Exception):
    """A backup that cannot be written or put back; the text says why and what to do."""


@dataclass(frozen=True)
class Manifest:
    """What a backup holds."""

    format: int
    at: str
    database: str  # sqlite or postgresql
    schema: str | None
    rows: int  # of the audit log
    head: str  # hash of its last row
    files: dict[str, str]  # SHA-256 by name


def write(settings: Settings, folder: Path, *, with_keys: bool) -> Manifest:
    """Write a backup into a new or empty folder.

    Raises:
        BackupError: the folder holds something, the chain is broken, or pg_dump is missing.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BackupError(f"{folder} is not empty. Choose a new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database_url)
    try:
        copy = folder / (SQLITE_COPY if database.is_sqlite else POSTGRESQL_COPY)
        if database.is_sqlite:
            _copy_sqlite(Path(database.url.database or ""), copy)
        else:
            _dump(database.url, copy)
        kind = "sqlite" if database.is_sqlite else "postgresql"
        state, schema = _chain(Database(f"sqlite:///{copy}") if database.is_sqlite else database)
    finally:
        database.close()
    for name in (FILE, *([KEYS] if with_keys else [])):
        if (settings.data / name).exists():
            shutil.copy2(settings.data / name, folder / name)
    for left in ("-wal", "-shm"):
        copy.with_name(copy.name + left).unlink(missing_ok=True)
    files = {path.name: sha256(path) for path in sorted(folder.iterdir())}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = Manifest(FORMAT, at, kind, schema, state.rows, state.head, files)
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
    for path in folder.iterdir():
        _sync(path)
    _sync(folder)
    return manifest


def read(folder: Path) -> Manifest:
    """The manifest of a backup whose files fit their hashes.

    Raises:
        BackupError: no backup, one of a newer form, or a file that is missing or altered.
    """
    try:
        manifest = Manifest(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise BackupError(f"{folder} holds no backup: {error}") from error
    if manifest.format > FORMAT:
        raise BackupError("This backup was written by a newer Watchdesk. Install that version.")
    for name, wanted in manifest.files.items():
        path = folder / name
        if Path(name).name != name or not path.is_file() or sha256(path) != wanted:
            raise BackupError(f"{name} is missing or was altered since the backup.")
    return manifest


def restore(settings: Settings, folder: Path) -> Manifest:
    """Put a backup into an empty data folder (or, for PostgreSQL, an empty database).

    Raises:
        BackupError: there is a database already, or the backup or its audit chain is damaged.
    """
    manifest = read(folder)
    database = Database(settings.database_url)
    try:
        kind = "sqlite" if database.is_sqlite else "postgresql"
        if manifest.database != kind:
            raise BackupError(f"The backup is of {manifest.database}, the settings name {kind}.")
        if database.is_sqlite:
            target = Path(database.url.database or "")
            if target.exists():
                raise BackupError(f"{target} exists. Choose an empty data folder.")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(folder / SQLITE_COPY, target)
        else:
            _load(database.url, folder / POSTGRESQL_COPY)
        state, _schema = _chain(database)
    finally:
        database.close()
    if (state.rows, state.head) != (manifest.rows, manifest.head):
        raise BackupError("The audit log put back is not the one of the manifest.")
    for name in manifest.files:
        if name in {FILE, KEYS}:
            shutil.copy2(folder / name, settings.data / name)
    return manifest


def sha256(path: Path) -> str:
    """The hash of a file, read in parts."""
    whole = hashlib.sha256()
    for part in _parts(path):
        whole.update(part)
    return whole.hexdigest()


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            yield part


def _chain(database: Database) -> tuple[audit.ChainState, str | None]:
    state = database.read_now(audit.verify)
    if state.broken_at is not None:
        raise BackupError(f"The audit chain is broken at row {state.broken_at}: {state.why}.")
    with database.reader.connect() as connection:
        schema = migrate.stands_at(connection)
    return state, schema


def _copy_sqlite(source: Path, target: Path) -> None:
    if not source.is_file():
        raise BackupError(f"There is no database at {source}.")
    taken, made = sqlite3.connect(source), sqlite3.connect(target)
    try:
        taken.backup(made, pages=4096)
    finally:
        taken.close()
        made.close()


def _dump(url: "URL", target: Path) -> None:
    _run("pg_dump", "--format=custom", f"--file={target}", f"--dbname={_plain(url)}")


def _load(url: "URL", source: Path) -> None:
    _run(
        "pg_restore",
        "--exit-on-error",
        "--single-transaction",
        "--no-owner",
        f"--dbname={_plain(url)}",
        str(source),
    )


def _plain(url: "URL") -> str:
    return url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)


def _run(program: str, *args: str) -> None:
    found = shutil.which(program)
    if found is None:
        raise BackupError(f"{program} is not on the PATH. Install the PostgreSQL client programs.")
    done = subprocess.run([found, *args], capture_output=True, text=True, check=False)  # noqa: S603  no shell
    if done.returncode:
        raise BackupError(f"{program}: {done.stderr.strip()[:500]}")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
