"""Articles for the tests of knowledge."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from server.kernel.db import Database
from server.knowledge import entering, importing, runs, service
from server.knowledge.models import Fate, State

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
Publish = Callable[..., str]


@pytest.fixture
def publish(db: Database) -> Publish:
    """Writes an article as person 1 and publishes it as person 2; returns its number."""

    def published(title: str, solution: str = "Restart it.", **texts: object) -> str:
        said = {"title": title, "solution": solution, "language": "en", **texts}
        number = db.run_now(service.write, said, by=1, now=NOON).number
        db.run_now(service.move, number, State.SUBMITTED, by=1, now=NOON)
        db.run_now(service.move, number, State.PUBLISHED, by=2, now=NOON)
        return number

    return published


def held(_session: object) -> None:
    """The run is ours."""


def taken_in(
    db: Database, name: str, raw: bytes, *, submit: bool = False, pointing: bool = False
) -> list[importing.Item]:
    """Imports a file as person 1; returns its documents, those that were entered with their number."""
    items = db.read_now(importing.compared, importing.read(name, raw))
    upload = db.run_now(entering.keep, name, raw, by=1, now=NOON)
    run = db.run_now(entering.begin, upload.token, submit=submit, pointing=pointing, by=1, now=NOON)
    asyncio.run(entering.take_in(db, run.id, hold=held, now=NOON))
    lines, total = db.read_now(runs.lines, run, None, limit=2_000, offset=0)
    assert total == len(items)
    return [
        replace(item, number=line.number if line.fate is Fate.DONE else "")
        for item, line in zip(items, lines, strict=True)
    ]
