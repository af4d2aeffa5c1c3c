"""Brings a database to the schema of this program, and refuses one that is newer.

Steps lie in `server/migrations/versions`. At a normal start the database is at the newest step:
that is seen by reading one row and the names in the step files, without loading Alembic.
"""

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

import server
from server.kernel.db import Base, Database
from server.kernel.errors import OperatorError

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(server.__path__[0]) / "migrations"
LOCK = 7_261_843  # PostgreSQL advisory lock: one server migrates, the others wait
_REVISION = re.compile(r"^(down_)?revision(?:: [^=]+)? = [\"']?([\w]+)", re.MULTILINE)


class SchemaTooNewError(OperatorError):
    """The database was written by a newer Watchdesk; the text says what to do."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"This database was written by a newer Watchdesk (schema {found}). "
            "Install that version or newer, or restore a backup from before its first start."
        )


def steps(folder: Path = FOLDER) -> dict[str, str | None]:
    """All steps and the step before each, from the files' own words."""
    known: dict[str, str | None] = {}
    for path in (folder / "versions").glob("*.py"):
        said = {bool(down): name for down, name in _REVISION.findall(path.read_text(encoding="utf-8"))}
        if False in said:
            before = said.get(True)
            known[said[False]] = None if before == "None" else before
    return known


def newest(folder: Path = FOLDER) -> str | None:
    """The step that no other follows; None while there are no steps yet."""
    known = steps(folder)
    heads = set(known) - {before for before in known.values() if before}
    if len(heads) > 1:
        raise RuntimeError(f"the migrations have several ends: {', '.join(sorted(heads))}")
    return next(iter(heads), None)


def stands_at(connection: Connection) -> str | None:
    """The step a database stands at; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return None if found is None else str(found)


def migrate(database: Database) -> str | None:
    """Bring the schema to the newest step; returns the step it stood at before.

    Raises:
        SchemaTooNewError: it stands at a step that this program does not know.
    """
    with database.engine.begin() as connection:
        if not database.is_sqlite:
            connection.execute(text("SET LOCAL statement_timeout = 0"))  # a large table takes its time
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        before, target = stands_at(connection), newest()
        if before is not None and before not in steps():
            raise SchemaTooNewError(before)
        if target is None:  # the one place that stands in for steps while there are none
            Base.metadata.create_all(connection)
        elif before != target:
            _upgrade(connection, target)
    return before


def _upgrade(connection: Connection, target: str) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)  # a first start need not read its steps
    from alembic import command  # noqa: PLC0415  only when there is something to do

    command.upgrade(config(connection), target)


def write_step(database: Database, message: str, *, folder: Path = FOLDER) -> Path:
    """For developers: write the step from the newest schema to the models, to be read and mended.

    Args:
        database: an empty one, which is brought to the newest step first.
        message: what the step changes for the desk, in a line.
        folder: of the migrations.

    Returns:
        The file in `versions` that was written.
    """
    from alembic import command  # noqa: PLC0415  only for developers

    with database.engine.begin() as connection:
        how = config(connection, folder)
        if newest(folder) is not None:
            command.upgrade(how, "head")
        number = f"{len(steps(folder)) + 1:04d}"
        written = command.revision(how, message=message, autogenerate=True, rev_id=number)
    assert written is not None
    assert not isinstance(written, list)
    return Path(written.path)


def config(connection: Connection, folder: Path = FOLDER) -> "Config":
    """Alembic's configuration for a connection."""
    from alembic.config import Config  # noqa: PLC0415  only when there is something to do

    made = Config()
    made.set_main_option("script_location", str(folder))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made
