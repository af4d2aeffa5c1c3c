"""HTTP(S): status, content, JSON by pointer, expiry of the certificate. Redirects are not followed.

Readings: `status` (HTTP), `response_seconds`, `body_bytes`, `content_matches` (1, 0; where asked for),
`certificate_expiry_seconds` (until it expires, negative afterwards; HTTPS only).
"""

import asyncio
import base64
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Self

import aiohttp
import msgspec
from aiohttp.client_reqrep import ClientResponse
from aiohttp.connector import Connection
from cryptography import x509

from agent.transports.facts import Facts, Raw
from agent.transports.trouble import BadResponseError, TroubleError, of_os
from rules.numbers import whole
from rules.pattern import Pattern

MAX_BODY = 1 << 20
MAX_HEADER = 16_384
CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Page:
    """A page to ask for. `verify`: an unknown certificate ends the poll; `json`: the body must be JSON."""

    url: str
    user: str = ""
    password: str = ""
    token: str = ""
    verify: bool = True
    contains: str = ""
    json: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """An answer. `truncated`: the body was longer than MAX_BODY; `certificate` in DER, of HTTPS."""

    status: int
    body: bytes
    took_s: float
    truncated: bool = False
    certificate: bytes | None = None


class _Response(ClientResponse):
    """Keeps the server's certificate, which the connection has no more once the body is read."""

    certificate: bytes | None = None

    async def start(self, connection: Connection) -> Self:
        transport = connection.transport
        secured = transport.get_extra_info("ssl_object") if transport is not None else None
        if isinstance(secured, ssl.SSLObject):
            self.certificate = secured.getpeercert(binary_form=True)
        await super().start(connection)
        return self


class Http:
    """All HTTP of an agent. Make it inside the running loop; close it at the end."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=200, limit_per_host=2, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            response_class=_Response,
            max_line_size=MAX_HEADER,
            max_field_size=MAX_HEADER,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def fetch(self, page: Page, *, now: datetime, timeout_s: float = 5.0) -> Facts:
        """Ask for a page within `timeout_s` in all; `now` dates the certificate. Raises TroubleError."""
        told = await self.read(page, timeout_s=timeout_s)
        readings: dict[str, Raw] = {
            "status": told.status,
            "response_seconds": told.took_s,
            "body_bytes": len(told.body),
        }
        if page.contains:
            found = Pattern(page.contains).found(told.body.decode("utf-8", "replace"))
            readings["content_matches"] = int(found)
        if told.certificate is not None:
            readings["certificate_expiry_seconds"] = _remaining(told.certificate, now)
        content = document(told) if page.json else None
        return Facts(readings, document=content, rtt_s=told.took_s, truncated=told.truncated)

    async def read(self, page: Page, *, timeout_s: float) -> Told:
        """What a page answers, as it stands; raises TroubleError, also where the login is refused."""
        begun = monotonic()
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._session.get(
                    page.url,
                    headers=_login(page),
                    allow_redirects=False,
                    ssl=page.verify,
                    timeout=aiohttp.ClientTimeout(total=timeout_s),
                ) as response,
            ):
                took = monotonic() - begun
                body, truncated = await _body(response)
        except aiohttp.ClientError as error:
            raise _trouble(error) from None
        except OSError as error:
            raise of_os(error) from None
        except ValueError as error:
            raise TroubleError("configuration", f"The address of the page is wrong: {error}.") from None
        if response.status in {401, 403}:
            raise TroubleError("auth", f"The device answered HTTP {response.status}.")
        certificate = response.certificate if isinstance(response, _Response) else None
        return Told(response.status, body, took, truncated, certificate)


async def _body(response: ClientResponse) -> tuple[bytes, bool]:
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > MAX_BODY:
            response.close()
            return bytes(body[:MAX_BODY]), True
    return bytes(body), False


def _trouble(error: aiohttp.ClientError) -> TroubleError:
    if isinstance(error, aiohttp.ClientSSLError | aiohttp.ServerFingerprintMismatch):
        return TroubleError("security", "The certificate of the device is not trusted.")
    if isinstance(error, aiohttp.ClientConnectorError):
        return of_os(error.os_error)
    if isinstance(error, aiohttp.InvalidURL):
        return TroubleError("configuration", "The address of the page is wrong.")
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return TroubleError("refused", "The device closed the connection.")
    return BadResponseError(f"The answer is no HTTP: {type(error).__name__}.", place="HTTP")


def _remaining(certificate: bytes, now: datetime) -> float | None:
    try:
        until = x509.load_der_x509_certificate(certificate).not_valid_after_utc
    except ValueError:
        return None
    return (until - now.astimezone(UTC)).total_seconds()


def _login(page: Page) -> dict[str, str]:
    """The header that signs in: a token, or name and password (RFC 7617); none where neither is given."""
    if page.token:
        return {"Authorization": f"Bearer {page.token}"}
    if not page.user:
        return {}
    pair = f"{page.user}:{page.password}".encode()
    return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


def document(told: Told) -> object:
    """The JSON of an answer; raises TroubleError where it is none, cut, or not HTTP 200."""
    if told.status != 200:
        raise BadResponseError(f"The device answered HTTP {told.status}.", place="status", evidence=told.body)
    if told.truncated:
        raise TroubleError("limit", f"The page is larger than {MAX_BODY} bytes.", evidence=told.body)
    try:
        return msgspec.json.decode(told.body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        detail = f"The page is no JSON: {error}"
        raise BadResponseError(detail, place="body", evidence=told.body) from None


def pointer(document: object, path: str) -> object:
    """What a JSON pointer leads to, or None. Source: RFC 6901."""
    if path in {"", "/"}:
        return document
    for part in path.removeprefix("/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(key)
        elif isinstance(document, list) and (at := whole(key)) is not None and at < len(document):
            document = document[at]
        else:
            return None
    return document
