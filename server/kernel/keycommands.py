"""`watchdesk-server keys ...`: the master key of stored secrets, for the operator at the machine."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from server.kernel import audit, rekey
from server.kernel.db import Database
from server.kernel.opening import opened
from server.kernel.secrets import Keys
from server.kernel.settings import load

Data = Annotated[Path | None, typer.Option("--data", help="Data folder; WATCHDESK_DATA, else ./data.")]


def keys_app() -> typer.Typer:
    """The commands about the master key."""
    app = typer.Typer(help="The master key of stored secrets.", no_args_is_help=True, rich_markup_mode=None)
    app.command("list")(show)
    app.command("rotate")(rotate)
    app.command("forget")(forget)
    return app


def show(data: Data = None) -> None:
    """List the keys by their public names, and how many secrets each has sealed."""
    with _opened(data, "keys list") as (database, keys):
        uses = database.read_now(rekey.uses)
        for number, name in enumerate(keys.names):
            typer.echo(f"{name}\t{'seals' if number == 0 else 'opens'}\t{uses[name]} secrets")
        for name in sorted(set(uses) - set(keys.names)):
            typer.echo(f"{name}\tmissing\t{uses[name]} secrets")


def rotate(data: Data = None) -> None:
    """Make a new key and seal every secret with it; interrupted, run it again. The desk may run."""
    with _opened(data, "keys rotate") as (database, keys):
        outcome = rekey.rotate(database, keys)
        typer.echo(f"{len(outcome.resealed)} secrets are sealed with the new key {outcome.key}")
        for name in outcome.refused:
            typer.echo(f"not opened by any key here: {name}")
        old = ", ".join(keys.names[1:])
        if old and not outcome.refused:
            typer.echo(f"Backups from before need {old}; once you need none of them: keys forget")
        if outcome.refused:
            raise SystemExit(1)


def forget(data: Data = None) -> None:
    """Delete the keys that seal nothing any more; backups from before can then not be read."""
    with _opened(data, "keys forget") as (database, keys):
        gone = rekey.forget(database, keys)
        typer.echo(f"forgotten: {', '.join(gone)}" if gone else "There is only one key.")


@contextmanager
def _opened(data: Path | None, source: str) -> Iterator[tuple[Database, Keys]]:
    settings = load(data)
    with opened(settings) as database, audit.acting(getpass.getuser(), f"command {source}"):
        yield database, Keys(settings.data / "master.key")
