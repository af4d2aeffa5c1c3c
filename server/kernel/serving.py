"""How requests are taken: middlewares, binding of routes, health and metrics."""

import errno
import ipaddress
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Network, IPv6Network

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.orm import Session

from server.kernel import api, gate, i18n, keys, problem, space, timelimit
from server.kernel.call import Call
from server.kernel.errors import DeskError, FullError, InvalidError, UnauthenticatedError
from server.kernel.i18n import N_
from server.kernel.routing import Route
from server.kernel.telemetry import REQUEST_SECONDS

log = structlog.get_logger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SLOW_S = 1.0
NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
SEARCHES = ("q", "text", "words")  # what a person typed, in the query

POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=(self)",
}


@web.middleware
async def outermost(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Number the request, time it, answer its errors, and set the headers every answer has."""
    request = behind_proxy(request, request.app[keys.SETTINGS].proxies)
    given = request.headers.get("X-Request-ID", "")
    request[keys.REQUEST_ID] = given if re.fullmatch(r"[A-Za-z0-9\-]{8,64}", given) else secrets.token_hex(8)
    structlog.contextvars.bind_contextvars(request_id=request[keys.REQUEST_ID])
    started = time.monotonic()
    status = 499  # the client went away
    try:
        response = await _answered(request, handler)
        status = response.status
        if not response.prepared:
            _finish(request, response)
        return response
    finally:
        _told(request, status, time.monotonic() - started)


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        i18n.set_reader(_language(request), "UTC")
        return problem.answer(request, problem.from_http(error), await _stranger(request))
    except DeskError as error:
        return problem.answer(request, error, request.get(keys.CALL))
    except (DataError, OverflowError) as error:
        log.warning("not storable", method=request.method, path=request.path, error=str(error)[:300])
        refusal = InvalidError(N_("A number or text in the request is beyond what can be kept."))
        return problem.answer(request, refusal, request.get(keys.CALL))
    except Exception as error:  # outermost loop: a bug is logged with its trace and answers 500
        full = isinstance(error, OSError) and error.errno in NO_ROOM
        if not full:
            log.exception("unhandled", method=request.method, path=request.path)
        said = FullError(space.FULL) if full else problem.bug(request[keys.REQUEST_ID])
        return problem.answer(request, said, request.get(keys.CALL))


def _language(request: web.Request) -> str:
    chosen = request.cookies.get("language", "")
    if chosen in i18n.LANGUAGES:
        return chosen
    return gate.browser_language(request, request.app[keys.SETTINGS].site_language)


async def _stranger(request: web.Request) -> Call | None:
    """The call behind an address that no route has: a 404 page keeps its navigation."""
    if request.path.startswith(problem.PROGRAMS):
        return None
    route = Route("page", request.method, "", _nowhere, "kernel", public=True)
    try:
        with structlog.contextvars.bound_contextvars():
            call, _ = await gate.admit(route, request.clone(method="GET"))
    except DeskError:
        return None
    return call


async def _nowhere(_call: Call) -> web.StreamResponse:
    raise web.HTTPNotFound


def _finish(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if response.status in problem.COME_BACK:
        response.headers.setdefault("Retry-After", str(problem.RETRY_AFTER_S))
    response.headers["X-Request-ID"] = request[keys.REQUEST_ID]
    if request.secure or request.app[keys.SETTINGS].https:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    call: Call | None = request.get(keys.CALL)
    if call is not None:
        gate.finish(call, response)


def _told(request: web.Request, status: int, took: float) -> None:
    route: Route | None = request.get(keys.ROUTE)
    path = route.path if route is not None else "(none)"
    REQUEST_SECONDS.labels(request.method, path, str(status)).observe(took)
    if took > SLOW_S and path != "/events":
        log.warning("slow request", method=request.method, path=request.path, seconds=round(took, 3))


def behind_proxy(request: web.Request, proxies: tuple[IPv4Network | IPv6Network, ...]) -> web.Request:
    """The request as the browser made it, where a configured proxy says so; else as it came."""
    if not proxies or request.remote is None:
        return request
    chain = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    remote = request.remote
    while chain and _within(remote, proxies):
        remote = chain.pop()
        if not _is_address(remote):
            return request
    if remote == request.remote:
        return request
    scheme = request.headers.get("X-Forwarded-Proto", request.scheme)
    host = request.headers.get("X-Forwarded-Host", request.host)
    return request.clone(
        remote=remote, scheme=scheme if scheme in {"http", "https"} else request.scheme, host=host
    )


def _within(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return _is_address(address) and any(ipaddress.ip_address(address) in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def bind(app: web.Application, routes: list[Route]) -> None:
    """Give each route its gate and add it to the application."""
    seen: dict[tuple[str, str], str] = {}
    for route in routes:
        place = (route.method, re.sub(r"\{[^}]+\}", "{}", route.path))
        if place in seen:
            raise ValueError(f"{route.method} {route.path} is declared by {seen[place]} and {route.practice}")
        seen[place] = route.practice
    # An address in full comes before one with a place in it, whoever declared it first.
    for route in sorted(routes, key=lambda route: route.path.count("{")):
        app.router.add_route(route.method, route.path, _handler(route))
        if route.method == "GET":
            app.router.add_route("HEAD", route.path, _handler(route))


def _handler(route: Route) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        request[keys.ROUTE] = route
        timelimit.allow(_patience(request))
        call: Call | None = None
        try:
            call, values = await gate.admit(route, request)
            request[keys.CALL] = call
            with gate.turn(call):
                if route.kind == "api":
                    response = await api.answer(call, values)
                else:
                    response = await route.handler(call, **values)
        except UnauthenticatedError:
            i18n.set_reader(_language(request), "UTC")
            raise
        if request.method not in gate.SAFE and call.actor_or_none is not None:
            gate.forget_counts(request.app, call.actor_or_none.id)
        return response

    return handle


def _patience(request: web.Request) -> float:
    """Seconds that a statement of this request may take."""
    if request.method not in gate.SAFE:
        return timelimit.STATEMENT_S
    searches = any(request.query.get(name) for name in SEARCHES)
    return timelimit.SEARCH_S if searches else timelimit.PAGE_S


async def healthz(_request: web.Request) -> web.Response:
    """The process answers."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """The process can work: the database answers and takes what was asked of it."""
    try:
        await request.app[keys.DATABASE].read(_ping)
    except (DBAPIError, DeskError):
        return web.Response(status=503, text="database\n", headers={"Retry-After": "5"})
    for name, check in request.app[keys.READY].items():
        said = check()
        if said is not None:
            return web.Response(status=503, text=f"{name}: {said}\n", headers={"Retry-After": "5"})
    return web.Response(text="ready\n")


def _ping(session: Session) -> None:
    session.execute(text("SELECT 1"))


async def metrics(request: web.Request) -> web.Response:
    """Prometheus metrics; open to this machine, to others by the token of the settings."""
    token = request.app[keys.SETTINGS].metrics_token
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token:
        if not secrets.compare_digest(sent.encode(), token.encode()):
            raise UnauthenticatedError(N_("Use the token of the setting metrics_token."))
    elif request.remote is None or not ipaddress.ip_address(request.remote).is_loopback:
        raise UnauthenticatedError(N_("Set metrics_token to read metrics from another machine."))
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def system_routes() -> list[web.RouteDef]:
    """Routes of the kernel itself, outside the gate."""
    return [
        web.get("/healthz", healthz),
        web.get("/readyz", readyz),
        web.get("/metrics", metrics),
    ]
