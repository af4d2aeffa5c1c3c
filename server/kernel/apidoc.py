"""The OpenAPI 3.1 document, built from the same types that check each request."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from server.kernel.i18n import _

if TYPE_CHECKING:
    from server.kernel.routing import Route

REF = "#/components/schemas/{model}"
MEANING = {
    400: "The body is not JSON, or the request is not well formed.",
    401: "No token or session, or it is no longer good.",
    403: "The caller's roles or the token's scopes do not include this.",
    404: "There is no such record, or none that a field names, or the caller may not see it.",
    409: "The state or a newer version of the record does not allow this.",
    413: "The body is larger than the limit.",
    415: "The body is not application/json.",
    422: "A field cannot be taken; `field` names it.",
    429: "Too many requests; see Retry-After.",
    500: "An error of ours; `request_id` finds it in the log.",
    503: "The database does not take writes now, or needed too long; see Retry-After.",
    507: "The disk is full: nothing is stored until there is room; see Retry-After.",
}
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong, in plain words (RFC 9457).",
    "required": ["type", "title", "status", "code", "message", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "message": {"type": "string"},
        "field": {"type": "string", "description": "JSON pointer of the field that is wrong"},
        "fields": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "limit": {"type": "integer"},
        "details": {"type": "object"},
        "request_id": {"type": "string"},
    },
}


@dataclass(frozen=True)
class Operation:
    """What an API route takes and gives."""

    summary: str
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    answer: Any
    status: int
    errors: dict[int, str] = field(default_factory=dict)
    tag: str = ""

    @cached_property
    def adapter(self) -> TypeAdapter[Any] | None:
        """Writes the answer."""
        return None if self.answer is None else TypeAdapter(self.answer)


def document(routes: Sequence["Route"], *, version: str, base: str) -> dict[str, Any]:
    """The document of all API routes, in the reader's language."""
    shown = [route for route in routes if route.kind == "api" and route.operation is not None]
    schemas, refs = _schemas(shown)
    paths: dict[str, dict[str, Any]] = {}
    for route in shown:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Watchdesk",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base}],
        "security": [{"token": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {"Problem": PROBLEM, **schemas},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas(routes: list["Route"]) -> tuple[dict[str, Any], dict[tuple[str, str], Any]]:
    """All component schemas, and each route's body and answer by (method path, use)."""
    inputs: list[tuple[tuple[str, str], JsonSchemaMode, TypeAdapter[Any]]] = []
    for route in routes:
        assert route.operation is not None
        name = f"{route.method} {route.path}"
        if route.operation.body is not None:
            inputs.append(((name, "body"), "validation", TypeAdapter(route.operation.body)))
        if route.operation.query is not None:  # for the components its fields refer to
            inputs.append(((name, "query"), "validation", TypeAdapter(route.operation.query)))
        if route.operation.adapter is not None:
            inputs.append(((name, "answer"), "serialization", route.operation.adapter))
    if not inputs:
        return {}, {}
    found, whole = TypeAdapter.json_schemas(inputs, ref_template=REF)
    return whole.get("$defs", {}), {key[0]: schema for key, schema in found.items()}


def _operation(route: "Route", refs: dict[tuple[str, str], Any]) -> dict[str, Any]:
    operation = route.operation
    assert operation is not None
    name = f"{route.method} {route.path}"
    told: dict[str, Any] = {
        "operationId": route.handler.__module__.split(".")[1] + "_" + route.handler.__name__,
        "summary": _(operation.summary),
        "tags": [operation.tag],
        "parameters": [*_path_parameters(route), *_query_parameters(operation.query)],
        "responses": _responses(route, refs.get((name, "answer"))),
    }
    if route.public:
        told["security"] = []
    if route.permission is not None:
        told["x-permission"] = route.permission
    if route.method == "POST":
        told["parameters"].append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
            }
        )
    if operation.body is not None:
        told["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": refs[name, "body"]}},
        }
    return told


def _path_parameters(route: "Route") -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
            if kind is int
            else {"type": "string", "minLength": 1, "maxLength": 300},
        }
        for name, kind in route.converters.items()
    ]


def _query_parameters(model: type[BaseModel] | None) -> list[dict[str, Any]]:
    if model is None:
        return []
    schema = model.model_json_schema(ref_template=REF)
    needed = set(schema.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in needed, "schema": field}
        for name, field in schema.get("properties", {}).items()
    ]


def _responses(route: "Route", answer: dict[str, Any] | None) -> dict[str, Any]:
    operation = route.operation
    assert operation is not None
    success: dict[str, Any] = {"description": "Done."}
    if answer is not None:
        success["content"] = {"application/json": {"schema": answer}}
    statuses = {500, 503, 429}
    if not route.public:
        statuses |= {401, 403}
    if route.converters or operation.query is not None or operation.body is not None:
        statuses |= {404}  # of the record itself, or of one that a field names
    if operation.query is not None or route.method == "GET":
        statuses |= {422}
    if route.method != "GET":
        statuses |= {403, 409, 422, 507}
    if operation.body is not None:
        statuses |= {400, 413, 415}
    told: dict[str, Any] = {str(operation.status): success}
    for status, meaning in sorted({**{code: MEANING[code] for code in statuses}, **operation.errors}.items()):
        told[str(status)] = {
            "description": meaning,
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return told
