"""Whatever day the demo is seeded on, what was written for an alert stands among its suggestions."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from server.accounts import roles
from server.accounts.models import Group, GroupMember, Person
from server.app import permissions, practices
from server.cmdb.models import Ci
from server.demo import company, past, room, shelf
from server.demo.seeds import seed
from server.incidents import facts
from server.incidents.models import Incident
from server.kernel import secrets
from server.kernel.db import Database
from server.knowledge.finding import verdicts_on
from server.knowledge.models import Case, IndexChange, Outcome, Verdict
from server.knowledge.suggesting.suggest import Query, Suggestion, suggest

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DATES = [NOON + timedelta(days=47 * n, hours=5 * n) for n in range(8)]
FIRED = {  # alert -> what its rule says, as an incident that it opens is called
    "UpsOnBattery": ("{ci} runs on battery", "{ci} 正在电池供电"),
    "AirConditionerFault": ("{ci} reports a fault", "{ci} 报故障"),
    "RoomTemperatureHigh": ("{ci} is too warm", "{ci} 温度过高"),
    "WaterLeak": ("Water at {ci}", "{ci} 漏水"),
    "DoorForced": ("{ci} was forced open", "{ci} 被强行打开"),
    "InterfaceFlapping": ("A port of {ci} flaps", "{ci} 端口抖动"),
    "DiskFilling": ("A file system of {ci} fills up", "{ci} 文件系统将满"),
}


@dataclass
class Story:
    """A desk with its room and its articles; its past can be told anew for any day."""

    db: Database
    people: Mapping[str, Person]
    topics: Mapping[str, list[str]]
    items: dict[str, list[Ci]] = field(default_factory=dict)

    def tell(self, now: datetime) -> None:
        self.db.run_now(self._tell, now)

    def _tell(self, session: Session, now: datetime) -> None:
        gone = [IndexChange(key=number) for number in session.scalars(select(Case.number))]
        for table in (Case, Outcome):
            session.execute(delete(table))
        session.add_all(gone)
        members: dict[int, list[int]] = {}
        rows = select(GroupMember.group_id, GroupMember.person_id).order_by(GroupMember.person_id)
        for group, person in session.execute(rows):
            members.setdefault(group, []).append(person)
        groups = {group.code: group for group in session.scalars(select(Group))}
        self.items = past.by_class(session.scalars(select(Ci).order_by(Ci.id)))
        people = {person.username: person for person in session.scalars(select(Person))}
        told = past.Past(people, self.topics, now, groups, members, self.items, past.callers(people))
        told.tell()
        for kept in (Case, Outcome, IndexChange):
            session.execute(insert(kept), told.rows[kept])


@pytest.fixture(scope="module")
def story(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("story")
    (folder / "desk.db").write_bytes(sqlite_template.read_bytes())
    secrets.use_keys(secrets.Keys(folder / "master.key"))
    words = [sys.executable, "-m", "agent.playback", "describe"]
    told = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)

    def fill(session: Session) -> tuple[Mapping[str, Person], Mapping[str, list[str]]]:
        roles.sync(session, permissions(practices()))
        session.flush()
        people = company.write(session, password_hash="none", now=NOON)
        room.write(session, told, now=NOON)
        return people, shelf.write(session, people, now=NOON)

    db = Database(f"sqlite:///{folder / 'desk.db'}")
    people, topics = db.run_now(fill)
    yield Story(db, people, topics)
    db.close()


def asked(alert: str, ci: Ci, language: str) -> Query:
    """The question that the page of an incident asks which the alert opened."""
    en, zh = (said.format(ci=ci.name) for said in FIRED[alert])
    opened = Incident(summary=en, summary_by_lang={"en": en, "zh": zh}, description="")
    return replace(facts.query(ci, None, facts.words_of(opened, language), language), alert=alert)


@pytest.mark.parametrize("now", DATES, ids=str)
def test_an_article_that_names_the_alert_and_the_class_is_among_the_three(
    story: Story, now: datetime
) -> None:
    story.tell(now)
    for topic in seed("articles"):
        meant = topic["applies_to"]
        numbers = story.topics[topic["topic"]]
        if topic["topic"] in shelf.WAITING:
            continue
        for alert in FIRED.keys() & set(meant.get("alert", ())):
            for ci in (one for code in meant.get("ci_class", ()) for one in story.items.get(code, ())):
                for language, number in (("en", numbers[0]), ("zh", numbers[-1])):
                    found = story.db.read_now(suggest, asked(alert, ci, language))
                    assert number in {one.number for one in found}, (alert, ci.name, language, found)


def shown(story: Story, query: Query) -> list[Suggestion]:
    return story.db.read_now(suggest, query)


def test_the_same_topic_in_two_languages_takes_one_place(story: Story) -> None:
    story.tell(NOON)
    [ups, *_] = story.items["ups"]
    for language in ("en", "zh"):
        numbers = [one.number for one in shown(story, asked("UpsOnBattery", ups, language))]
        assert len(set(story.topics["mains-one-feed"]) & set(numbers)) == 1


@pytest.mark.parametrize(("tried", "reader"), [(0, "zh"), (1, "en"), (0, "en"), (1, "zh")])
def test_what_is_tried_in_one_language_is_being_tried_in_every_other(
    story: Story, tried: int, reader: str
) -> None:
    story.tell(NOON)
    [ups, *_] = story.items["ups"]
    number = story.topics["mains-one-feed"][tried]
    ticket = f"INC-TRIED-{tried}-{reader}"

    def take_up(session: Session) -> None:
        session.add(Outcome(suggestion=number, ticket=ticket, verdict=Verdict.APPLIED, at=NOON))

    story.db.run_now(take_up)
    said = story.db.read_now(verdicts_on, ticket)
    [one] = [one for one in shown(story, asked("UpsOnBattery", ups, reader)) if one.kind == "article"][:1]
    assert (said.get(one.number) or said.get(one.topic)) is Verdict.APPLIED
    assert said.get("KB-999999") is None


def test_cases_that_say_the_same_take_one_place(story: Story) -> None:
    story.tell(NOON)
    [ups, *_] = story.items["ups"]
    causes = [one.cause for one in shown(story, asked("UpsOnBattery", ups, "en")) if one.kind == "case"]
    assert len(causes) == len(set(causes))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_article_meant_for_the_alert_leads_while_it_holds_and_says_how_often(
    story: Story, language: str
) -> None:
    story.tell(NOON)
    [ups, *_] = story.items["ups"]
    first, *others = shown(story, asked("UpsOnBattery", ups, language))
    assert (first.kind, first.language) == ("article", language)
    assert first.fixed / first.tried <= first.score + 0.1
    assert all(one.score <= first.score for one in others)


def test_mixed_outcomes_do_not_take_an_article_its_place_but_steady_failure_does(story: Story) -> None:
    story.tell(NOON)
    [ups, *_] = story.items["ups"]
    number = story.topics["mains-one-feed"][0]

    def judge(session: Session, verdicts: list[Verdict]) -> None:
        session.execute(delete(Outcome))
        for n, verdict in enumerate(verdicts):
            session.add(Outcome(suggestion=number, ticket=f"INC-{n:06}", verdict=verdict, at=NOON))

    def place() -> bool:
        return number in {one.number for one in shown(story, asked("UpsOnBattery", ups, "en"))}

    story.db.run_now(judge, [Verdict.FIXED, Verdict.CAME_BACK] * 6)
    assert place()
    story.db.run_now(judge, [Verdict.CAME_BACK] * 5)
    assert not place()
