"""A call: one request with its actor, database and the ways to answer it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar
from urllib.parse import urlsplit

from aiohttp import web
from multidict import MultiDict, MultiDictProxy
from pydantic import BaseModel, ValidationError
from sqlalchemy.orm import Session

from server.kernel import i18n, keys, templating
from server.kernel.db import Database
from server.kernel.errors import ForbiddenError, InvalidError
from server.kernel.formdata import form_error, validation_error
from server.kernel.i18n import N_
from server.kernel.settings import Settings

if TYPE_CHECKING:
    from server.kernel.routing import Route

Model = TypeVar("Model", bound=BaseModel)
Via = Literal["session", "token", "system"]


@dataclass(frozen=True)
class Actor:
    """Who asks, and what this person may do."""

    id: int
    username: str
    name: Mapping[str, str]
    permissions: frozenset[str]
    groups: frozenset[int] = frozenset()
    roles: frozenset[str] = frozenset()
    language: str = "en"
    timezone: str = "UTC"
    via: Via = "session"
    vendor: bool = False  # of an outside company: sees only the work that its groups were given

    def may(self, permission: str) -> bool:
        """Whether this person has the permission."""
        return permission in self.permissions

    def needs(self, permission: str) -> None:
        """Raise ForbiddenError unless this person has the permission."""
        if permission not in self.permissions:
            raise ForbiddenError(N_("Your roles do not include this step."), permission=permission)


@dataclass(frozen=True)
class Visit:
    """A browser's session: its person, its looks, and the secret its forms are signed with."""

    actor: Actor
    session_id: int
    token: str
    theme: str = "system"
    density: str = "normal"
    last_seen_at: datetime | None = None


class Authenticator(Protocol):
    """What the practice that knows people offers to the kernel."""

    def visit(self, session: Session, token: str, now: datetime) -> Visit | None:
        """The session of a cookie's token, or None if it is not (or no longer) good."""
        ...

    def bearer(self, session: Session, token: str, now: datetime) -> Actor | None:
        """The owner of an API token with the permissions of its scopes, or None."""
        ...

    def touch(self, session: Session, session_id: int, now: datetime) -> None:
        """Note that the session is in use; called now and then, not on each request."""
        ...


@dataclass
class Call:
    """One request being answered."""

    request: web.Request
    route: "Route"
    now: datetime
    actor_or_none: Actor | None = None
    visit: Visit | None = None
    csrf: str = ""
    guest: str | None = None  # a fresh secret for a visitor who has no session
    navigation: Mapping[str, tuple[templating.NavEntry, ...]] = field(default_factory=dict)
    toast: templating.Toast | None = None
    topics: tuple[str, ...] = ()
    heard: int = 0  # the newest event when the request came: what the page shows is not older
    form: "MultiDictProxy[Any]" = field(default_factory=lambda: MultiDictProxy(MultiDict()))

    @property
    def actor(self) -> Actor:
        """The person who asks; only for routes that need one."""
        if self.actor_or_none is None:
            raise ForbiddenError(N_("Sign in first."))
        return self.actor_or_none

    @property
    def db(self) -> Database:
        """The system of record."""
        return self.request.app[keys.DATABASE]

    @property
    def settings(self) -> Settings:
        """The settings of this server."""
        return self.request.app[keys.SETTINGS]

    @property
    def app(self) -> web.Application:
        """The application."""
        return self.request.app

    @property
    def wants_fragment(self) -> bool:
        """Whether htmx asks for a part of the page."""
        return self.request.headers.get("HX-Request") == "true" and "HX-Boosted" not in self.request.headers

    def render(self, template: str, *, status: int = 200, **context: Any) -> web.Response:
        """A whole page: the template extends `shell.html`."""
        if self.topics:
            context.setdefault("topics", self.topics)
        text = self.render_text(template, **context)
        response = web.Response(text=text, status=status, content_type="text/html")
        response.headers["Cache-Control"] = "no-store"
        response.headers["Vary"] = "HX-Request, Cookie"
        return response

    def fragment(self, template: str, *, status: int = 200, **context: Any) -> web.Response:
        """A part of a page, for htmx."""
        return self.render(template, status=status, **context)

    def render_text(self, template: str, **context: Any) -> str:
        """A template as text, with all that `render` gives it."""
        shell = self._shell(tuple(context.get("topics", ())))
        given = {
            "shell": shell,
            "actor": self.actor_or_none,
            "may": self.may,
            "call": self,
            "settings": self.settings,
            **context,
        }
        return templating.render(
            self.request.app[keys.TEMPLATES], template, given, now=self.now, csrf=self.csrf
        )

    def may(self, permission: str) -> bool:
        """Whether the one who asks has a permission; nobody signed in has none."""
        return self.actor_or_none is not None and self.actor_or_none.may(permission)

    def redirect(
        self,
        url: str,
        toast: str | None = None,
        *,
        undo_url: str = "",
        undo_values: Mapping[str, str] | None = None,
        **places: Any,
    ) -> web.Response:
        """Go on to a page of this site; `toast` (an N_ text with places) is shown there once.

        Args:
            url: a path of this site; anything else leads home.
            toast: what was done, in the past tense.
            undo_url: posted to with `undo_values` when the person takes the act back within 10 s.
            undo_values: form values of the undo.
            places: values of the toast's named places.
        """
        target = on_site(url)
        if self.wants_fragment:
            response = web.Response(status=204, headers={"HX-Redirect": target})
        else:
            response = web.Response(status=303, headers={"Location": target})
        if toast is not None:
            text = i18n._(toast).format(**{name: _shown(value) for name, value in places.items()})
            said = {"text": text, "undo_url": undo_url, "undo_values": dict(undo_values or {})}
            response.headers["X-Toast"] = json.dumps(said)  # the gate turns it into a signed cookie
        return response

    def problem(self, error: ValidationError) -> InvalidError:
        """A pydantic refusal in the reader's words."""
        return validation_error(error)

    def form_as(self, model: type[Model]) -> Model:
        """The form as a pydantic model; fields are trimmed, empty ones are absent, `csrf` is left out.

        A name that occurs several times, or ends in `[]`, becomes a list.

        Raises:
            FormError: with `errors`, a sentence for each field, to show beside it.
        """
        data = self._fields(model)
        try:
            return model.model_validate(data)
        except ValidationError as error:
            raise form_error(error) from error

    def form_kept(self, model: type[Model]) -> Model:
        """What a refused form held, unchecked, to show it again beside its errors."""
        data = {name: value for name, value in self._fields(model).items() if name in model.model_fields}
        kept = {
            name: [int(item) if item.isdecimal() else item for item in value]
            if isinstance(value, list)
            else value
            for name, value in data.items()
        }
        return model.model_construct(_fields_set=None, **kept)

    def _fields(self, model: type[BaseModel]) -> dict[str, Any]:
        """The form's fields by name, trimmed, without empty ones; lists where the model has lists."""
        data: dict[str, Any] = {}
        for name in self.form:
            if name in {"csrf", "_method"}:
                continue
            values = [value.strip() if isinstance(value, str) else value for value in self.form.getall(name)]
            key = name.removesuffix("[]")
            if name.endswith("[]") or _wants_list(model, key):
                data[key] = [value for value in values if value != ""]
            elif values[-1] != "":
                data[key] = values[-1]
        return data

    def _shell(self, topics: tuple[str, ...]) -> templating.Shell:
        actor, settings = self.actor_or_none, self.settings
        return templating.Shell(
            name=actor.name if actor else "",
            username=actor.username if actor else "",
            language=i18n.current_language(),
            theme=self.visit.theme if self.visit else self.request.cookies.get("theme", "system"),
            density=self.visit.density if self.visit else "normal",
            path=self.request.path_qs,
            csrf=self.csrf,
            version=self.request.app[keys.VERSION],
            build=self.request.app[keys.ASSETS].build,
            site=settings.site_name,
            topics=topics,
            heard=self.heard,
            navigation=self.navigation,
            toast=self.toast,
            trace=self.request[keys.REQUEST_ID],
        )


def on_site(url: str) -> str:
    """The url if it is a path of this site, else the home page."""
    if not url.startswith("/") or url.startswith(("//", "/\\")) or "\\" in url or not url.isprintable():
        return "/"
    parts = urlsplit(url)
    return "/" if parts.scheme or parts.netloc else url


def _wants_list(model: type[BaseModel], name: str) -> bool:
    known = model.model_fields.get(name)
    return known is not None and str(known.annotation).startswith(("list", "tuple", "set", "frozenset"))


def _shown(value: Any) -> Any:
    return i18n.loc(value) if isinstance(value, dict) else value
