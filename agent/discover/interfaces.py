"""Interfaces by IF-MIB: a row of ifTable with what ifXTable adds."""

from collections.abc import Mapping

from agent.discover.evidence import Evidence, Varbind, text_of
from agent.discover.found import Interface
from agent.transports.ber import Raw
from rules.numbers import whole

TABLE, EXTENSION = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"
ADMIN = {1: "up", 2: "down", 3: "testing"}
OPER = {1: "up", 2: "down", 3: "testing", 4: "unknown", 5: "dormant", 6: "notPresent", 7: "lowerLayerDown"}
FULL = 4_294_967_295  # ifSpeed says: look at ifHighSpeed
MAX_INTERFACES = 10_000


def interfaces(known: Evidence) -> tuple[Interface, ...]:
    """All rows by ifIndex that are named and whose hardware is there (RFC 2863 calls others notPresent)."""
    rows: set[str] = set()
    for stem in (f"{TABLE}.2", f"{TABLE}.3", f"{EXTENSION}.1"):
        rows |= {index for index in known.column(stem) if whole(index) is not None}
    every = (_interface(known, index) for index in sorted(rows, key=int)[:MAX_INTERFACES])
    return tuple(one for one in every if one.oper != "notPresent" and (one.name or one.type))


def of_values(values: Mapping[str, Raw]) -> tuple[Interface, ...]:
    """The same out of bare values, before they have got their names."""
    known = Evidence(values)
    for oid, value in values.items():
        for table in (TABLE, EXTENSION):
            if oid.startswith(table + "."):
                column, _, index = oid[len(table) + 1 :].partition(".")
                stem = f"{table}.{column}"
                known.columns.setdefault(stem, {})[index] = Varbind(oid, value, stem, index, None)
    return interfaces(known)


def _interface(known: Evidence, index: str) -> Interface:
    def text(stem: str) -> str:
        one = known.column(stem).get(index)
        return text_of(one.value) if one is not None else ""

    def number(stem: str) -> int:
        one = known.column(stem).get(index)
        return one.value if one is not None and isinstance(one.value, int) else 0

    mac = known.column(f"{TABLE}.6").get(index)
    raw = mac.value if mac is not None and isinstance(mac.value, bytes) and len(mac.value) == 6 else b""
    speed = number(f"{TABLE}.5")
    high = number(f"{EXTENSION}.15")
    if high and (speed in {0, FULL} or high > 4_000):
        speed = high * 1_000_000
    return Interface(
        index=int(index),
        name=text(f"{EXTENSION}.1") or text(f"{TABLE}.2"),
        descr=text(f"{TABLE}.2"),
        alias=text(f"{EXTENSION}.18"),
        type=number(f"{TABLE}.3"),
        mac=raw.hex(":"),
        speed_bps=speed,
        admin=ADMIN.get(number(f"{TABLE}.7"), ""),
        oper=OPER.get(number(f"{TABLE}.8"), ""),
    )
