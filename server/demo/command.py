"""`watchdesk-server demo`: seed an empty data folder, then serve it with the living room beside it."""

import asyncio
import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from server import app as desk
from server.accounts import passwords, roles
from server.demo import causes, company, living, past, present, room, seeds, shelf, visitors, yesterday
from server.incidents import guesses
from server.kernel import jobs, secrets
from server.kernel.db import Database
from server.kernel.migrate import migrate
from server.kernel.opening import make_folder
from server.kernel.settings import Settings, load
from server.problems import patterns

SOON = {  # after the seeding
    patterns.JOB: timedelta(seconds=30),
    yesterday.JOB: yesterday.AFTER,
    guesses.JOB: timedelta(seconds=90),
}


def demo() -> typer.Typer:
    """The command."""
    app = typer.Typer(add_completion=False)
    app.callback(invoke_without_command=True)(run)
    return app


def run(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8400,
    data: Annotated[Path, typer.Option(help="Data folder of the demo.")] = Path("data/demo"),
    auto: Annotated[  # noqa: FBT002  an option of the command
        bool, typer.Option(help="Let scenarios play by themselves when nothing is broken.")
    ] = True,
) -> None:
    """A living machine room, an agent and the desk with two years of history, on this machine alone."""
    began = float(os.environ.get("BEGAN") or time.time())  # the task runner's start, with its set-up
    settings = load(data, port=port, demo=True, demo_auto=auto, log_format="console", log_level="warning")
    make_folder(settings.data)
    if not (settings.data / living.SEEDED).exists():
        seed(settings)
    desk.serve(settings, ready=lambda address: _greet(address, time.time() - began))


def seed(settings: Settings) -> None:
    """Fill an empty desk with the company, its room and its past."""
    for leftover in settings.data.glob("watchdesk.db*"):
        leftover.unlink()  # of a seeding that was cut off
    network = living.free_network()
    told = asyncio.run(living.describe(network))
    secrets.use_keys(secrets.Keys(settings.data / "master.key"))
    practices = desk.practices()
    database = Database(settings.database_url)
    migrate(database)
    now = datetime.now(UTC)
    password_hash = passwords.hash_now(company.PASSWORD)

    def fill(session: Session) -> str:
        roles.sync(session, desk.permissions(practices))
        session.flush()
        people = company.write(session, password_hash=password_hash, now=now)
        token = room.write(session, told, now=now)
        articles = shelf.write(session, people, now=now)
        past.write(session, people, articles, now=now)
        visitors.write(session, people, now=now)
        causes.write(session, people, now=now)
        present.write(session, people, now=now)
        for job, after in SOON.items():
            jobs.enqueue(session, job, {}, now=now, run_at=now + after)
        return token

    token = database.run_now(fill)
    database.close()
    (settings.data / living.TOKEN_FILE).write_text(token, encoding="utf-8")
    (settings.data / living.SEEDED).write_text(
        json.dumps({"seeded_at": now.isoformat(), "network": network}), encoding="utf-8"
    )


def _greet(address: str, seconds: float) -> None:
    people = {row["username"]: row for row in seeds.seed("company")["people"]}
    logins = [
        f"    {name:<10} {people[name]['name']['en']}, {people[name]['name']['zh']}: "
        + ", ".join(people[name]["roles"])
        for name in company.SHOWN
    ]
    lines = [
        "",
        f"  Watchdesk demo, ready after {seconds:.1f} s:  {address}",
        "",
        f"  Password of everybody: {company.PASSWORD}",
        *logins,
        "",
        f"  Break something:  {address}/demo",
        "  Ctrl C ends it; the next start goes on where it stopped.",
        "",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
