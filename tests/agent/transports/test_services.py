"""DNS, NTP, SQL, Redfish, exporters, script checks and plug-ins, each against a peer on loopback."""

import asyncio
import contextlib
import json
import stat
import struct
from collections.abc import AsyncIterator, Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import cast

import dns.message
import dns.rcode
import dns.rrset
import psutil
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from agent.poll_services import page_of
from agent.reading import Target
from agent.transports import check, exporter, ntp, plugin, redfish, sql
from agent.transports import dns as name_service
from agent.transports.facts import Facts
from agent.transports.http import Http
from agent.transports.trouble import TroubleError
from tests.postgres import Postgres

NOON = 1_795_000_000.0
Answer = Callable[[bytes], bytes | None]


class Peer(asyncio.DatagramProtocol):
    """Answers each datagram with what a function makes of it."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if (said := self.answer(data)) is not None:
            self.transport.sendto(said, addr)


async def udp(answer: Answer) -> tuple[asyncio.DatagramTransport, int]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Peer(answer), local_addr=("127.0.0.1", 0))
    return transport, int(transport.get_extra_info("sockname")[1])


def target(port: int = 0, **params: str) -> Target:
    return Target("t1", "one", "127.0.0.1", port, {"user": "alice", "password": "canary"}, {**params})


# DNS


def zone(data: bytes) -> bytes:
    """A name server that knows one name."""
    question = dns.message.from_wire(data)
    answer = dns.message.make_response(question)
    name = question.question[0].name
    if name.to_text() == "www.example.org.":
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "192.0.2.7"))
    else:
        answer.set_rcode(dns.rcode.NXDOMAIN)
    return answer.to_wire()


async def test_a_name_server_is_judged_by_its_answer() -> None:
    peer, port = await udp(zone)
    right = await name_service.fetch(target(port, query="www.example.org", expect="192.0.2.7"))
    other = await name_service.fetch(target(port, query="www.example.org", expect="192.0.2.8"))
    none = await name_service.fetch(target(port, query="nothing.example.org"))
    peer.close()
    assert (right.readings["rcode"], right.readings["answers"], right.readings["answer_matches"]) == (0, 1, 1)
    assert other.readings["answer_matches"] == 0
    assert (none.readings["rcode"], none.readings["answers"]) == (3, 0)


@pytest.mark.parametrize("params", [{}, {"query": "a", "type": "NO-SUCH"}, {"query": "x" * 70}])
async def test_a_question_that_is_none_is_the_configurations_fault(params: dict[str, str]) -> None:
    with pytest.raises(TroubleError) as caught:
        await name_service.fetch(target(1, **params))
    assert caught.value.reason == "configuration"


async def test_a_name_server_that_says_nonsense_or_nothing_is_a_reading() -> None:
    peer, port = await udp(lambda data: data[:2] + b"\xff" * 9)
    with pytest.raises(TroubleError) as nonsense:
        await name_service.fetch(target(port, query="www.example.org"), timeout_s=0.5)
    peer.close()
    silent, port = await udp(lambda _: None)
    with pytest.raises(TroubleError) as nothing:
        await name_service.fetch(target(port, query="www.example.org"), timeout_s=0.3)
    silent.close()
    assert nonsense.value.reason in {"bad_response", "no_answer"}
    assert nothing.value.reason == "no_answer"


# NTP


def clock_that_is(ahead_s: float, *, stratum: int = 2, leap: int = 0) -> Answer:
    def answer(data: bytes) -> bytes:
        sent = data[40:48]
        moment = ntp._moment(sent) + ahead_s
        head = bytes([leap << 6 | 4 << 3 | 4, stratum, 6, 0xEC]) + bytes(8) + b"RATE"
        return head + bytes(8) + sent + ntp._stamp(moment) * 2

    return answer


@pytest.mark.parametrize("ahead_s", [0.0, 12.5, -3_600.0])
async def test_a_clock_tells_how_far_it_is_from_ours(ahead_s: float) -> None:
    peer, port = await udp(clock_that_is(ahead_s))
    facts = await ntp.fetch(target(port), clock=lambda: NOON, timeout_s=10.0)
    peer.close()
    assert facts.readings["offset_seconds"] == pytest.approx(ahead_s, abs=1e-6)
    assert facts.readings["stratum"] == 2


async def test_a_clock_that_refuses_or_is_none_is_said_so() -> None:
    peer, port = await udp(clock_that_is(0, stratum=0))
    with pytest.raises(TroubleError, match="RATE") as refused:
        await ntp.fetch(target(port), clock=lambda: NOON, timeout_s=10.0)
    peer.close()
    short, port = await udp(lambda _: b"no time")
    with pytest.raises(TroubleError) as none:
        await ntp.fetch(target(port), clock=lambda: NOON, timeout_s=10.0)
    short.close()
    assert (refused.value.reason, none.value.reason) == ("refused", "bad_response")


async def test_an_answer_to_somebody_elses_question_is_not_believed() -> None:
    def replayed(data: bytes) -> bytes:
        other = bytearray(clock_that_is(99)(data) or b"")
        other[24:32] = struct.pack(">Q", 1)
        return bytes(other)

    peer, port = await udp(replayed)
    with pytest.raises(TroubleError) as caught:
        await ntp.fetch(target(port), clock=lambda: NOON, timeout_s=0.3)
    peer.close()
    assert caught.value.reason == "no_answer"


@given(st.floats(0, 4_000_000_000))
def test_a_moment_survives_the_wire_also_in_the_next_era(moment: float) -> None:
    assert ntp._moment(ntp._stamp(moment)) == pytest.approx(moment, abs=1e-6)


# Pages: exporters and Redfish


@pytest.fixture
async def pages() -> AsyncIterator[tuple[dict[str, str], int, Http]]:
    """A web server that answers what the test puts into its dictionary."""
    told: dict[str, str] = {}

    async def answer(request: web.Request) -> web.Response:
        body = told.get(request.path)
        return web.Response(text=body) if body is not None else web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    http = Http()
    yield told, int(runner.addresses[0][1]), http
    await http.close()
    await runner.cleanup()


async def test_an_exporters_page_is_readings_and_rows(pages: tuple[dict[str, str], int, Http]) -> None:
    told, port, http = pages
    told["/metrics"] = (
        "# TYPE node_load1 gauge\nnode_load1 0.42\n"
        '# TYPE disk gauge\ndisk{mount="/"} 10\ndisk{mount="/数据"} 20\n'
    )
    facts = await exporter.fetch(http, page_of(target(port), "/metrics"), timeout_s=5)
    assert facts.readings == {"node_load1": 0.42}
    assert facts.tables["disk"] == [{"mount": "/", "value": 10.0}, {"mount": "/数据", "value": 20.0}]


@pytest.mark.parametrize("body", ["<html>", 'a{b="c" 1\n', "a one\n"])
async def test_a_page_that_is_no_metrics_is_a_bad_response(
    pages: tuple[dict[str, str], int, Http], body: str
) -> None:
    told, port, http = pages
    told["/metrics"] = body
    with pytest.raises(TroubleError) as caught:
        await exporter.fetch(http, page_of(target(port), "/metrics"), timeout_s=5)
    assert caught.value.reason == "bad_response"


async def test_an_exporter_with_too_many_samples_is_cut_and_says_so(
    pages: tuple[dict[str, str], int, Http], monkeypatch: pytest.MonkeyPatch
) -> None:
    told, port, http = pages
    monkeypatch.setattr(exporter, "MAX_SAMPLES", 10)
    told["/metrics"] = "".join(f'a{{n="{number}"}} 1\n' for number in range(50))
    facts = await exporter.fetch(http, page_of(target(port), "/metrics"), timeout_s=5)
    assert facts.truncated
    assert len(facts.tables["a"]) == 10


def link(path: str) -> dict[str, str]:
    return {"@odata.id": f"/redfish/v1{path}"}


def controller() -> dict[str, object]:
    """A controller of one server, by the schemas' fields."""
    return {
        "/redfish/v1/": {
            "Systems": link("/Systems"),
            "Chassis": link("/Chassis"),
            "Managers": link("/Managers"),
        },
        "/redfish/v1/Systems": {"Members": [link("/Systems/1")]},
        "/redfish/v1/Systems/1": {
            "HostName": "db-1", "Manufacturer": "Example", "Model": "R1", "SerialNumber": "S1",
            "PowerState": "On", "Status": {"Health": "OK", "HealthRollup": "Warning"},
            "MemorySummary": {"TotalSystemMemoryGiB": 64}, "Storage": link("/Systems/1/Storage"),
        },
        "/redfish/v1/Systems/1/Storage": {"Members": [link("/Systems/1/Storage/0")]},
        "/redfish/v1/Systems/1/Storage/0": {"Drives": [link("/Drives/0")]},
        "/redfish/v1/Drives/0": {"Name": "Bay 0", "CapacityBytes": 10**12, "Status": {"Health": "Critical"}},
        "/redfish/v1/Chassis": {"Members": [link("/Chassis/1")]},
        "/redfish/v1/Chassis/1": {"Thermal": link("/Chassis/1/Thermal"), "Power": link("/Chassis/1/Power")},
        "/redfish/v1/Chassis/1/Thermal": {
            "Temperatures": [
                {"Name": "Inlet", "ReadingCelsius": 23, "Status": {"Health": "OK"}},
                {"Name": "Empty", "ReadingCelsius": 0, "Status": {"State": "Absent"}},
            ],
            "Fans": [
                {"Name": "Fan 1", "Reading": 6000, "ReadingUnits": "RPM"},
                {"Name": "Fan 2", "Reading": None},
            ],
        },
        "/redfish/v1/Chassis/1/Power": {
            "PowerControl": [{"PowerConsumedWatts": 211}],
            "PowerSupplies": ["odd"],
        },
        "/redfish/v1/Managers": {"Members": [link("/Managers/1")]},
        "/redfish/v1/Managers/1": {"FirmwareVersion": "2.10"},
    }  # fmt: skip


async def test_a_controller_tells_its_server(pages: tuple[dict[str, str], int, Http]) -> None:
    told, port, http = pages
    told |= {path: json.dumps(body) for path, body in controller().items()}
    page = page_of(target(port, scheme="http"), redfish.ROOT, json=True, secure=True)
    facts = await redfish.fetch(http, page, timeout_s=5)
    assert facts.readings == {
        "name": "db-1", "vendor": "Example", "model": "R1", "serial": "S1", "power_state": "On",
        "health": "Warning", "memory_bytes": 64 * 1024**3, "power_watts": 211.0, "controller_version": "2.10",
    }  # fmt: skip
    assert facts.tables["temperatures"] == [{"name": "Inlet", "value": 23.0, "health": "OK"}]
    assert [row["value"] for row in facts.tables["fans"]] == [6000.0, None]
    assert facts.tables["drives"] == [{"name": "Bay 0", "value": 1e12, "health": "Critical"}]


async def test_a_controller_whose_pages_lead_round_or_away_is_left_in_the_end(
    pages: tuple[dict[str, str], int, Http],
) -> None:
    told, port, http = pages
    away = {"@odata.id": "http://192.0.2.1/redfish/v1/Systems"}
    round_ = {"@odata.id": "/redfish/v1/Systems"}
    told["/redfish/v1/"] = json.dumps({"Systems": round_, "Chassis": away})
    told["/redfish/v1/Systems"] = json.dumps({"Members": [round_] * 500, "Storage": round_})
    page = page_of(target(port, scheme="http"), redfish.ROOT, json=True)
    facts = await redfish.fetch(http, page, timeout_s=5)
    assert facts.truncated


async def test_what_is_no_controller_says_so(pages: tuple[dict[str, str], int, Http]) -> None:
    told, port, http = pages
    for body in (None, "[]", "{", "<html>"):
        if body is not None:
            told["/redfish/v1/"] = body
        with pytest.raises(TroubleError) as caught:
            await redfish.fetch(http, page_of(target(port, scheme="http"), redfish.ROOT), timeout_s=5)
        assert caught.value.reason == "bad_response"


# SQL


async def test_a_question_to_a_real_database_is_answered_and_cannot_write(postgres: Postgres) -> None:
    async def ask(query: str) -> Facts:
        one = Target("t1", "db", str(postgres.folder), 0, {"user": "postgres"}, {"query": query})
        return await sql.fetch(one, timeout_s=10)

    facts = await ask("SELECT 41 + 1 AS value")
    rows = await ask("SELECT n, '名' AS name FROM generate_series(1, 3) n")
    many = await ask("SELECT n FROM generate_series(1, 10000) n")
    assert facts.readings["value"] == 42
    assert rows.tables["rows"] == [{"n": number, "name": "名"} for number in (1, 2, 3)]
    assert many.truncated
    assert many.readings["rows"] == sql.MAX_ROWS
    with pytest.raises(TroubleError, match="read-only"):
        await ask("WITH made AS (INSERT INTO pg_catalog.pg_class DEFAULT VALUES RETURNING 1) SELECT 1")


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"query": "DROP TABLE a"}, "configuration"),
        ({"query": "SELECT 1; DELETE FROM a"}, "configuration"),
        ({"kind": "access"}, "configuration"),
        ({"kind": "oracle"}, "configuration"),
        ({"query": "SELECT 1"}, "refused"),
    ],
)
async def test_what_cannot_be_asked_is_refused_with_its_reason(params: dict[str, str], reason: str) -> None:
    with pytest.raises(TroubleError) as caught:
        await sql.fetch(target(1, **params), timeout_s=5)
    assert caught.value.reason == reason
    assert "canary" not in caught.value.detail


# Script checks


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], list[str]]:
    def made(body: str) -> list[str]:
        path = tmp_path / "check"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return [str(path), check.MACRO]

    return made


async def test_a_check_tells_state_text_and_figures(script: Callable[[str], list[str]]) -> None:
    command = script(
        """echo "DISK WARNING $1 | /=80%;75;90 'free space'=2GB;;;0 time=250ms"
        echo "more | users=3"
        exit 1"""
    )
    facts = await check.fetch(target(check="disk"), {"disk": command})
    assert facts.readings["state"] == 1
    assert facts.readings["text"] == "DISK WARNING 127.0.0.1"
    assert facts.tables == {
        "ratios": [{"label": "/", "value": 0.8}],
        "bytes": [{"label": "free space", "value": 2 * 1024.0**3}],
        "seconds": [{"label": "time", "value": 0.25}],
        "numbers": [{"label": "users", "value": 3.0}],
    }


def lives(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


async def test_a_check_that_hangs_is_ended_with_all_it_started(
    script: Callable[[str], list[str]], tmp_path: Path
) -> None:
    command = script(f"sleep 60 & echo $! > {tmp_path}/started; sleep 60")
    with pytest.raises(TroubleError) as caught:
        await check.fetch(target(check="slow"), {"slow": command}, timeout_s=1.0)
    assert caught.value.reason == "no_answer"
    async with asyncio.timeout(30):
        while lives(int((tmp_path / "started").read_text())):
            await asyncio.sleep(0.02)


async def test_a_check_that_floods_is_cut(script: Callable[[str], list[str]]) -> None:
    facts = await check.fetch(
        target(check="loud"), {"loud": script("head -c 3000000 /dev/zero | tr '\\0' x")}
    )
    assert facts.truncated
    assert len(str(facts.readings["text"])) <= check.MAX_OUTPUT


@pytest.mark.parametrize(
    ("checks", "reason"),
    [
        ({}, "configuration"),
        ({"one": ["/nonexistent/check"]}, "configuration"),
        ({"one": ["/bin/sh", "-c", "exit 77"]}, "bad_response"),
    ],
)
async def test_a_check_that_cannot_be_run_says_why(checks: dict[str, list[str]], reason: str) -> None:
    with pytest.raises(TroubleError) as caught:
        await check.fetch(target(check="one"), checks)
    assert caught.value.reason == reason


async def test_nothing_in_a_target_reaches_a_shell(
    tmp_path: Path, script: Callable[[str], list[str]]
) -> None:
    hostile = Target("t1", "one", f"$(touch {tmp_path}/owned);`id`", 0, {}, {"check": "one"})
    facts = await check.fetch(hostile, {"one": script('printf "%s" "$1"')})
    assert facts.readings["text"] == hostile.address
    assert not (tmp_path / "owned").exists()


@given(st.text(max_size=200))
def test_whatever_a_check_prints_its_figures_are_numbers(text: str) -> None:
    assert all(isinstance(value, float) for _, _, value in check._figures(text))


# Plug-ins


def brings(monkeypatch: pytest.MonkeyPatch, **collectors: str) -> None:
    found = [EntryPoint(name, f"{__name__}:{value}", plugin.GROUP) for name, value in collectors.items()]
    monkeypatch.setattr(plugin, "entry_points", lambda group: found if group == plugin.GROUP else [])
    monkeypatch.setattr(EntryPoint, "load", lambda one: globals()[one.value.partition(":")[2]])


async def meter(target: Target, *, timeout_s: float) -> Facts:
    return Facts({"value": 7.0, "state": 0})


async def broken(target: Target, *, timeout_s: float) -> Facts:
    raise ZeroDivisionError("of its own")


async def idle(target: Target, *, timeout_s: float) -> Facts:
    await asyncio.sleep(60)
    return Facts()


async def odd(target: Target, *, timeout_s: float) -> object:
    return {"value": 7}


async def test_a_packages_collector_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    brings(monkeypatch, meter="meter")
    facts = await plugin.Plugins().fetch(target(plugin="meter"))
    assert facts.readings["value"] == 7.0


@pytest.mark.parametrize(
    ("name", "reason"),
    [("broken", "bad_response"), ("odd", "bad_response"), ("idle", "no_answer"), ("none", "configuration")],
)
async def test_a_collector_at_fault_is_a_reading_of_its_device(
    monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    brings(monkeypatch, broken="broken", odd="odd", idle="idle")
    with pytest.raises(TroubleError) as caught:
        await plugin.Plugins().fetch(target(plugin=name), timeout_s=0.2)
    assert caught.value.reason == reason
