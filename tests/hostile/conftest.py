"""A desk that has been lived in: the demo's company, room, articles and past, and its people's browsers."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import DummyCookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts import sessions
from server.accounts.models import Person
from server.app import create_app
from server.demo.command import seed
from server.incidents.models import Incident
from server.kernel import keys
from server.kernel.call import Actor
from server.kernel.clock import ManualClock
from server.kernel.db import Database
from server.kernel.routing import Route
from server.kernel.settings import Settings
from server.problems import patterns
from server.problems import service as problems
from tests.desk_client import Browser


@dataclass
class Lived:
    """The running application over a copy of the seeded data."""

    client: Any
    clock: ManualClock

    @property
    def app(self) -> web.Application:
        """The application."""
        running: web.Application = self.client.app
        return running

    @property
    def db(self) -> Database:
        """Its database."""
        return self.app[keys.DATABASE]

    @property
    def routes(self) -> list[Route]:
        """All its routes."""
        known = self.app[keys.ROUTES]
        return list(known)

    async def browser(self, username: str = "admin") -> Browser:
        """Somebody's browser, signed in."""

        def sign_in(session: Session) -> tuple[str, int]:
            person = session.scalars(select(Person).where(Person.username == username)).one()
            token = sessions.open_session(
                session, person.id, now=self.clock.now(), hours=24, address="", browser=""
            )
            return token, person.id

        token, person_id = await self.db.run(sign_in)
        return Browser(self.client, token, person_id)


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a demo that was seeded and never served."""
    folder = tmp_path_factory.mktemp("seeded") / "data"
    folder.mkdir()
    settings = Settings(data=folder, demo=True)
    seed(settings)
    database = Database(settings.database_url)
    database.run_now(_comes_again)
    database.close()
    return folder


def _comes_again(session: Session) -> None:
    """A problem with an incident, and patterns that wait for a decision."""
    now = datetime.now(UTC)
    rights = frozenset({"problem.read", "problem.manage", "incident.read"})
    ada = Actor(1, "admin", {"en": "Ada"}, rights)
    problem = problems.create(session, {"title": "The pump stops each spring"}, actor=ada, now=now)
    first = session.scalars(select(Incident.number).order_by(Incident.id).limit(1)).one()
    problems.link(session, problem.number, first, actor=ada, now=now)
    patterns.refresh(session, now=now)


@pytest.fixture
async def lived(seeded: Path, tmp_path: Path) -> AsyncIterator[Lived]:
    """The application over a copy of the seeded data, at the present moment."""
    data = tmp_path / "data"
    shutil.copytree(seeded, data)
    settings = Settings(data=data, timezone="Asia/Shanghai")
    database = Database(settings.database_url)
    clock = ManualClock(datetime.now(UTC))
    app = create_app(settings, database=database, clock=clock, run_jobs=False)
    async with TestClient(TestServer(app), cookie_jar=DummyCookieJar()) as client:
        yield Lived(client, clock)
    database.close()
