"""Where the application and a request keep what belongs to them."""

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jinja2 import Environment

    from server.kernel.assets import Assets
    from server.kernel.call import Authenticator, Call
    from server.kernel.clock import Clock
    from server.kernel.db import Database
    from server.kernel.jobrunner import JobRunner
    from server.kernel.practice import Practice
    from server.kernel.routing import Route
    from server.kernel.settings import Settings
    from server.kernel.stream import Hub

DATABASE: "web.AppKey[Database]" = web.AppKey("database")
CLOCK: "web.AppKey[Clock]" = web.AppKey("clock")
SETTINGS: "web.AppKey[Settings]" = web.AppKey("settings")
TEMPLATES: "web.AppKey[Environment]" = web.AppKey("templates")
ASSETS: "web.AppKey[Assets]" = web.AppKey("assets")
PRACTICES: "web.AppKey[Sequence[Practice]]" = web.AppKey("practices")
ROUTES: "web.AppKey[Sequence[Route]]" = web.AppKey("routes")
AUTHENTICATOR: "web.AppKey[Authenticator]" = web.AppKey("authenticator")
JOBS: "web.AppKey[JobRunner]" = web.AppKey("jobs")
HUB: "web.AppKey[Hub]" = web.AppKey("hub")
VERSION: "web.AppKey[str]" = web.AppKey("version", str)
BACKGROUND: "web.AppKey[bool]" = web.AppKey("background", bool)  # it also works beside the requests
READY: "web.AppKey[Mapping[str, Callable[[], str | None]]]" = web.AppKey("ready")

REQUEST_ID: "web.RequestKey[str]" = web.RequestKey("request_id", str)
ROUTE: "web.RequestKey[Route]" = web.RequestKey("route")
CALL: "web.RequestKey[Call]" = web.RequestKey("call")
