"""What lives beside the desk in the demo: the machine room on loopback, and an agent that watches it.

Both are programs of their own, as on a real site: the room answers SNMP, Modbus, HTTP and SSH, the agent
enrols with its one-time token and reports over HTTP. They end with the desk; an agent that dies is started
again.
"""

import asyncio
import json
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import structlog
from aiohttp import web

from server.kernel import keys
from server.kernel.errors import UnavailableError
from server.kernel.i18n import N_

log = structlog.get_logger(__name__)

ROOM = [sys.executable, "-m", "agent.playback"]
AGENT = [str(Path(sys.executable).parent / "watchdesk-agent")]
NETWORKS = range(1, 30)  # 127.10.1 to 127.10.29
PROBED, SNMP_PORT = 21, 1161  # the first UPS
SEEDED = "demo.json"
AGENT_NAME = "agent-b1-01"
TOKEN_FILE = "agent.token"  # noqa: S105  a file's name
STARTS_S = 20.0
END_S = 8.0
SILENT = N_("The machine room does not answer. Stop the demo and start it again.")
AGAIN_S = 3.0

CONTROL = web.AppKey("demo.control", asyncio.Task[str])
LIVING = web.AppKey("demo.living", asyncio.Task[None])


def free_network() -> str:
    """A loopback network that no other room uses: two demos may live on one machine."""
    for last in NETWORKS:
        network = f"127.10.{last}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((f"{network}.{PROBED}", SNMP_PORT))
            except OSError:
                continue
        return network
    raise RuntimeError("every network for a demo room is taken; end a demo that runs")


async def describe(network: str) -> dict[str, object]:
    """What the room says of itself: devices, relations, places, services."""
    process = await asyncio.create_subprocess_exec(*ROOM, "describe", "--network", network, stdout=PIPE)
    told, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError("the machine room could not be described; see the lines above")
    said: dict[str, object] = json.loads(told)
    return said


async def begin(app: web.Application) -> None:
    """Start the room at once, beside the desk, and the agent as soon as both answer."""
    settings = app[keys.SETTINGS]
    network = json.loads((settings.data / SEEDED).read_text(encoding="utf-8"))["network"]
    words = [*ROOM, "serve", "--network", network, "--control-port", "0"]
    room = await asyncio.create_subprocess_exec(*words, *(["--auto"] * settings.demo_auto), stdout=PIPE)
    app[CONTROL] = control = asyncio.create_task(_address(room))
    app[LIVING] = asyncio.create_task(_live(room, control, settings.data, settings.port))


async def end(app: web.Application) -> None:
    """End both programs."""
    task = app.get(LIVING)
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _address(room: Process) -> str:
    """Where the room is told what to break, once it lives; raises UnavailableError if it does not."""
    assert room.stdout is not None
    try:
        async with asyncio.timeout(STARTS_S):
            line = await room.stdout.readline()
    except TimeoutError:
        line = b""
    if not line:
        log.error("the machine room did not start; see the lines above")
        raise UnavailableError(SILENT)
    return f"http://127.0.0.1:{json.loads(line)['control_port']}"


async def _live(room: Process, control: asyncio.Task[str], data: Path, port: int) -> None:
    """Keep the agent going; when told to stop, end both."""
    agent: Process | None = None
    try:
        await asyncio.gather(control, _until_ready(f"http://127.0.0.1:{port}/readyz"))
        config = _agent_settings(data)
        await _enrol(data, config, port)
        while True:
            agent = await asyncio.create_subprocess_exec(
                *AGENT, "run", "--config", str(config), stdin=DEVNULL
            )
            code = await agent.wait()
            log.warning("the demo's agent ended and is started again", code=code)
            await asyncio.sleep(AGAIN_S)
    finally:
        await _stop([process for process in (agent, room) if process is not None])


async def _until_ready(url: str) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(2)) as client:
        while True:
            try:
                async with client.get(url) as response:
                    if response.status == web.HTTPOk.status_code:
                        return
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.05)


def _agent_settings(data: Path) -> Path:
    """The agent's settings file, written anew: its data stand beside the desk's."""
    config = data / "agent.toml"
    config.write_text(f"data = {json.dumps(str(data / 'agent'))}\n", encoding="utf-8")
    return config


async def _enrol(data: Path, config: Path, port: int) -> None:
    """Use the token that the seeding left, once."""
    token = data / TOKEN_FILE
    if not token.exists():
        return
    words = [*AGENT, "enrol", "--config", str(config), "--server", f"http://127.0.0.1:{port}"]
    words += ["--name", AGENT_NAME, "--token", "-"]
    process = await asyncio.create_subprocess_exec(*words, stdin=PIPE, stderr=PIPE)
    _, told = await process.communicate(token.read_bytes() + b"\n")
    if process.returncode == 0:
        token.unlink()
    else:
        log.error("the demo's agent could not enrol", told=told.decode(errors="replace").strip())


async def _stop(processes: Sequence[Process]) -> None:
    for process in processes:
        if process.returncode is None:
            process.terminate()
    for process in processes:
        try:
            await asyncio.wait_for(process.wait(), END_S)
        except TimeoutError:
            process.kill()
            await process.wait()
