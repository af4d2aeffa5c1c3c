"""Puts the room on the network: a socket for each door of each device, and the clock that moves it."""

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import cast

from agent.playback import control, http, mibs, modbus
from agent.playback.describe import at
from agent.playback.mibs.system import engine_id
from agent.playback.plant import Credential, Device, Plant, Target
from agent.playback.room import Room
from agent.playback.scenarios import Stage, all_scenarios
from agent.playback.snmp import SnmpDevice
from agent.playback.ssh import SshServer
from agent.playback.usm import Engine, User

TICK_S = 0.5
MAX_CATCH_UP_S = 5.0  # a process that slept does not hurry through what it missed
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]


class _Datagrams(asyncio.DatagramProtocol):
    """Hands datagrams to a device's agent and its answers back."""

    def __init__(self, device: SnmpDevice) -> None:
        self._device = device
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own class for datagrams derives from Transport, so isinstance would say no
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        said = self._device.respond(data)
        if said is not None and self._transport is not None:
            self._transport.sendto(said, addr)


class Service:
    """All listeners of a room. `network` moves the devices to another loopback network."""

    def __init__(self, stage: Stage, network: str | None = None) -> None:
        self.stage = stage
        self.room = stage.room
        self._network = network
        self._credentials = {credential.code: credential for credential in self.room.plant.credentials}
        self._closers: list[Callable[[], None]] = []
        self._conversations: set[asyncio.Task[None]] = set()

    async def open(self, control_port: int) -> int:
        """Listen everywhere.

        Returns:
            The control port; a free one where 0 was asked.

        Raises:
            OSError: an address and port are taken.
        """
        for device in self.room.plant.devices:
            for target in device.targets:
                await self._door(device, target)
            if device.kind == "camera":
                show = http.guarded(http.camera(self.room, device), *self._login("room-http"))
                await self._stream(device, 8081, http.HttpServer(show, self._alive(device)).serve)
        server = http.HttpServer(control.handler(self.stage), lambda: True)
        listening = await asyncio.start_server(self._followed(server.serve), "127.0.0.1", control_port)
        self._closers.append(listening.close)
        port: int = listening.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """End all conversations and give all sockets back."""
        for close in reversed(self._closers):
            close()
        self._closers.clear()
        for conversation in self._conversations:
            conversation.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    def _followed(self, serve: Serve) -> Serve:
        """The same, known to `close` for as long as it talks."""

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(serve(reader, writer))
            self._conversations.add(task)
            task.add_done_callback(self._conversations.discard)
            try:
                await task
            except asyncio.CancelledError:
                task.cancel()
            finally:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

        return talk

    def _alive(self, device: Device) -> Callable[[], bool]:
        return lambda: self.room.alive(device.name)

    def _login(self, code: str) -> tuple[str, str]:
        credential = self._credentials[code]
        return credential.user, credential.password

    async def _door(self, device: Device, target: Target) -> None:
        credential = self._credentials[target.credential]
        alive = self._alive(device)
        if target.transport == "snmp":
            await self._datagrams(device, target.port, self._agent(device, credential))
        elif target.transport == "modbus":
            server = modbus.ModbusServer(modbus.icom(self.room, device), alive)
            await self._stream(device, target.port, server.serve)
        elif target.transport == "http":
            show = http.guarded(
                http.access_controller(self.room, device), credential.user, credential.password
            )
            await self._stream(device, target.port, http.HttpServer(show, alive).serve)
        else:
            shell = SshServer(self.room, device, credential, alive)
            shell.open(at(self._network, device.address), target.port)
            self._closers.append(shell.close)

    def _agent(self, device: Device, credential: Credential) -> SnmpDevice:
        engine = None
        if credential.kind == "snmp-v3":
            engine = Engine(
                engine_id(device),
                User(credential.user, credential.auth_password, credential.priv_password),
                up_s=lambda: self.room.uptime_s(device.name),
                boots=lambda: self.room.boots[device.name],
            )
        return SnmpDevice(mibs.build(self.room, device), credential.community, engine, self._alive(device))

    async def _datagrams(self, device: Device, port: int, agent: SnmpDevice) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(agent),
            local_addr=(at(self._network, device.address), port),
            family=socket.AF_INET,
        )
        self._closers.append(transport.close)

    async def _stream(self, device: Device, port: int, serve: Serve) -> None:
        server = await asyncio.start_server(self._followed(serve), at(self._network, device.address), port)
        self._closers.append(server.close)


def stage_of(plant: Plant, *, seed: int = 1, auto: bool = False) -> Stage:
    """A room with its scenarios, wired so that they advance together."""
    room = Room(plant, seed=seed)
    stage = Stage(room, all_scenarios(), auto=auto)
    room.on_step = stage.step
    return stage


async def run(stage: Stage, *, control_port: int, speed: float, network: str | None) -> None:
    """Serve until SIGTERM or SIGINT; prints one JSON line when every door is open."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    service = Service(stage, network)
    try:
        port = await service.open(control_port)
        ready = {"ready": True, "control_port": port, "devices": len(stage.room.devices)}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        last = monotonic()
        while not stopped.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), TICK_S)
            now = monotonic()
            stage.room.advance(min(now - last, MAX_CATCH_UP_S) * speed)
            last = now
    finally:
        await service.close()
