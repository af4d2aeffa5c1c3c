"""`watchdesk-server`: serve, and the operator's commands.

Heavy things are imported where a command needs them, so that `--help` answers at once.
"""

import gc
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from server.kernel.errors import DeskError, OperatorError
from server.kernel.settings import load

# What practices bring (PRACTICE.commands), by name, so that --help need not load them.
OF_PRACTICES = {
    "demo": "A living machine room, an agent and the desk with two years of history.",
    "user": "People who sign in: add, password, list, roles, disable.",
    "token": "API tokens: create, list, revoke.",
    "keys": "The master key of stored secrets: list, rotate, forget old ones.",
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

rules_app = typer.Typer(help="Alert rules.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(rules_app, name="rules")

Data = Annotated[Path | None, typer.Option("--data", help="Data folder; WATCHDESK_DATA, else ./data.")]


def main() -> None:
    """Run the program; a mistake of the operator is a sentence on standard error and exit code 2."""
    _add_practice_commands(sys.argv[1:2])
    try:
        app()
    except (OperatorError, DeskError) as error:
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
    with _uncollected():
        from server.app import calm_collector, practices, subscribe  # noqa: PLC0415  takes seconds

        found = practices()
    brought = [make() for practice in found for known, make in practice.commands if known == name]
    if not brought:
        return _refuse(f"No practice here brings the command {name}.")
    subscribe(found)
    if name == "bench":
        calm_collector()
    first, *others = brought
    for other in others:
        first.registered_commands += other.registered_commands
        first.registered_groups += other.registered_groups
    return first


@contextmanager
def _uncollected() -> Iterator[None]:
    """While modules load, nothing of them dies: looking for garbage would take a tenth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _refuse(sentence: str) -> NoReturn:
    sys.stderr.write(sentence + "\n")
    raise SystemExit(2)


@app.command()
def serve(
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    log_format: Annotated[str | None, typer.Option(help="json or console.")] = None,
) -> None:
    """Serve the desk."""
    with _uncollected():
        from server import app as desk  # noqa: PLC0415

        desk.practices()
    desk.serve(load(data, host=host, port=port, log_format=log_format))


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
    from server.kernel import opening  # noqa: PLC0415
    from server.kernel.db import Database  # noqa: PLC0415

    practices()  # knows all tables
    if write:
        with tempfile.TemporaryDirectory() as folder:
            typer.echo(steps.write_step(Database(f"sqlite:///{folder}/empty.db"), write))
        return
    database = opening.open_database(load(data))
    before = steps.migrate(database)
    typer.echo(f"schema: {before or 'empty'} -> {steps.newest() or 'the models'}")


@app.command()
def verify(
    data: Data = None,
    head: Annotated[str, typer.Option(help="A hash noted earlier, which must be in the chain.")] = "",
) -> None:
    """Walk the audit chain; exit code 1 and the place if it is broken."""
    from server.kernel import audit  # noqa: PLC0415
    from server.kernel.opening import open_database  # noqa: PLC0415

    database = open_database(load(data), existing=True)
    state = database.read_now(audit.verify, must_have=head)
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
    made = copies.write(settings, folder, with_keys=with_keys)
    typer.echo(f"{len(made.files)} files, {made.rows} audit rows, head {made.head[:16]}: {folder}")


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `backup` wrote.")], data: Data = None
) -> None:
    """Put a backup into an empty data folder, after its hashes and its audit chain were checked."""
    from server.kernel import backup as copies  # noqa: PLC0415

    settings = load(data)
    put = copies.restore(settings, folder)
    typer.echo(f"{len(put.files)} files, {put.rows} audit rows whole: {settings.data}")


@rules_app.command("test")
def test_rules(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Rule files, or folders of them.")],
) -> None:
    """Run the tests that stand beside alert rules; exit code 1 and their places where some fail."""
    from rules.catalog import run_tests  # noqa: PLC0415
    from rules.document import DocumentError  # noqa: PLC0415

    outcomes = []
    for file in files:
        inside = sorted(file.glob("*.yaml")) if file.is_dir() else [file]
        for path in inside:
            try:
                outcomes += run_tests(path)
            except (DocumentError, UnicodeDecodeError) as error:
                _refuse(f"{path}: it is no text in UTF-8." if isinstance(error, UnicodeError) else str(error))
            except OSError as error:
                _refuse(f"{path} cannot be read: {error.strerror or error}.")
    failed = [one for one in outcomes if not one.passed]
    for one in failed:
        typer.echo(f"{one.file}:{one.line}: {one.rule}, {one.test}: expected {one.expected}, got {one.got}")
    if not outcomes:
        _refuse("No test stands in these files. Write `tests:` under a rule, with what it should do.")
    typer.echo(f"{len(outcomes) - len(failed)} tests passed, {len(failed)} failed")
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
