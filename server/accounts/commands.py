"""`watchdesk-server user ...` and `token ...`, for the operator at the machine."""

import getpass
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts import passwords, people, roles, service, sessions, tokens
from server.accounts.models import Person, Role
from server.kernel import audit
from server.kernel.errors import NotFoundError, OperatorError
from server.kernel.i18n import N_
from server.kernel.opening import opened
from server.kernel.settings import load

T = TypeVar("T")
Data = Annotated[Path | None, typer.Option("--data", help="Data folder; WATCHDESK_DATA, else ./data.")]
Username = Annotated[str, typer.Argument(help="The user name.")]


def user() -> typer.Typer:
    """The commands about people."""
    app = typer.Typer(help="People who sign in.", no_args_is_help=True, rich_markup_mode=None)
    app.command("add")(add)
    app.command("password")(password)
    app.command("list")(show)
    app.command("roles")(set_roles)
    app.command("disable")(disable)
    return app


def token() -> typer.Typer:
    """The commands about API tokens."""
    app = typer.Typer(help="API tokens.", no_args_is_help=True, rich_markup_mode=None)
    app.command("create")(create_token)
    app.command("list")(show_tokens)
    app.command("revoke")(revoke_token)
    return app


def add(  # noqa: PLR0917  options of the command
    username: Username,
    name: Annotated[str, typer.Option(help="Name as people read it.")] = "",
    name_zh: Annotated[str, typer.Option(help="Name in Chinese.")] = "",
    role: Annotated[list[str] | None, typer.Option(help="A role; may be given several times.")] = None,
    language: Annotated[str, typer.Option(help="en or zh.")] = "en",
    password_stdin: Annotated[bool, typer.Option(help="Read the password from standard input.")] = False,  # noqa: FBT002
    data: Data = None,
) -> None:
    """Create a person who signs in with a password."""
    secret = _password(from_stdin=password_stdin)

    def make(session: Session) -> None:
        names = {"en": name or username, "zh": name_zh}
        made = people.create(
            session,
            username,
            names,
            now=datetime.now(UTC),
            password_hash=passwords.hash_now(passwords.check_new(secret)),
            language=language,
        )
        people.set_roles(session, made.id, role or ["first_line"])

    _run(data, "user add", make)
    typer.echo(f"{username} can sign in")


def password(
    username: Username,
    password_stdin: Annotated[bool, typer.Option(help="Read the password from standard input.")] = False,  # noqa: FBT002
    data: Data = None,
) -> None:
    """Set a person's password; all of the person's sessions end."""
    secret = _password(from_stdin=password_stdin)

    def change(session: Session) -> None:
        hashed = passwords.hash_now(passwords.check_new(secret))
        people.set_password(session, _found(session, username).id, hashed, now=datetime.now(UTC))

    _run(data, "user password", change)
    typer.echo(f"{username} has a new password")


def show(data: Data = None) -> None:
    """List people, their roles, and whether they may sign in."""

    def read(session: Session) -> list[str]:
        rows = session.scalars(select(Person).order_by(Person.username_key))
        return [
            f"{row.username}\t{'active' if row.active else 'disabled'}\t"
            f"{','.join(people.role_codes(session, row.id))}\t{row.name.get('en') or row.name.get('zh', '')}"
            for row in rows
        ]

    for line in _run(data, "user list", read):
        typer.echo(line)


def set_roles(
    username: Username, role: Annotated[list[str], typer.Argument(help="Role codes.")], data: Data = None
) -> None:
    """Give a person exactly these roles; all of the person's sessions end."""
    _run(data, "user roles", lambda session: people.set_roles(session, _found(session, username).id, role))
    typer.echo(f"{username}: {', '.join(role)}")


def disable(username: Username, data: Data = None) -> None:
    """Let a person in no more; all of the person's sessions end."""

    def off(session: Session) -> None:
        people.set_active(session, _found(session, username).id, active=False)

    _run(data, "user disable", off)
    typer.echo(f"{username} is disabled")


def create_token(
    user: Annotated[str, typer.Option(help="The owner's user name.")],
    name: Annotated[str, typer.Option(help="What uses it.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="A permission; all of the owner's if none is given.")
    ] = None,
    data: Data = None,
) -> None:
    """Make an API token and print it; it is shown this once."""

    def make(session: Session) -> str:
        owner = _found(session, user)
        owned = sessions.actor_of(session, owner, via="system").permissions
        _row, made = tokens.create(
            session, owner.id, name, scopes=scope or ["*"], owned=owned, now=datetime.now(UTC)
        )
        return made

    typer.echo(_run(data, "token create", make))


def show_tokens(user: Annotated[str, typer.Option(help="The owner's user name.")], data: Data = None) -> None:
    """List a person's API tokens."""

    def read(session: Session) -> list[str]:
        rows = tokens.tokens_of(session, _found(session, user).id)
        return [f"{row.id}\t…{row.hint}\t{row.name}\t{','.join(row.scopes)}" for row in rows]

    for line in _run(data, "token list", read):
        typer.echo(line)


def revoke_token(
    user: Annotated[str, typer.Option(help="The owner's user name.")],
    token_id: Annotated[int, typer.Argument(help="Its number in the list.")],
    data: Data = None,
) -> None:
    """Revoke an API token at once."""
    name = _run(
        data, "token revoke", lambda session: tokens.revoke(session, token_id, _found(session, user).id)
    )
    typer.echo(f"{name} is revoked")


def _found(session: Session, username: str) -> Person:
    person = service.person_by_username(session, username)
    if person is None:
        raise NotFoundError(N_("There is no person {username}."), username=username)
    return person


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise OperatorError("The two are not alike. Type the same password twice.")
    return first


def _run(data: Path | None, source: str, call: Callable[[Session], T]) -> T:
    """Run at the program's schema and with its roles; people may be added before the first start."""
    with opened(load(data)) as database, audit.acting(getpass.getuser(), f"command {source}"):
        if not database.read_now(lambda session: session.scalar(select(Role.id).limit(1))):
            database.run_now(roles.sync, [])  # the first start gives them their permissions
        return database.run_now(call)
