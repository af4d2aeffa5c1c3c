"""How incidents are spoken of on pages: clocks, levels, causes, sources, links."""

from dataclasses import dataclass
from datetime import datetime

from server.cmdb.classes import catalogue
from server.incidents.models import Incident, PendingReason, Source, State
from server.kernel.i18n import N_, _, format_duration, loc
from server.sla.clocks import ClockView
from server.sla.models import ClockKind

LEVELS = {1: N_("High"), 2: N_("Medium"), 3: N_("Low"), 4: N_("Very low")}
SOURCES = {
    Source.USER: N_("a user"),
    Source.MONITORING: N_("monitoring"),
    Source.MAINTENANCE: N_("planned maintenance"),
}
STATES = {
    State.NEW: N_("New"),
    State.ASSIGNED: N_("Assigned"),
    State.ACCEPTED: N_("Accepted"),
    State.IN_PROGRESS: N_("In progress"),
    State.PENDING: N_("Pending"),
    State.RESOLVED: N_("Resolved"),
    State.CLOSED: N_("Closed"),
    State.CANCELLED: N_("Cancelled"),
}
PENDING = {
    PendingReason.USER: N_("Pending: waits for the user"),
    PendingReason.VENDOR: N_("Pending: waits for the vendor"),
    PendingReason.CHANGE: N_("Pending: waits for a change"),
    PendingReason.PART: N_("Pending: waits for a part"),
}
REASONS = {
    PendingReason.USER: N_("the user"),
    PendingReason.VENDOR: N_("the vendor"),
    PendingReason.CHANGE: N_("a change"),
    PendingReason.PART: N_("a part"),
}
PAUSED = {
    "user": N_("paused: user"),
    "vendor": N_("paused: vendor"),
    "change": N_("paused: change"),
    "part": N_("paused: part"),
}
CAUSES = {
    "power": N_("Power supply"),
    "cooling": N_("Cooling and climate"),
    "hardware": N_("Hardware fault"),
    "network": N_("Network or cabling"),
    "software": N_("Software fault"),
    "configuration": N_("Configuration or change"),
    "capacity": N_("Capacity used up"),
    "human": N_("Operating mistake"),
    "external": N_("Supplier or outside"),
    "false_alarm": N_("False alarm"),
    "recovered": N_("Recovered by itself"),
    "unknown": N_("Cause not found"),
}
CATEGORIES = {
    "power": N_("Power"),
    "cooling": N_("Cooling"),
    "environment": N_("Room climate"),
    "water": N_("Water"),
    "safety": N_("Fire safety"),
    "access": N_("Door access"),
    "network": N_("Network"),
    "cabling": N_("Cabling"),
    "server": N_("Servers"),
    "hardware": N_("Hardware"),
    "equipment": N_("Equipment"),
    "software": N_("Software"),
    "service": N_("Services"),
    "configuration": N_("Configuration"),
    "capacity": N_("Capacity"),
    "certificate": N_("Certificates"),
    "user": N_("User question"),
    "people": N_("Handling"),
}
LINKS = {
    "duplicate_of": (N_("duplicate of"), N_("has the duplicate")),
    "caused_by": (N_("caused by"), N_("is the cause of")),
    "child_of": (N_("merged into"), N_("took in")),
    "relates_to": (N_("related to"), N_("related to")),
    "recurrence_of": (N_("came back after"), N_("came back as")),
    "resolved_by": (N_("resolved with"), N_("helped with")),
}
OF_THE_DESK = frozenset({"child_of", "resolved_by"})  # links that only a step makes
CAUSE_OF_CATEGORY = {
    "power": "power",
    "cooling": "cooling",
    "environment": "cooling",
    "network": "network",
    "storage": "capacity",
}


@dataclass(frozen=True)
class Left:
    """Time left as the furniture shows it. `counts`: whether the browser may count it down."""

    name: str
    kind: str  # "", warn, over, hold, met
    percent: int
    text: str  # in a row
    words: str  # on the record
    due: datetime | None
    counts: bool


def left(clock: ClockView | None) -> Left | None:
    """A clock in words; None where there is none."""
    if clock is None:
        return None
    name = _("Response") if clock.kind is ClockKind.RESPONSE else _("Resolution")
    if clock.state == "paused":
        text = _(PAUSED.get(clock.pause_reason, N_("paused")))
        return Left(name, "hold", clock.percent, text, text, None, counts=False)
    span = format_duration(abs(clock.left))
    if clock.state == "met":
        spent = format_duration(clock.spent)
        return Left(
            name, "met", clock.percent, _("in time"), _("met in {span}").format(span=spent), None, False
        )
    if clock.state in {"over", "missed"}:
        over = _("{span} over").format(span=span)
        due = clock.due_at if clock.state == "over" else None
        return Left(name, "over", 100, over, over, due, counts=clock.always and due is not None)
    words = _("{span} left").format(span=span)
    return Left(
        name, "warn" if clock.state == "warn" else "", clock.percent, span, words, clock.due_at, clock.always
    )


def state(incident: Incident) -> str:
    """The state's chip: assigned to nobody says so, pending says for whom."""
    if incident.state is State.PENDING and incident.pending_reason is not None:
        return _(PENDING[incident.pending_reason])
    if incident.state is State.ASSIGNED:
        return _("Assigned · not yet accepted")
    return _(STATES[incident.state])


def category(code: str) -> str:
    """A category: a rule's own, or the class of the item."""
    if code in CATEGORIES:
        return _(CATEGORIES[code])
    classes = catalogue()
    return loc(classes.of(code).label) if classes.knows(code) else code


def cause(code: str) -> str:
    """A cause code in words."""
    return _(CAUSES[code]) if code in CAUSES else code


def linked(kind: str, *, forward: bool) -> str:
    """How another record is linked."""
    both = LINKS.get(kind)
    return _(both[0] if forward else both[1]) if both else kind.replace("_", " ")
