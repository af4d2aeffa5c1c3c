"""Exporters and management controllers, whose pages answer on loopback."""

import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from agent.poll_services import page_of
from agent.reading import Target
from agent.transports import exporter, redfish
from agent.transports.http import Http
from agent.transports.trouble import TroubleError


def target(port: int = 0, **params: str) -> Target:
    return Target("t1", "one", "127.0.0.1", port, {"user": "alice", "password": "canary"}, {**params})


# DNS


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
