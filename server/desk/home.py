"""Home and My work: what is mine, by time left, and what happens now."""

from aiohttp import web

from server.kernel.call import Call
from server.kernel.web import Pages

pages = Pages("desk")


@pages.get("/", signed_in=True)
async def home(call: Call) -> web.Response:
    """The first page after signing in."""
    return call.render("desk/home.html")
