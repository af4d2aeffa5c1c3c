"""What transports other than SNMP and Modbus give: readings by name, and rows by table name."""

from dataclasses import dataclass, field

Raw = str | int | float | bytes | bool | None


@dataclass(slots=True)
class Facts:
    """Readings of one poll. A page's JSON stands in `document`, for the profile's pointers."""

    readings: dict[str, Raw] = field(default_factory=dict)
    tables: dict[str, list[dict[str, Raw]]] = field(default_factory=dict)
    document: object = None
    rtt_s: float | None = None
    truncated: bool = False
