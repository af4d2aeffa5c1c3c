"""Pages of a practice: HTML routes behind the gate.

pages = Pages("incidents")

@pages.get("/incidents/{number}", permission="incident.read")
async def record(call: Call, number: str) -> web.Response: ...
"""

from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web

from server.kernel.call import Call
from server.kernel.routing import FORM_LIMIT, Handler, Routes

H = TypeVar("H", bound=Handler)

__all__ = ["Call", "Pages", "Raw", "web"]


class _Declaring(Routes):
    """Routes that are declared by `get` and `post`."""

    def get(
        self, path: str, *, permission: str | None = None, signed_in: bool = False, public: bool = False
    ) -> Callable[[H], H]:
        """A page or fragment to read."""
        return self._declare("GET", path, permission=permission, signed_in=signed_in, public=public)

    def post(
        self,
        path: str,
        *,
        permission: str | None = None,
        signed_in: bool = False,
        public: bool = False,
        body_limit: int = FORM_LIMIT,
    ) -> Callable[[H], H]:
        """A step that changes something."""
        return self._declare(
            "POST", path, permission=permission, signed_in=signed_in, public=public, body_limit=body_limit
        )

    def _declare(self, method: str, path: str, **how: Any) -> Callable[[H], H]:
        def declare(handler: H) -> H:
            self.add(method, path, handler, **how)
            return handler

        return declare


class Pages(_Declaring):
    """The HTML pages of a practice. A POST carries the CSRF token and is read into `call.form`."""

    kind = "page"


class Raw(_Declaring):
    """Routes of programs that are no JSON API (agents, webhooks): usually with a `guard`.

    A Raw route reads its own body: `await gate.read_body(call.request, limit)`; errors are
    answered as problem+json. CSRF does not apply, for there is no session.
    """

    kind = "raw"
