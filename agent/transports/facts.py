"""What transports other than SNMP and Modbus give: readings by name, and rows by table name."""

from dataclasses import dataclass, field

from agent.discover.found import Interface, Link
from rules.wire import ObservedRelation

Raw = str | int | float | bytes | bool | None


@dataclass(slots=True)
class Facts:
    """Readings of one poll. A page's JSON stands in `document`, for the profile's pointers.

    `about` and `relations` go to the CMDB as they are, beside what the profile makes of the readings;
    `interfaces` and `links` go to discovery.
    """

    readings: dict[str, Raw] = field(default_factory=dict)
    tables: dict[str, list[dict[str, Raw]]] = field(default_factory=dict)
    document: object = None
    about: dict[str, str] = field(default_factory=dict)
    relations: list[ObservedRelation] = field(default_factory=list)
    interfaces: tuple[Interface, ...] = ()
    links: tuple[Link, ...] = ()
    rtt_s: float | None = None
    truncated: bool = False
