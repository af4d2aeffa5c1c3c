import asyncio
import base64
import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import paramiko
import pytest
from pymodbus.client import AsyncModbusTcpClient

from agent.playback.describe import describe, feeds
from agent.playback.plant import load
from agent.playback.shell import Shell
from tests.playback.living_room import Listening, listening_room, quiet_stage

ROOT = Path(__file__).parents[2]
LOGIN = {"Authorization": "Basic " + base64.b64encode(b"watch:room-b1-look").decode()}


async def fetch(
    url: str, method: str = "GET", headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, Any] | list[Any]]:
    def ask() -> tuple[int, dict[str, Any] | list[Any]]:
        request = urllib.request.Request(url, method=method, headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    return await asyncio.to_thread(ask)


async def test_the_modbus_unit_answers_its_manual() -> None:
    async with listening_room() as listening:
        client = AsyncModbusTcpClient(listening.address("CRAC-B1-2"), port=1502, timeout=2)
        assert await client.connect()
        kind = await client.read_input_registers(256, count=1, device_id=1)
        assert kind.registers == [2], "server class AIR"
        speeds = await client.read_input_registers(450, count=2, device_id=1)
        assert 45 <= speeds.registers[0] <= 100
        supply = await client.read_input_registers(443, count=1, device_id=1)
        assert 170 <= supply.registers[0] <= 200
        missing = await client.read_input_registers(9000, count=1, device_id=1)
        assert missing.isError()
        refused = await client.write_register(262, 20, device_id=1)
        assert refused.isError()
        listening.stage.start("mains_failure")
        listening.stage.room.advance(3)
        stopped = await client.read_input_registers(450, count=2, device_id=1)
        assert stopped.registers == [0, 0]
        client.close()


def connect(address: str, password: str = "room-b1-look", timeout: float = 10) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(
        address, 2222, "watch", password, look_for_keys=False, allow_agent=False,
        timeout=timeout, banner_timeout=timeout, auth_timeout=timeout,
    )  # fmt: skip
    return client


def run(client: paramiko.SSHClient, command: str) -> tuple[str, int]:
    _, out, _ = client.exec_command(command, timeout=10)
    return out.read().decode(), out.channel.recv_exit_status()


async def test_a_server_answers_over_ssh() -> None:
    async with listening_room() as listening:

        def talk() -> None:
            client = connect(listening.address("SRV-1"))
            out, status = run(client, "cat /proc/stat")
            assert status == 0
            assert out.startswith("cpu  ")
            out, _ = run(client, "df -P | tail -n 3; echo done")
            assert out.splitlines()[-1] == "done"
            assert run(client, "rm -rf /")[1] == 127
            client.close()
            with pytest.raises(paramiko.AuthenticationException):
                connect(listening.address("SRV-1"), password="guess")

        await asyncio.to_thread(talk)


async def test_a_server_without_power_is_silent_over_ssh() -> None:
    async with listening_room() as listening:
        listening.stage.room.up["SRV-3"] = False

        def talk() -> None:
            with pytest.raises((paramiko.SSHException, TimeoutError)):
                connect(listening.address("SRV-3"), timeout=0.5)

        await asyncio.to_thread(talk)


@pytest.mark.parametrize(
    ("line", "pattern"),
    [
        ("cat /proc/meminfo", r"MemTotal:\s+\d+ kB\n"),
        ("cat /proc/loadavg", r"^\d+\.\d\d \d+\.\d\d \d+\.\d\d \d+/\d+ \d+\n$"),
        ("cat /proc/uptime", r"^\d+\.\d\d \d+\.\d\d\n$"),
        ("cat /proc/net/dev", r"eno1: \d+"),
        ("LC_ALL=C df -PkT 2>/dev/null || true", r"/dev/sda3\s+ext4\s+\d+\s+\d+\s+\d+\s+\d+%\s+/var"),
        ("uptime", r"load average: \d"),
        ("grep -c ^processor /proc/cpuinfo", r"^4$"),
        ("grep -m 1 '^model name' /proc/cpuinfo", r"^model name\t: Intel[^\n]*\n$"),
        ("grep -H . /sys/class/net/*/operstate", r"^/sys/class/net/eno1/operstate:up$"),
        ("head -n 1 /proc/stat", r"^cpu  [\d ]+\n$"),
        ("cat /etc/machine-id", r"^[0-9a-f]{32}$"),
        ("cat /etc/os-release", r"ID=debian"),
        ("/usr/bin/free -m", r"Mem:\s+65536"),
        ("ss -tlnH", r"LISTEN 0"),
        ("test -r x; uname -r && hostname", r"6\.1\.0-28-amd64\nsrv-1\n"),
        ("cat /proc/nothing || echo absent", r"absent"),
        ("false && echo no; echo yes", r"^yes\n$"),
        ("printf 'open", r"^$"),
    ],
)
def test_the_shell_answers_what_monitors_ask(line: str, pattern: str) -> None:
    room = quiet_stage().room
    out, _, _ = Shell(room, room.devices["SRV-1"]).run(line)
    assert re.search(pattern, out, re.MULTILINE), out


def test_processor_ticks_agree_between_the_doors() -> None:
    from agent.playback.mibs import build
    from tests.playback.snmp_reading import integer

    room = quiet_stage().room
    room.advance(10)
    device = room.devices["SRV-1"]
    fields = Shell(room, device).run("cat /proc/stat")[0].splitlines()[0].split()
    assert int(fields[1]) == integer(build(room, device), "1.3.6.1.4.1.2021.11.50.0")


async def test_the_access_controller_tells_its_doors_to_those_with_the_password() -> None:
    async with listening_room() as listening:
        url = f"http://{listening.address('ACS-B1')}:8081/status.json"
        assert (await fetch(url))[0] == 401
        status, told = await fetch(url, headers=LOGIN)
        assert status == 200
        assert isinstance(told, dict)
        assert [door["state"] for door in told["doors"]] == ["closed", "closed"]
        listening.stage.start("door_forced")
        listening.stage.room.advance(4)
        _, told = await fetch(url, headers=LOGIN)
        assert isinstance(told, dict)
        assert told["doors"][0] == {"door": "B1-01", "state": "forced", "lock": "unlocked", "open_s": 3}
        assert (await fetch(f"http://{listening.address('CAM-B1-1')}:8081/status.json", headers=LOGIN))[
            0
        ] == 200


async def control(listening: Listening, path: str, method: str = "GET") -> tuple[int, Any]:
    return await fetch(f"http://127.0.0.1:{listening.control_port}{path}", method)


async def test_scenarios_are_started_and_stopped_over_http() -> None:
    async with listening_room() as listening:
        _, stories = await control(listening, "/scenarios")
        assert {"mains_failure", "crac_fault", "link_flap", "disk_filling", "door_forced", "leak"} == {
            story["name"] for story in stories
        }
        for story in stories:
            for text in (story["title"], *story["seen"]):
                assert text["en"]
                assert re.search(r"[\u4e00-\u9fff]", text["zh"])
        status, said = await control(listening, "/scenarios/mains_failure/start", "POST")
        assert (status, said["phase"]) == (200, "running")
        listening.stage.room.advance(5)
        _, state = await control(listening, "/state")
        assert state["scenario"] == "mains_failure"
        assert state["ups"]["UPS-B1-A"]["source"] == "battery"
        assert state["breakers"]["LV-2"] == "open"
        _, said = await control(listening, "/scenarios/mains_failure/stop", "POST")
        assert said["phase"] == "restoring"
        assert (await control(listening, "/scenarios/flood/start", "POST"))[0] == 404
        url = f"http://127.0.0.1:{listening.control_port}/scenarios/leak/start"
        assert (await fetch(url, "POST", {"Origin": "https://elsewhere.example"}))[0] == 403


def test_the_description_holds_together() -> None:
    told = describe(load())
    things = {item["name"] for item in (*told["devices"], *told["passive"])}
    ends = things | {service["code"] for service in told["services"]}
    places = {place["code"] for place in told["locations"]}
    groups = {credential["code"] for credential in told["credentials"]}
    assert all(relation["from"] in ends and relation["to"] in ends for relation in told["relations"])
    assert all(item["location"] in places for item in (*told["devices"], *told["passive"]))
    assert all(place["parent"] in places or place["kind"] == "site" for place in told["locations"])
    assert all(device["credential"] in groups for device in told["devices"])
    assert len({device["address"] for device in told["devices"]}) == len(told["devices"])
    assert len({device["serial"] for device in told["devices"]}) == len(told["devices"])
    assert len({device["mac"] for device in told["devices"]}) == len(told["devices"])
    room = next(place for place in told["locations"] if place["code"] == "b1")["plan"]
    assert len(room["racks"]) == 20
    for box in (*room["racks"], *room["units"], *room["aisles"]):
        assert 0 <= box["x"] <= box["x"] + box["w"] <= room["width"]
        assert 0 <= box["y"] <= box["y"] + box["d"] <= room["depth"]
    assert {spot["device"] for spot in (*room["sensors"], *room["units"])} <= things


def test_feeds_follow_the_cords() -> None:
    plant = load()
    assert feeds(plant, "SRV-1") == ["A", "B"]
    assert feeds(plant, "SRV-3") == ["A"]
    assert feeds(plant, "CRAC-B1-2") == ["A"], "its motor, not its controller"
    assert feeds(plant, "TH-B1-1") == ["B"], "powered over the network"


SERVE = [sys.executable, "-m", "agent.playback", "serve", "--control-port", "0", "--network", "127.231.7"]


def test_the_program_says_when_it_is_ready_and_ends_when_asked() -> None:
    process = subprocess.Popen(
        SERVE,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["ready"] is True
        with urllib.request.urlopen(f"http://127.0.0.1:{ready['control_port']}/state", timeout=5) as response:
            assert json.load(response)["phase"] == "idle"
        second = subprocess.run(
            SERVE, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
        assert second.returncode == 2
        assert second.stderr.startswith("The room cannot listen")
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        if process.stdout is not None:
            process.stdout.close()
