"""The one way to the server: HTTPS, bounded in time and size. A failure is an answer, not an exception."""

import ssl
from dataclasses import dataclass
from typing import Literal, Self, TypeVar

import aiohttp
import msgspec

from agent.vault import Identity
from rules import codec, wire
from rules.wire import Answer, Config, Enrol, Enrolled, Report, SeriesAnswer, SeriesDef, SeriesRequest

TIMEOUT = aiohttp.ClientTimeout(total=60, connect=10, sock_read=30)
MAX_ANSWER = 64 * 1024 * 1024  # a configuration of 20,000 targets has room in it

T = TypeVar("T")
Kind = Literal["ok", "unchanged", "too_large", "wait", "denied", "refused", "away"]

_KINDS: dict[int, Kind] = {304: "unchanged", 401: "denied", 403: "denied", 413: "too_large"}
_WAIT = {429, 503, 507}


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a request.

    ok; unchanged (304); too_large (413); wait (429, 503, 507: after `after_s`); denied (401, 403: the agent
    is not or no longer known); refused (another 4xx: this body will never do); away (no answer, or 5xx).
    """

    kind: Kind
    body: bytes = b""
    reason: str = ""
    after_s: float = 0.0
    etag: str = ""


class Link:
    """A session with the server. Make it inside the running loop and close it."""

    def __init__(
        self, server: str, identity: Identity | None, *, version: str, ca: str | None = None
    ) -> None:
        """Raises OSError (ssl.SSLError among them) where the CA file cannot be used."""
        self.server = server.rstrip("/")
        headers = {"User-Agent": f"watchdesk-agent/{version}", "Content-Type": wire.MEDIA_TYPE}
        if identity is not None:
            headers["Authorization"] = f"Agent {identity.agent_id}:{identity.secret}"
        context = ssl.create_default_context(cafile=ca) if self.server.startswith("https:") else True
        self._session = aiohttp.ClientSession(
            headers=headers,
            timeout=TIMEOUT,
            connector=aiohttp.TCPConnector(ssl=context, limit=4),
            auto_decompress=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the session."""
        await self._session.close()

    async def enrol(self, request: Enrol) -> Enrolled | Told:
        """Become known; the identity, or what was said instead."""
        told = await self._ask("POST", "/agent/v1/enrol", codec.encode(request))
        return _typed(told, Enrolled)

    async def config(self, etag: str) -> tuple[Config, str] | Told:
        """The configuration and its ETag where it is another than `etag`."""
        told = await self._ask("GET", "/agent/v1/config", b"", {"If-None-Match": etag} if etag else {})
        found = _typed(told, Config)
        return found if isinstance(found, Told) else (found, told.etag)

    async def series(self, definitions: list[SeriesDef]) -> list[int] | Told:
        """The server's ids of these series, 0 for each it refuses."""
        told = await self._ask("POST", "/agent/v1/series", codec.encode(SeriesRequest(definitions)))
        found = _typed(told, SeriesAnswer)
        if isinstance(found, Told):
            return found
        if len(found.ids) != len(definitions):
            return Told("away", reason="The server's answer names another number of series.")
        return found.ids

    async def report(self, report: Report) -> Answer | Told:
        """The server's answer to a report."""
        return _typed(await self._ask("POST", "/agent/v1/reports", codec.encode(report)), Answer)

    async def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str] | None = None) -> Told:
        try:
            async with self._session.request(
                method, self.server + path, data=body or None, headers=headers, allow_redirects=False
            ) as response:
                content = await _bounded(response)
                return _told(response, content)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            return Told("away", reason=str(error) or type(error).__name__)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    pieces, size = [], 0
    async for piece in response.content.iter_chunked(65_536):
        size += len(piece)
        if size > MAX_ANSWER:
            raise ValueError(f"The server's answer is larger than {MAX_ANSWER} bytes.")
        pieces.append(piece)
    return b"".join(pieces)


def _told(response: aiohttp.ClientResponse, content: bytes) -> Told:
    status = response.status
    reason = "" if status < 400 else f"{status} {content[:300].decode('utf-8', 'replace')}".strip()
    if 200 <= status < 300:
        return Told("ok", content, etag=response.headers.get("ETag", ""))
    if status in _WAIT:
        return Told("wait", reason=reason, after_s=_retry_after(response.headers.get("Retry-After", "")))
    kind = _KINDS.get(status, "refused" if 400 <= status < 500 else "away")
    return Told(kind, reason=reason or f"status {status}")


def _retry_after(text: str) -> float:
    """Seconds, from 1 up to 10 minutes; dates are not understood and count as 5 s."""
    return float(min(600, max(1, int(text)))) if text.isascii() and text.isdigit() and len(text) < 9 else 5.0


def _typed(told: Told, kind: type[T]) -> T | Told:
    """The body as what it should be; something else counts as no answer."""
    if told.kind != "ok":
        return told
    try:
        return msgspec.msgpack.decode(told.body, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return Told("away", reason=f"The server's answer is no {kind.__name__}: {error}")
