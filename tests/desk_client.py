"""Browsers for tests: the whole application with people who are signed in."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, DummyCookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts import people, sessions
from server.accounts.models import Group, GroupMember, PersonRole, Role
from server.app import create_app
from server.kernel import keys
from server.kernel.clock import ManualClock
from server.kernel.db import Database
from server.kernel.settings import Settings

OF_THE_DESK = (
    "first_line",
    "second_line",
    "third_line",
    "incident_supervisor",
    "configuration_manager",
    "knowledge_manager",
)
PEOPLE: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "alice": ({"en": "Alice Zhou", "zh": "周爱丽"}, OF_THE_DESK),
    "bob": ({"en": "Bob Wang", "zh": "王博"}, ("second_line",)),
    "charlie": ({"en": "Charlie Li", "zh": "李查理"}, ("end_user",)),
    "admin": ({"en": "Ada Min", "zh": "闵安"}, ("administrator",)),
}


class Browser:
    """One person's browser. Posts carry the CSRF token by themselves."""

    def __init__(self, client: Any, token: str | None, person_id: int) -> None:
        self._client = client
        self.token = token
        self.cookies: dict[str, str] = {} if token is None else {"watchdesk": token}
        self.person_id = person_id
        self._csrf: str | None = None

    async def get(self, path: str, **how: Any) -> ClientResponse:
        """Read a page; redirects are not followed."""
        return await self._ask("GET", path, **how)

    async def text(self, path: str, **how: Any) -> str:
        """A page's text; it must answer 200."""
        response = await self.get(path, **how)
        text = await response.text()
        assert response.status == 200, f"{path} answered {response.status}: {text[:500]}"
        return text

    async def json(self, path: str, **how: Any) -> Any:
        """An API answer; it must be 200."""
        response = await self.get(path, **how)
        assert response.status == 200, f"{path} answered {response.status}: {await response.text()}"
        return await response.json()

    async def post(self, path: str, data: dict[str, Any] | None = None, **how: Any) -> ClientResponse:
        """Send a form (`data`) or JSON (`json=`), with the CSRF token."""
        headers = {"X-CSRF-Token": await self.csrf(), **how.pop("headers", {})}
        return await self._ask("POST", path, data=data, headers=headers, **how)

    async def send(self, method: str, path: str, **how: Any) -> ClientResponse:
        """Any other method, with the CSRF token."""
        headers = {"X-CSRF-Token": await self.csrf(), **how.pop("headers", {})}
        return await self._ask(method, path, headers=headers, **how)

    async def csrf(self) -> str:
        """The token of this browser's forms, as the session's secret gives it."""
        if self._csrf is None:
            from server.kernel import gate

            if self.token is not None:
                self._csrf = gate._csrf(self.token)
            else:
                text = await (await self.get("/login")).text()
                found = re.search(r'name="csrf" value="([0-9a-f]+)"', text)
                self._csrf = found[1] if found else ""
        return self._csrf

    async def _ask(self, method: str, path: str, **how: Any) -> ClientResponse:
        headers = {**how.pop("headers", {})}
        if self.cookies:
            headers.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        how.setdefault("allow_redirects", False)
        response: ClientResponse = await self._client.request(method, path, headers=headers, **how)
        for name, cookie in response.cookies.items():
            self.cookies.pop(name, None)
            if cookie.value and cookie["max-age"] != "0":
                self.cookies[name] = cookie.value
        return response


class Desk(Browser):
    """Alice's browser, and through it the others and the application itself."""

    def __init__(self, client: Any, browsers: dict[str, Browser], stranger: Browser) -> None:
        alice = browsers["alice"]
        super().__init__(client, alice.token, alice.person_id)
        self.bob = browsers["bob"]
        self.charlie = browsers["charlie"]
        self.admin = browsers["admin"]
        self.stranger = stranger

    @property
    def app(self) -> web.Application:
        """The running application."""
        running: web.Application = self._client.app
        return running

    @property
    def db(self) -> Database:
        """Its database."""
        return self.app[keys.DATABASE]

    @property
    def url(self) -> str:
        """Its address, for programs."""
        return str(self._client.make_url("/")).rstrip("/")

    async def work(self) -> None:
        """Run all background jobs that are due."""
        await self.app[keys.JOBS].drain()


@asynccontextmanager
async def open_desk(
    database: Database, clock: ManualClock, folder: Path, *, run_jobs: bool = False, **settings: Any
) -> AsyncIterator[Desk]:
    """The application with Alice, Bob, Charlie and an administrator, all signed in.

    Group `room_power` (second line) has Alice and Bob. Background jobs run when the test says
    `await desk.work()`, or by themselves with `run_jobs`.
    """
    app = create_app(
        Settings(data=folder / "data", timezone="Asia/Shanghai", **settings),
        database=database,
        clock=clock,
        run_jobs=run_jobs,
    )
    server = TestServer(app)
    async with TestClient(server, cookie_jar=DummyCookieJar()) as client:
        tokens = await database.run(_invite, clock)
        browsers = {name: Browser(client, token, number) for name, (number, token) in tokens.items()}
        yield Desk(client, browsers, Browser(client, None, 0))


def _invite(session: Session, clock: ManualClock) -> dict[str, tuple[int, str]]:
    group = Group(code="room_power", name={"en": "Room & power", "zh": "机房与动力"}, line=2)
    session.add(group)
    session.flush()
    known = {role.code: role.id for role in session.scalars(select(Role))}
    made: dict[str, tuple[int, str]] = {}
    for username, (name, roles) in PEOPLE.items():
        person = people.create(session, username, name, now=clock.now())
        session.add_all(PersonRole(person_id=person.id, role_id=known[role]) for role in roles)
        if username in {"alice", "bob"}:
            session.add(GroupMember(group_id=group.id, person_id=person.id))
        token = sessions.open_session(
            session, person.id, now=clock.now(), hours=24 * 30, address="127.0.0.1", browser="test"
        )
        made[username] = (person.id, token)
    return made
