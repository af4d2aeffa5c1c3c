import io
import json
from pathlib import Path
from typing import Annotated

import pytest
from aiohttp import web
from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server import app as desk_app
from server.accounts.models import Department
from server.kernel.api import Api, ApiModel, Moment, Page, PageQuery
from server.kernel.call import Call
from server.kernel.clock import ManualClock
from server.kernel.db import Database
from server.kernel.errors import StaleError
from server.kernel.i18n import N_
from server.kernel.practice import Practice
from server.kernel.web import Pages
from tests.desk_client import Desk, open_desk

api = Api("test")
pages = Pages("test")


class ThingIn(ApiModel):
    code: Annotated[str, Field(min_length=1, max_length=20)]
    number: int = 0
    at: Moment | None = None
    parts: list["ThingIn"] = Field(default=[])


class ThingOut(ApiModel):
    id: int
    code: str


def _make(session: Session, code: str) -> ThingOut:
    row = Department(code=code, name={"en": code})
    session.add(row)
    session.flush()
    return ThingOut(id=row.id, code=code)


@api.post("/things", permission="thing.make", body=ThingIn, answer=ThingOut, status=201, summary=N_("Make"))
async def make(call: Call, body: ThingIn) -> ThingOut:
    return await call.db.run(_make, body.code)


@api.get("/things", permission="thing.read", query=PageQuery, answer=Page[ThingOut], summary=N_("List"))
async def things(_call: Call, query: PageQuery) -> Page[ThingOut]:
    return Page[ThingOut](items=[], total=0, limit=query.limit, offset=query.offset)


@api.get("/things/{number}", permission="thing.read", answer=ThingOut, summary=N_("See"))
async def thing(_call: Call, number: int) -> ThingOut:
    return ThingOut(id=number, code="x")


@api.post("/things/{number}/stale", permission="thing.make", summary=N_("Edit an old version"))
async def stale(_call: Call, number: int) -> None:
    raise StaleError(current=number)


@pages.get("/bug", signed_in=True)
async def bug(_call: Call) -> web.Response:
    raise RuntimeError("SELECT secret FROM place")


@pytest.fixture
async def things_desk(
    sqlite_db: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> object:
    from server.kernel.practice import Permission

    known = desk_app.practices()
    mine = Practice(
        name="test",
        routes=(api, pages),
        permissions=(
            Permission("thing.read", N_("See"), roles=("first_line", "end_user")),
            Permission("thing.make", N_("Make"), roles=("first_line",)),
        ),
    )
    monkeypatch.setattr(desk_app, "practices", lambda: [*known, mine])
    async with open_desk(sqlite_db, clock, tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ('{"code": "a", "number": NaN}', 422, "/number"),
        ('{"code": "a", "code": "b"}', 422, "/code"),
        ('{"code": "\\ud800"}', 422, "/code"),
        ('{"code": "a\\u0000"}', 422, "/code"),
        ('{"code": "a", "number": 9223372036854775808}', 422, "/number"),
        ('{"code": "a", "number": "5"}', 422, "/number"),
        ('{"code": 5}', 422, "/code"),
        ('{"code": ""}', 422, "/code"),
        ('{"code": "' + "x" * 21 + '"}', 422, "/code"),
        ('{"code": "a", "hidden": 1}', 422, "/hidden"),
        ('{"code": "a", "parts": [{"code": "b"}, {"kode": "c"}]}', 422, "/parts/1/code"),
        ('{"code": "a", "at": "2026-11-20T03:07:00"}', 422, "/at"),
        ('{"code": "a", "at": "2200-01-01T00:00:00Z"}', 422, "/at"),
        ('{"code": "a", "at": "9999-12-31T23:59:59-12:00"}', 422, "/at"),
        ("[]", 422, None),
        ("{", 400, None),
        ("", 400, None),
        ("[" * 40, 400, None),
    ],
)
async def test_bad_input_is_named_by_its_place_and_nothing_is_stored(
    things_desk: Desk, body: str, status: int, field: str | None
) -> None:
    sent = {"data": body, "headers": {"Content-Type": "application/json"}}
    response = await things_desk.send("POST", "/api/v1/things", **sent)
    told = await response.json()
    assert (response.status, response.content_type) == (status, "application/problem+json"), told
    assert {"code", "message", "request_id"} <= told.keys()
    if field is not None:
        assert field in {told["field"], *(item["field"] for item in told.get("fields", []))}
    count = things_desk.db.read_now(lambda s: s.scalar(select(func.count()).select_from(Department)))
    assert count == 0


async def test_one_byte_over_the_limit_is_too_large(things_desk: Desk) -> None:
    limit = 1024 * 1024
    for size, status in ((limit, 422), (limit + 1, 413)):
        body = '{"code": "' + "x" * (size - 12) + '"}'
        assert len(body) == size
        sent = {"data": io.BytesIO(body.encode()), "headers": {"Content-Type": "application/json"}}
        response = await things_desk.send("POST", "/api/v1/things", **sent)
        assert response.status == status
    told = await response.json()
    assert told["limit"] == limit


async def test_a_body_of_another_type_is_refused(things_desk: Desk) -> None:
    response = await things_desk.post("/api/v1/things", data={"code": "a"})
    assert response.status == 415


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limit=1&limit=2", "offset=-1", "sort=password", "limit=%00"]
)
async def test_a_query_that_cannot_be_is_refused(things_desk: Desk, query: str) -> None:
    response = await things_desk.get(f"/api/v1/things?{query}")
    assert response.status == 422
    assert (await response.json())["field"].startswith("/")


@pytest.mark.parametrize("number", ["-1", "x", "9223372036854775808", "1" * 30, "１", "1.0", "%00"])
async def test_an_id_that_none_ever_had_is_not_found(things_desk: Desk, number: str) -> None:
    assert (await things_desk.get(f"/api/v1/things/{number}")).status == 404


async def test_an_old_version_answers_409_with_the_current_one(things_desk: Desk) -> None:
    response = await things_desk.post("/api/v1/things/7/stale")
    told = await response.json()
    assert (response.status, told["code"], told["details"]["current"]) == (409, "stale", 7)


async def test_a_key_used_twice_has_one_effect_and_one_answer(things_desk: Desk) -> None:
    async def send(code: str) -> tuple[int, object]:
        response = await things_desk.post(
            "/api/v1/things", json={"code": code}, headers={"Idempotency-Key": "key-1"}
        )
        return response.status, await response.json()

    first = await send("a")
    assert first[0] == 201
    assert await send("a") == first
    assert (await send("b"))[0] == 409
    count = things_desk.db.read_now(lambda s: s.scalar(select(func.count()).select_from(Department)))
    assert count == 1


async def test_a_key_sent_at_once_has_one_effect(things_desk: Desk) -> None:
    import asyncio

    headers = {"Idempotency-Key": "key-2"}
    answers = await asyncio.gather(
        *(things_desk.post("/api/v1/things", json={"code": f"a{n}"}, headers=headers) for n in range(4))
    )
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]


async def test_a_bug_tells_its_number_and_nothing_else(things_desk: Desk) -> None:
    response = await things_desk.get("/bug")
    text = await response.text()
    assert response.status == 500
    assert response.headers["X-Request-ID"] in text
    assert "SELECT" not in text
    assert "Traceback" not in text


async def test_a_method_that_is_not_taken_is_a_problem(things_desk: Desk) -> None:
    response = await things_desk.send("DELETE", "/api/v1/things")
    assert response.content_type == "application/problem+json"
    assert response.status in {404, 405}


async def test_the_document_names_every_status_and_parameter(things_desk: Desk) -> None:
    document = json.loads(await things_desk.text("/api/v1/openapi.json"))
    made = document["paths"]["/api/v1/things"]["post"]
    assert {"201", "400", "401", "403", "409", "413", "415", "422", "429", "503"} <= made["responses"].keys()
    listed = document["paths"]["/api/v1/things"]["get"]
    assert [parameter["name"] for parameter in listed["parameters"]] == ["limit", "offset"]
    seen = document["paths"]["/api/v1/things/{number}"]["get"]
    assert seen["parameters"][0]["schema"]["type"] == "integer"


async def test_a_session_of_another_role_may_not(things_desk: Desk) -> None:
    assert (await things_desk.charlie.get("/api/v1/things")).status == 200
    assert (await things_desk.charlie.post("/api/v1/things", json={"code": "a"})).status == 403
    assert (await things_desk.stranger.get("/api/v1/things")).status == 401


def test_a_route_that_names_no_right_is_refused_at_import() -> None:
    with pytest.raises(ValueError, match="must name one of"):

        @pages.get("/open")
        async def open_page(call: Call) -> web.Response:
            return web.Response()


def test_a_body_that_takes_anything_is_refused_at_import() -> None:
    from pydantic import BaseModel

    class Loose(BaseModel):
        anything: str

    with pytest.raises(ValueError, match="forbid"):
        api.post("/loose", permission="x", body=Loose, summary=N_("x"))
