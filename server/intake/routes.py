"""What agents call: join, configuration, series, reports. Bodies are msgpack, gzip or zstd if they like."""

import asyncio
from typing import TypeVar

import structlog
from aiohttp import web

from rules import codec, wire
from server.agents import service as agents
from server.agents.models import Agent
from server.intake import registering
from server.intake.committer import Committer
from server.intake.items import Delivery
from server.kernel.call import Call
from server.kernel.errors import ForbiddenError, InvalidError, TooLargeError, UnauthenticatedError
from server.kernel.gate import read_body
from server.kernel.i18n import N_
from server.kernel.web import Raw

S = TypeVar("S")
log = structlog.get_logger(__name__)

COMMITTER: "web.AppKey[Committer]" = web.AppKey("intake", Committer)
AGENT: "web.RequestKey[Agent]" = web.RequestKey("agent", Agent)
SMALL_BODY = 64 * 1024
SERIES_BODY = 4 * 1024 * 1024
THREADED = 256 * 1024  # bytes from which a body is read in a thread


async def guard(call: Call) -> None:
    """Let in only an agent that proves itself."""
    scheme, _, proof = call.request.headers.get("Authorization", "").partition(" ")
    name, _, secret = proof.strip().partition(":")
    if scheme != "Agent" or not (name.isascii() and name.isdigit() and len(name) < 19) or not secret:
        raise UnauthenticatedError(N_("Authorization must be: Agent ID:SECRET."))
    call.request[AGENT] = await call.db.read(agents.authenticate, int(name), secret)


raw = Raw("intake", guard=guard)


def agent_of(call: Call) -> Agent:
    """The agent that the guard let in."""
    return call.request[AGENT]


@raw.post("/agent/v1/enrol", public=True, body_limit=SMALL_BODY)
async def enrol(call: Call) -> web.Response:
    """Join with a one-time token; the secret in the answer is told once."""
    ask = _decoded(await read_body(call.request, SMALL_BODY), wire.Enrol)
    if not wire.OLDEST_PROTOCOL <= ask.protocol <= wire.PROTOCOL:
        raise InvalidError(
            N_("Protocol {theirs} is not spoken here; {ours} is."),
            field="/protocol",
            theirs=ask.protocol,
            ours=wire.PROTOCOL,
        )
    return _answer(await call.db.run(agents.enrol, ask, now=call.now))


@raw.get("/agent/v1/config")
async def config(call: Call) -> web.Response:
    """What to do; 304 while nothing changed."""
    agent = agent_of(call)
    await call.db.run(agents.note_heard, [agents.Heard(agent.id, call.now)], now=call.now)
    tag = f'"{agents.generation_of(agent)}"'
    if call.request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers={"ETag": tag})
    found = await call.db.read(registering.config, agent.id)
    return _answer(found, headers={"ETag": f'"{found.generation}"', "Cache-Control": "no-store"})


@raw.post("/agent/v1/series", body_limit=SERIES_BODY)
async def series(call: Call) -> web.Response:
    """Number series; 0 for those of devices that are not this agent's."""
    ask = _decoded(await read_body(call.request, SERIES_BODY), wire.SeriesRequest)
    agent = agent_of(call)
    ids = await call.db.run(registering.register, agent.id, ask.items, now=call.now)
    call.app[COMMITTER].scopes.forget(agent.id)
    return _answer(wire.SeriesAnswer(ids))


@raw.post("/agent/v1/reports", body_limit=wire.MAX_BODY)
async def reports(call: Call) -> web.Response:
    """Take a report; answered once it is on disk."""
    body = await read_body(call.request, wire.MAX_BODY)
    agent = agent_of(call)
    try:
        if len(body) > THREADED:
            report, refused = await asyncio.to_thread(codec.decode_report, body)
        else:
            report, refused = codec.decode_report(body)
    except codec.WireError as error:
        raise _wire_problem(error) from error
    if report.agent != agent.id:
        log.warning("report in another agent's name", agent=agent.id, claimed=report.agent)
        raise ForbiddenError(N_("A report must carry the name of the agent that sends it."), field="/agent")
    delivery = Delivery(report, call.now, refused)
    return _answer(await call.app[COMMITTER].submit(delivery, len(body)))


def _decoded(body: bytes, kind: type[S]) -> S:
    try:
        message = codec.decode(body, kind)
    except codec.WireError as error:
        raise _wire_problem(error) from error
    if codec.has_nul(message):
        raise InvalidError(N_("The body cannot be read: {reason}"), reason="a text holds a NUL")
    return message


def _wire_problem(error: codec.WireError) -> InvalidError | TooLargeError:
    if error.code in {"too_large", "too_many_items"}:
        return TooLargeError(N_("The report is too large: {reason}"), limit=error.limit, reason=str(error))
    return InvalidError(N_("The body cannot be read: {reason}"), reason=str(error))


def _answer(message: object, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=codec.encode(message),  # type: ignore[arg-type]  # a Struct of the wire
        content_type=wire.MEDIA_TYPE,
        headers=headers,
    )
