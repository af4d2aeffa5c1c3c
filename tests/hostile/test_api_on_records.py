"""Every API route on records that are there: each field of its body with values that cannot be."""

from dataclasses import dataclass
from typing import Any, Self

import pytest

from server.kernel.routing import Route
from tests.desk_client import Browser
from tests.hostile.conftest import Lived

VALUES: tuple[object, ...] = (
    None, True, -1, 2**31, 2**63 - 1, 1.5, "", "x" * 30_000, "INC-000001\n", "' OR 1=1 --", "\u202e", [],
    [None], {}, {"en": 5}, "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z",
)  # fmt: skip


@dataclass(frozen=True)
class There:
    """Numbers of records that the seeded desk has, by the word that stands for them in an address."""

    numbers: dict[str, str]

    @classmethod
    async def of(cls, admin: Browser) -> Self:
        """One of each; fails where there is none, for then nothing but refusals would be tried."""
        found = {}
        for stem in ("incidents", "cis", "articles", "problems"):
            listed = await admin.json(f"/api/v1/{stem}")
            assert listed["items"], f"the seeded desk has {stem}"
            found[stem] = listed["items"][0]["number"]
        assert await admin.json("/api/v1/problem-patterns"), "a pattern waits for a decision"
        return cls(found | {"incident": found["incidents"], "suggestions": found["articles"]})

    def address(self, route: Route) -> str:
        """The route's address with such a record."""
        stem = route.path.removeprefix("/api/v1/").partition("/")[0]
        path = route.path
        for name, kind in route.converters.items():
            known = self.numbers.get(name) or self.numbers.get(stem, "x")
            path = path.replace("{" + name + "}", "1" if kind is int else known)
        return path


def fields(document: dict[str, Any], route: Route) -> list[str]:
    """The names in the schema of the route's body."""
    operation = document["paths"].get(route.path, {}).get(route.method.lower(), {})
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return list(schema.get("properties", {}))


@pytest.mark.slow
async def test_HTTP_no_value_in_a_body_breaks_a_route_on_a_record(lived: Lived) -> None:  # noqa: N802
    admin = await lived.browser()
    there = await There.of(admin)
    document = await admin.json("/api/v1/openapi.json")
    wrong, sent = [], 0
    for route in lived.routes:
        if route.kind != "api" or route.method == "GET" or "{tail" in route.path:
            continue
        names = fields(document, route)
        for name in names:
            for value in VALUES:
                body = {other: 1 for other in names if other in {"version", "revision"}} | {name: value}
                answer = await admin.send(route.method, there.address(route), json=body)
                sent += 1
                if answer.status >= 500:
                    wrong.append(
                        f"{route.method} {there.address(route)} {name}={str(value)[:30]!r}: {answer.status}"
                    )
                await answer.release()
    print(f"{sent} requests")
    assert sent > 300
    assert wrong == [], "\n".join(wrong)
