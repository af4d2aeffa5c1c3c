"""Measured values in words: the title of a metric, its value with unit, how good it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.kernel.i18n import _, format_bytes, format_duration, format_number, format_unit
from server.metrics import titles
from server.metrics.models import Kind
from server.metrics.service import Latest

PER_CENT = 100
THOUSAND = 1000
WHOLE_FROM = 0.1  # ratios from here on are shown as whole per cent
OLD_AFTER = timedelta(minutes=10)


@dataclass(frozen=True)
class Reading:
    """A measured value ready to be shown. `old`: not measured for long. `severity` of a state, or ""."""

    series_id: int
    metric: str
    title: str
    text: str
    value: float | None
    at: datetime | None
    old: bool
    severity: str
    state: bool
    labels: Mapping[str, str]


def reading(latest: Latest, now: datetime) -> Reading:
    """A latest value in words; what could not be read says so and is never blank."""
    series = latest.series
    severity = ""
    if latest.word is not None:
        severity = titles.severity(series.metric, latest.word)
    old = latest.at is None or now - latest.at > OLD_AFTER
    return Reading(
        series.id,
        series.metric,
        titles.title(series.metric),
        text(latest),
        latest.value,
        latest.at,
        old,
        severity,
        series.kind is Kind.STATE,
        series.labels,
    )


def text(latest: Latest) -> str:
    """The value with its unit, or why there is none."""
    if latest.at is None:
        return _("not measured yet")
    if latest.value is None:
        return _("no value")
    if latest.series.kind is Kind.STATE:
        return latest.word or format_number(latest.value)
    return number(latest.series.metric, latest.series.unit, latest.value)


def number(metric: str, unit: str, value: float) -> str:
    """A number of a metric: ratios as per cent, seconds as a length of time, bytes in binary units."""
    if metric.endswith("_ratio") or unit == "ratio":
        return f"{format_number(value * PER_CENT, 0 if abs(value) >= WHOLE_FROM else 1)}%"
    if unit in {"s", "seconds"} and abs(value) >= 60:
        return format_duration(timedelta(seconds=value))
    if unit in {"B", "bytes"}:
        return format_bytes(value)
    unit = {"celsius": "°C", "seconds": "s", "volts": "V", "watts": "W", "amperes": "A", "hertz": "Hz"}.get(
        unit, unit
    )
    if unit in {"W", "VA", "bit/s"} and abs(value) >= 1000:
        step, prefix = (1e9, "G") if abs(value) >= 1e9 else (1e6, "M") if abs(value) >= 1e6 else (1e3, "k")
        return format_unit(value / step, f"{prefix}{unit}", 1)
    if unit == "°C":
        return format_unit(value, unit, 1)
    return format_unit(value, unit)
