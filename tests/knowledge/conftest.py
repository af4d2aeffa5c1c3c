"""Articles for the tests of knowledge."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from server.kernel.db import Database
from server.knowledge import service
from server.knowledge.models import State

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
