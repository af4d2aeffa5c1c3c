"""The data folder and its database as programs at the machine open them; what hinders is a sentence."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import DatabaseError

from server.kernel.db import Database
from server.kernel.errors import OperatorError
from server.kernel.migrate import migrate
from server.kernel.settings import Settings


class OpeningError(OperatorError):
    """The data folder or the database cannot be used; the text says why and what to do."""


def make_folder(folder: Path) -> None:
    """Make the data folder where there is none yet.

    Raises:
        OpeningError: it is a file, or this user may not make or write it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OpeningError(f"The data folder {folder} is a file. Name a folder with --data.") from error
    except OSError as error:
        why = error.strerror or error
        raise OpeningError(
            f"The data folder {folder} cannot be made: {why}. Name another with --data."
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OpeningError(
            f"The data folder {folder} cannot be written. Start as its owner, or name another with --data."
        )


def open_database(settings: Settings, *, existing: bool = False) -> Database:
    """The database of the data folder, as yet at whatever schema; the caller closes it.

    Args:
        existing: a folder without a database is a mistake, not a beginning.

    Raises:
        OpeningError: the folder cannot be used, the file is no database, or the server is away.
    """
    file = make_url(settings.database_url).database
    if existing and settings.database_url.startswith("sqlite") and not Path(file or "").is_file():
        raise OpeningError(f"There is no database at {file}. Name its data folder with --data.")
    make_folder(settings.data)
    database = Database(settings.database_url)
    ask(database)
    return database


def ask(database: Database) -> None:
    """See that a database answers, and close it if not.

    Raises:
        OpeningError: it is away, refuses, or is no database.
    """
    try:
        with database.engine.connect():
            return
    except DatabaseError as error:
        database.close()
        shown = database.url.database if database.is_sqlite else database.url.render_as_string()
        why = str(error.orig).strip().partition("\n")[0]
        raise OpeningError(
            f"The database {shown} cannot be opened: {why}. Does it run, and does database_url name it?"
        ) from error


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The database at the schema of this program, closed at the end.

    Raises:
        OpeningError: as `open_database`.
        SchemaTooNewError: a newer Watchdesk wrote it.
    """
    database = open_database(settings)
    try:
        migrate(database)
        yield database
    finally:
        database.close()
