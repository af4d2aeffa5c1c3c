"""What other practices ask of service levels."""

from server.sla.clocks import (
    SLA_NEWS,
    ClockView,
    escalations,
    pause,
    reprioritise,
    restart,
    resume,
    start,
    stop,
    views,
    watch,
)
from server.sla.models import ClockKind
from server.sla.targets import all_targets, deadlines, targets

__all__ = [
    "SLA_NEWS",
    "ClockKind",
    "ClockView",
    "all_targets",
    "deadlines",
    "escalations",
    "pause",
    "reprioritise",
    "restart",
    "resume",
    "start",
    "stop",
    "targets",
    "views",
    "watch",
]
