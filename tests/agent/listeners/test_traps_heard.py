"""Traps over real sockets, from our own writer and from net-snmp's: heard, judged, counted, answered."""

import asyncio
import shutil
import socket
from pathlib import Path

import pytest

from agent.config import TrapSettings
from agent.listeners.bench import free_port
from agent.listeners.trap import INFORM
from agent.reading import Target
from agent.transports import ber
from tests.agent.listeners import messages
from tests.agent.listeners.conftest import ALICE, KEYS, listening
from tests.agent.listeners.messages import LINK_DOWN, LINK_UP

ROW: dict[str, int | str | bytes] = {
    "1.3.6.1.2.1.2.2.1.1.12": 12,
    "1.3.6.1.2.1.2.2.1.7.12": 1,
    "1.3.6.1.2.1.2.2.1.2.12": "ge-0/0/12",
}
net_snmp = pytest.mark.skipif(shutil.which("snmptrap") is None, reason="net-snmp's snmptrap is not there")


def send(port: int, *datagrams: bytes, source: str = "127.0.0.1") -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((source, 0))
        for data in datagrams:
            one.sendto(data, ("127.0.0.1", port))


async def run(*command: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, out.decode()


async def test_a_port_that_goes_down_is_told_with_names_and_ends_when_it_comes_up(tmp_path: Path) -> None:
    async with listening(tmp_path) as place:
        send(place.port, messages.v2c(LINK_DOWN, dict(ROW)))
        (down,) = await place.told()
        assert (down.device, down.rule, down.status, down.severity) == (
            "t1",
            "LinkDownHeard",
            "firing",
            "major",
        )
        assert down.summary == {"en": "sw-alice: ge-0/0/12 went down", "zh": "sw-alice：接口 ge-0/0/12 断开"}
        assert down.key == {"port": "12"}
        assert down.evidence["trap"] == "IF-MIB::linkDown"
        assert down.evidence["ifAdminStatus.12"] == "up (1)"
        assert (down.evidence["source"], down.evidence["version"]) == ("127.0.0.1", "2c")
        send(place.port, messages.v2c(LINK_UP, {"1.3.6.1.2.1.2.2.1.1.12": 12}))
        up = (await place.told(2))[1]
        assert (up.rule, up.status, up.key) == ("LinkDownHeard", "resolved", {"port": "12"})


async def test_what_polling_tells_better_only_hastens_the_poll(tmp_path: Path) -> None:
    async with listening(tmp_path) as place:
        place.polled.add(("t1", "InterfaceDown"))
        send(place.port, messages.v2c(LINK_DOWN, dict(ROW)))
        (note,) = await place.told()
        assert (note.status, note.severity) == ("info", "info")
        assert note.evidence["confirmed_by"] == "InterfaceDown"
        assert place.asked == ["t1"]


async def test_t2_a_storm_of_the_same_is_one_alert_and_all_of_it_counted(tmp_path: Path) -> None:
    async with listening(tmp_path) as place:
        send(place.port, *(messages.v2c(LINK_DOWN, dict(ROW), uptime=one, number=one) for one in range(500)))
        await place.told()
        await place.counted("repeated", 499)
        await asyncio.sleep(0.1)
        assert len(place.news) == 1


async def test_nobody_we_know_makes_no_alert_and_is_counted_by_address(tmp_path: Path) -> None:
    async with listening(tmp_path) as place:
        send(place.port, messages.v2c(LINK_DOWN, dict(ROW)), b"rubbish", source="127.0.0.77")
        await place.counted("unknown_source", 2)
        assert place.news == []
        told = {(name, labels.get("source")): value for name, _, labels, value in place.station.metrics()}
        assert told["agent_unknown_source_total", "127.0.0.77"] == 2.0
        heard = told["agent_unknown_source_heard_seconds", "127.0.0.77"]
        assert 0 <= 1_700_000_000.0 - heard < 60, "by the clock of the station"


async def test_rubbish_of_a_device_is_counted_and_its_next_trap_is_heard(tmp_path: Path) -> None:
    async with listening(tmp_path) as place:
        send(place.port, b"", b"\x30", b"\x30\x84\xff\xff\xff\xff", b"x" * 60_000, messages.v2c("1.3", {}))
        send(place.port, messages.v2c(LINK_DOWN, dict(ROW)))
        await place.counted("malformed", 4)
        told = await place.told(2)
        assert {one.rule for one in told} == {"LinkDownHeard", "UnknownTrap"}


async def test_who_sends_too_much_is_limited_told_once_and_others_are_heard(tmp_path: Path) -> None:
    bob = Target("t2", "sw-bob", "127.0.0.2")
    port = free_port()
    settings = TrapSettings(port=port, per_source=1.0)  # ten at once
    async with listening(tmp_path, targets=(ALICE, bob), traps=settings) as place:
        flood = [messages.v2c(LINK_DOWN, {"1.3.6.1.2.1.2.2.1.1.1": one}) for one in range(200)]
        send(port, *flood)
        await place.counted("limited", 185)
        send(port, messages.v2c(LINK_DOWN, dict(ROW)), source="127.0.0.2")
        told = await place.told(12, seconds=20)
        assert sum((one.device, one.rule) == ("t1", "TrapFlood") for one in told) == 1
        assert sum(one.device == "t2" for one in told) == 1


async def test_an_unknown_trap_is_noted_once_with_its_makers_name(tmp_path: Path) -> None:
    async with listening(tmp_path) as place:
        for uptime in (1, 2):
            send(place.port, messages.v2c("1.3.6.1.4.1.9.9.41.2.0.99", {"1.3.6.1.2.1.1.5.0": str(uptime)}))
        (note,) = await place.told()
        assert (note.rule, note.status, note.severity) == ("UnknownTrap", "info", "info")
        assert "1.3.6.1.4.1.9.9.41.2.0.99 (" in note.summary["en"]
        assert note.evidence["sysName.0"] == "1"
        await place.counted("unknown_trap", 2)
        assert len(place.news) == 1


async def test_an_inform_is_acknowledged_to_its_sender(tmp_path: Path) -> None:
    async with listening(tmp_path) as place:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.setblocking(False)
            one.bind(("127.0.0.1", 0))
            one.sendto(messages.v2c(LINK_DOWN, dict(ROW), kind=INFORM, number=99), ("127.0.0.1", place.port))
            answer = await asyncio.wait_for(loop.sock_recv(one, 65_536), 10)
        assert ber.read(answer).request_id == 99
        assert (await place.told())[0].rule == "LinkDownHeard"


async def test_a_community_that_is_none_of_ours_is_refused(tmp_path: Path) -> None:
    port = free_port()
    settings = TrapSettings(port=port, communities=["ours"])
    async with listening(tmp_path, traps=settings) as place:
        send(port, messages.v2c(LINK_DOWN, dict(ROW)))
        await place.counted("security")
        send(port, messages.v2c(LINK_DOWN, dict(ROW), community=b"ours"))
        await place.told()


async def test_a_relay_is_believed_about_the_origin_and_nobody_else(tmp_path: Path) -> None:
    bob = Target("t2", "sw-bob", "10.0.0.9")
    port = free_port()
    settings = TrapSettings(port=port, relays=["127.0.0.5"])
    async with listening(tmp_path, targets=(ALICE, bob), traps=settings) as place:
        told = messages.v1(
            "1.3.6.1.4.1.32473", 2, 0, {"1.3.6.1.2.1.2.2.1.1.3": 3}, origin=bytes((10, 0, 0, 9))
        )
        send(port, told, source="127.0.0.5")
        send(port, told)
        assert [one.device for one in await place.told(2)] == ["t2", "t1"]


@net_snmp
@pytest.mark.parametrize("version", ["1", "2c"])
async def test_net_snmps_traps_are_understood(tmp_path: Path, version: str) -> None:
    async with listening(tmp_path) as place:
        head = ["snmptrap", "-v", version, "-c", "public", "-m", "", f"127.0.0.1:{place.port}"]
        what = (
            ["1.3.6.1.4.1.8072", "127.0.0.1", "2", "0", "55"] if version == "1" else ["55", f".{LINK_DOWN}"]
        )
        code, said = await run(*head, *what, ".1.3.6.1.2.1.2.2.1.1.4", "i", "4")
        assert code == 0, said
        assert (await place.told())[0].key == {"port": "4"}


@net_snmp
@pytest.mark.parametrize(
    ("auth", "priv"),
    [
        ("MD5", "DES"),
        ("SHA", "AES"),
        ("SHA-224", "AES"),
        ("SHA-256", "AES"),
        ("SHA-384", "AES"),
        ("SHA-512", "AES"),
        ("SHA", ""),
    ],
)
@pytest.mark.parametrize("kind", ["trap", "inform"])
async def test_net_snmps_v3_is_opened_with_the_targets_keys(
    tmp_path: Path, auth: str, priv: str, kind: str
) -> None:
    keys = {**KEYS, "auth_protocol": auth.lower(), "priv_protocol": priv.lower()}
    async with listening(
        tmp_path, targets=(Target("t1", "sw-alice", "127.0.0.1", credential=dict(keys)),)
    ) as place:
        options = ["-v", "3", "-u", "watch", "-a", auth, "-A", KEYS["auth_password"], "-m", ""]
        options += (
            ["-x", priv, "-X", KEYS["priv_password"], "-l", "authPriv"] if priv else ["-l", "authNoPriv"]
        )
        options += ["-e", "0x8000000001020304"] if kind == "trap" else []
        binds = [".1.3.6.1.2.1.2.2.1.1.4", "i", "4"]
        code, said = await run(
            f"snmp{kind}", *options, f"127.0.0.1:{place.port}", "55", f".{LINK_DOWN}", *binds
        )
        assert code == 0, said
        news = (await place.told())[0]
        assert (news.key, news.evidence["version"]) == ({"port": "4"}, "3")


@net_snmp
async def test_security_a_device_with_keys_is_not_heard_without_them_or_with_wrong_ones(
    tmp_path: Path,
) -> None:
    alice = Target("t1", "sw-alice", "127.0.0.1", credential=dict(KEYS))
    async with listening(tmp_path, targets=(alice,)) as place:
        send(place.port, messages.v2c(LINK_DOWN, dict(ROW)))
        where = [f"127.0.0.1:{place.port}", "55", f".{LINK_DOWN}"]
        good = [
            "-u",
            "watch",
            "-a",
            "SHA-256",
            "-A",
            KEYS["auth_password"],
            "-x",
            "AES",
            "-X",
            KEYS["priv_password"],
        ]
        head = ["snmptrap", "-v", "3", "-m", "", "-e", "0x8000000001020304"]
        await run(*head, "-l", "authNoPriv", *good, *where)
        await run(*head, "-l", "noAuthNoPriv", "-u", "watch", *where)
        await run(*head, "-l", "authPriv", *good[:5], "wrong-auth-key", *good[6:], *where)
        await run(*head, "-l", "authPriv", "-u", "charlie", *good[2:], *where)
        await place.counted("security", 5)
        assert place.news == []
        await run(*head, "-l", "authPriv", *good, *where)
        await place.told()
