"""The demo's story: it goes into an empty desk of either kind, and every page finds something in it."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.accounts import passwords, roles
from server.accounts.models import Person
from server.app import permissions, practices
from server.cmdb.models import Ci
from server.demo import causes, company, past, present, room, shelf, visitors
from server.demo.seeds import seed
from server.incidents.models import Incident, IncidentEntry, State
from server.incidents.words import CAUSES
from server.kernel import secrets
from server.kernel.db import Database
from server.kernel.i18n import use_language
from server.knowledge import portal, quality, tending
from server.knowledge.suggesting.suggest import Query, suggest
from server.problems.models import Problem, ProblemIncident
from server.problems.models import State as ProblemState

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def told() -> dict[str, object]:
    words = [sys.executable, "-m", "agent.playback", "describe"]
    said: dict[str, object] = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    return said


@pytest.fixture(scope="module")
def story(shared_db: Database, told: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> Database:
    """The desk with its story. Telling it takes seconds, so the tests of this file read the same one."""
    secrets.use_keys(secrets.Keys(tmp_path_factory.mktemp("story") / "master.key"))

    def fill(session: Session) -> None:
        roles.sync(session, permissions(practices()))
        session.flush()
        people = company.write(session, password_hash=passwords.hash_now(company.PASSWORD), now=NOON)
        room.write(session, told, now=NOON)
        past.write(session, people, shelf.write(session, people, now=NOON), now=NOON)
        visitors.write(session, people, now=NOON)
        causes.write(session, people, now=NOON)
        present.write(session, people, now=NOON)

    shared_db.run_now(fill)
    return shared_db


@pytest.mark.parametrize(("language", "said"), [("en", "blank pages"), ("zh", "白纸"), ("zh", "邮箱")])
def test_the_shelf_of_the_story_helps_end_users_in_their_language(
    story: Database, language: str, said: str
) -> None:
    found = story.read_now(portal.look, said, language)
    assert found
    assert found[0].language == language
    together = quality.together(story.read_now(quality.weeks, now=NOON))
    assert together.searches > 100
    assert 0.4 < (together.deflected or 0) < 0.8
    assert story.read_now(portal.in_vain, now=NOON)


def test_no_article_of_the_story_expires_while_somebody_looks_at_it(story: Database) -> None:
    assert story.run_now(tending.expire_due, now=NOON + timedelta(days=1)) == 0


def test_the_story_fills_an_empty_desk(story: Database) -> None:
    def look(session: Session) -> None:
        states = dict(session.execute(select(Incident.state, func.count()).group_by(Incident.state)).all())
        assert states[State.CLOSED] > 800
        assert sum(states.get(one, 0) for one in (State.NEW, State.ASSIGNED, State.IN_PROGRESS)) >= 6
        assert states[State.PENDING] == 1
        orphans = select(func.count()).where(IncidentEntry.incident_id.not_in(select(Incident.id)))
        assert session.scalar(orphans) == 0
        assert session.scalar(select(func.count()).select_from(Ci)) == 35
        latest = session.scalar(select(func.max(Incident.closed_at)))
        assert latest is not None
        assert latest <= NOON
        assert session.scalar(select(func.count()).select_from(Person)) == len(seed("company")["people"])

    story.read_now(look)


@pytest.mark.parametrize(
    ("language", "text", "alert", "ci_class"),
    [
        ("en", "UPS-B1-A runs on battery: mains feed A lost", "UpsOnBattery", "ups"),
        ("zh", "UPS-B1-A 转电池供电：市电 A 路中断", "UpsOnBattery", "ups"),
        ("zh", "架空地板下漏水", "WaterLeak", "environment_monitor"),
        ("en", "Uplink of SW-ACC-5 flaps", "InterfaceFlapping", "switch"),
        ("en", "File system /var of SRV-2 is almost full", "DiskFilling", "server"),
        ("zh", "机房门被强行打开", "DoorForced", "access_control"),
    ],
)
def test_what_can_be_broken_has_its_article_in_the_readers_language(
    story: Database, language: str, text: str, alert: str, ci_class: str
) -> None:
    with use_language(language):
        found = story.read_now(suggest, Query(text, alert=alert, ci_class=ci_class, language=language))
    assert found
    articles = [one for one in found if one.kind == "article"]
    assert articles, [one.title for one in found]
    assert articles[0].language == language
    assert articles[0].cause


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_article_stands_among_three_where_a_hundred_cases_say_the_same(
    story: Database, language: str
) -> None:
    """As the incident asks that the alert opened: its own title in both languages, and the very item."""
    text = "UPS-B1-A runs on battery\nUPS-B1-A 转电池供电"
    asked = Query(text, alert="UpsOnBattery", ci="UPS-B1-A", ci_class="ups", language=language)
    found = story.read_now(suggest, asked)
    assert len(found) <= 3
    assert language in {one.language for one in found if one.kind == "article"}


def test_problems_stand_in_every_state_behind_incidents_that_came_again(story: Database) -> None:
    def look(session: Session) -> None:
        problems = session.scalars(select(Problem).order_by(Problem.id)).all()
        assert {one.state for one in problems} == set(ProblemState)
        for one in problems:
            linked = session.scalars(
                select(ProblemIncident.incident).where(ProblemIncident.problem_id == one.id)
            ).all()
            assert len(linked) > 1, one.title
            assert (one.article is not None) == (one.state is ProblemState.KNOWN_ERROR)
            assert one.changed_at <= NOON

    story.read_now(look)


def test_the_next_incident_gets_the_next_number(story: Database) -> None:
    def number(session: Session) -> str:
        from server.kernel.ticket import next_number

        last = session.scalar(select(func.max(Incident.number)))
        assert last is not None
        following = next_number(session, "INC")
        assert following > last
        return following

    assert story.run_now(number).startswith("INC-1008")


def test_every_cause_of_the_history_is_one_that_the_desk_has_words_for() -> None:
    told_causes = {kind["cause"] for kind in seed("history") if "cause" in kind}
    assert told_causes
    assert told_causes <= set(CAUSES)
