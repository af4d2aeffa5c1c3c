"""The index of the settings, and the settings of this server."""

from typing import Any

from aiohttp import web

from server.accounts.pages import matching, pages, sections, shown
from server.kernel.call import Call
from server.kernel.settings import SECRETS, Settings, source


@pages.get("/settings", signed_in=True)
async def index(call: Call) -> web.Response:
    """All settings this person may open, searched by `?q=`."""
    text = call.request.query.get("q", "")[:80]
    found = sections(call)
    return call.render(
        "accounts/settings.html", sections=found, section="", found=matching(found, text), text=text
    )


@pages.get("/settings/server", permission="settings.read")
async def server_settings(call: Call) -> web.Response:
    """The settings of file and environment: value, default, where it comes from, what it changes."""
    return shown(
        call, "accounts/server.html", "server", rows=[_line(call, name) for name in Settings.model_fields]
    )


def _line(call: Call, name: str) -> dict[str, Any]:
    known = Settings.model_fields[name]
    value = getattr(call.settings, name)
    return {
        "name": name,
        "effect": known.description or "",
        "value": "" if name in SECRETS else value,
        "hidden": name in SECRETS and bool(value),
        "default": known.default,
        "source": source(call.settings, name),
    }
