"""Range jobs: what is none is refused by its field; they run by hand and by schedule, once at a time."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from rules import wire
from server.agents import credentials, enrolment
from server.agents.models import Agent
from server.discovery import jobs
from server.discovery.models import RangeJob, Run, RunState
from server.discovery.service import configured
from server.kernel import secrets
from server.kernel.db import Database
from server.kernel.errors import ConflictError, InvalidError, StaleError
from tests.discovery.place import AT, NOON, ZONE, Place, make


@pytest.fixture
def place(db: Database) -> Place:
    return make(db)


def new(place: Place, **how: Any) -> jobs.NewJob:
    return jobs.NewJob(**{"name": "Labs", "agent_id": place.agent_id, "ranges": ("10.9.0.0/24",), **how})


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({"name": " "}, "/name"),
        ({"name": "x" * 121}, "/name"),
        ({"ranges": ()}, "/ranges"),
        ({"ranges": ("router",)}, "/ranges"),
        ({"ranges": ("10.0.0.0/8",)}, "/ranges"),
        ({"ranges": ("10.0.0.1",), "exclusions": ("10.0.0.0/24",)}, "/ranges"),
        ({"exclusions": ("10.0.0.9-2",)}, "/exclusions"),
        ({"ways": ()}, "/ways"),
        ({"ways": ("telnet",)}, "/ways"),
        ({"ways": ("tcp",)}, "/ports/tcp"),
        ({"ports": {"snmp": (0,)}}, "/ports/snmp"),
        ({"rate": 0.0}, "/rate"),
        ({"rate": 5_000.0}, "/rate"),
        ({"minutes": -1}, "/minutes"),
        ({"every_s": 1.0}, "/every_s"),
        ({"cron": "at three"}, "/cron"),
        ({"cron": "0 3 * *"}, "/cron"),
        ({"cron": "61 3 * * *"}, "/cron"),
        ({"cron": "* * * * *"}, "/cron"),
        ({"cron": "0 0 31 2 *"}, "/cron"),
    ],
)
def test_what_is_no_job_is_refused_by_its_field(sqlite_db: Database, how: dict[str, Any], field: str) -> None:
    place = make(sqlite_db)
    with pytest.raises(InvalidError) as refused:
        place.db.run_now(jobs.create, new(place, **how), zone=ZONE, now=NOON)
    assert refused.value.field == field


def test_a_name_is_taken_once_and_an_old_version_changes_nothing(place: Place) -> None:
    made = place.db.run_now(jobs.create, new(place), zone=ZONE, now=NOON)
    with pytest.raises(ConflictError):
        place.db.run_now(jobs.create, new(place), zone=ZONE, now=NOON)
    place.db.run_now(jobs.change, made.id, new(place, rate=5.0), version=1, zone=ZONE, now=NOON)
    with pytest.raises(StaleError):
        place.db.run_now(jobs.change, made.id, new(place, rate=7.0), version=1, zone=ZONE, now=NOON)
    assert place.db.read_now(jobs.job_of, made.id).rate == 5.0


def test_a_job_runs_once_at_a_time_and_again_when_it_has_ended(place: Place) -> None:
    run = place.begin()
    with pytest.raises(ConflictError):
        place.begin()
    place.db.run_now(jobs.cancel, run, now=NOON)
    with pytest.raises(ConflictError):
        place.db.run_now(jobs.cancel, run, now=NOON)
    assert place.begin() > run


def test_a_schedule_begins_its_job_in_the_zone_of_the_site_and_missed_times_are_one(place: Place) -> None:
    made = place.db.run_now(jobs.create, new(place, cron="0 3 * * *"), zone=ZONE, now=NOON)
    three = datetime.fromisoformat("2026-11-21T03:00:00+08:00")
    assert made.next_at == three

    def runs(session: Session) -> list[Run]:
        return jobs.living(session, made.id)

    assert place.db.run_now(jobs.due, zone=ZONE, now=three - timedelta(seconds=1)) == 0
    assert place.db.run_now(jobs.due, zone=ZONE, now=three + timedelta(days=3)) == 1
    assert place.db.run_now(jobs.due, zone=ZONE, now=three + timedelta(days=3)) == 0
    assert len(place.db.read_now(runs)) == 1
    assert place.db.read_now(jobs.job_of, made.id).next_at == three + timedelta(days=4)


def test_a_revoked_agent_begins_nothing_and_its_schedule_goes_on(place: Place) -> None:
    made = place.db.run_now(jobs.create, new(place, cron="0 3 * * *"), zone=ZONE, now=NOON)
    place.db.run_now(enrolment.revoke, place.agent_id, now=NOON)
    with pytest.raises(ConflictError):
        place.db.run_now(jobs.begin, made.id, by=None, now=NOON)
    assert place.db.run_now(jobs.due, zone=ZONE, now=NOON + timedelta(days=1)) == 0
    assert (place.db.read_now(jobs.job_of, made.id).next_at or NOON) > NOON + timedelta(days=1)


def test_a_run_that_nobody_tells_of_any_more_ends_as_failed(place: Place) -> None:
    run = place.begin()
    place.report(progress=[wire.Progress(place.job_id, run, AT, total=254, asked=10, alive=2)])
    place.db.run_now(jobs.due, zone=ZONE, now=NOON + timedelta(minutes=30))
    assert place.db.read_now(jobs.run_of, run).state is RunState.RUNNING
    place.db.run_now(jobs.due, zone=ZONE, now=NOON + timedelta(hours=3))
    ended = place.db.read_now(jobs.run_of, run)
    assert (ended.state, ended.detail, ended.asked, ended.alive) == (RunState.FAILED, "silent", 10, 2)


def test_an_agent_is_told_its_living_runs_with_the_sets_in_order_and_no_ignored_address(
    place: Place, tmp_path: Any
) -> None:
    secrets.use_keys(secrets.Keys(tmp_path / "master.key"))

    def write(session: Session) -> int:
        one = credentials.save(session, "b", "snmp", {"community": "bbb"}, now=NOON)
        two = credentials.save(session, "a", "snmp", {"community": "aaa"}, now=NOON)
        wanted = new(place, credentials=(one.id, two.id), ports={"snmp": (1161,)}, minutes=30)
        made = jobs.create(session, wanted, zone=ZONE, now=NOON)
        jobs.begin(session, made.id, by=None, now=NOON)
        return made.id

    job_id = place.db.run_now(write)
    before = place.db.read_now(_generation, place.agent_id)
    told = place.db.read_now(configured, place.agent_id, wire.Config("g")).jobs
    assert [one.id for one in told] == [job_id]
    assert [one.values["community"] for one in told[0].credentials] == ["bbb", "aaa"]
    assert told[0].ports == {"snmp": [1161]}
    assert told[0].until == AT + 1800
    run = place.db.read_now(jobs.living, job_id)[0]
    place.db.run_now(jobs.cancel, run.id, now=NOON)
    assert place.db.read_now(configured, place.agent_id, wire.Config("g")).jobs == []
    assert place.db.read_now(_generation, place.agent_id) != before, "the agent hears of it at once"


def test_progress_only_grows_and_another_agents_word_is_refused(place: Place) -> None:
    run = place.begin()
    counts = [(100, 9), (40, 3), (120, 9)]
    for asked, alive in counts:
        answer = place.report(
            progress=[wire.Progress(place.job_id, run, AT, total=254, asked=asked, alive=alive)]
        )
        assert answer.items == []
    found = place.db.read_now(jobs.run_of, run)
    assert (found.asked, found.alive) == (120, 9)
    other = make_other(place)
    refused = other.report(progress=[wire.Progress(place.job_id, run, AT, state="done")])
    assert [one.code for one in refused.items] == ["forbidden"]
    assert place.db.read_now(jobs.run_of, run).state is RunState.RUNNING
    place.report(progress=[wire.Progress(place.job_id, run, AT, state="done", total=254, asked=254, alive=9)])
    place.report(progress=[wire.Progress(place.job_id, run, AT, total=254, asked=254, alive=9)])
    assert place.db.read_now(jobs.run_of, run).state is RunState.DONE, "what came late changes nothing"


def test_a_job_with_history_is_switched_off_and_one_without_is_gone(place: Place) -> None:
    made = place.db.run_now(jobs.create, new(place), zone=ZONE, now=NOON)
    place.db.run_now(jobs.remove, made.id, now=NOON)
    run = place.begin()
    place.db.run_now(jobs.remove, place.job_id, now=NOON)

    def read(session: Session) -> tuple[RangeJob | None, RangeJob, Run]:
        return session.get(RangeJob, made.id), jobs.job_of(session, place.job_id), jobs.run_of(session, run)

    gone, kept, ended = place.db.read_now(read)
    assert gone is None
    assert not kept.enabled
    assert ended.state is RunState.CANCELLED


def make_other(place: Place) -> Place:
    """A second agent of the same desk."""

    def join(session: Session) -> int:
        token = enrolment.create_token(session, "agent-b2", now=NOON)
        return enrolment.enrol(session, wire.Enrol(token.token, "agent-b2", "h", "1"), now=NOON).agent_id

    return Place(place.db, place.db.run_now(join), place.job_id)


def _generation(session: Session, agent_id: int) -> str:
    return session.get_one(Agent, agent_id).generation
