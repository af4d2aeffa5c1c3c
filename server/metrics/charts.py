"""A chart as the console's island reads it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from server.kernel.errors import InvalidError
from server.kernel.i18n import N_
from server.metrics import service
from server.metrics.models import Kind, Series
from server.metrics.ranges import Curve, comfortable_step
from server.metrics.samples import Values
from server.metrics.titles import title

POINTS = 360  # buckets of a chart, about one for each two pixels
MOST_SERIES = 12  # lines of one chart


@dataclass(frozen=True)
class Chart:
    """Lines over a range. Marks and thresholds are added by those who know of alerts and changes."""

    series: list[dict[str, Any]]
    left_out: int  # lines beyond the most that a chart shows
    from_ms: int
    to_ms: int
    marks: list[dict[str, Any]] = field(default_factory=list)
    thresholds: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """What the island reads."""
        return {
            "series": self.series,
            "left_out": self.left_out,
            "from": self.from_ms,
            "to": self.to_ms,
            "marks": self.marks,
            "thresholds": self.thresholds,
        }


def chart_of_ci(
    session: Session, ci_id: int, metrics: Sequence[str], from_at: datetime, to_at: datetime, *, now: datetime
) -> Chart:
    """The chart of some metrics of a CI, each series a line."""
    found = [one for one in service.series_of(session, ci_id) if one.metric in set(metrics)]
    return chart(session, found, from_at, to_at, now=now)


def chart(
    session: Session, found: Sequence[Series], from_at: datetime, to_at: datetime, *, now: datetime
) -> Chart:
    """The chart of some series."""
    if to_at <= from_at:
        raise InvalidError(N_("The range ends before it begins."), field="/to")
    shown = found[:MOST_SERIES]
    step = comfortable_step(from_at, to_at, points=POINTS)
    ids = [one.id for one in shown]
    curves = service.query(session, ids, from_at, to_at, step, now=now) if ids else {}
    titled = len(shown) == 1 or len({one.metric for one in shown}) > 1
    lines = [_line(one, curves[one.id], titled=titled) for one in shown if one.id in curves]
    span = (round(from_at.timestamp() * 1000), round(to_at.timestamp() * 1000))
    return Chart(lines, len(found) - len(shown), *span)


def _line(series: Series, curve: Curve, *, titled: bool) -> dict[str, Any]:
    scale, unit = shown_unit(series)
    values = curve.values * scale
    line: dict[str, Any] = {
        "id": series.id,
        "name": line_name(series, titled=titled),
        "metric": series.metric,
        "unit": unit,
        "kind": series.kind.value,
        "states": series.states,
        "points": _points(curve, values),
    }
    if curve.low is not None and curve.high is not None:
        line["min"], line["max"] = _points(curve, curve.low * scale), _points(curve, curve.high * scale)
    return line


def shown_unit(series: Series) -> tuple[float, str]:
    """Factor and unit for people: ratios in per cent, counters for each second."""
    if series.metric.endswith("_ratio"):
        return 100.0, "%"
    if series.kind is Kind.COUNTER:
        return 1.0, f"{series.unit}/s" if series.unit else "/s"
    return 1.0, series.unit


def line_name(series: Series, *, titled: bool) -> str:
    """What tells the line from its neighbours: its labels, else what its metric is called."""
    if not series.labels:
        return title(series.metric)
    labels = ", ".join(str(value) for _, value in sorted(series.labels.items()))
    return f"{title(series.metric)} {labels}" if titled else labels


def _points(curve: Curve, values: Values) -> list[list[float | None]]:
    """Pairs of moment and value; seven digits are more than any sensor has, and half the bytes."""
    told = [None if np.isnan(value) else float(f"{value:.7g}") for value in values.tolist()]
    return [[at, value] for at, value in zip(curve.at.tolist(), told, strict=True)]
