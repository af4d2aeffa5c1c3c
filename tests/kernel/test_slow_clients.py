import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from server import app
from server.kernel import gate
from server.kernel.clock import ManualClock
from server.kernel.db import Database
from server.kernel.errors import FullError, UnavailableError
from tests.desk_client import Desk, open_desk


async def test_T22_a_connection_without_a_whole_request_is_closed(  # noqa: N802
    sqlite_db: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "SILENT_S", 0.5)
    async with open_desk(sqlite_db, clock, tmp_path) as desk:
        host, port = desk.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def test_T22_a_body_that_does_not_come_is_given_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: N802
    monkeypatch.setattr(gate, "BODY_S", 0.2)

    host, port = desk.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = (
        "POST /appearance HTTP/1.1",
        f"Host: {host}:{port}",
        f"Cookie: watchdesk={desk.token}",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Length: 10",
    )
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\ntheme=")
    async with asyncio.timeout(5):
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
    writer.close()
    await writer.wait_closed()


async def test_T22_one_person_has_so_many_requests_under_way(desk: Desk) -> None:  # noqa: N802
    place = (id(desk.app), "alice")
    gate._under_way[place] = gate.AT_ONCE
    refused = await desk.get("/profile")
    assert (refused.status, "Retry-After" in refused.headers) == (429, True)
    assert (await desk.bob.get("/profile")).status == 200
    del gate._under_way[place]
    assert (await desk.get("/profile")).status == 200


def refused(sentence: str, name: str) -> OperationalError:
    """As the driver raises it."""
    cause = sqlite3.OperationalError(sentence)
    cause.sqlite_errorname = name
    return OperationalError("COMMIT", {}, cause)


def test_P3_after_a_failed_sync_nothing_is_acknowledged(sqlite_db: Database) -> None:  # noqa: N802
    def fail(_session: Session) -> None:
        raise refused("disk I/O error", "SQLITE_IOERR_FSYNC")

    with pytest.raises(UnavailableError):
        sqlite_db.run_now(fail)
    with pytest.raises(UnavailableError):
        sqlite_db.run_now(lambda session: session.execute(text("SELECT 1")) and None)
    assert sqlite_db.read_now(lambda session: session.execute(text("SELECT 1")).scalar_one()) == 1


def test_P7_a_full_disk_is_said_to_the_asker(sqlite_db: Database) -> None:  # noqa: N802
    def fail(_session: Session) -> None:
        raise refused("database or disk is full", "SQLITE_FULL")

    with pytest.raises(FullError):
        sqlite_db.run_now(fail)
    sqlite_db.run_now(lambda session: session.execute(text("SELECT 1")) and None)


def test_a_long_statement_is_cut(postgresql_db: Database) -> None:
    def asleep(session: Session) -> None:
        session.execute(text("SET LOCAL statement_timeout = 100"))
        session.execute(text("SELECT pg_sleep(5)"))

    with pytest.raises(UnavailableError):
        postgresql_db.read_now(asleep)
