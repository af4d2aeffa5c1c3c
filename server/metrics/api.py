"""Measurements over the API."""

from datetime import datetime
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.kernel.api import Api, ApiModel, Id, Moment, Page, PageQuery
from server.kernel.call import Call
from server.kernel.errors import NotFoundError
from server.kernel.i18n import N_
from server.metrics import service
from server.metrics.models import Series
from server.metrics.ranges import Curve
from server.metrics.samples import Values
from server.metrics.spans import span

api = Api("metrics")


class SeriesQuery(PageQuery):
    """Which series."""

    ci: Id | None = None
    metric: Annotated[str | None, Field(max_length=200)] = None


class SeriesOut(ApiModel):
    """A series with its newest value."""

    id: int
    ci: int
    metric: str
    labels: dict[str, str]
    unit: str
    kind: str
    states: dict[str, str]
    last_at: datetime | None
    last_value: float | None
    last_reason: str | None
    last_state: str | None


class PointsQuery(ApiModel):
    """A range, and the width of its buckets in seconds (0: samples as they came, where still kept)."""

    from_: Annotated[Moment | None, Field(alias="from")] = None
    to: Moment | None = None
    last: Annotated[str | None, Field(max_length=10)] = None
    step: Annotated[float, Field(ge=0, le=604_800)] = 0


class PointsOut(ApiModel):
    """A curve. `values` has null in each gap; `min` and `max` are there where it is in buckets."""

    id: int
    unit: str
    step: float
    at: list[datetime]
    values: list[float | None]
    min: list[float | None] | None = None
    max: list[float | None] | None = None


@api.get(
    "/series",
    permission="metric.read",
    query=SeriesQuery,
    answer=Page[SeriesOut],
    summary=N_("List what is measured, with the newest values"),
)
async def list_series(call: Call, query: SeriesQuery) -> Page[SeriesOut]:
    """All series, or those of a CI or a metric."""
    return await call.db.read(_series, query)


@api.get(
    "/series/{series_id}/points",
    permission="metric.read",
    query=PointsQuery,
    answer=PointsOut,
    summary=N_("Read a series over a range of time"),
)
async def points(call: Call, series_id: int, query: PointsQuery) -> PointsOut:
    """One series; a counter as its rate for each second."""
    begin, end = span(query.from_, query.to, query.last, now=call.now)
    return await call.db.read(_points, series_id, begin, end, query.step or None, now=call.now)


def _series(session: Session, query: SeriesQuery) -> Page[SeriesOut]:
    found = select(Series.id).where(Series.ci_id > 0)
    if query.ci is not None:
        found = found.where(Series.ci_id == query.ci)
    if query.metric is not None:
        found = found.where(Series.metric == query.metric)
    total = session.scalar(select(func.count()).select_from(found.subquery())) or 0
    ids = list(session.scalars(found.order_by(Series.id).limit(query.limit).offset(query.offset)))
    newest = service.latest_by_ids(session, ids)
    items = [_out(newest[one]) for one in ids]
    return Page[SeriesOut](items=items, total=total, limit=query.limit, offset=query.offset)


def _out(newest: service.Latest) -> SeriesOut:
    series = newest.series
    return SeriesOut(
        id=series.id,
        ci=series.ci_id,
        metric=series.metric,
        labels=series.labels,
        unit=series.unit,
        kind=series.kind.value,
        states=series.states,
        last_at=newest.at,
        last_value=newest.value,
        last_reason=newest.reason,
        last_state=newest.word,
    )


def _points(
    session: Session, series_id: int, begin: datetime, end: datetime, step: float | None, *, now: datetime
) -> PointsOut:
    series = session.get(Series, series_id)
    if series is None:
        raise NotFoundError(N_("There is no such series."))
    curve = service.query(session, [series_id], begin, end, step, now=now)[series_id]
    return PointsOut(
        id=series_id,
        unit=series.unit,
        step=curve.step_ms / 1000,
        at=_moments(curve),
        values=_plain(curve.values),
        min=_plain(curve.low) if curve.low is not None else None,
        max=_plain(curve.high) if curve.high is not None else None,
    )


def _moments(curve: Curve) -> list[Any]:
    return [moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z" for moment in _utc(curve)]


def _utc(curve: Curve) -> list[datetime]:
    found: list[datetime] = curve.at.astype("datetime64[ms]").tolist()
    return found


def _plain(values: Values) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]
