"""T13, ORG-2: people of outside companies see the work that they were given, whatever their role says."""

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts import people
from server.accounts.models import Group, GroupMember, PersonRole, Role
from server.accounts.sessions import OPEN_TO_VENDORS
from server.cmdb.models import Ci
from server.incidents.models import Incident, IncidentCi
from server.kernel import keys
from server.kernel.clock import ManualClock
from server.kernel.routing import Route
from server.knowledge.models import Article, Audience
from tests.hostile.conftest import Lived


def _hire(session: Session, clock: ManualClock) -> str:
    """Vera has all rights of the third line and one incident; its number."""
    group = Group(code="outside", name={"en": "Outside Ltd", "zh": "外包公司"}, line=3, is_vendor=True)
    person = people.create(session, "vera", {"en": "Vera", "zh": "薇拉"}, now=clock.now())
    role = session.scalars(select(Role).where(Role.code == "third_line")).one()
    session.add(group)
    session.flush()
    session.add_all(
        [
            PersonRole(person_id=person.id, role_id=role.id),
            GroupMember(group_id=group.id, person_id=person.id),
        ]
    )
    incident = session.scalars(
        select(Incident).where(Incident.ci_id.is_not(None)).order_by(Incident.id)
    ).first()
    assert incident is not None
    incident.group_id = group.id
    return incident.number


def _not_hers(session: Session, number: str) -> set[str]:
    """Numbers and names that she must not read."""
    own = session.scalars(select(Incident).where(Incident.number == number)).one()
    near = set(session.scalars(select(IncidentCi.ci_id).where(IncidentCi.incident_id == own.id))) | {
        own.ci_id
    }
    incidents = set(session.scalars(select(Incident.number).where(Incident.id != own.id)))
    items = set(session.scalars(select(Ci.number).where(Ci.id.not_in(near))))
    internal = select(Article.number).where(Article.audience == Audience.ENGINEERS)
    return incidents | items | set(session.scalars(internal))


def _addresses(route: Route, number: str) -> list[str]:
    found = []
    for record in (number, "KB-000001", "CI-000001"):
        path = route.path
        for name, kind in route.converters.items():
            path = path.replace("{" + name + "}", "1" if kind is int else record)
        found.append(path)
    return sorted(set(found))


async def test_T13_no_address_at_all_tells_a_vendor_of_what_is_not_theirs(lived: Lived) -> None:  # noqa: N802
    number = await lived.db.run(_hire, lived.clock)
    secret = await lived.db.read(_not_hers, number)
    assert len(secret) > 100
    vera = await lived.browser("vera")
    assert number in await vera.text("/incidents?view=all")
    told: list[str] = []
    for route in lived.routes:
        if route.method != "GET" or route.path == "/events" or "{tail" in route.path:
            continue
        for path in _addresses(route, number):
            answer = await vera.get(path)
            assert answer.status < 500, path
            if answer.status != 200:
                continue
            words = set(re.findall(r"\b(?:INC|CI|KB|PRB)-\d+\b", await answer.text()))
            told += [f"{path}: {word}" for word in sorted(words & secret)][:3]
    assert told == []


async def test_what_vendors_may_is_declared(lived: Lived) -> None:
    declared = {one.key for practice in lived.app[keys.PRACTICES] for one in practice.permissions}
    assert declared >= OPEN_TO_VENDORS


async def test_a_vendor_works_on_what_they_were_given(lived: Lived) -> None:
    number = await lived.db.run(_hire, lived.clock)
    vera = await lived.browser("vera")
    answer = await vera.post(
        f"/api/v1/incidents/{number}/notes", json={"text": "On my way", "internal": False}
    )
    assert answer.status == 201
    assert (await vera.get("/cis")).status == 403
    assert (await vera.get("/alerts")).status == 403
    assert (await vera.get("/problems")).status == 403
