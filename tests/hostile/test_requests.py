"""Bad requests on every route that changes something: other sites, no token, bodies that are none."""

import io
import json

import pytest
from aiohttp import ClientResponse

from server.kernel import gate
from server.kernel.routing import Route
from tests.desk_client import Browser
from tests.hostile.conftest import Lived
from tests.hostile.test_addresses import address

JSON = {"Content-Type": "application/json"}


def changing(lived: Lived, kind: str) -> list[Route]:
    return [
        one for one in lived.routes if one.kind == kind and one.method != "GET" and "{tail" not in one.path
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "0" * 64},
        {"X-CSRF-Token": "\u202e"},
    ],
    ids=str,
)
async def test_T16_no_route_takes_what_another_site_sent(lived: Lived, headers: dict[str, str]) -> None:  # noqa: N802
    admin = await lived.browser()
    assert admin.token is not None
    wrong = []
    for route in changing(lived, "page") + changing(lived, "api"):
        if route.public:
            continue
        sent = {"X-CSRF-Token": gate._csrf(admin.token), "Cookie": f"watchdesk={admin.token}", **headers}
        answer = await lived.client.request(route.method, address(route, "1"), headers=sent, data=b"")
        if answer.status != 403:
            wrong.append(f"{route.method} {route.path}: {answer.status}")
        await answer.release()
    assert wrong == []


async def tell(admin: Browser, route: Route, body: bytes, **headers: str) -> ClientResponse:
    return await admin.send(
        route.method,
        address(route, "1"),
        data=io.BytesIO(body),
        headers={**JSON, "Connection": "close", **headers},
    )


async def test_HTTP_a_body_that_is_none_is_refused_by_every_route_with_its_place(lived: Lived) -> None:  # noqa: N802
    admin = await lived.browser()
    wrong = []
    bodies = {
        b"": {400},
        b"{": {400},
        b"[]": {422},
        b'"x"': {422},
        b"null": {422},
        b'{"nobody_knows_this": 1}': {422},
        b'{"a": 1, "a": 2}': {422},
        b'{"a": NaN}': {422},
        b'{"a": -Infinity}': {422},
        b'{"a": "\\ud800"}': {422},
        b"[" * 5000: {400},
        b'{"a":' * 5000 + b"1" + b"}" * 5000: {400},
        b"\xff\xfe{}": {400},
        b'{"a": ' + b"9" * 5000 + b"}": {400, 422},
    }
    routes = [one for one in changing(lived, "api") if one.operation is not None and one.operation.body]
    assert len(routes) > 20
    for route in routes:
        for body, expected in bodies.items():
            answer = await tell(admin, route, body)
            said = await answer.text()
            if answer.status not in expected or answer.content_type != "application/problem+json":
                wrong.append(f"{route.method} {route.path} {body[:30]!r}: {answer.status} {said[:120]}")
            elif not {"code", "message", "request_id"} <= json.loads(said).keys():
                wrong.append(f"{route.method} {route.path} {body[:30]!r}: {said[:200]}")
    assert wrong == []


async def test_HTTP_one_byte_over_the_limit_is_413_on_every_route(lived: Lived) -> None:  # noqa: N802
    admin = await lived.browser()
    wrong = []
    for route in changing(lived, "api"):
        if route.operation is None or not route.operation.body:
            continue
        answer = await tell(admin, route, b" " * (route.body_limit + 1))
        told = await answer.json(content_type=None)
        if answer.status != 413 or told.get("limit") != route.body_limit:
            wrong.append(f"{route.method} {route.path}: {answer.status}")
    for route in changing(lived, "page"):
        body = b"a=" + b"x" * route.body_limit
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Connection": "close"}
        answer = await admin.send(route.method, address(route, "1"), data=io.BytesIO(body), headers=headers)
        if answer.status not in {413, 404, 403}:
            wrong.append(f"{route.method} {route.path}: {answer.status}")
        await answer.release()
    assert wrong == []


async def test_HTTP_tokens_in_the_address_or_of_other_kinds_open_nothing(lived: Lived) -> None:  # noqa: N802
    admin = await lived.browser()
    made = await admin.send("POST", "/api/v1/tokens", json={"name": "x"})
    token = (await made.json()).get("token", "wd_none")
    tries = [
        ("/api/v1/incidents?access_token=" + token, {}),
        ("/api/v1/incidents?token=" + token, {}),
        ("/api/v1/incidents", {"Authorization": "Basic " + token}),
        ("/api/v1/incidents", {"Authorization": "Bearer " + token[:-1]}),
        ("/api/v1/incidents", {"Authorization": "Bearer " + token + "\x01"}),
        ("/api/v1/incidents", {"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."}),
        ("/api/v1/incidents", {"Authorization": "Bearer " + "x" * 4000}),
        ("/api/v1/incidents", {"X-Api-Key": token}),
        ("/incidents", {"Authorization": "Bearer " + token}),
    ]
    for path, headers in tries:
        try:
            answer = await lived.client.get(path, headers=headers, allow_redirects=False)
        except ValueError:  # the client itself refuses to send such a header
            continue
        assert answer.status in {302, 400, 401}, (path, headers, answer.status)


async def test_HTTP_nobody_follows_a_host_or_forwarding_header_off_the_site(lived: Lived) -> None:  # noqa: N802
    headers = {
        "Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example",
        "X-Forwarded-Proto": "https", "X-Original-URL": "/admin", "X-Rewrite-URL": "/admin",
    }  # fmt: skip
    for path in ("/", "/incidents", "/login", "/login?next=//evil.example"):
        answer = await lived.client.get(path, headers=headers, allow_redirects=False)
        assert "evil.example" not in answer.headers.get("Location", "")
        text = await answer.text()
        assert 'href="//evil' not in text
        assert "http://evil" not in text
