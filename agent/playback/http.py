"""A small HTTP/1.1 server for loopback, and what the access controller and the camera show on theirs."""

import asyncio
import base64
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from agent.playback.plant import Device
from agent.playback.room import Room
from rules.numbers import whole

MAX_BODY = 65_536
IDLE_S = 60.0


@dataclass(frozen=True)
class Request:
    """One request, read whole."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """One answer."""

    status: HTTPStatus
    body: bytes
    content_type: str = "application/json; charset=utf-8"
    challenge: bool = False


Handler = Callable[[Request], Response]


def as_json(value: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """A JSON answer."""
    return Response(status, json.dumps(value, ensure_ascii=False).encode())


class BadRequestError(ValueError):
    """What came is no request this server reads."""


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError:
        raise BadRequestError("the head is too long") from None
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3:
        raise BadRequestError("there is no request line")
    pairs = (line.partition(":") for line in lines[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    length = whole(headers.get("content-length", "0"))
    if length is None or length > MAX_BODY:
        raise BadRequestError("the body is too long")
    body = await reader.readexactly(length) if length else b""
    return Request(words[0], words[1].partition("?")[0], headers, body)


def _encode(response: Response, *, keep: bool) -> bytes:
    head = [
        f"HTTP/1.1 {response.status.value} {response.status.phrase}",
        f"Content-Type: {response.content_type}",
        f"Content-Length: {len(response.body)}",
        f"Connection: {'keep-alive' if keep else 'close'}",
        "Cache-Control: no-store",
    ]
    if response.challenge:
        head.append('WWW-Authenticate: Basic realm="device"')
    return "\r\n".join((*head, "", "")).encode() + response.body


class HttpServer:
    """Serves one address. A device without power accepts, and then says nothing."""

    def __init__(self, handler: Handler, alive: Callable[[], bool]) -> None:
        self._handler = handler
        self._alive = alive

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it ends."""
        with contextlib.suppress(TimeoutError, ConnectionError, asyncio.IncompleteReadError):
            async with asyncio.timeout(IDLE_S) as limit:
                while await self._one(reader, writer):
                    limit.reschedule(asyncio.get_running_loop().time() + IDLE_S)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            request = await _read(reader)
        except BadRequestError:
            writer.write(_encode(Response(HTTPStatus.BAD_REQUEST, b"{}"), keep=False))
            await writer.drain()
            return False
        if request is None:
            return False
        if not self._alive():
            await asyncio.sleep(IDLE_S)
            return False
        keep = request.headers.get("connection", "").lower() != "close"
        writer.write(_encode(self._handler(request), keep=keep))
        await writer.drain()
        return keep


def guarded(handler: Handler, user: str, password: str) -> Handler:
    """The handler behind HTTP Basic."""
    expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def checked(request: Request) -> Response:
        if request.headers.get("authorization") != expected:
            return Response(HTTPStatus.UNAUTHORIZED, b"{}", challenge=True)
        return handler(request)

    return checked


def access_controller(room: Room, device: Device) -> Handler:
    """`/status.json` of a door controller: doors, readers, power, and its last events."""

    def status() -> dict[str, object]:
        environment = room.environment
        return {
            "device": {
                "vendor": device.vendor,
                "model": device.model,
                "serial": device.serial,
                "firmware": device.version,
                "name": device.name,
                "uptime_s": int(room.uptime_s(device.name)),
            },
            "power": {"mains": "ok", "battery": "ok"},
            "doors": [
                {
                    "door": door.code,
                    "state": door.state,
                    "lock": "locked" if door.state == "closed" else "unlocked",
                    "open_s": 0 if door.state == "closed" else int(room.now_s - door.opened_s),
                }
                for door in environment.doors.values()
            ],
            "readers": [
                {"reader": f"{code} {side}", "state": "ok"}
                for code in environment.doors
                for side in ("in", "out")
            ],
            "persons_inside": 0,
            "events": environment.events,
        }

    def handle(request: Request) -> Response:
        if request.path == "/status.json" and request.method == "GET":
            return as_json(status())
        if request.path == "/" and request.method == "GET":
            page = f"<!doctype html><title>{device.model}</title><h1>{device.model}</h1>"
            return Response(HTTPStatus.OK, page.encode(), "text/html; charset=utf-8")
        return as_json({"error": "not found"}, HTTPStatus.NOT_FOUND)

    return handle


def camera(room: Room, device: Device) -> Handler:
    """A camera's device information, and whether it sees motion."""

    def handle(request: Request) -> Response:
        if request.path == "/status.json" and request.method == "GET":
            return as_json(
                {
                    "device": {"vendor": device.vendor, "model": device.model, "serial": device.serial},
                    "stream": "ok",
                    "motion": room.environment.motion,
                    "recording": "ok",
                }
            )
        return as_json({"error": "not found"}, HTTPStatus.NOT_FOUND)

    return handle
