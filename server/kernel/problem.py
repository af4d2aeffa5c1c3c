"""From an error to an answer: a page, a fragment's toast, or problem+json."""

import json
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from jinja2 import TemplateNotFound

from server.kernel import gate, keys
from server.kernel.call import Call
from server.kernel.errors import DeskError, NotFoundError, TooLargeError, UnauthenticatedError
from server.kernel.formdata import FormError, said_of
from server.kernel.i18n import N_
from server.kernel.routing import Route

log = structlog.get_logger(__name__)
RETRY_AFTER_S = 5
COME_BACK = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.INSUFFICIENT_STORAGE,
}
PROGRAMS = ("/api/", "/agent/", "/events", "/metrics", "/healthz", "/readyz")


class BugError(DeskError):
    """What we tell of a fault of ours: that it is ours, and where to find it."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal"


class HttpRefusalError(DeskError):
    """A refusal of the HTTP layer (method, size, syntax)."""

    code = "http"

    def __init__(self, status: int, msgid: str) -> None:
        super().__init__(msgid)
        self.http_status = status


def bug(request_id: str) -> BugError:
    """The answer to an unhandled error."""
    return BugError(
        N_("A mistake of Watchdesk; what you sent is not stored. Tell your administrator: {request_id}."),
        request_id=request_id,
    )


def from_http(error: web.HTTPException) -> DeskError:
    """An aiohttp refusal as a DeskError."""
    if error.status == HTTPStatus.NOT_FOUND:
        return NotFoundError(gate.NOT_FOUND)
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return TooLargeError(N_("The body is larger than the limit."))
    if error.status == HTTPStatus.METHOD_NOT_ALLOWED:
        return HttpRefusalError(error.status, N_("This address does not take that method."))
    return HttpRefusalError(error.status, N_("The request is not well formed."))


def answer(request: web.Request, error: DeskError, call: Call | None) -> web.StreamResponse:
    """The answer to an error, as the asker can read it."""
    route: Route | None = request.get(keys.ROUTE)
    program = route.kind != "page" if route is not None else request.path.startswith(PROGRAMS)
    status = getattr(error, "http_status", None) or int(error.status)
    if program:
        response: web.StreamResponse = _problem(request, error, status)
    elif isinstance(error, UnauthenticatedError):
        response = _to_login(request)
    elif request.headers.get("HX-Request") == "true":
        response = _fragment(error, status)
    else:
        response = _page(request, error, status, call)
    if status == HTTPStatus.UNAUTHORIZED and program:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _problem(request: web.Request, error: DeskError, status: int) -> web.Response:
    told: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": error.code,
        "message": said_of(error),
        "request_id": request[keys.REQUEST_ID],
    }
    if error.field is not None:
        told["field"] = error.field
    if error.limit is not None:
        told["limit"] = error.limit
    if isinstance(error, FormError):
        told["fields"] = [{"field": field, "message": said} for field, said in error.pointers]
    elif error.places:
        told["details"] = {name: _jsonable(value) for name, value in error.places.items()}
    body = json.dumps(told, ensure_ascii=False)
    return web.Response(status=status, text=body, content_type="application/problem+json")


def _jsonable(value: Any) -> Any:
    if isinstance(value, str | int | float | bool | None | dict | list):
        return value
    return [str(item) for item in value] if isinstance(value, tuple | set | frozenset) else str(value)


def _to_login(request: web.Request) -> web.Response:
    if request.headers.get("HX-Request") == "true":
        return web.Response(status=401, headers={"HX-Redirect": "/login"})
    return web.Response(
        status=302, headers={"Location": gate.login_url(request), "Cache-Control": "no-store"}
    )


def _fragment(error: DeskError, status: int) -> web.Response:
    """For htmx: nothing is swapped, the sentence is shown as a toast that does not vanish."""
    news = {"wd:toast": {"text": said_of(error), "kind": "error"}}
    headers = {"HX-Reswap": "none", "HX-Trigger": json.dumps(news)}
    return web.Response(status=status, text=said_of(error), headers=headers)


def _page(request: web.Request, error: DeskError, status: int, call: Call | None) -> web.Response:
    said = said_of(error)
    if call is not None:
        try:
            return call.render(
                "error.html",
                status=status,
                code=status,
                kind=error.code,
                message=said,
                permission=error.places.get("permission", ""),
                trace=request[keys.REQUEST_ID],
            )
        except TemplateNotFound:
            log.warning("the template error.html is not there")
    text = f"{status}\n{said}\n{request[keys.REQUEST_ID]}\n"
    return web.Response(status=status, text=text, content_type="text/plain")
