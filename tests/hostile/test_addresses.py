"""Bad addresses on every route: ids nobody ever had, senseless queries, a GET that would change something."""

from urllib.parse import quote

from aiohttp import ClientResponse
from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from server.kernel.db import Base
from server.kernel.routing import Route
from tests.hostile.conftest import Lived

MARK = "<script>wd1()</script>"
IDS = (
    "-1", "0", "9223372036854775807", "9223372036854775808", "1" * 40, "1e3", "0x1", "%EF%BC%91",
    "%00", "%ed%a0%80", "%ff", "..%2f..%2fetc%2fpasswd", quote(MARK), quote("' OR '1'='1"), "x" * 2000,
    quote("INC-000001\n"), quote("\u202eINC-000001"), quote("{{133731*7}}"),
)  # fmt: skip
QUERIES = (
    "sort=password_hash", "sort=-id;drop", "sort=id,id", "page=-1", "page=0", "page=" + "9" * 30, "page=x",
    "limit=-1", "limit=" + "9" * 30, "offset=9223372036854775808", "offset=9223372036854775807",
    "size=10000000",
    "q=%00", "q=%ed%a0%80", "q=%ff", "q=%25_%27%22%5c", "q=" + quote(MARK), "q=" + "x" * 3000, "q[]=1&q[a]=2",
    "view=999999999999999999999", "view=-1", "view=" + quote(MARK), "from=9999-12-31&to=0001-01-01",
    "at=NaN", "at=9999-12-31T23:59:59-12:00", "from=nan&to=inf&step=0", "step=-5", "id=1&id=2", "csv=1",
    "class_code=" + quote(MARK), "state=" + quote(MARK), "group_id=9223372036854775808", "ci=-1",
    "opened_from=2026-13-45", "a=1&" * 300,
)  # fmt: skip


def address(route: Route, said: str) -> str:
    path = route.path.replace("{tail:.*}", said)
    for name in route.converters:
        path = path.replace("{" + name + "}", said)
    return path


def inert(answer: ClientResponse, text: str) -> bool:
    """Whether no page shows the script as one, a template's result or a trace. (JSON is no page.)"""
    page = answer.content_type == "text/html"
    return "Traceback" not in text and not (page and (MARK in text or "936117" in text))


async def test_HTTP_ids_that_cannot_be_are_answered_in_4xx_and_shown_inert(lived: Lived) -> None:  # noqa: N802
    admin = await lived.browser()
    wrong = []
    for route in lived.routes:
        if route.guard is not None or "{" not in route.path:
            continue
        for said in IDS:
            answer = await admin.send(route.method, address(route, said), headers={"Connection": "close"})
            text = await answer.text()
            fine = 200 <= answer.status < 500 and inert(answer, text)
            if route.kind == "api" and answer.status >= 400:
                fine = fine and answer.content_type == "application/problem+json"
            if route.method != "GET":
                fine = fine and answer.status >= 300
            if not fine:
                wrong.append(f"{route.method} {route.path} with {said[:30]}: {answer.status} {text[:200]}")
    assert wrong == []


async def test_HTTP_queries_that_cannot_be_break_no_route(lived: Lived) -> None:  # noqa: N802
    admin = await lived.browser()
    wrong = []
    for route in lived.routes:
        if route.guard is not None or route.method != "GET" or "{" in route.path or route.path == "/events":
            continue
        for query in QUERIES:
            answer = await admin.get(f"{route.path}?{query}")
            text = await answer.text()
            if answer.status >= 500 or not inert(answer, text):
                wrong.append(f"{route.path}?{query[:50]}: {answer.status} {text[:200]}")
            if route.kind == "api" and answer.status == 200 and query.startswith("sort="):
                wrong.append(f"{route.path}?{query} was taken")
    assert wrong == []


def contents(session: Session) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables, but for what being there leaves behind: when a session was seen last."""
    tables = [table for table in Base.metadata.sorted_tables if isinstance(table, Table)]
    return {
        table.name: sorted(
            (
                tuple(row)
                for row in session.execute(select(*(c for c in table.c if c.name != "last_seen_at")))
            ),
            key=repr,
        )
        for table in tables
    }


async def test_HTTP_reading_changes_nothing(lived: Lived) -> None:  # noqa: N802
    admin = await lived.browser()
    before = await lived.db.read(contents)
    for route in lived.routes:
        if (
            route.guard is None
            and route.method == "GET"
            and "{" not in route.path
            and route.path != "/events"
        ):
            await (await admin.get(route.path)).read()
    after = await lived.db.read(contents)
    assert {name for name in before if before[name] != after[name]} == set()
