"""T12: every route of the application, asked by every role."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts import people, roles, sessions
from server.accounts.models import PersonRole, Role
from server.app import create_app
from server.kernel import gate, keys
from server.kernel.clock import ManualClock
from server.kernel.db import Database
from server.kernel.routing import Route
from server.kernel.settings import Settings

OPEN = {
    "/login",
    "/login/language",
    "/setup",
    "/api/v1/openapi.json",
    "/api/{tail:.*}",
    "/agent/v1/enrol",
}
ADDRESSES_OUTSIDE_THE_GATE = {"/healthz", "/readyz", "/metrics"}


def _one_of_each(session: Session, clock: ManualClock) -> dict[str, str]:
    tokens = {}
    for role in session.scalars(select(Role)).all():
        person = people.create(session, f"u.{role.code}", {"en": role.code}, now=clock.now())
        session.add(PersonRole(person_id=person.id, role_id=role.id))
        tokens[role.code] = sessions.open_session(
            session, person.id, now=clock.now(), hours=24, address="", browser=""
        )
    return tokens


def _address(route: Route) -> str:
    address = route.path.replace("{tail:.*}", "x")
    for name, kind in route.converters.items():
        address = address.replace("{" + name + "}", "9999999" if kind is int else "NONE-999999")
    return address


async def _ask(client: Any, route: Route, token: str | None, *, whole: bool = True) -> int:
    """The status of a route; not `whole`: as a part of a page asks, with no page drawn around a refusal."""
    headers = {} if token is None else {"Cookie": f"watchdesk={token}"}
    if not whole:
        headers["HX-Request"] = "true"
    if token is not None and route.method != "GET":
        headers["X-CSRF-Token"] = gate._csrf(token)
    if route.path == "/events":
        headers["Connection"] = "close"
    response = await client.request(route.method, _address(route), headers=headers, allow_redirects=False)
    status: int = response.status
    response.close()
    return status


@pytest.fixture
async def running(sqlite_db: Database, clock: ManualClock, tmp_path: Path) -> Any:
    app = create_app(Settings(data=tmp_path), database=sqlite_db, clock=clock, run_jobs=False)
    async with TestClient(TestServer(app), cookie_jar=DummyCookieJar()) as client:
        yield client


async def test_T12_nobody_passes_a_gate_that_is_not_theirs(  # noqa: N802
    running: Any, sqlite_db: Database, clock: ManualClock
) -> None:
    tokens = await sqlite_db.run(_one_of_each, clock)
    granted = await sqlite_db.read(_granted)
    wrong: list[str] = []
    for route in running.app[keys.ROUTES]:
        if route.public or route.guard is not None:
            continue
        status = await _ask(running, route, None)
        if status not in {302, 401, 403}:
            wrong.append(f"{route.method} {route.path} answers a stranger {status}")
        if route.permission is None:
            continue
        for role, token in tokens.items():
            if route.permission in granted[role]:
                continue
            status = await _ask(running, route, token, whole=False)
            if status != 403:
                wrong.append(
                    f"{route.method} {route.path} answers {role} {status} without {route.permission}"
                )
    assert wrong == []


async def test_who_may_is_never_told_403_by_the_gate_and_nothing_breaks(
    running: Any, sqlite_db: Database, clock: ManualClock
) -> None:
    tokens = await sqlite_db.run(_one_of_each, clock)
    wrong: list[str] = []
    for route in running.app[keys.ROUTES]:
        if route.public or route.guard is not None or route.method != "GET":
            continue
        status = await _ask(running, route, tokens["administrator"])
        if status == 403 or status >= 500:
            wrong.append(f"{route.method} {route.path} answers the administrator {status}")
    assert wrong == []


async def test_the_auditor_reads_all_and_writes_nothing(running: Any, sqlite_db: Database) -> None:
    declared = [permission for practice in running.app[keys.PRACTICES] for permission in practice.permissions]
    granted = roles.granted("auditor", declared)
    assert granted
    assert all(key.endswith(".read") for key in granted)


async def test_every_route_says_for_whom_it_is(running: Any) -> None:
    routes = running.app[keys.ROUTES]
    declared = {
        permission.key for practice in running.app[keys.PRACTICES] for permission in practice.permissions
    }
    assert {route.path for route in routes if route.public} <= OPEN
    assert {route.permission for route in routes if route.permission} <= declared
    bound = {resource.canonical for resource in running.app.router.resources()}
    gated = {route.path.replace("{tail:.*}", "{tail}") for route in routes}
    static = {address for address in bound if address.startswith("/static/")}
    assert bound - gated - static == ADDRESSES_OUTSIDE_THE_GATE


def _granted(session: Session) -> dict[str, frozenset[str]]:
    return {role.code: frozenset(role.permissions) for role in session.scalars(select(Role))}
