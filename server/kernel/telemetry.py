"""What Watchdesk tells of itself: Prometheus metrics and structured logs.

Log lines are one JSON object each (or coloured text on a terminal); control characters in what
came from outside are escaped, so that no text can forge a second line.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from prometheus_client import Counter, Gauge, Histogram

REQUEST_SECONDS = Histogram(
    "watchdesk_http_request_duration_seconds",
    "Time to answer a request, by route",
    ("method", "route", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
JOB_SECONDS = Histogram(
    "watchdesk_job_duration_seconds",
    "Time a background job ran, by name and outcome",
    ("job", "outcome"),
    buckets=(0.01, 0.05, 0.25, 1, 5, 30, 120, 600),
)
JOBS_WAITING = Gauge("watchdesk_jobs_waiting", "Jobs whose time has come and that nobody runs yet")
JOBS_DEAD = Gauge("watchdesk_jobs_dead", "Jobs that failed for good and wait for a person")
EVENT_STREAMS = Gauge("watchdesk_event_streams", "Browsers that listen to live updates")
EVENTS_SENT = Counter("watchdesk_events_sent_total", "Live updates sent to browsers")
TRANSACTION_SECONDS = Histogram(
    "watchdesk_db_transaction_duration_seconds",
    "Time of a database transaction with its wait for the writer",
    ("kind",),
    buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2, 10),
)
DISK_FREE_BYTES = Gauge("watchdesk_disk_free_bytes", "Free room on the disk of the data folder")
DISK_FULL = Gauge("watchdesk_disk_full", "1 while nothing is stored for want of room on the disk, else 0")


def escape_control(text: str) -> str:
    """Show control and invisible characters, direction overrides and surrogates by their escapes."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def _escape(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str) and key != "exception":
            event[key] = escape_control(value)
    return event


def configure_logs(*, json_lines: bool, level: str = "info") -> None:
    """Send all logs to standard error, as JSON lines or as text for a terminal."""
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json_lines
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _escape,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ]
            if json_lines
            else [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
