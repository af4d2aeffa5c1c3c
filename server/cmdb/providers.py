"""What upper rooms tell about an item: its health, and panels of its record (alerts, tickets).

The CMDB stands below alerts and incidents and knows neither. They register a function here when
they are imported:

    provide_health(worst_alerts)      # (session, ci_ids) -> {ci_id: severity}
    provide_panel(tickets_of_ci)      # (session, ci_id, actor, now) -> Panel, None where not permitted
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from server.cmdb.models import Ci, Presence
from server.kernel.call import Actor

HealthProvider = Callable[[Session, Collection[int]], Mapping[int, str]]

RANK = {"critical": 0, "major": 1, "minor": 2, "unknown": 3, "info": 4, "ok": 5}


@dataclass(frozen=True)
class PanelRow:
    """A line of a panel: a mark (sev, pri or st with its value), a text with its link, and when."""

    text: str | Mapping[str, str]
    url: str
    sev: str = ""
    pri: int = 0
    state: str = ""
    meta: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Panel:
    """A panel of a CI's record. `total` counts more than `rows` may show; `url` leads to all."""

    key: str
    label: str  # marked with N_
    icon: str
    rows: Sequence[PanelRow] = field(default_factory=tuple)
    total: int = 0
    url: str = ""
    order: int = 50


PanelProvider = Callable[[Session, int, Actor, datetime], Panel | None]

_health: list[HealthProvider] = []
_panels: list[PanelProvider] = []


def provide_health(provider: HealthProvider) -> None:
    """Register who knows the worst living severity of items; items it leaves out have no alert."""
    if provider not in _health:
        _health.append(provider)


def provide_panel(provider: PanelProvider) -> None:
    """Register a panel of the record."""
    if provider not in _panels:
        _panels.append(provider)


def alerts_of(session: Session, ci_ids: Collection[int]) -> dict[int, str]:
    """The worst severity of each item that has a living alert."""
    found: dict[int, str] = {}
    for provider in _health if ci_ids else ():
        for ci_id, severity in provider(session, ci_ids).items():
            if ci_id not in found or RANK[severity] < RANK[found[ci_id]]:
                found[ci_id] = severity
    return found


def health(session: Session, items: Collection[Ci]) -> dict[int, str]:
    """A severity, `ok` or `unknown` for each item: an item that nobody sees is never `ok`."""
    alerts = alerts_of(session, [one.id for one in items])
    return {one.id: alerts.get(one.id) or of_presence(one.presence) for one in items}


def of_presence(presence: Any) -> str:
    """The health of an item without alerts."""
    return "ok" if presence == Presence.ACTIVE else "unknown"


def panels(session: Session, ci_id: int, actor: Actor, now: datetime) -> list[Panel]:
    """What this person may see of an item's panels, in order; of two with one key the first registered."""
    found: dict[str, Panel] = {}
    for provider in _panels:
        panel = provider(session, ci_id, actor, now)
        if panel is not None:
            found.setdefault(panel.key, panel)
    return sorted(found.values(), key=lambda panel: panel.order)
