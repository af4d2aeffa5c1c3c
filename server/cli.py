"""`watchdesk-server`: serve, and the operator's commands.

Heavy things are imported where a command needs them, so that `--help` answers at once.
"""

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from server.kernel.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from server.kernel.db import Database

# What practices bring (PRACTICE.commands), by name, so that --help need not load them.
OF_PRACTICES = {
    "demo": "A living machine room, an agent and the desk with two years of history.",
    "user": "People who sign in: add, password, list, roles, disable.",
    "token": "API tokens: create, list, revoke.",
    "keys": "The master key of stored secrets: list, rotate, forget old ones.",
    "rules": "Alert rules: run their unit tests.",
    "bench": "Measure the production code on given data.",
}


app = typer.Typer(
    name="watchdesk-server",
    help="The service desk: serve it, and look after it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Data = Annotated[Path | None, typer.Option("--data", help="Data folder; WATCHDESK_DATA, else ./data.")]


def main() -> None:
    """Run the program; a mistake of the operator is a sentence on standard error and exit code 2."""
    _add_practice_commands(sys.argv[1:2])
    try:
        app()
    except SettingsError as error:
        _refuse(str(error))


def _add_practice_commands(called: list[str]) -> None:
    """Add the command of a practice that is called; of the others, a line of help."""
    for name, line in OF_PRACTICES.items():
        if called == [name]:
            app.add_typer(_of_practice(name), name=name, help=line)
        else:
            app.command(name, help=line)(lambda: None)


def _of_practice(name: str) -> typer.Typer:
    """The command of that name; where several practices bring one, their commands under it together."""
    from server.app import calm_collector, practices, subscribe  # noqa: PLC0415  takes a second

    found = practices()
    brought = [make() for practice in found for known, make in practice.commands if known == name]
    if not brought:
        return _refuse(f"No practice here brings the command {name}.")
    subscribe(found)
    calm_collector()
    first, *others = brought
    for other in others:
        first.registered_commands += other.registered_commands
        first.registered_groups += other.registered_groups
    return first


def _refuse(sentence: str) -> NoReturn:
    sys.stderr.write(sentence + "\n")
    raise SystemExit(2)


def _opened(settings: Settings) -> "Database":
    from server.kernel.db import Database  # noqa: PLC0415

    settings.data.mkdir(parents=True, exist_ok=True)
    return Database(settings.database_url)


@app.command()
def serve(
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    log_format: Annotated[str | None, typer.Option(help="json or console.")] = None,
) -> None:
    """Serve the desk."""
    from server import app as desk  # noqa: PLC0415
    from server.kernel.migrate import SchemaTooNewError  # noqa: PLC0415

    try:
        desk.serve(load(data, host=host, port=port, log_format=log_format))
    except SchemaTooNewError as error:
        _refuse(str(error))
    except OSError as error:
        _refuse(f"Watchdesk cannot listen there: {error.strerror or error}")


@app.command()
def migrate(
    data: Data = None,
    write: Annotated[
        str, typer.Option(help="For developers: write the next step, with this line as its text.")
    ] = "",
) -> None:
    """Bring the database to the schema of this program (also done at each start)."""
    from server.app import practices  # noqa: PLC0415
    from server.kernel import migrate as steps  # noqa: PLC0415
    from server.kernel.db import Database  # noqa: PLC0415

    practices()  # knows all tables
    if write:
        with tempfile.TemporaryDirectory() as folder:
            typer.echo(steps.write_step(Database(f"sqlite:///{folder}/empty.db"), write))
        return
    database = _opened(load(data))
    try:
        before = steps.migrate(database)
    except steps.SchemaTooNewError as error:
        _refuse(str(error))
    typer.echo(f"schema: {before or 'empty'} -> {steps.newest() or 'the models'}")


@app.command()
def verify(
    data: Data = None,
    head: Annotated[str, typer.Option(help="A hash noted earlier, which must be in the chain.")] = "",
) -> None:
    """Walk the audit chain; exit code 1 and the place if it is broken."""
    from server.kernel import audit  # noqa: PLC0415

    state = _opened(load(data)).read_now(audit.verify, must_have=head)
    if state.broken_at is not None:
        typer.echo(f"broken at row {state.broken_at}: {state.why}; {state.rows} rows before it are whole")
        raise SystemExit(1)
    typer.echo(f"whole: {state.rows} rows, head {state.head}")


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    data: Data = None,
    with_keys: Annotated[bool, typer.Option(help="Also copy the master key (keep that copy apart).")] = False,  # noqa: FBT002
) -> None:
    """Write a consistent copy while the desk goes on: database, settings, manifest with hashes."""
    from server.kernel import backup as copies  # noqa: PLC0415

    settings = load(data)
    try:
        made = copies.write(settings, folder, with_keys=with_keys)
    except copies.BackupError as error:
        _refuse(str(error))
    typer.echo(f"{len(made.files)} files, {made.rows} audit rows, head {made.head[:16]}: {folder}")


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `backup` wrote.")], data: Data = None
) -> None:
    """Put a backup into an empty data folder, after its hashes and its audit chain were checked."""
    from server.kernel import backup as copies  # noqa: PLC0415

    settings = load(data)
    try:
        put = copies.restore(settings, folder)
    except copies.BackupError as error:
        _refuse(str(error))
    typer.echo(f"{len(put.files)} files, {put.rows} audit rows whole: {settings.data}")


if __name__ == "__main__":
    main()
