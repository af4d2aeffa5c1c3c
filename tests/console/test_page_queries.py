"""A page asks its database a dozen questions at most, however much it shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from agent.playback.describe import describe
from agent.playback.plant import load
from rules import wire
from server.alerts.service import settle, take
from server.cmdb import service as cmdb
from server.cmdb.models import Ci
from server.incidents.models import Incident, IncidentTask, Watch, WorkLog
from server.kernel import gate, ticket
from server.kernel.clock import ManualClock
from server.kernel.db import Database
from server.metrics import service as metrics
from server.metrics.models import Kind
from server.metrics.samples import Block
from tests.desk_client import Browser, Desk, open_desk

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
GROUPS = {"room_power": 1, "network": 1, "servers": 1, "applications": 1}
SUGGESTIONS = 4  # the search for what fixed such a thing before: its index and what it found
MOST = 12
WATCHED = 1  # how an item is watched: its targets with their agents
BUSY = 4  # lists of an incident that are mostly empty: work, tasks, links with their incidents


@contextmanager
def counted(db: Database) -> Iterator[list[str]]:
    """The questions that are asked within the block."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA", "SET LOCAL")):
            said.append(" ".join(statement.split())[:400])

    event.listen(db.reader, "before_cursor_execute", note)
    yield said
    event.remove(db.reader, "before_cursor_execute", note)


def news(device: str, rule: str, symptom: str) -> wire.AlertNews:
    return wire.AlertNews(
        device=device,
        rule=rule,
        status="firing",
        severity="critical",
        at=NOON.timestamp(),
        summary={"en": f"{device}: {rule}", "zh": f"{device}: {rule}"},
        symptom=symptom,
        trace=f"{device}{rule}",
        metric="ups_output_source",
    )


def trouble(session: Session) -> None:
    """A room in which a UPS has lost its mains, with values and an incident about it."""
    assert not cmdb.import_rows(session, describe(load()), by="alice", now=NOON, groups=GROUPS).errors
    ids = dict(session.execute(select(Ci.name, Ci.id)).all())
    for metric, value in (
        ("ups_output_source", 5),
        ("ups_battery_charge_ratio", 0.8),
        ("ups_battery_runtime_seconds", 1800),
        ("ups_output_watts", 20_000),
    ):
        how: dict[str, Any] = {"kind": Kind.STATE, "states": {"5": "battery"}} if value == 5 else {}
        series = metrics.register(session, ids["UPS-B1-A"], metric, {}, now=NOON, **how)
        at = int((NOON - timedelta(minutes=1)).timestamp() * 1000)
        metrics.append(session, [Block.of(np.array([series], dtype="<u4"), at, np.array([value]))], NOON)
    told = [
        news("UPS-B1-A", "UpsOnBattery", "power"),
        news("CRAC-B1-1", "CoolingStopped", "cooling"),
        news("SW-CORE-1", "Unreachable", "unreachable"),
    ]
    take(session, told, source="agent:x", received_at=NOON, now=NOON, ci_of=ids)
    settle(session, now=NOON + timedelta(minutes=10))


def warm(session: Session, now: datetime) -> None:
    """An air conditioner tells the temperature of its room."""
    cooling = session.scalars(select(Ci).where(Ci.name == "CRAC-B1-1")).one()
    cooling.seen_at = now
    series = metrics.register(session, cooling.id, "room_temperature_celsius", {}, now=now)
    at = int(now.timestamp() * 1000)
    metrics.append(session, [Block.of(np.array([series], dtype="<u4"), at, np.array([24.5]))], now)


def the_incident(session: Session) -> Incident:
    found = session.scalars(
        select(Incident).where(Incident.alert_group_id.is_not(None)).order_by(Incident.id)
    ).first()
    assert found is not None
    return found


def busy(session: Session, people: list[int]) -> None:
    """Everything that an incident can carry."""
    one = the_incident(session)
    one.assignee_id, one.contact_id, one.affected_id = people[:3]
    session.add_all(Watch(incident_id=one.id, person_id=person) for person in people)
    session.add_all(
        WorkLog(incident_id=one.id, person_id=person, at=NOON, minutes=5, text="x") for person in people
    )
    session.add_all(IncidentTask(incident_id=one.id, title=f"Task {n}", created_at=NOON) for n in range(9))
    for number in range(9):
        ticket.link(session, one.number, f"INC-90000{number}", "relates_to", now=NOON)


@pytest.fixture(autouse=True)
def counts_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers of the navigation that were just counted count as just counted, on a slow machine too."""
    monkeypatch.setattr(gate, "COUNTS_KEPT_S", 3_600)


@pytest.fixture
async def room(db: Database, clock: ManualClock, tmp_path: Path) -> Any:
    async with open_desk(db, clock, tmp_path) as desk:
        await db.run(trouble)
        yield desk


async def asked(desk: Desk, path: str, *, by: Browser | None = None) -> list[str]:
    """The questions of a page that was looked at before: what is kept for a while is there."""
    looks = by or desk
    await looks.text(path)
    with counted(desk.db) as said:
        await looks.text(path)
    return said


async def test_every_page_that_people_look_at_asks_a_dozen_questions_at_most(room: Desk) -> None:
    number = (await room.db.read(the_incident)).number
    ups = await room.db.read(lambda s: s.scalars(select(Ci.number).where(Ci.name == "UPS-B1-A")).one())
    for path, besides in (
        ("/", 0),
        ("/incidents", 0),
        ("/incidents/board", 0),
        (f"/incidents/{number}", SUGGESTIONS),
        (f"/incidents/{number}/preview", SUGGESTIONS),
        (f"/cis/{ups}", WATCHED),
        ("/cis", 0),
        ("/rooms/b1", 0),
        ("/rooms", 0),
        ("/alerts", 0),
        ("/mine", 0),
        ("/graph", 0),
        ("/knowledge", 0),
        ("/problems", 0),
        ("/discovery", 0),
        ("/settings/people", 0),
        ("/settings/groups", 0),
        ("/settings/agents", 0),
    ):
        said = await asked(room, path)
        others = ("FROM knowledge_", "FROM article", "SELECT target.id")
        own = [one for one in said if not any(name in one for name in others)]
        assert len(own) <= MOST, f"{path}: {len(own)}\n" + "\n".join(own)
        assert len(said) <= MOST + besides, f"{path}: {len(said)}\n" + "\n".join(said)


async def test_an_incident_that_carries_everything_asks_hardly_more(room: Desk) -> None:
    people = [room.person_id, room.bob.person_id, room.charlie.person_id, room.admin.person_id]
    await room.db.run(busy, people)
    number = (await room.db.read(the_incident)).number
    said = await asked(room, f"/incidents/{number}")
    assert len(said) <= MOST + SUGGESTIONS + BUSY, f"{len(said)}\n" + "\n".join(said)
    text = await room.text(f"/incidents/{number}")
    for name in ("Alice Zhou", "Bob Wang", "Task 8", "INC-900008"):
        assert name in text, name


async def test_home_that_shows_everything_asks_a_dozen_questions_at_most(
    room: Desk, clock: ManualClock
) -> None:
    people = [room.bob.person_id, room.person_id, room.admin.person_id]
    await room.db.run(busy, people)
    await room.db.run(warm, clock.now())
    for one, seen in ((room.admin, ["Who has how much", "Configuration data", "24.5"]), (room.bob, ["24.5"])):
        said = await asked(room, "/", by=one)
        assert len(said) <= MOST, f"{len(said)}\n" + "\n".join(said)
        text = await one.text("/")
        for words in ("Firing now", "Rooms right now", *seen):
            assert words in text, words


async def test_no_question_of_a_page_is_asked_twice(room: Desk) -> None:
    number = (await room.db.read(the_incident)).number
    ups = await room.db.read(lambda s: s.scalars(select(Ci.number).where(Ci.name == "UPS-B1-A")).one())
    for path in ("/", f"/incidents/{number}", f"/cis/{ups}", "/rooms/b1"):
        said = await asked(room, path)
        assert len(said) == len(set(said)), f"{path}: {[one for one in said if said.count(one) > 1]}"
