"""The REST API of a practice: `/api/v1/...`, typed in and out, documented by its own types.

    api = Api("incidents")

    @api.get("/incidents", permission="incident.read", query=IncidentQuery,
             answer=Page[IncidentOut], summary=N_("List incidents"))
    async def list_incidents(call: Call, query: IncidentQuery) -> Page[IncidentOut]: ...

Bodies are strict JSON for a pydantic model with `extra="forbid"`; ids in paths are arguments.
What goes wrong is answered as application/problem+json.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from aiohttp import web
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.exc import IntegrityError

from server.kernel import idempotency, strictjson
from server.kernel.apidoc import Operation
from server.kernel.call import Call
from server.kernel.errors import DeskError, InvalidError
from server.kernel.formdata import validation_error
from server.kernel.gate import read_body
from server.kernel.i18n import N_
from server.kernel.routing import BODY_LIMIT, Guard, Handler, Routes

H = TypeVar("H", bound=Handler)
Item = TypeVar("Item")
PREFIX = "/api/v1"
FIRST_YEAR, LAST_YEAR = 1970, 2199


class ApiModel(BaseModel):
    """Base of what the API takes and gives: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", from_attributes=True, allow_inf_nan=False)


class PageQuery(ApiModel):
    """Which part of a list."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class Page(ApiModel, Generic[Item]):
    """A part of a list, and how long the list is."""

    items: list[Item]
    total: int
    limit: int = 50
    offset: int = 0


def _in_calendar(value: datetime) -> datetime:
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(N_("Dates are taken from 1970 to 2199."))
    return value.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_calendar)]
"""A moment with its zone, 1970 to 2199, as UTC."""
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
"""An id of a record."""


class MediaTypeError(DeskError):
    """The body is of another type than JSON."""

    status = web.HTTPUnsupportedMediaType.status_code  # type: ignore[assignment]
    code = "unsupported_media_type"


class Api(Routes):
    """The API routes of a practice, under /api/v1."""

    kind = "api"

    def __init__(self, practice: str, *, guard: Guard | None = None, prefix: str = PREFIX) -> None:
        super().__init__(practice, guard=guard, prefix=prefix)

    def get(self, path: str, **how: Any) -> Callable[[H], H]:
        """Read; `query` may be a model of the query string."""
        return self._declare("GET", path, **how)

    def post(self, path: str, **how: Any) -> Callable[[H], H]:
        """Create or do; takes an Idempotency-Key."""
        return self._declare("POST", path, **how)

    def put(self, path: str, **how: Any) -> Callable[[H], H]:
        """Replace."""
        return self._declare("PUT", path, **how)

    def patch(self, path: str, **how: Any) -> Callable[[H], H]:
        """Change some fields."""
        return self._declare("PATCH", path, **how)

    def delete(self, path: str, **how: Any) -> Callable[[H], H]:
        """Remove."""
        return self._declare("DELETE", path, **how)

    def _declare(
        self,
        method: str,
        path: str,
        *,
        summary: str,
        permission: str | None = None,
        signed_in: bool = False,
        public: bool = False,
        query: type[BaseModel] | None = None,
        body: type[BaseModel] | None = None,
        answer: Any = None,
        status: int | None = None,
        body_limit: int = BODY_LIMIT,
        errors: Mapping[int, str] | None = None,
    ) -> Callable[[H], H]:
        """Declare a route.

        Args:
            method: the HTTP method.
            path: under /api/v1, with `{name}` places that are arguments of the handler.
            summary: an N_ text for the document.
            permission: what the caller needs.
            signed_in: any caller with a session or token.
            public: any caller at all.
            query: model of the query string, passed as `query`.
            body: model of the JSON body, passed as `body`.
            answer: model of the answer; None answers 204 (or what the handler returns as a Response).
            status: of success; 200, or 204 without an answer, unless given.
            body_limit: bytes.
            errors: further statuses this route answers with, by what they mean.
        """
        for model in (query, body):
            if model is not None and model.model_config.get("extra") != "forbid":
                raise ValueError(f"{model.__name__} must forbid extra fields")
        code = status or (200 if answer is not None else 204)
        operation = Operation(summary, query, body, answer, code, dict(errors or {}), self.practice)

        def declare(handler: H) -> H:
            self.add(
                method,
                path,
                handler,
                permission=permission,
                signed_in=signed_in,
                public=public,
                body_limit=body_limit,
                operation=operation,
            )
            return handler

        return declare


async def answer(call: Call, values: dict[str, Any]) -> web.StreamResponse:
    """Run the handler of an API route with its typed query and body."""
    operation = call.route.operation
    assert operation is not None
    if operation.query is not None:
        values["query"] = _query(call.request, operation.query)
    elif call.request.query_string:
        raise InvalidError(N_("This address takes no query."), field="/" + next(iter(call.request.query), ""))
    raw = b""
    if operation.body is not None:
        _json_only(call.request)
        raw = await read_body(call.request, call.route.body_limit)
        values["body"] = _body(raw, operation.body)
    key = call.request.headers.get("Idempotency-Key")
    if key is None or call.request.method != "POST" or call.actor_or_none is None:
        return _response(operation, await call.route.handler(call, **values))
    return await _once(call, operation, values, raw, idempotency.check_key(key))


async def _once(
    call: Call, operation: Operation, values: dict[str, Any], raw: bytes, key: str
) -> web.StreamResponse:
    mark = idempotency.fingerprint(call.request.method, call.request.path, raw)
    asked = idempotency.Once(call.actor.id, key, mark, call.now)
    before = await call.db.read(idempotency.earlier, asked)
    if before is None:
        token = idempotency.once.set(asked)
        try:
            made = _response(operation, await call.route.handler(call, **values))
        except (IntegrityError, idempotency.DoneMeanwhileError):
            before = await call.db.read(idempotency.earlier, asked)
            if before is None:
                raise
        finally:
            idempotency.once.reset(token)
        if before is None:
            text = made.text if isinstance(made, web.Response) else None
            await call.db.run(idempotency.answered, asked, made.status, text or "")
            return made
    status, text = before
    return web.Response(
        status=status, text=text, content_type="application/json", headers={"Idempotency-Replayed": "true"}
    )


def _response(operation: Operation, made: Any) -> web.StreamResponse:
    if isinstance(made, web.StreamResponse):
        return made
    if operation.answer is None or operation.adapter is None:
        return web.Response(status=operation.status)
    text = operation.adapter.dump_json(made, by_alias=True).decode()
    return web.Response(status=operation.status, text=text, content_type="application/json")


def _json_only(request: web.Request) -> None:
    if request.content_type != "application/json":
        raise MediaTypeError(N_("Send the body as application/json."))


def _body(raw: bytes, model: type[BaseModel]) -> BaseModel:
    strictjson.parse(raw)
    try:
        return model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        raise validation_error(error) from error


def _query(request: web.Request, model: type[BaseModel]) -> BaseModel:
    data: dict[str, Any] = {}
    for name in dict.fromkeys(request.query):
        given = request.query.getall(name)
        for text in given:
            if said := strictjson.text_refusal(text):
                raise InvalidError(said, field=f"/{name}")
        known = model.model_fields.get(name)
        many = known is not None and "list" in str(known.annotation)
        if not many and len(given) > 1:
            raise InvalidError(N_("The field is given twice."), field=f"/{name}")
        data[name] = given if many else given[0]
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise validation_error(error) from error
