"""Routes as data: what a practice declares, before the application binds them.

Every route names a permission, or says that it is for anyone signed in, or public, or guarded by
a callable of its practice. A route that says none of it is a mistake and is refused at import.
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from aiohttp import web

if TYPE_CHECKING:
    from server.kernel.apidoc import Operation
    from server.kernel.call import Call

Handler = Callable[..., Awaitable[Any]]
Guard = Callable[["Call"], Awaitable[None]]
Kind = Literal["page", "api", "raw"]

FORM_LIMIT = 256 * 1024  # bytes of a form
BODY_LIMIT = 1024 * 1024  # bytes of an API body, unless the route says otherwise
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Route:
    """One route. Exactly one of permission, signed_in, public, guard opens it."""

    kind: Kind
    method: str
    path: str
    handler: Handler
    practice: str
    permission: str | None = None
    signed_in: bool = False
    public: bool = False
    guard: Guard | None = None
    body_limit: int = FORM_LIMIT
    operation: "Operation | None" = None
    converters: dict[str, type] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if sum((self.permission is not None, self.signed_in, self.public, self.guard is not None)) != 1:
            raise ValueError(
                f"{self.method} {self.path} must name one of: permission, signed_in, public, guard"
            )


class Routes:
    """The routes of a practice, in the order they were declared."""

    kind: Kind = "raw"

    def __init__(self, practice: str, *, guard: Guard | None = None, prefix: str = "") -> None:
        self.practice = practice
        self.guard = guard
        self.prefix = prefix
        self.routes: list[Route] = []

    def __iter__(self) -> Any:
        return iter(self.routes)

    def add(self, method: str, path: str, handler: Handler, **how: Any) -> None:
        """Declare a route; see `Route` for what `how` may say."""
        if self.guard is not None and not how.get("public"):
            how["guard"] = self.guard
            how["permission"] = None
        self.routes.append(
            Route(
                kind=self.kind,
                method=method,
                path=self.prefix + path,
                handler=handler,
                practice=self.practice,
                converters=path_types(self.prefix + path, handler),
                **how,
            )
        )


def path_names(path: str) -> Sequence[str]:
    """The names in braces of a path."""
    return [part.split("}")[0].split(":")[0] for part in path.split("{")[1:]]


def path_types(path: str, handler: Handler) -> dict[str, type]:
    """How each place of the path is converted: by the annotation of the handler's argument."""
    hints = get_type_hints(handler)
    known = inspect.signature(handler).parameters
    types: dict[str, type] = {}
    for name in path_names(path):
        if name not in known:
            raise ValueError(f"the handler of {path} does not take {name}")
        kind = hints.get(name, str)
        if kind not in {str, int}:
            raise ValueError(f"{path}: {name} must be str or int")
        types[name] = kind
    return types


def convert(route: Route, request: web.Request) -> dict[str, Any] | None:
    """The path's values; None where one is no id we could ever have given out."""
    values: dict[str, Any] = {}
    for name, kind in route.converters.items():
        text = request.match_info[name]
        if kind is str:
            if "\x00" in text or not text.isprintable() or len(text) > 300:
                return None
            values[name] = text
            continue
        if not (text.isascii() and text.isdigit() and len(text) <= 19) or int(text) > LARGEST_ID:
            return None
        values[name] = int(text)
    return values
