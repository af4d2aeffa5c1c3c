"""Credentials in their order against net-snmp's snmpd: v3 users, what opened last first, none in vain."""

from pathlib import Path

import pytest

from agent.devices import library
from agent.discover.guard import Guard
from agent.discover.opened import Opened
from agent.discover.scout import Scout
from agent.discover.seen import Seen
from agent.discover.sweep import hail
from rules.wire import RangeCredential, RangeJob
from tests.agent.transports.conftest import SECRET, free_udp_port, snmpd, snmpd_process

__all__ = ["snmpd", "snmpd_process"]
LIBRARY = library(None)


def user(number: int, name: str, auth: str, priv: str, password: str = SECRET) -> RangeCredential:
    words = {"user": name, "auth_protocol": auth, "auth_password": password}
    return RangeCredential(number, "snmp", {**words, "priv_protocol": priv, "priv_password": password})


GOOD = user(3, "sha256aes256", "sha256", "aes256")
WRONG = user(2, "sha1aes", "sha", "aes", "not the password")
COMMUNITY = RangeCredential(1, "snmp", {"community": "nobody-here", "version": "2c"})


def job(port: int, *sets: RangeCredential) -> RangeJob:
    return RangeJob(1, 1, ["127.0.0.1"], ways=["snmp"], ports={"snmp": [port]}, credentials=list(sets))


async def look(scout: Scout, asked: RangeJob) -> Seen | None:
    guard = Guard()
    met = await scout.meet(asked, "127.0.0.1", guard)
    return None if met is None else await scout.ask(asked, met, guard)


async def test_a_v3_user_opens_a_device_after_those_that_do_not_and_goes_first_the_next_time(
    snmpd: int, tmp_path: Path
) -> None:
    scout = Scout(LIBRARY, {}, Opened.load(tmp_path))
    first = await look(scout, job(snmpd, COMMUNITY, WRONG, GOOD))
    assert first is not None
    assert first.opened == {"snmp": 3}
    tried = [(one.credential, one.outcome) for one in first.attempts]
    assert tried == [(1, "silent"), (2, "refused"), (3, "answered")]
    assert first.found.value("name") == "bench-switch"
    assert first.found.value("device_class") == "server"
    assert not first.found.truncated
    scout.opened.save()
    await scout.close()
    again = Scout(LIBRARY, {}, Opened.load(tmp_path))
    second = await look(again, job(snmpd, COMMUNITY, WRONG, GOOD))
    assert second is not None
    assert [(one.credential, one.outcome) for one in second.attempts] == [(3, "answered")]
    await again.close()


async def test_no_v3_user_is_tried_where_no_engine_answers() -> None:
    port = free_udp_port()
    scout, guard, tried = Scout(LIBRARY, {}), Guard(), list[int]()
    guard.note = lambda _address, credential: tried.append(credential)
    assert await scout.meet(job(port, GOOD), "127.0.0.1", guard) is None
    assert tried == []
    await scout.close()


async def test_an_engine_tells_that_it_is_there_to_whom_it_does_not_know(snmpd: int) -> None:
    assert await hail("127.0.0.1", snmpd)
    assert not await hail("127.0.0.1", free_udp_port())


@pytest.mark.parametrize("kept", [b"", b"\xc1", b"\x81\xa4snmp\x01"])
def test_an_order_that_cannot_be_read_is_none(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "opened.msgpack").write_bytes(kept)
    assert Opened.load(tmp_path).order("127.0.0.1", "snmp", [COMMUNITY, GOOD]) == [COMMUNITY, GOOD]
