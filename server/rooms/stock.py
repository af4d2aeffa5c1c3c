"""What is in a room: its items with their places, alerts and latest values, in a few queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.cmdb import graphs, places, providers
from server.cmdb.models import Ci, CiState, Location
from server.cmdb.readings import Reading, reading
from server.kernel.remembered import keep
from server.metrics import service as metrics
from server.metrics.models import Series

# Metrics that a room's plan and table show; those of hosts and ports stay on their records.
SHOWN = (
    *("ups_output_source", "ups_output_load_ratio", "ups_output_watts", "ups_battery_charge_ratio"),
    *("ups_battery_runtime_seconds", "ups_battery_status", "pdu_power_watts", "pdu_load_state"),
    *(
        "cooling_unit_state",
        "cooling_supply_air_temperature_celsius",
        "cooling_return_air_temperature_celsius",
    ),
    *("room_temperature_celsius", "room_humidity_ratio", "leak_state", "smoke_state", "door_state"),
    *("contact_state", "access_persons_inside", "access_mains_state", "cooling_setpoint_celsius"),
)
MOST_ITEMS = 2_000  # of one room; the most critical ones where there are more
GONE = (*graphs.ABSENT, CiState.IN_STOCK)


@dataclass(frozen=True)
class Stock:
    """Items of a room by name, with what is known of them now."""

    room: Location
    items: Sequence[Ci]
    by_name: Mapping[str, Ci]
    place_code: Mapping[int, str]  # of the items' places
    health: Mapping[int, str]  # ci id: a severity, ok or unknown
    alerts: Mapping[int, str]  # ci id: worst severity, only where something fires
    readings: Mapping[int, Sequence[Reading]] = field(default_factory=dict)

    def of(self, name: str | None) -> Ci | None:
        """The item of a name on the plan."""
        return self.by_name.get(name or "")

    def values(self, ci: Ci | None, metric: str) -> list[Reading]:
        """An item's readings of one metric."""
        return [one for one in self.readings.get(ci.id, ()) if one.metric == metric] if ci else []

    def value(self, ci: Ci | None, metric: str) -> Reading | None:
        """The first reading of one metric, or None."""
        return next(iter(self.values(ci, metric)), None)


def take_stock(session: Session, room: Location, names: Sequence[str], *, now: datetime) -> Stock:
    """All items in the room, and those elsewhere that its plan names (its feeds)."""
    inside = places.below(session, room.id)
    items = session.scalars(
        select(Ci)
        .where((Ci.location_id.in_(inside)) | (Ci.name.in_(names)), Ci.state.not_in(GONE))
        .order_by(Ci.criticality, Ci.sort_name)
        .limit(MOST_ITEMS)
    ).all()
    here = {one.location_id for one in items if one.location_id}
    rows = session.execute(select(Location.id, Location.code).where(Location.id.in_(here)))
    codes = {row.id: row.code for row in rows}
    ids = [one.id for one in items]
    series = session.scalars(
        select(Series)
        .where(Series.ci_id.in_(ids), Series.metric.in_(SHOWN))
        .order_by(Series.ci_id, Series.id)
    ).all()
    keep(session, series)
    readings: dict[int, list[Reading]] = {}
    for latest in metrics.latest_by_ids(session, [one.id for one in series]).values():
        readings.setdefault(latest.series.ci_id, []).append(reading(latest, now))
    alerts = providers.alerts_of(session, ids)
    return Stock(
        room=room,
        items=items,
        by_name={one.name: one for one in items},
        place_code=codes,
        health={one.id: alerts.get(one.id) or providers.of_presence(one.presence) for one in items},
        alerts=alerts,
        readings=readings,
    )
