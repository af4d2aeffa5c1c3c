"""T13: whose records, not only which routes: own incidents for people, assigned ones for vendors."""

from dataclasses import dataclass

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts import people, sessions
from server.accounts.models import Group, GroupMember, PersonRole, Role
from server.incidents import reporting
from server.incidents.models import Incident
from server.kernel.call import Actor
from server.kernel.clock import ManualClock
from tests.desk_client import Browser, Desk

ALL = frozenset({"incident.read", "incident.create", "incident.assign"})
SECRET = "Zanzibar"  # in the summaries of what is not theirs


@dataclass
class Records:
    """Numbers of three incidents: Charlie's, the vendor's, and nobody's of the two."""

    charlies: str
    vendors: str
    others: str


def _vendor(session: Session, clock: ManualClock, desk: Desk) -> tuple[str, int, int]:
    """Vera of an outside company, with all rights of the third line; her session's token."""
    group = Group(code="outside", name={"en": "Outside Ltd"}, line=3, is_vendor=True)
    session.add(group)
    person = people.create(session, "vera", {"en": "Vera"}, now=clock.now())
    role = session.scalars(select(Role).where(Role.code == "third_line")).one()
    session.flush()
    session.add_all(
        [
            PersonRole(person_id=person.id, role_id=role.id),
            GroupMember(group_id=group.id, person_id=person.id),
        ]
    )
    token = sessions.open_session(session, person.id, now=clock.now(), hours=24, address="", browser="")
    return token, person.id, group.id


def _report(session: Session, desk: Desk, clock: ManualClock, group_id: int) -> Records:
    def made(summary: str, by: int) -> Incident:
        actor = Actor(by, "x", {"en": "x"}, ALL)
        return reporting.create(session, {"summary": summary}, actor=actor, now=clock.now())

    charlies = made("Printer on floor 3", desk.charlie.person_id)
    vendors = made("Chiller of room B1", desk.person_id)
    vendors.group_id = group_id
    others = made(f"{SECRET} payroll is down", desk.person_id)
    others.priority, others.group_id = 1, None
    session.flush()
    return Records(charlies.number, vendors.number, others.number)


@pytest.fixture
async def people_of(desk: Desk, clock: ManualClock) -> tuple[Desk, Browser, Records]:
    token, person_id, group_id = await desk.db.run(_vendor, clock, desk)
    records = await desk.db.run(_report, desk, clock, group_id)
    return desk, Browser(desk._client, token, person_id), records


PAGES = (
    "/", "/mine", "/incidents", f"/incidents?q={SECRET}", "/incidents?view=all", "/incidents.csv",
    f"/palette?q={SECRET}",
    f"/incidents/find?q={SECRET}", f"/api/v1/incidents?text={SECRET}", "/api/v1/incidents", "/rooms", "/cis",
    "/problems", f"/problems?q={SECRET}", "/problems/patterns",
    "/api/v1/problems", "/api/v1/problem-patterns",
    "/knowledge/gaps", f"/knowledge?q={SECRET}", "/knowledge/quality", f"/api/v1/articles?words={SECRET}",
    f"/api/v1/search?q={SECRET}", "/incidents?format=csv", "/incidents/export", "/notify", "/knowledge",
)  # fmt: skip


async def test_T13_no_page_list_search_or_export_tells_of_what_is_not_theirs(  # noqa: N802
    people_of: tuple[Desk, Browser, Records],
) -> None:
    desk, vera, records = people_of
    assert SECRET in await desk.text("/incidents?view=all")
    for who in (desk.charlie, vera):
        for path in PAGES:
            text = await (await who.get(path)).text()
            page = text.replace(f"q={SECRET}", "").replace(f'value="{SECRET}"', "")
            assert f"{SECRET} payroll" not in page, path
            assert records.others not in page, path


async def test_T13_absent_and_not_theirs_answer_alike(people_of: tuple[Desk, Browser, Records]) -> None:  # noqa: N802
    _, vera, records = people_of
    forms = ("", "/preview", "/chart.json")
    for form in forms:
        there = await vera.get(f"/incidents/{records.others}{form}")
        absent = await vera.get(f"/incidents/INC-999999{form}")
        assert there.status == absent.status, form
        assert there.status in {403, 404}, form
    for form in ("", "/timeline", "/links"):
        there = await vera.get(f"/api/v1/incidents/{records.others}{form}")
        absent = await vera.get(f"/api/v1/incidents/INC-999999{form}")
        assert (there.status, absent.status) == (404, 404), form
        mine = await vera.get(f"/api/v1/incidents/{records.vendors}{form}")
        assert mine.status == 200, form


async def test_T13_nobody_changes_what_they_may_not_see(people_of: tuple[Desk, Browser, Records]) -> None:  # noqa: N802
    desk, vera, records = people_of
    version = (await desk.json(f"/api/v1/incidents/{records.others}"))["version"]
    tries = [
        ("POST", "/notes", {"text": "x", "internal": False}),
        ("POST", "/transitions", {"step": "accept", "version": version}),
        ("POST", "/watch", {"on": True}),
        ("POST", "/work", {"minutes": 5, "text": "x"}),
        ("POST", "/merge", {"into": records.vendors}),
        ("PATCH", "", {"summary": "mine now", "version": version}),
    ]
    for who in (desk.charlie, vera):
        for method, path, body in tries:
            answer = await who.send(method, f"/api/v1/incidents/{records.others}{path}", json=body)
            assert answer.status in {403, 404, 405, 422}, (path, answer.status)
    assert (await desk.json(f"/api/v1/incidents/{records.others}"))["version"] == version


async def test_T13_charlie_hears_no_news_of_the_desk(people_of: tuple[Desk, Browser, Records]) -> None:  # noqa: N802
    desk, _, records = people_of
    for topic in ("incidents", "alerts", "agents", f"incident:{records.others}"):
        answer = await desk.charlie.get(f"/events?topics={topic}")
        text = ""
        if answer.status == 200:
            text = (await answer.content.readline()).decode()
        answer.close()
        assert answer.status in {200, 403}
        assert records.others not in text
