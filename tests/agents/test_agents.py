"""How agents join, are let in, are told what to do, and fall silent."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from rules import wire
from server.agents import service as agents
from server.agents.models import Agent, AgentState
from server.kernel import secrets
from server.kernel.db import Database
from server.kernel.errors import ConflictError, DeskError, ForbiddenError, InvalidError, UnauthenticatedError

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def master_key(tmp_path: Path) -> None:
    secrets.use_keys(secrets.Keys(tmp_path / "master.key"))


def join(db: Database, name: str = "agent-b1", now: datetime = NOON) -> wire.Enrolled:
    token = db.run_now(agents.create_token, name, "HQ", now=now)
    return db.run_now(agents.enrol, wire.Enrol(token.token, name, "srv-1", "0.1"), now=now)


def add(db: Database, agent_id: int, **how: object) -> int:
    new = agents.NewTarget(**{"name": "UPS-B1-A", "address": "127.10.1.11", **how})  # type: ignore[arg-type]
    return db.run_now(agents.add_target, agent_id, new, now=NOON).id


def test_a_join_token_works_once(db: Database) -> None:
    token = db.run_now(agents.create_token, "agent-b1", now=NOON)
    ask = wire.Enrol(token.token, "agent-b1", "srv-1", "0.1")
    joined = db.run_now(agents.enrol, ask, now=NOON)
    assert db.read_now(agents.authenticate, joined.agent_id, joined.secret).name == "agent-b1"
    with pytest.raises(ForbiddenError):
        db.run_now(agents.enrol, ask, now=NOON)


def test_used_old_wrong_and_invented_tokens_are_refused_alike(db: Database) -> None:
    used = db.run_now(agents.create_token, "one", now=NOON)
    db.run_now(agents.enrol, wire.Enrol(used.token, "one", "h", "0.1"), now=NOON)
    old = db.run_now(agents.create_token, "two", now=NOON)
    void = db.run_now(agents.create_token, "three", now=NOON)
    fresh = db.run_now(agents.create_token, "three", now=NOON)
    asks = [
        (wire.Enrol(used.token, "one", "h", "0.1"), NOON),
        (wire.Enrol(old.token, "two", "h", "0.1"), NOON + timedelta(hours=1)),
        (wire.Enrol(fresh.token, "one", "h", "0.1"), NOON),
        (wire.Enrol(void.token, "three", "h", "0.1"), NOON),
        (wire.Enrol("invented", "three", "h", "0.1"), NOON),
        (wire.Enrol("invented", "nobody", "h", "0.1"), NOON),
    ]
    said = set()
    for ask, now in asks:
        with pytest.raises(ForbiddenError) as refusal:
            db.run_now(agents.enrol, ask, now=now)
        said.add(str(refusal.value))
    assert len(said) == 1


def test_a_revoked_agent_is_not_let_in_from_that_moment_on(db: Database) -> None:
    joined = join(db)
    db.run_now(agents.revoke, joined.agent_id, now=NOON)
    with pytest.raises(UnauthenticatedError):
        db.read_now(agents.authenticate, joined.agent_id, joined.secret)
    assert db.read_now(agents.agent_of, joined.agent_id).state is AgentState.REVOKED


@pytest.mark.parametrize(("agent_id", "secret"), [(0, "x"), (99, "x"), (2**70, "x"), (1, ""), (1, "wrong")])
def test_whoever_cannot_prove_itself_is_refused(db: Database, agent_id: int, secret: str) -> None:
    join(db)
    with pytest.raises(UnauthenticatedError):
        db.read_now(agents.authenticate, agent_id, secret)


def test_a_named_but_never_enrolled_agent_has_no_empty_secret(db: Database) -> None:
    token = db.run_now(agents.create_token, "agent-b1", now=NOON)
    with pytest.raises(UnauthenticatedError):
        db.read_now(agents.authenticate, token.agent_id, "")


def test_an_agent_set_up_anew_keeps_its_targets_and_gets_a_new_secret(db: Database) -> None:
    first = join(db)
    add(db, first.agent_id)
    second = join(db)
    assert second.agent_id == first.agent_id
    assert len(db.read_now(agents.targets_of, first.agent_id)) == 1
    with pytest.raises(UnauthenticatedError):
        db.read_now(agents.authenticate, first.agent_id, first.secret)


def test_a_secret_is_nowhere_in_the_database(db: Database) -> None:
    joined = join(db)
    values = {"community": "canary-community-17"}
    db.run_now(agents.save_credential, "UPS", "snmp", values, now=NOON)

    def everything(session: Session) -> str:
        names = ("agent", "join_token", "credential", "audit_log", "event_log")
        return "".join(str(session.execute(text(f"SELECT * FROM {name}")).all()) for name in names)

    stored = db.read_now(everything)
    assert "canary-community-17" not in stored
    assert joined.secret not in stored


def test_a_credential_is_sent_to_the_agent_of_its_target_and_to_no_other(db: Database) -> None:
    one, two = join(db, "one"), join(db, "two")
    made = db.run_now(agents.save_credential, "UPS", "snmp", {"community": "rocommunity"}, now=NOON)
    add(db, one.agent_id, credential_id=made.id)
    add(db, two.agent_id)
    configs = [
        db.read_now(
            lambda session, key: agents.config_for(session, session.get_one(Agent, key)), joined.agent_id
        )
        for joined in (one, two)
    ]
    assert [config.targets[0].credential for config in configs] == [{"community": "rocommunity"}, {}]


def test_each_change_gives_the_configuration_another_name(db: Database) -> None:
    joined = join(db)
    seen = [db.read_now(agents.agent_of, joined.agent_id).generation]

    def now_named() -> str:
        return db.read_now(agents.agent_of, joined.agent_id).generation

    made = db.run_now(agents.save_credential, "UPS", "snmp", {"community": "a"}, now=NOON)
    target = add(db, joined.agent_id, credential_id=made.id)
    seen.append(now_named())
    db.run_now(agents.enable, target, enabled=False)
    seen.append(now_named())

    def replace(session: Session) -> None:
        credential = session.get_one(type(made), made.id)
        agents.save_credential(session, "UPS", "snmp", {"community": "b"}, now=NOON, credential=credential)

    db.run_now(replace)
    seen.append(now_named())
    db.run_now(agents.remove_target, target)
    seen.append(now_named())
    assert len(set(seen)) == 5


def test_a_used_credential_is_not_deleted(db: Database) -> None:
    joined = join(db)
    made = db.run_now(agents.save_credential, "UPS", "snmp", {"community": "a"}, now=NOON)
    target = add(db, joined.agent_id, credential_id=made.id)
    with pytest.raises(ConflictError):
        db.run_now(agents.delete_credential, made.id)
    db.run_now(agents.remove_target, target)
    db.run_now(agents.delete_credential, made.id)
    assert db.read_now(agents.credentials) == []


@pytest.mark.parametrize(
    ("field", "how"),
    [
        ("/name", {"name": "-oProxyCommand=x"}),
        ("/name", {"name": "  "}),
        ("/name", {"name": "a\nb"}),
        ("/address", {"address": "-oProxyCommand=x"}),
        ("/address", {"address": "host name"}),
        ("/address", {"address": "127.0.0.1; rm"}),
        ("/address", {"address": ""}),
        ("/transport", {"transport": "telnet"}),
        ("/port", {"port": 65_536}),
        ("/port", {"transport": "tcp"}),
        ("/every_s", {"every_s": 1}),
        ("/timeout_s", {"timeout_s": float("nan")}),
    ],
)
def test_hostile_or_senseless_targets_are_refused_by_field(
    db: Database, field: str, how: dict[str, object]
) -> None:
    joined = join(db)
    with pytest.raises(InvalidError) as refusal:
        add(db, joined.agent_id, **how)
    assert refusal.value.field == field


@pytest.mark.parametrize("address", ["127.10.1.1", "fe80::1", "ups-b1-a", "ups_1.example.com", "设备.cn"])
def test_usual_addresses_are_taken(db: Database, address: str) -> None:
    joined = join(db)
    if not address.isascii():
        with pytest.raises(InvalidError):
            add(db, joined.agent_id, address=address)
    else:
        assert add(db, joined.agent_id, address=address)


@pytest.mark.parametrize(
    ("transport", "values"),
    [("modbus", {"user": "x"}), ("snmp", {}), ("snmp", {"version": "3"}), ("ssh", {"community": "x"})],
)
def test_credentials_without_sense_are_refused(db: Database, transport: str, values: dict[str, str]) -> None:
    with pytest.raises(DeskError):
        db.run_now(agents.save_credential, "x", transport, values, now=NOON)


def test_only_enrolled_agents_can_be_silent_and_a_server_that_was_away_waits(db: Database) -> None:
    db.run_now(agents.create_token, "never", now=NOON)
    joined = join(db)
    later = NOON + timedelta(hours=3)
    assert db.read_now(agents.silent, later, since=later - timedelta(seconds=20)) == []
    silent = db.read_now(agents.silent, later, since=NOON)
    assert [agent.id for agent in silent] == [joined.agent_id]
