"""The pages of the machine rooms."""

from server.cmdb import words
from server.kernel.i18n import _
from server.kernel.web import Call, Pages, web
from server.rooms import listing, view
from server.rooms.words import short, state_word

pages = Pages("rooms")


@pages.get("/rooms", permission="room.read")
async def rooms(call: Call) -> web.Response:
    """All rooms, worst first."""
    found = await call.db.read(listing.all_rooms)
    call.topics = ("rooms", "alerts")
    return call.render("rooms/list.html", rooms=found)


@pages.get("/rooms/{code}", permission="room.read")
async def room(call: Call, code: str) -> web.Response:
    """One room: its plan with live values, and the same as a table."""
    asked = call.request.query.get("show", "")
    shown = await call.db.read(view.view, code, actor=call.actor, now=call.now)
    return call.render(
        "rooms/room.html",
        view=shown,
        show=asked if asked in {"plan", "table"} else "",
        finding=finding(shown),
        state_word=state_word,
        short=short,
        seen=lambda ci: _(words.PRESENCES_SHORT[ci.presence]),
    )


def finding(shown: view.RoomView) -> str:
    """What the plan shows, as a sentence for those who cannot see it."""
    said = [
        _("Feed {name}: {state}.").format(name=name, state=_feed(state))
        for name, state in shown.feeds.items()
    ]
    said += [
        _("{name}: {text}.").format(name=one.name, text=one.lines[0][0]) for one in shown.units if one.mark
    ]
    said += [_("{name}: {text}.").format(name=one.name, text=one.text) for one in shown.aisles]
    return " ".join([_("Floor plan."), *said])


def _feed(state: str) -> str:
    return {"on": _("mains"), "bat": _("on battery"), "off": _("no power")}.get(state, _("cannot tell"))
