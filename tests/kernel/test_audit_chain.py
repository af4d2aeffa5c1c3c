from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from server.accounts import people
from server.accounts.models import Department, Person
from server.kernel import audit
from server.kernel.audit import AuditRow
from server.kernel.db import Base, Database

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _department(session: Session, code: str) -> int:
    row = Department(code=code, name={"en": code})
    session.add(row)
    session.flush()
    return row.id


def _rows(session: Session) -> list[AuditRow]:
    return list(session.scalars(select(AuditRow).order_by(AuditRow.id)))


def test_a_change_is_told_with_who_how_before_and_after(db: Database) -> None:
    number = db.run_now(_department, "ops")

    def rename(session: Session) -> None:
        session.get_one(Department, number).name = {"en": "Operations"}

    with audit.acting("alice", "web", "request-1"):
        db.run_now(rename)
    row = db.read_now(_rows)[-1]
    assert (row.actor, row.source, row.request_id) == ("alice", "web", "request-1")
    assert row.changes == [
        {
            "table": "department",
            "kind": "update",
            "key": [number],
            "before": {"name": {"en": "ops"}},
            "after": {"name": {"en": "Operations"}},
        }
    ]


def test_a_transaction_is_one_row_and_an_undone_one_is_none(db: Database) -> None:
    def two(session: Session) -> None:
        _department(session, "a")
        _department(session, "b")

    def fail(session: Session) -> None:
        _department(session, "c")
        raise ValueError("no")

    db.run_now(two)
    with pytest.raises(ValueError, match="no"):
        db.run_now(fail)
    (row,) = db.read_now(_rows)
    assert [change["after"]["code"] for change in row.changes] == ["a", "b"]


def test_what_a_savepoint_undid_is_not_told(db: Database) -> None:
    def partly(session: Session) -> None:
        _department(session, "kept")
        nested = session.begin_nested()
        _department(session, "dropped")
        nested.rollback()

    db.run_now(partly)
    (row,) = db.read_now(_rows)
    assert [change["after"]["code"] for change in row.changes] == ["kept"]


def test_a_secret_is_told_as_changed_only(db: Database) -> None:
    db.run_now(
        lambda session: people.create(session, "alice", {"en": "A"}, now=NOON, password_hash="canary").id
    )
    (row,) = db.read_now(_rows)
    assert "canary" not in str(row.changes)
    assert row.changes[0]["after"]["password_hash"] == audit.REDACTED


def test_a_change_of_many_rows_is_told_as_a_statement(db: Database) -> None:
    db.run_now(_department, "a")
    db.run_now(lambda session: session.execute(update(Department).values(code="z")) and None)
    last = db.read_now(_rows)[-1]
    assert last.changes[0]["kind"] == "update many"
    assert "z" in last.changes[0]["values"].values()


def test_a_whole_chain_is_whole(db: Database) -> None:
    for code in "abc":
        db.run_now(_department, code)
    state = db.read_now(audit.verify)
    assert (state.rows, state.broken_at) == (3, None)
    assert db.read_now(audit.verify, must_have=state.head[:12]).broken_at is None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(1, 6),
    broken=st.integers(0, 5),
    how=st.sampled_from(["actor", "changes", "hash", "previous", "at", "delete"]),
)
def test_T23_any_altered_or_missing_row_is_found(  # noqa: N802
    sqlite_db: Database, rows: int, broken: int, how: str
) -> None:
    broken = broken % rows + 1

    def wipe(session: Session) -> None:
        session.execute(text("DELETE FROM audit_log"))
        session.execute(text("DELETE FROM department"))

    def tamper(session: Session) -> None:
        if how == "delete":
            session.execute(delete(AuditRow).where(AuditRow.id == broken))
            return
        value = {"changes": [], "at": NOON, "actor": "mallory"}.get(how, "f" * 64)
        session.execute(update(AuditRow).where(AuditRow.id == broken).values({how: value}))

    sqlite_db.run_now(wipe)
    for number in range(rows):
        sqlite_db.run_now(_department, f"d{number}")
    head = sqlite_db.read_now(audit.verify).head
    sqlite_db.run_now(tamper)
    state = sqlite_db.read_now(audit.verify, must_have=head)
    assert state.broken_at is not None
    assert state.broken_at <= rows + 1


def test_people_who_write_at_once_make_one_chain(db: Database) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: db.run_now(_department, f"d{number}"), range(24)))
    state = db.read_now(audit.verify)
    assert (state.rows, state.broken_at) == (24, None)


def test_a_person_is_told_by_username(db: Database) -> None:
    db.run_now(lambda session: people.create(session, "bob", {"en": "B"}, now=NOON) and None)
    assert db.read_now(lambda session: session.scalar(select(Person.username))) == "bob"
    assert db.read_now(_rows)[-1].actor == "system"


def test_every_record_that_is_audited_has_a_name_that_no_other_has() -> None:
    models = [
        mapper.class_
        for mapper in Base.registry.mappers
        if mapper.class_.__module__.startswith("server.") and getattr(mapper.class_, "__audited__", True)
    ]
    names = [getattr(one, "__called__", None) for one in models]
    assert [one.__name__ for one, name in zip(models, names, strict=True) if not name] == []
    assert len(set(names)) == len(names)
