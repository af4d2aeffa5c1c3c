"""T11: a new master key seals every secret anew, may be interrupted, and is told in the audit."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.agents import credentials
from server.agents.models import Credential
from server.kernel import audit, rekey, secrets
from server.kernel.audit import AuditRow
from server.kernel.db import Database
from server.kernel.errors import UnavailableError
from server.kernel.secrets import Keys, sealed_by
from server.notify.models import Webhook

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CANARY = "canary-3f9c"
MANY = rekey.BATCH + 7


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    made = Keys(tmp_path / "master.key")
    secrets.use_keys(made)
    return made


def store(session: Session) -> None:
    """Many credentials and a webhook, all with secrets."""
    for number in range(MANY):
        values = {"community": f"{CANARY}-{number}"}
        credentials.save(session, f"Row {number}", "snmp", values, now=NOON)
    hook = Webhook(name="Pager", url="https://x.example", templates=["*"], enabled=True, created_at=NOON)
    hook.sealed = secrets.seal(CANARY.encode(), hook.seal_context)
    session.add(hook)


def all_open(session: Session) -> int:
    """Every secret says what was stored; how many there are."""
    rows = session.scalars(select(Credential).order_by(Credential.id)).all()
    for number, row in enumerate(rows):
        assert credentials.open_sealed(row) == {"community": f"{CANARY}-{number}"}
    hook = session.scalars(select(Webhook)).one()
    assert secrets.unseal(hook.sealed, hook.seal_context).decode() == CANARY
    return len(rows) + 1


def trail(session: Session) -> list[dict[str, Any]]:
    rows = session.scalars(select(AuditRow).order_by(AuditRow.id))
    return [change for row in rows for change in row.changes if change["table"] == "master_key"]


def test_T11_every_secret_is_sealed_anew_and_the_old_key_can_go(db: Database, keys: Keys) -> None:  # noqa: N802
    db.run_now(store)
    old = keys.names[0]
    outcome = rekey.rotate(db, keys)
    assert len(outcome.resealed) == MANY + 1
    assert keys.names == (outcome.key, old)
    assert set(db.read_now(rekey.uses)) == {outcome.key}
    assert rekey.forget(db, keys) == (old,)
    assert Keys(keys.path).names == (outcome.key,)
    assert db.read_now(all_open) == MANY + 1


def test_T11_the_audit_names_the_secrets_and_holds_none(db: Database, keys: Keys) -> None:  # noqa: N802
    db.run_now(store)
    with audit.acting("operator", "command keys rotate"):
        outcome = rekey.rotate(db, keys)
        rekey.forget(db, keys)
    told = db.read_now(trail)
    named = [name for change in told if change["kind"] == "reseal" for name in change["after"]]
    assert sorted(named) == sorted(outcome.resealed)
    assert "credential Row 0" in named
    assert "notify_webhook Pager" in named
    assert [change["kind"] for change in told][-1] == "forget"
    whole = db.read_now(lambda s: [(row.actor, str(row.changes)) for row in s.scalars(select(AuditRow))])
    assert not [text for _, text in whole if CANARY in text]
    assert whole[-1][0] == "operator"
    assert db.read_now(audit.verify).broken_at is None


@pytest.mark.parametrize("after", [0, 1, 2])
def test_T11_an_interrupted_rotation_is_taken_up_with_the_same_key(  # noqa: N802
    db: Database, keys: Keys, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.run_now(store)
    old = keys.names[0]
    step, runs = rekey._reseal, [0]

    def cut(*args: Any) -> int | None:
        if runs[0] == after:
            raise KeyboardInterrupt
        runs[0] += 1
        return step(*args)

    with monkeypatch.context() as patch:
        patch.setattr(rekey, "_reseal", cut)
        with pytest.raises(KeyboardInterrupt):
            rekey.rotate(db, keys)
    assert db.read_now(all_open) == MANY + 1, "in the middle of it everything can be read"
    with pytest.raises(UnavailableError, match="Rotate first"):
        rekey.forget(db, keys)
    half = keys.names
    outcome = rekey.rotate(db, Keys(keys.path))
    assert keys.names == half == (outcome.key, old), "no third key"
    assert set(db.read_now(rekey.uses)) == {outcome.key}
    assert db.read_now(all_open) == MANY + 1


def test_T11_a_desk_that_runs_takes_up_the_new_key_at_once(tmp_path: Path) -> None:  # noqa: N802
    desk, command = Keys(tmp_path / "master.key"), Keys(tmp_path / "master.key")
    before = desk.seal(b"x", "c")
    fresh = command.rotate()
    assert sealed_by(desk.seal(b"x", "c")) == fresh
    assert desk.unseal(before, "c") == b"x"
    command.forget()
    with pytest.raises(UnavailableError):
        desk.unseal(before, "c")


def test_T11_two_who_rotate_at_once_lose_no_key(tmp_path: Path) -> None:  # noqa: N802
    rings = [Keys(tmp_path / "master.key") for _ in range(4)]
    made = {rings[number % 4].rotate() for number in range(12)}
    assert made <= set(rings[0].names)
    assert len(rings[0].names) == 13


def test_T11_a_secret_that_no_key_opens_is_named_and_stops_none_of_the_others(  # noqa: N802
    db: Database, keys: Keys, tmp_path: Path
) -> None:
    db.run_now(store)
    foreign = Keys(tmp_path / "other.key").seal(b"{}", "credential:1")

    def damage(session: Session) -> None:
        session.get_one(Credential, 1).sealed = foreign

    db.run_now(damage)
    outcome = rekey.rotate(db, keys)
    assert outcome.refused == ["credential Row 0"]
    assert len(outcome.resealed) == MANY
    with pytest.raises(UnavailableError, match="1 secrets"):
        rekey.forget(db, keys)


def test_T11_every_table_with_sealed_values_is_known_and_can_be_sealed_anew() -> None:  # noqa: N802
    found = {model.__tablename__ for model in rekey.models()}
    assert found == {"credential", "notify_webhook"}
    for model in rekey.models():
        assert isinstance(model.seal_context, property)
        assert {"id", "name", "sealed"} <= set(model.__table__.columns.keys())


def test_T11_the_commands_say_what_they_did(tmp_path: Path) -> None:  # noqa: N802
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-m", "server.cli", "keys", *words, "--data", str(tmp_path)]
        return subprocess.run(program, capture_output=True, text=True, check=False)

    first = run("list")
    assert first.returncode == 0, first.stderr
    assert first.stdout.endswith("\tseals\t0 secrets\n")
    assert "0 secrets are sealed with the new key" in run("rotate").stdout
    assert run("list").stdout.count("\n") == 2
    assert run("forget").stdout.startswith("forgotten: ")
    assert run("forget").stdout == "There is only one key.\n"
