"""What becomes of a report, a proposal or an article reaches whoever made it, once, with the reason."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts.models import Person, PersonRole, Role
from server.kernel.db import Database
from server.knowledge import proposals, service
from server.knowledge.models import ArticleNote, NoteKind, State
from server.notify.models import Delivery
from tests.desk_client import Desk
from tests.knowledge.test_knowledge_pages import FORM


def messages(session: Session) -> list[tuple[int | None, str, str]]:
    rows = session.scalars(select(Delivery).order_by(Delivery.id))
    return [(one.person_id, one.template.removeprefix("knowledge."), one.body) for one in rows]


async def published(desk: Desk) -> str:
    made = await desk.bob.post("/knowledge/new", FORM)
    number = str(made.headers["Location"].rpartition("/")[2])
    await desk.bob.post(f"/knowledge/{number}/move", {"to": "submitted"})
    await desk.post(f"/knowledge/{number}/move", {"to": "published"})
    return number


def everybody_reads_mail(session: Session) -> None:
    for person in session.scalars(select(Person)):
        person.email = f"{person.username}@example.org"
    manager = session.scalars(select(Role).where(Role.code == "knowledge_manager")).one()
    alice = session.scalars(select(Person).where(Person.username == "alice")).one()
    known = session.get(PersonRole, (alice.id, manager.id))
    if known is None:
        session.add(PersonRole(person_id=alice.id, role_id=manager.id))


async def test_who_reports_an_error_hears_what_became_of_it(desk: Desk) -> None:
    await desk.db.run(everybody_reads_mail)
    number = await published(desk)
    await desk.bob.post(
        f"/knowledge/{number}/notes", {"kind": "report", "text": "Step 2 names {the} wrong breaker"}
    )
    told = await desk.db.read(messages)
    assert (desk.person_id, "reported", "Step 2 names {the} wrong breaker") in told
    note = await desk.db.read(lambda session: session.scalars(select(ArticleNote)).one().id)
    answered = {"answer": "It is breaker QF2 now."}
    for _ in range(2):
        await desk.post(f"/knowledge/{number}/notes/{note}/done", answered)
    told = await desk.db.read(messages)
    assert told.count((desk.bob.person_id, "settled", "It is breaker QF2 now.")) == 1
    page = await desk.bob.text(f"/knowledge/{number}")
    assert page.count("It is breaker QF2 now.") == 1
    assert "settled" in page


async def test_an_author_and_who_proposes_hear_the_reason(desk: Desk) -> None:
    await desk.db.run(everybody_reads_mail)
    number = await published(desk)
    await desk.bob.post(f"/knowledge/{number}/edit", FORM | {"cause": "Dust", "version": "1"})
    await desk.post(f"/knowledge/{number}/proposal", {"do": "return", "text": "It was wear."})
    assert (desk.bob.person_id, "refused", "It was wear.") in await desk.db.read(messages)
    await desk.bob.post(f"/knowledge/{number}/edit", FORM | {"cause": "Wear", "version": "1"})
    await desk.post(f"/knowledge/{number}/proposal", {"do": "accept"})
    assert [one[1] for one in await desk.db.read(messages)].count("accepted") == 1


@pytest.mark.parametrize("own", [True, False])
def test_nobody_is_told_of_what_that_person_did(sqlite_db: Database, *, own: bool) -> None:
    from tests.knowledge.conftest import NOON

    def go(session: Session) -> list[tuple[int | None, str, str]]:
        people = [Person(username=name, username_key=name, name={"en": name}, email=f"{name}@example.org",
                         created_at=NOON, language="en") for name in ("ann", "ben")]  # fmt: skip
        session.add_all(people)
        session.flush()
        writer, other = people[0].id, people[0].id if own else people[1].id
        texts = {"title": "Fan fails", "solution": "Swap it", "language": "en"}
        number = service.write(session, texts, by=writer, now=NOON).number
        service.move(session, number, State.SUBMITTED, by=writer, now=NOON)
        service.send_back(session, number, "Name the part", by=other, now=NOON)
        service.move(session, number, State.SUBMITTED, by=writer, now=NOON)
        service.move(session, number, State.PUBLISHED, by=other, now=NOON)
        proposals.propose(session, number, {"cause": "x"}, version=1, by=writer, now=NOON)
        proposals.accept(session, number, by=other, now=NOON)
        article = service.article(session, number)
        report = service.note(session, article, NoteKind.REPORT, "wrong", by=writer, now=NOON)
        service.settle(session, number, report.id, by=other, now=NOON)
        return messages(session)

    told = sqlite_db.run_now(go)
    assert [one[1] for one in told] == ([] if own else ["returned", "accepted", "settled"])
