"""Questions to a real database, which may only be read."""

import pytest

from agent.reading import Target
from agent.transports import sql
from agent.transports.facts import Facts
from agent.transports.trouble import TroubleError
from tests.postgres import Postgres


def target(port: int = 0, **params: str) -> Target:
    return Target("t1", "one", "127.0.0.1", port, {"user": "alice", "password": "canary"}, {**params})


# DNS


async def test_a_question_to_a_real_database_is_answered_and_cannot_write(postgres: Postgres) -> None:
    async def ask(query: str) -> Facts:
        one = Target("t1", "db", str(postgres.folder), 0, {"user": "postgres"}, {"query": query})
        return await sql.fetch(one, timeout_s=10)

    facts = await ask("SELECT 41 + 1 AS value")
    rows = await ask("SELECT n, '名' AS name FROM generate_series(1, 3) n")
    many = await ask("SELECT n FROM generate_series(1, 10000) n")
    assert facts.readings["value"] == 42
    assert rows.tables["rows"] == [{"n": number, "name": "名"} for number in (1, 2, 3)]
    assert many.truncated
    assert many.readings["rows"] == sql.MAX_ROWS
    with pytest.raises(TroubleError, match="read-only"):
        await ask("WITH made AS (INSERT INTO pg_catalog.pg_class DEFAULT VALUES RETURNING 1) SELECT 1")


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"query": "DROP TABLE a"}, "configuration"),
        ({"query": "SELECT 1; DELETE FROM a"}, "configuration"),
        ({"kind": "access"}, "configuration"),
        ({"kind": "oracle"}, "configuration"),
        ({"query": "SELECT 1"}, "refused"),
    ],
)
async def test_what_cannot_be_asked_is_refused_with_its_reason(params: dict[str, str], reason: str) -> None:
    with pytest.raises(TroubleError) as caught:
        await sql.fetch(target(1, **params), timeout_s=5)
    assert caught.value.reason == reason
    assert "canary" not in caught.value.detail


# Script checks
