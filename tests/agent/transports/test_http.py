import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent.transports.http import MAX_BODY, Http, Page, pointer
from agent.transports.trouble import TroubleError

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


async def status(_: web.Request) -> web.Response:
    return web.json_response({"supply": {"volts": 229.5}, "fans": [{"rpm": 900}, {"rpm": 0}]})


async def text(_: web.Request) -> web.Response:
    return web.Response(text="all systems normal")


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65_536)


async def hang(_: web.Request) -> web.Response:
    await asyncio.sleep(30)
    return web.Response()


async def away(_: web.Request) -> web.Response:
    raise web.HTTPFound("http://169.254.169.254/")


async def locked(_: web.Request) -> web.Response:
    return web.Response(status=401)


def site() -> web.Application:
    app = web.Application()
    for path, handler in {"/status": status, "/text": text, "/endless": endless, "/hang": hang,
                          "/away": away, "/locked": locked}.items():  # fmt: skip
        app.router.add_get(path, handler)
    return app


async def start(tls: ssl.SSLContext | None = None) -> tuple[web.AppRunner, int]:
    runner = web.AppRunner(site(), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    return runner, int(runner.addresses[0][1])


@pytest.fixture
async def plain() -> AsyncIterator[str]:
    runner, port = await start()
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


def certificate(folder: Path, until: datetime) -> ssl.SSLContext:
    """A self-signed certificate of 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "camera")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(until - timedelta(days=400))
        .not_valid_after(until)
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    one = Http()
    yield one
    await one.close()
    await asyncio.sleep(0.05)


async def test_status_and_json_are_read(http: Http, plain: str) -> None:
    facts = await http.fetch(Page(f"{plain}/status", json=True), now=NOON)
    assert facts.readings["status"] == 200
    assert pointer(facts.document, "/supply/volts") == 229.5
    assert pointer(facts.document, "/fans/1/rpm") == 0
    assert pointer(facts.document, "/fans/9/rpm") is None


@pytest.mark.parametrize(("pattern", "matches"), [("systems (normal|fine)", 1), ("alarm", 0)])
async def test_content_is_matched(http: Http, plain: str, pattern: str, matches: int) -> None:
    facts = await http.fetch(Page(f"{plain}/text", contains=pattern), now=NOON)
    assert facts.readings["content_matches"] == matches


async def test_an_endless_page_is_cut(http: Http, plain: str) -> None:
    facts = await http.fetch(Page(f"{plain}/endless"), now=NOON)
    assert facts.truncated
    assert facts.readings["body_bytes"] == MAX_BODY
    with pytest.raises(TroubleError) as caught:
        await http.fetch(Page(f"{plain}/endless", json=True), now=NOON)
    assert caught.value.reason == "limit"


async def test_a_redirect_is_told_and_not_followed(http: Http, plain: str) -> None:
    facts = await http.fetch(Page(f"{plain}/away"), now=NOON)
    assert facts.readings["status"] == 302


@pytest.mark.parametrize(
    ("path", "reason"), [("/hang", "no_answer"), ("/locked", "auth"), ("/text", "bad_response")]
)
async def test_what_goes_wrong_has_its_reason(http: Http, plain: str, path: str, reason: str) -> None:
    with pytest.raises(TroubleError) as caught:
        await http.fetch(Page(f"{plain}{path}", json=True), now=NOON, timeout_s=0.5)
    assert caught.value.reason == reason


async def test_a_closed_port_is_refused(http: Http, unused_tcp_port: int) -> None:
    with pytest.raises(TroubleError) as caught:
        await http.fetch(Page(f"http://127.0.0.1:{unused_tcp_port}/"), now=NOON)
    assert caught.value.reason == "refused"


async def test_what_is_no_http_is_a_bad_response(http: Http) -> None:
    async def rubbish(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n\x00\xff")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(rubbish, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(TroubleError) as caught:
        await http.fetch(Page(f"http://127.0.0.1:{port}/"), now=NOON)
    assert caught.value.reason == "bad_response"
    server.close()


async def test_the_expiry_of_a_certificate_is_read_and_an_unknown_one_is_not_trusted(
    http: Http, tmp_path: Path
) -> None:
    runner, port = await start(certificate(tmp_path, datetime.now(UTC) + timedelta(days=10)))
    page = Page(f"https://127.0.0.1:{port}/text", verify=False)
    facts = await http.fetch(page, now=datetime.now(UTC))
    remaining = facts.readings["certificate_expiry_seconds"]
    assert isinstance(remaining, float)
    assert 9.9 < remaining / 86_400 < 10
    with pytest.raises(TroubleError) as caught:
        await http.fetch(Page(f"https://127.0.0.1:{port}/text"), now=NOON)
    assert caught.value.reason == "security"
    await runner.cleanup()
