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

from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from server.kernel import audit, migrate
from server.kernel.db import Database
from server.kernel.errors import OperatorError
from server.kernel.opening import ask, make_folder
from server.kernel.settings import FILE, Settings

if TYPE_CHECKING:
    from sqlalchemy import URL

MANIFEST = "manifest.json"
KEYS = "master.key"
SQLITE_COPY = "watchdesk.db"
POSTGRESQL_COPY = "watchdesk.pgdump"
FORMAT = 1


class BackupError(OperatorError):
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
        if database.is_sqlite:
            kind = "sqlite"
            _copy_sqlite(Path(database.url.database or ""), folder / SQLITE_COPY)
            state, schema = _chain_of_copy(folder / SQLITE_COPY)
        else:
            kind = "postgresql"
            state, schema = _dump(database, folder / POSTGRESQL_COPY)
    finally:
        database.close()
    for name in (FILE, *([KEYS] if with_keys else [])):
        if (settings.data / name).exists():
            shutil.copy2(settings.data / name, folder / name)
    for left in ("-wal", "-shm"):
        (folder / (SQLITE_COPY + left)).unlink(missing_ok=True)
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
        BackupError: there is a database already, or the backup or its audit chain is damaged. Then
            nothing is left behind that a second try would stumble over.
    """
    manifest = read(folder)
    make_folder(settings.data)
    database = Database(settings.database_url)
    try:
        kind = "sqlite" if database.is_sqlite else "postgresql"
        if manifest.database != kind:
            raise BackupError(f"The backup is of {manifest.database}, the settings name {kind}.")
        if not database.is_sqlite:
            ask(database)
        if database.is_sqlite:
            _put_sqlite(manifest, folder / SQLITE_COPY, Path(database.url.database or ""))
        else:
            _put_postgresql(manifest, folder / POSTGRESQL_COPY, database)
    finally:
        database.close()
    for name in manifest.files:
        if name in {FILE, KEYS}:
            shutil.copy2(folder / name, settings.data / name)
            _sync(settings.data / name)
    _sync(settings.data)
    return manifest


def _put_sqlite(manifest: Manifest, copy: Path, target: Path) -> None:
    """Copy beside, look at the copy, and only then give it its name."""
    if target.exists():
        raise BackupError(f"{target} exists. Choose an empty data folder.")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        shutil.copyfile(copy, part)
        _same_chain(manifest, _chain_of_copy(part)[0])
        _sync(part)
        part.rename(target)
        _sync(target.parent)
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror or error}.") from error
    finally:
        _forget(part)


def _put_postgresql(manifest: Manifest, copy: Path, database: Database) -> None:
    with database.reader.connect() as connection:
        if inspect(connection).get_table_names():
            raise BackupError("The database of the settings holds tables already. Name an empty one.")
    _load(database.url, copy)
    _same_chain(manifest, database.read_now(_chain)[0])


def _same_chain(manifest: Manifest, state: audit.ChainState) -> None:
    if (state.rows, state.head) != (manifest.rows, manifest.head):
        raise BackupError("The audit log put back is not the one of the manifest.")


def _forget(copy: Path) -> None:
    for left in ("", "-wal", "-shm"):
        copy.with_name(copy.name + left).unlink(missing_ok=True)


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


def _chain_of_copy(copy: Path) -> tuple[audit.ChainState, str | None]:
    made = Database(f"sqlite:///{copy}")
    try:
        return made.read_now(_chain)
    finally:
        made.close()


def _chain(session: Session) -> tuple[audit.ChainState, str | None]:
    """The audit chain, walked, and the schema, both as this transaction sees them."""
    state = audit.verify(session)
    if state.broken_at is not None:
        raise BackupError(f"The audit chain is broken at row {state.broken_at}: {state.why}.")
    return state, migrate.stands_at(session.connection())


def _copy_sqlite(source: Path, target: Path) -> None:
    if not source.is_file():
        raise BackupError(f"There is no database at {source}.")
    taken, made = sqlite3.connect(source), sqlite3.connect(target)
    try:
        taken.backup(made, pages=4096)
    finally:
        taken.close()
        made.close()


def _dump(database: Database, target: Path) -> tuple[audit.ChainState, str | None]:
    """Copy what one moment saw, while the desk writes on; the chain is walked as of the same moment."""
    with Session(database.reader.execution_options(isolation_level="REPEATABLE READ")) as session:
        snapshot = session.scalar(text("SELECT pg_export_snapshot()"))
        _run(
            database.url,
            "pg_dump",
            "--format=custom",
            "--no-owner",
            f"--snapshot={snapshot}",
            f"--file={target}",
        )
        return _chain(session)


def _load(url: "URL", source: Path) -> None:
    _run(url, "pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", str(source))


def _plain(url: "URL") -> str:
    return url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)


def _run(url: "URL", program: str, *args: str) -> None:
    """Run a client program of PostgreSQL; the password goes by its environment, which others cannot read."""
    found = shutil.which(program)
    if found is None:
        raise BackupError(f"{program} is not on the PATH. Install the PostgreSQL client programs.")
    secret = {"PGPASSWORD": url.password} if url.password else {}
    done = subprocess.run(  # noqa: S603  no shell
        [found, f"--dbname={_plain(url)}", *args],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **secret},
    )
    if done.returncode:
        raise BackupError(f"{program}: {done.stderr.strip()[:500]}")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
