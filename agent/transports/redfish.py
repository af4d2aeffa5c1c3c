"""Redfish: what a server's management controller knows of it. Source: DMTF DSP0266, DSP0268.

Readings: name, vendor, model, serial, uuid, version (BIOS), controller_version, power_state, health,
memory_bytes, processors, power_watts. Tables: temperatures, fans, supplies, volts, drives (rows with name,
value and health). Only pages of the same controller are asked, at most MAX_PAGES of them.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

from agent.transports.facts import Facts, Raw
from agent.transports.http import Http, Page, document
from agent.transports.trouble import TroubleError, clean

ROOT = "/redfish/v1/"
MAX_PAGES = 60
MAX_MEMBERS = 8  # systems or chassis of one controller
MAX_NAME = 200
GIB = 1024**3
NOT_FOUND = 404
Json = Mapping[str, Any]


@dataclass
class _Reader:
    """Pages of one controller, counted and within one deadline."""

    http: Http
    page: Page
    until: float
    left: int = MAX_PAGES
    origin: str = field(init=False)

    def __post_init__(self) -> None:
        scheme, _, rest = self.page.url.partition("://")
        self.origin = f"{scheme}://{rest.partition('/')[0]}"

    async def get(self, path: object) -> Json:
        """A resource, {} where the controller does not have it; raises TroubleError where it is silent."""
        if not isinstance(path, str) or not path.startswith("/redfish/") or self.left <= 0:
            return {}
        self.left -= 1
        wait_s = self.until - monotonic()
        if wait_s <= 0:
            raise TroubleError("no_answer", "The controller did not answer all questions in time.")
        page = replace(self.page, url=self.origin + path)
        told = await self.http.read(page, timeout_s=wait_s)
        if told.status == NOT_FOUND:
            return {}
        found = document(told)
        return found if isinstance(found, dict) else {}

    async def members(self, path: object) -> list[Json]:
        """The resources of a collection."""
        links = [_link(one) for one in _list(await self.get(path), "Members")[:MAX_MEMBERS]]
        return [found for one in links if (found := await self.get(one))]


async def fetch(http: Http, page: Page, *, timeout_s: float = 30.0) -> Facts:
    """Read systems and chassis of a controller within `timeout_s` in all; raises TroubleError."""
    begun = monotonic()
    reader = _Reader(http, page, begun + timeout_s)
    root = await reader.get(ROOT)
    if not root:
        raise TroubleError("bad_response", "There is no Redfish service here.")
    facts = Facts(rtt_s=monotonic() - begun)
    async with asyncio.timeout(timeout_s):
        for system in await reader.members(_link(root.get("Systems"))):
            await _system(reader, system, facts)
        for chassis in await reader.members(_link(root.get("Chassis"))):
            await _chassis(reader, chassis, facts)
        for manager in await reader.members(_link(root.get("Managers"))):
            facts.readings.setdefault("controller_version", _text(manager.get("FirmwareVersion")))
    facts.truncated = reader.left <= 0
    facts.readings = {name: value for name, value in facts.readings.items() if value not in ("", None)}
    return facts


async def _system(reader: _Reader, system: Json, facts: Facts) -> None:
    said: dict[str, Raw] = {
        "name": _text(system.get("HostName")),
        "vendor": _text(system.get("Manufacturer")),
        "model": _text(system.get("Model")),
        "serial": _text(system.get("SerialNumber")),
        "uuid": _text(system.get("UUID")),
        "version": _text(system.get("BiosVersion")),
        "power_state": _text(system.get("PowerState")),
        "health": _health(system, rollup=True),
        "processors": _number(_of(system, "ProcessorSummary").get("Count")),
    }
    memory = _number(_of(system, "MemorySummary").get("TotalSystemMemoryGiB"))
    said["memory_bytes"] = memory * GIB if memory is not None else None
    for name, value in said.items():
        facts.readings.setdefault(name, value)
    for storage in await reader.members(_link(system.get("Storage"))):
        for link in _list(storage, "Drives"):
            drive = await reader.get(_link(link))
            if drive:
                _row(facts, "drives", drive, _number(drive.get("CapacityBytes")))


async def _chassis(reader: _Reader, chassis: Json, facts: Facts) -> None:
    thermal = await reader.get(_link(chassis.get("Thermal")))
    for one in _list(thermal, "Temperatures"):
        _row(facts, "temperatures", one, _number(one.get("ReadingCelsius")))
    for one in _list(thermal, "Fans"):
        percent = one.get("ReadingUnits") == "Percent"
        _row(facts, "fan_shares" if percent else "fans", one, _number(one.get("Reading")))
    power = await reader.get(_link(chassis.get("Power")))
    for one in _list(power, "PowerSupplies"):
        _row(facts, "supplies", one, _number(one.get("LastPowerOutputWatts")))
    for one in _list(power, "Voltages"):
        _row(facts, "volts", one, _number(one.get("ReadingVolts")))
    for one in _list(power, "PowerControl")[:1]:
        facts.readings.setdefault("power_watts", _number(one.get("PowerConsumedWatts")))
    for sensor in await reader.members(_link(chassis.get("Sensors"))):
        table = {"Temperature": "temperatures", "Voltage": "volts"}.get(str(sensor.get("ReadingType")))
        if table is not None and not thermal:
            _row(facts, table, sensor, _number(sensor.get("Reading")))


def _row(facts: Facts, table: str, one: Json, value: float | None) -> None:
    if _of(one, "Status").get("State") == "Absent":
        return
    name = _text(one.get("Name")) or _text(one.get("MemberId")) or _text(one.get("Id"))
    row: dict[str, Raw] = {"name": name, "value": value, "health": _health(one)}
    facts.tables.setdefault(table, []).append(row)


def _health(one: Json, *, rollup: bool = False) -> str:
    status = _of(one, "Status")
    return _text(
        status.get("HealthRollup") if rollup and status.get("HealthRollup") else status.get("Health")
    )


def _of(one: Json, name: str) -> Json:
    found = one.get(name)
    return found if isinstance(found, dict) else {}


def _list(one: Json, name: str) -> list[Json]:
    found = one.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _link(one: object) -> object:
    return one.get("@odata.id") if isinstance(one, dict) else None


def _text(value: object) -> str:
    return clean(value.strip(), MAX_NAME) if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
