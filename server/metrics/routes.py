"""What pages ask for: the numbers behind a chart."""

from typing import Annotated

from aiohttp import web
from pydantic import Field, ValidationError

from server.kernel.api import ApiModel, Id, Moment
from server.kernel.call import Call
from server.kernel.web import Pages
from server.metrics import charts
from server.metrics.spans import span

pages = Pages("metrics")


class ChartQuery(ApiModel):
    """Which lines over which range. `metric` may be several, divided by commas."""

    ci: Id
    metric: Annotated[str, Field(min_length=1, max_length=1000)]
    from_: Annotated[Moment | None, Field(alias="from")] = None
    to: Moment | None = None
    last: Annotated[str | None, Field(max_length=10)] = None


@pages.get("/metrics/chart.json", permission="metric.read")
async def chart(call: Call) -> web.Response:
    """A chart of a CI as JSON for the island."""
    try:
        query = ChartQuery.model_validate(dict(call.request.query))
    except ValidationError as error:
        raise call.problem(error) from error
    begin, end = span(query.from_, query.to, query.last, now=call.now)
    wanted = [name.strip() for name in query.metric.split(",") if name.strip()]
    found = await call.db.read(charts.chart_of_ci, query.ci, wanted, begin, end, now=call.now)
    return web.json_response(found.as_json(), headers={"Cache-Control": "no-store"})
