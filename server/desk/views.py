"""Saving and deleting the views of table pages."""

import re

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from server.kernel.call import Call
from server.kernel.errors import InvalidError
from server.kernel.i18n import N_
from server.kernel.listing import saved
from server.kernel.web import Pages

pages = Pages("desk")
LISTING = re.compile(r"[a-z][a-z_]{0,39}")


class ViewForm(BaseModel):
    """What the dialog "Save view" sends."""

    model_config = ConfigDict(extra="forbid")

    listing: str
    url: str
    query: str = ""
    name: str = ""
    shared: bool = False


@pages.post("/views", signed_in=True)
async def save(call: Call) -> web.Response:
    """Keep the shown filters under a name and open them as a tab."""
    form = call.form_as(ViewForm)
    if LISTING.fullmatch(form.listing) is None:
        raise InvalidError(N_("There is no such table."), field="/listing")
    view = await call.db.run(
        saved.save,
        form.listing,
        name=form.name,
        query=form.query,
        shared=form.shared,
        actor=call.actor,
        now=call.now,
    )
    return call.redirect(f"{form.url}?view=v{view.id}", N_("Saved the view {name}."), name=view.name)


@pages.post("/views/{view_id}/delete", signed_in=True)
async def delete(call: Call, view_id: int) -> web.Response:
    """Delete a view; the rows stay what they are."""
    view = await call.db.run(saved.delete, view_id, actor=call.actor)
    back = str(call.form.get("url", "/"))
    return call.redirect(
        back,
        N_("Deleted the view {name}."),
        undo_url="/views",
        undo_values={
            "listing": view.listing,
            "url": back,
            "query": view.query,
            "name": view.name,
            "shared": "1" if view.shared else "0",
        },
        name=view.name,
    )
