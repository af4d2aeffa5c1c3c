"""The ways out: mail and webhooks. Bounded in time and size, never to an inside address by surprise."""

import asyncio
import hashlib
import hmac
import socket
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import aiosmtplib
from aiohttp.abc import AbstractResolver, ResolveResult

from server.kernel.errors import InvalidError
from server.kernel.i18n import N_
from server.kernel.settings import Settings
from server.notify.models import Delivery
from server.notify.outgoing import ChannelOffError, SendError
from server.notify.templates import one_line

TIMEOUT_S = 10.0
ANSWER_LIMIT = 64 * 1024  # bytes read of a receiver's answer
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


async def send_mail(delivery: Delivery, settings: Settings) -> None:
    """Hand a message to the mail server."""
    if not settings.smtp_host:
        raise ChannelOffError(N_("no mail server is set up"))
    host = settings.smtp_sender.rpartition("@")[2] or "localhost"
    message = EmailMessage()
    message["From"] = settings.smtp_sender
    message["To"] = one_line(delivery.address)
    message["Subject"] = one_line(delivery.subject)
    message["Message-ID"] = f"<{delivery.delivery_id}@{host}>"
    message["Date"] = format_datetime(delivery.created_at)
    message["Auto-Submitted"] = "auto-generated"
    if delivery.ticket:
        message["References"] = f"<{delivery.ticket.lower()}@{host}>"
    link = f"\n\n{settings.public_url}{delivery.url}" if delivery.url else ""
    message.set_content(delivery.body + link)
    try:
        await aiosmtplib.send(
            message,
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_username or None,
            password=settings.smtp_password or None,
            use_tls=settings.smtp_security == "tls",
            start_tls=settings.smtp_security == "starttls",
            timeout=TIMEOUT_S,
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        raise SendError(f"the receiver was refused: {error}", lasting=True) from error
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise SendError(str(error) or type(error).__name__) from error


async def send_webhook(delivery: Delivery, secret: bytes, settings: Settings) -> None:
    """Post a message to a program, signed over its id, time and body.

    The receiver checks `X-Watchdesk-Signature: t=SECONDS,v1=HEX` with HMAC-SHA-256 of
    `DELIVERY_ID.SECONDS.BODY`, and drops what it has seen under `X-Watchdesk-Delivery`.
    """
    guard = Guard(settings)
    check_url(delivery.address, guard)
    body = delivery.body.encode()
    at = int(delivery.created_at.timestamp())
    headers = {
        "Content-Type": "application/json",
        "X-Watchdesk-Delivery": delivery.delivery_id,
        "X-Watchdesk-Signature": f"t={at},v1={signature(secret, delivery.delivery_id, at, body)}",
    }
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    connector = aiohttp.TCPConnector(resolver=guard, use_dns_cache=False, force_close=True)
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
            ) as session,
            session.post(delivery.address, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            await answer.content.read(ANSWER_LIMIT)
            _judge(answer.status)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise SendError(str(error) or type(error).__name__) from error


def _judge(status: int) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise SendError(f"it answered {status}; redirects are not followed", lasting=True)
    lasting = 400 <= status < 500 and status not in {408, 409, 425, 429}
    raise SendError(f"it answered {status}", lasting=lasting)


def signature(secret: bytes, delivery_id: str, at: int, body: bytes) -> str:
    """Hexadecimal HMAC-SHA-256 over id, time and body."""
    return hmac.new(secret, f"{delivery_id}.{at}.".encode() + body, hashlib.sha256).hexdigest()


class Guard(AbstractResolver):
    """Resolves names for the connector, and lets only addresses through that may be reached.

    Every address of a name is checked, and the connection goes to one that was checked. Loopback, private,
    link-local and other special addresses are inside, unless a setting names their network.
    """

    def __init__(self, settings: Settings) -> None:
        self.allowed: tuple[Network, ...] = tuple(ip_network(n) for n in settings.webhook_allowed_networks)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host; SendError if one of them is inside."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=socket.AF_UNSPEC)
        except OSError as error:
            raise SendError(f"{host}: {error.strerror or error}") from error
        addresses = [str(entry[4][0]) for entry in found]
        self.check(addresses)
        del family
        return [
            ResolveResult(
                hostname=host,
                host=str(entry[4][0]),
                port=port,
                family=entry[0],
                proto=entry[2],
                flags=socket.AI_NUMERICHOST,
            )
            for entry in found
        ]

    async def close(self) -> None:
        """Nothing is held."""

    def check(self, addresses: Sequence[str]) -> None:
        """Raise SendError if an address is inside."""
        for text in addresses:
            if not self.permits(ip_address(text.partition("%")[0])):
                raise SendError("the address is inside of this network", lasting=True)

    def permits(self, address: Address) -> bool:
        """Whether an address may be reached."""
        if isinstance(address, IPv6Address):
            inner: Any = address.ipv4_mapped or address.sixtofour
            if inner is None and address in NAT64:
                inner = IPv4Address(int(address) & 0xFFFFFFFF)
            if inner is not None:
                return self.permits(inner)
        if any(address.version == net.version and address in net for net in self.allowed):
            return True
        return address.is_global and not address.is_multicast


NAT64 = ip_network("64:ff9b::/96")


def check_url(url: str, guard: Guard) -> None:
    """Refuse what is no plain http(s) address of the outside, in whatever notation it is written."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host or parts.username or parts.password:
        raise InvalidError(N_("Write an address as https://host/path, without user name."), field="/url")
    del port
    try:
        literal = socket.inet_aton(host)
    except OSError:
        literal = None
    try:
        address: Address | None = IPv4Address(literal) if literal is not None else ip_address(host)
    except ValueError:
        address = None  # a name; its addresses are checked when the connection is made
    if address is not None and not guard.permits(address):
        raise InvalidError(
            N_("That address is inside of this network; a setting must allow it first."), field="/url"
        )
