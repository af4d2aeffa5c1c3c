"""The page "Break something": scenarios of the living room, started and stopped by hand."""

import asyncio
from typing import Any

import aiohttp

from server.demo.living import CONTROL, SILENT
from server.kernel.errors import NotFoundError, UnavailableError
from server.kernel.i18n import N_
from server.kernel.web import Call, Pages, web

pages = Pages("demo")

ICONS = {
    "mains_failure": "bolt-off",
    "crac_fault": "air-conditioning",
    "link_flap": "plug-connected-x",
    "disk_filling": "database",
    "door_forced": "door",
    "leak": "droplet",
}
TIMEOUT = aiohttp.ClientTimeout(3)


@pages.get("/demo", permission="demo.play")
async def shown(call: Call) -> web.Response:
    """What can be broken, what plays, and how the room is."""
    scenarios, state = await _ask(call, "/scenarios"), await _ask(call, "/state")
    playing = next((one for one in scenarios if one["phase"] != "idle"), None)
    template = "demo/_state.html" if call.wants_fragment else "demo/break.html"
    return call.render(template, scenarios=scenarios, state=state, playing=playing, icons=ICONS)


@pages.post("/demo/{name}/start", permission="demo.play")
async def start(call: Call, name: str) -> web.Response:
    """Begin a scenario; what played before is stopped."""
    told = await _tell(call, name, "start")
    return call.redirect("/demo", N_("It begins: {title}. Watch the incidents."), title=told["title"])


@pages.post("/demo/{name}/stop", permission="demo.play")
async def stop(call: Call, name: str) -> web.Response:
    """End a scenario and mend what it broke."""
    told = await _tell(call, name, "stop")
    return call.redirect("/demo", N_("Mended: {title}. The alerts clear by themselves."), title=told["title"])


async def _tell(call: Call, name: str, verb: str) -> dict[str, Any]:
    known = {one["name"]: one for one in await _ask(call, "/scenarios")}
    if name not in known:
        raise NotFoundError(N_("The demo cannot play {name}."), name=name)
    await _ask(call, f"/scenarios/{name}/{verb}", method="POST")
    found: dict[str, Any] = known[name]
    return found


async def _ask(call: Call, path: str, *, method: str = "GET") -> Any:
    url = await asyncio.shield(call.app[CONTROL]) + path
    try:
        async with aiohttp.ClientSession(timeout=TIMEOUT) as client, client.request(method, url) as response:
            return await response.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise UnavailableError(SILENT) from error
