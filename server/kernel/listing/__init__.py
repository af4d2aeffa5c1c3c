"""Table pages: declared once, they filter, sort, page, keep views, export and act in bulk.

A practice declares a `Listing` and shows it:

    QUEUE = Listing(
        name="incidents", url="/incidents", title=N_("Incidents"),
        statement=lambda actor: select(Incident),            # what this person may see
        key=Incident.id, sort="due", search=(Incident.number, Incident.summary),
        columns=(
            Column("priority", N_("Pr."), kind="pri", sort=Incident.priority, phone="mark"),
            Column("summary", N_("Summary"), sort=Incident.summary, href=lambda row: row.url, phone="title"),
            ...
        ),
        filters=(Filter("state", N_("State"), "choice", Incident.state, choices=(...)),),
        views=(View("open", N_("Open, by time left"), "state:open", sort="due"),),
        prepare=rows_with_names,
        row_url=lambda row: f"/incidents/{row.number}",
    )

    @pages.get("/incidents", permission="incident.read")
    async def queue(call: Call) -> web.Response:
        return await show(call, QUEUE, "incidents/queue.html")

The template says `{% extends "shell.html" %}` and `{{ lists.page(page) }}`, or gives cells of kind
"custom" a call block: `{% call(row, column) lists.page(page) %}...{% endcall %}`.

All of it is in the URL. An unknown field or order answers 422.
"""

from typing import TYPE_CHECKING, Any

from aiohttp import web

from server.kernel.listing.declare import Bulk, Choice, Column, Filter, Listing, View
from server.kernel.listing.export import as_csv
from server.kernel.listing.page import ListPage, page

if TYPE_CHECKING:
    from server.kernel.call import Call

__all__ = ["Bulk", "Choice", "Column", "Filter", "ListPage", "Listing", "View", "as_csv", "page", "show"]


async def show(call: "Call", listing: Listing, template: str, **context: Any) -> web.StreamResponse:
    """Answer a table page: the file for `format=csv`, else the template with `page`."""
    query = call.request.query
    if query.get("format") == "csv":
        body = await call.db.read(as_csv, listing, list(query.items()), actor=call.actor, now=call.now)
        name = f"{listing.name}-{call.now:%Y%m%d-%H%M}.csv"
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(body=body, content_type="text/csv", charset="utf-8", headers=headers)
    shown = await call.db.read(page, listing, list(query.items()), actor=call.actor, now=call.now)
    return call.render(template, page=shown, **context)
