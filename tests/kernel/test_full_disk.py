"""P7: on a full disk nothing is stored and nothing breaks; with room again all goes on by itself."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from server.accounts import passwords
from server.accounts.models import AccessEvent, Department, Person
from server.kernel import gate, space
from server.kernel.clock import ManualClock
from server.kernel.db import Database
from server.kernel.errors import FullError
from tests.desk_client import Desk, open_desk

SIZE = 64 << 20  # of the disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, 64 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.getuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE},nr_inodes=4096", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"no small disk can be mounted here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def small_db(small_disk: Path, sqlite_template: Path) -> Iterator[Database]:
    """A database on that disk."""
    path = small_disk / "watchdesk.db"
    shutil.copy(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    assert database.space is not None
    database.space.begin_serving()
    yield database
    database.close()


def fill(folder: Path, name: str = "other") -> Path:
    """Another program takes all that is left, to the last byte."""
    path = folder / name
    with path.open("wb", buffering=0) as file:
        for part in (1 << 20, 4096, 1):
            while True:
                try:
                    file.write(b"x" * part)
                except OSError:
                    break
    assert space.room(folder).free == 0
    return path


def hire(session: Session, code: str) -> None:
    session.add(Department(code=code, name={"en": code}))


def hired(session: Session) -> set[str]:
    return set(session.scalars(select(Department.code)))


async def know(desk: Desk) -> None:
    """Give Bob a password."""
    stored = await passwords.hashed("correct horse battery")

    def write(session: Session) -> None:
        session.get_one(Person, desk.bob.person_id).password_hash = stored

    await desk.db.run(write)


async def sign_in(desk: Desk) -> int:
    form = {"username": "bob", "password": "correct horse battery"}
    answer = await desk.stranger.post("/login", form)
    return int(answer.status)


async def test_P7_on_a_full_disk_reading_and_login_work_and_it_mends_itself(  # noqa: N802
    small_db: Database, small_disk: Path, clock: ManualClock, tmp_path: Path
) -> None:
    async with open_desk(small_db, clock, tmp_path) as desk:
        await know(desk)
        assert (small_disk / "reserve").stat().st_size > 0
        ballast = fill(small_disk)
        for _ in range(3):
            answer = await desk.post("/api/v1/incidents", json={"summary": "Printer is out of paper"})
            told = await answer.json()
            assert (answer.status, told["code"]) == (507, "full")
            assert int(answer.headers["Retry-After"]) <= 30
            assert "SQL" not in str(told)
            refused = await desk.post("/incidents/new", {"summary": "By the form"})
            assert refused.status == 507
            assert "Retry-After" in refused.headers
        for page in ("/", "/incidents", "/cis", "/alerts", "/knowledge"):
            assert (await desk.get(page)).status == 200, page
        assert (await desk.get("/api/v1/incidents")).status == 200
        for _ in range(20):
            assert await sign_in(desk) == 303
            assert (await desk.stranger.get("/mine")).status == 200
            desk.stranger._csrf = gate._csrf(desk.stranger.cookies["watchdesk"])
            assert (await desk.stranger.post("/logout", {})).status == 303
            desk.stranger._csrf = None
        assert not (small_disk / "reserve").exists(), "what was kept for this is used"
        ballast.unlink()
        made = await desk.post("/api/v1/incidents", json={"summary": "Printer is out of paper"})
        assert made.status == 201
        assert (small_disk / "reserve").exists(), "and kept anew"
        assert not small_db.broken
        listed = await desk.json("/api/v1/incidents")
        assert [one["summary"] for one in listed["items"]] == ["Printer is out of paper"]
        answer = await desk.get("/readyz")
        assert answer.status == 200
    with small_db.reader.connect() as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"


def test_P7_a_write_that_meets_the_end_of_the_disk_is_undone_whole(  # noqa: N802
    small_db: Database, small_disk: Path
) -> None:
    """Full only in the middle of a transaction: all of it or nothing."""

    def too_much(session: Session) -> None:
        hire(session, "first")
        session.flush()
        for number in range(SIZE // 100_000):
            session.add(Department(code=f"d{number}", name={"en": "x" * 100_000}))
            session.flush()

    for _ in range(2):
        with pytest.raises(FullError):
            small_db.run_now(too_much)
        assert small_db.read_now(hired) == set()
    assert not small_db.broken
    small_db.run_now(hire, "after")
    assert small_db.read_now(hired) == {"after"}


def test_P7_a_desk_starts_on_a_full_disk(small_db: Database, small_disk: Path) -> None:  # noqa: N802
    small_db.run_now(hire, "before")
    small_db.close()
    assert not (small_disk / "watchdesk.db-shm").exists()
    fill(small_disk)
    again = Database(str(small_db.url))
    assert again.space is not None
    again.space.begin_serving()
    assert again.read_now(hired) == {"before"}
    with pytest.raises(FullError):
        again.run_now(hire, "ordinary")
    with space.vital():
        again.run_now(hire, "vital")
    assert again.read_now(hired) == {"before", "vital"}
    again.close()


def test_P7_no_files_left_is_as_full_as_no_bytes_left(small_db: Database, small_disk: Path) -> None:  # noqa: N802
    small_db.run_now(hire, "before")
    made = []
    for number in range(5000):
        try:
            (small_disk / f"f{number}").touch(exist_ok=False)
        except OSError:
            break
        made.append(small_disk / f"f{number}")
    with pytest.raises(FullError):
        small_db.run_now(hire, "refused")
    with space.vital():
        small_db.run_now(hire, "vital")
    for path in made:
        path.unlink()
    small_db.run_now(hire, "taken")
    assert small_db.read_now(hired) == {"before", "vital", "taken"}


async def test_P7_an_injected_end_of_the_disk_is_answered_as_such_and_forgotten(desk: Desk) -> None:  # noqa: N802
    """SQLite is told that its file may not grow: as a disk that is full though nobody could foresee it."""
    with desk.db.engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count = {pages + 40}"))
    statuses = set()
    for number in range(60):
        answer = await desk.post(
            "/api/v1/incidents", json={"summary": f"{number}", "description": "x" * 9000}
        )
        statuses.add(answer.status)
        if answer.status == 507:
            assert (await answer.json())["code"] == "full"
    assert statuses == {201, 507}
    assert (await desk.get("/incidents")).status == 200
    with desk.db.engine.connect() as connection:
        connection.execute(text("PRAGMA max_page_count = 1000000"))
    assert (await desk.post("/api/v1/incidents", json={"summary": "again"})).status == 201


async def test_P7_a_disk_that_fills_up_is_not_filled_to_the_end_by_us(  # noqa: N802
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: dict[str, Any] = {"free": space.KEEP - 1}
    monkeypatch.setattr(
        space,
        "room",
        lambda _folder: space.Room(left["free"], 200 * space.KEEP, files_free=10**6, files=10**6),
    )
    assert (await desk.post("/api/v1/incidents", json={"summary": "no"})).status == 507
    assert await desk.db.read(lambda session: session.scalar(select(func.count(AccessEvent.id)))) == 0
    await desk.stranger.post("/login", {"username": "bob", "password": "wrong"})
    assert await desk.db.read(lambda session: session.scalar(select(func.count(AccessEvent.id)))) == 1
    left["free"] = space.KEEP
    assert (await desk.post("/api/v1/incidents", json={"summary": "yes"})).status == 201
