import asyncio
import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from server.accounts import people
from server.kernel import events
from server.kernel.db import Database
from server.kernel.events import Signal, emit
from server.kernel.stream import Hub, Listener
from tests.desk_client import Desk
from tests.pace import pace

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _tell(session: Session, topic: str, n: int) -> None:
    emit(session, topic, {"n": n})


def _log(session: Session) -> list[int]:
    return [payload["n"] for _, _, _, payload in events.news_after(session, 0)]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.booleans(), max_size=8))
def test_only_what_was_committed_is_told_in_its_order(sqlite_db: Database, kept: list[bool]) -> None:
    def attempt(session: Session, number: int, keep: bool) -> None:  # noqa: FBT001
        _tell(session, "incidents", number)
        if not keep:
            raise ValueError("undone")

    sqlite_db.run_now(lambda session: session.execute(text("DELETE FROM event_log")) and None)
    for number, keep in enumerate(kept):
        if keep:
            sqlite_db.run_now(attempt, number, keep)
        else:
            with pytest.raises(ValueError, match="undone"):
                sqlite_db.run_now(attempt, number, keep)
    assert sqlite_db.read_now(_log) == [number for number, keep in enumerate(kept) if keep]


def test_a_reader_never_skips_news_of_a_slower_transaction(db: Database) -> None:
    from concurrent.futures import ThreadPoolExecutor

    seen: list[int] = []
    last = 0
    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(db.run_now, _tell, "incidents", number) for number in range(40)]
        while len(seen) < 40 and not (all(writer.done() for writer in writers) and not seen[-1:] and last):
            for number, _, _, payload in db.read_now(events.news_after, last):
                last = number
                seen.append(payload["n"])
    assert sorted(seen) == list(range(40))


def test_the_log_is_trimmed_but_its_numbers_go_on(db: Database) -> None:
    db.run_now(_tell, "incidents", 1)
    db.run_now(_tell, "incidents", 2)
    db.run_now(lambda session: events.trim(session, now=datetime.now(UTC) + timedelta(days=2)))
    assert db.read_now(_log) == [2]
    db.run_now(_tell, "incidents", 3)
    assert db.read_now(events.bounds) == (2, 3)


def test_a_signal_runs_in_the_same_transaction_and_may_undo_it(db: Database) -> None:
    news = Signal("group news")

    def refuse(session: Session, **_told: Any) -> None:
        raise ValueError("not this")

    def send(session: Session) -> None:
        _tell(session, "incidents", 1)
        news.send(session, group=1)

    db.run_now(send)
    news.subscribe(refuse)
    news.subscribe(refuse)
    with pytest.raises(ValueError, match="not this"):
        db.run_now(send)
    assert db.read_now(_log) == [1]


async def test_servers_on_one_database_hear_each_other(postgresql_db: Database) -> None:
    other = Database(postgresql_db.url.render_as_string(hide_password=False))
    hub = Hub(other)
    await hub.start()
    listener = Listener(frozenset({"incidents"}), 1)
    hub.join(listener)
    async with asyncio.timeout(30):
        while not listener.wake.is_set():  # at first it may not listen yet
            await postgresql_db.run(_tell, "incidents", 7)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(listener.wake.wait(), 0.3)
    assert listener.waiting
    assert all(news[2] == {"n": 7} for news in listener.waiting)
    await hub.stop()
    other.close()


def test_a_browser_that_reads_too_slowly_is_told_of_a_gap() -> None:
    listener = Listener(frozenset({"incidents"}), 1)
    for number in range(2000):
        listener.hand((number, "incidents", {}))
    assert listener.gap
    assert len(listener.waiting) <= 500


async def _next(response: ClientResponse) -> dict[str, str]:
    async with asyncio.timeout(30):
        lines: dict[str, str] = {}
        while True:
            line = (await response.content.readline()).decode().rstrip("\n")
            if not line and lines:
                return lines
            name, _, value = line.partition(": ")
            if name:
                lines[name] = value


async def test_a_browser_hears_what_it_asked_for_and_resumes_where_it_was(desk: Desk) -> None:
    first = await desk.get("/events?topics=incidents")
    assert (await _next(first))["event"] == "hello"
    await desk.db.run(_tell, "alerts", 1)
    await desk.db.run(_tell, "incidents", 2)
    heard = await _next(first)
    assert json.loads(heard["data"]) == {"topic": "incidents", "n": 2}
    first.close()
    await desk.db.run(_tell, "incidents", 3)
    await asyncio.sleep(0.2)
    again = await desk.get("/events?topics=incidents", headers={"Last-Event-ID": heard["id"]})
    assert json.loads((await _next(again))["data"])["n"] == 3
    again.close()


async def test_T16_a_stream_ends_within_5_s_of_its_session(desk: Desk) -> None:  # noqa: N802
    stream = await desk.bob.get("/events?topics=incidents")
    await _next(stream)
    await desk.db.run(people.set_active, desk.bob.person_id, active=False)
    async with pace() as taken:
        assert (await _next(stream))["event"] == "end"
    assert taken.seconds < 8, "five, and what a look takes"


async def test_T22_one_person_holds_twelve_streams(desk: Desk) -> None:  # noqa: N802
    streams = [await desk.get("/events?topics=incidents") for _ in range(12)]
    refused = await desk.get("/events?topics=incidents")
    assert refused.status == 429
    assert "Retry-After" in refused.headers
    assert (await desk.bob.get("/events?topics=incidents")).status == 200
    for stream in streams:
        stream.close()


@pytest.mark.parametrize("topics", ["", "a b", "INCIDENTS", ",".join(f"ci:{n}" for n in range(51)), "x:%00"])
async def test_a_topic_that_is_none_is_refused(desk: Desk, topics: str) -> None:
    assert (await desk.get("/events", params={"topics": topics})).status == 422


async def test_a_stranger_hears_nothing(desk: Desk) -> None:
    assert (await desk.stranger.get("/events?topics=incidents")).status == 401
