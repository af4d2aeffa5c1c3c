"""T22: a statement that takes longer than its limit is cut, on both databases, and nothing is harmed."""

import asyncio
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from server.accounts.models import Department
from server.kernel import timelimit
from server.kernel.clock import ManualClock
from server.kernel.db import Database
from server.kernel.errors import TooLongError
from server.kernel.timelimit import PAGE_S, SEARCH_S, STATEMENT_S, within
from tests.desk_client import Desk, open_desk

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def endless(session: Session) -> int:
    return int(session.execute(text(ENDLESS)).scalar_one())


def endless_after_writing(session: Session) -> int:
    session.add(Department(code="half", name={"en": "Half done"}))
    session.flush()
    return endless(session)


def ones(session: Session) -> int:
    return int(session.execute(text("SELECT 1")).scalar_one())


@pytest.mark.parametrize("kind", ["read", "run"])
def test_T22_an_endless_statement_is_cut_and_the_connection_serves_on(db: Database, kind: str) -> None:  # noqa: N802
    ask = db.read_now if kind == "read" else db.run_now
    for _ in range(6):  # more often than there are connections
        with within(0.2), pytest.raises(TooLongError, match=r"0\.2 s"):
            ask(endless)
        assert ask(ones) == 1


def test_T22_what_a_cut_transaction_wrote_before_is_undone(db: Database) -> None:  # noqa: N802
    with within(0.2), pytest.raises(TooLongError):
        db.run_now(endless_after_writing)
    assert db.read_now(lambda session: session.query(Department).count()) == 0


def test_T22_the_limit_is_of_one_statement_not_of_what_follows(db: Database) -> None:  # noqa: N802
    """Many short ones together may take longer than the limit of one."""

    def many(session: Session) -> int:
        until = time.monotonic() + 1.0
        told = 0
        while time.monotonic() < until:
            told += ones(session)
        return told

    with within(0.8):
        assert db.read_now(many) > 1
        assert db.run_now(many) > 1


async def test_T22_the_limit_goes_with_the_one_who_asks_and_with_nobody_else(db: Database) -> None:  # noqa: N802
    async def impatient() -> None:
        with within(0.2):
            await db.read(endless)

    def limit(_session: Session) -> float:
        return timelimit.limit_s()

    task = asyncio.create_task(impatient())
    await asyncio.sleep(0)
    assert await db.read(limit) == STATEMENT_S
    with pytest.raises(TooLongError):
        await task


async def test_T22_who_searches_waits_two_seconds_who_reads_ten(  # noqa: N802
    sqlite_db: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[float] = []
    begin = timelimit.allow

    def note(seconds: float) -> None:
        met.append(seconds)
        begin(seconds)

    monkeypatch.setattr(timelimit, "allow", note)
    async with open_desk(sqlite_db, clock, tmp_path) as desk:
        for path, seconds in (
            ("/incidents", PAGE_S),
            ("/incidents?q=", PAGE_S),
            ("/incidents?q=pump", SEARCH_S),
            ("/palette?q=pump", SEARCH_S),
            ("/api/v1/incidents?text=pump", SEARCH_S),
            ("/api/v1/articles?words=pump", SEARCH_S),
            ("/api/v1/incidents", PAGE_S),
        ):
            met.clear()
            await desk.get(path)
            assert met == [seconds], path
        met.clear()
        await desk.post("/incidents/new", {"summary": ""})
        assert met == [STATEMENT_S]


@pytest.mark.parametrize(
    "path", ["/incidents?q=pump", "/cis?q=pump", "/alerts?q=pump", "/api/v1/incidents?text=pump"]
)
async def test_T22_a_search_that_is_cut_is_told_in_words_and_with_a_time_to_try_again(  # noqa: N802
    desk: Desk, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each statement of the page that has the word is made an endless one."""
    from sqlalchemy import event

    monkeypatch.setattr(timelimit, "SEARCH_S", 0.2)

    def prolong(
        _connection: object, _cursor: object, statement: str, given: object, *_: object
    ) -> tuple[str, object]:
        return (ENDLESS, ()) if "pump" in str(given) else (statement, given)

    event.listen(desk.db.reader, "before_cursor_execute", prolong, retval=True)
    answer = await desk.get(path)
    assert answer.status == 503, await answer.text()
    assert int(answer.headers["Retry-After"]) > 0
    said = await answer.text()
    assert "0.2 s" in said
    assert "RECURSIVE" not in said
    assert (await desk.get("/incidents")).status == 200
