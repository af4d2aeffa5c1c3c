from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts import people, roles, service, sessions
from server.accounts.models import Person
from server.accounts.names import skeleton
from server.kernel.db import Database
from server.kernel.errors import ConflictError, InvalidError, StaleError

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _alice(session: Session) -> int:
    roles.sync(session, [])
    return people.create(session, "alice", {"en": "Alice"}, now=NOON).id


def _open(session: Session, person_id: int) -> str:
    return sessions.open_session(session, person_id, now=NOON, hours=1, address="", browser="")


def _visits(db: Database, token: str) -> bool:
    return db.read_now(lambda session: sessions.Accounts().visit(session, token, NOON)) is not None


@pytest.mark.parametrize("twin", ["Alice", "ALICE", "аlice", "ａｌｉｃｅ"])
def test_a_name_that_looks_like_another_is_refused(db: Database, twin: str) -> None:
    db.run_now(_alice)
    with pytest.raises(ConflictError):
        db.run_now(people.create, twin, {"en": "Mallory"}, now=NOON)


@given(st.text(max_size=80))
def test_a_skeleton_is_its_own_skeleton(name: str) -> None:
    once = skeleton(name)
    assert skeleton(once)[:60] == once[:60]


def test_an_edit_of_an_old_version_is_refused(db: Database) -> None:
    number = db.run_now(_alice)
    db.run_now(people.change, number, version=1, name={"en": "Alice Z"})
    with pytest.raises(StaleError):
        db.run_now(people.change, number, version=1, name={"en": "Alice Y"})


def test_the_last_administrator_stays(db: Database) -> None:
    number = db.run_now(_alice)
    db.run_now(people.set_roles, number, ["administrator"])
    with pytest.raises(ConflictError):
        db.run_now(people.set_roles, number, [])
    with pytest.raises(ConflictError):
        db.run_now(people.set_active, number, active=False)
    assert db.read_now(people.role_codes, number) == ["administrator"]


@pytest.mark.parametrize("step", ["disable", "roles", "password"])
def test_all_sessions_die_with_the_rights_they_had(db: Database, step: str) -> None:
    number = db.run_now(_alice)
    token = db.run_now(_open, number)
    assert _visits(db, token)
    if step == "disable":
        db.run_now(people.set_active, number, active=False)
    elif step == "roles":
        db.run_now(people.set_roles, number, ["first_line"])
    else:
        db.run_now(people.set_password, number, "hash", now=NOON)
    assert not _visits(db, token)


def test_nobody_is_their_own_manager(db: Database) -> None:
    alice = db.run_now(_alice)
    bob = db.run_now(
        lambda session: people.create(session, "bob", {"en": "B"}, now=NOON, manager_id=alice).id
    )
    with pytest.raises(InvalidError):
        db.run_now(people.change, alice, version=1, name={"en": "Alice"}, manager_id=bob)


def test_people_are_found_by_any_of_their_names(db: Database) -> None:
    def seed(session: Session) -> None:
        people.create(session, "wangbo", {"en": "Bob Wang", "zh": "王博"}, now=NOON, phone="+86 10 5555")

    db.run_now(seed)
    for text in ("王", "bob", "WANGBO", "5555"):
        assert [person.username for person in db.read_now(service.find_people, text)] == ["wangbo"]


def test_a_disabled_person_is_kept_but_not_offered(db: Database) -> None:
    number = db.run_now(_alice)
    db.run_now(people.set_active, number, active=False)
    assert db.read_now(service.find_people, "alice") == []
    assert db.read_now(lambda session: session.scalar(select(Person.username))) == "alice"
