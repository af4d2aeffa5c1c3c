"""The room as a CMDB takes it in: devices, relations, locations with the floor plan, services."""

from typing import Any

from agent.playback.keys import fingerprint, host_key
from agent.playback.mibs.interfaces import port_label
from agent.playback.plant import Credential, Device, Place, Plant

POWER_ROOT = {"MAINS-A": "A", "MAINS-B": "B"}


def at(network: str | None, address: str) -> str:
    """The address moved to another loopback network (`127.77.3`), where one is given."""
    return address if network is None else f"{network}.{address.rpartition('.')[2]}"


def describe(plant: Plant, network: str | None = None) -> dict[str, Any]:
    """Everything that is entered by hand in a real house, as JSON-ready data."""
    return {
        "room": plant.room,
        "devices": [_device(plant, device, network) for device in plant.devices],
        "passive": [
            {
                "name": item.name,
                "class": item.ci_class,
                "title": item.title,
                "location": item.location,
                "owner_group": item.owner_group,
                "criticality": item.criticality,
            }
            for item in plant.passive
        ],
        "services": [
            {
                "code": service.code,
                "class": "service",
                "name": service.title,
                "criticality": service.criticality,
                "users": service.users,
                "owner_group": service.owner_group,
                "depends_on": list(service.depends_on),
            }
            for service in plant.services
        ],
        "relations": relations(plant),
        "locations": [_place(place, plant) for place in (*plant.places, *racks(plant))],
        "credentials": [_credential(plant, credential) for credential in plant.credentials],
    }


def feeds(plant: Plant, name: str) -> list[str]:
    """The mains feeds a device lives from, through whatever stands between."""
    if name in POWER_ROOT:
        return [POWER_ROOT[name]]
    sources = _supplied_by(plant, plant.device(name))
    return sorted({feed for source in sources for feed in feeds(plant, source)})


def _supplied_by(plant: Plant, device: Device) -> tuple[str, ...]:
    """What powers a device; for a cooling unit its fans and compressor, not its controller."""
    motor = [cooler.power for cooler in plant.coolers if cooler.device == device.name]
    return tuple(motor) or device.power


def _cooled_by(plant: Plant, device: Device) -> list[str]:
    if device.kind in ("crac-snmp", "crac-modbus", "climate"):
        return []
    return [cooler.device for cooler in plant.coolers if cooler.zone == device.zone]


def _device(plant: Plant, device: Device, network: str | None) -> dict[str, Any]:
    first, *others = device.targets
    return {
        "name": device.name,
        "class": device.ci_class,
        "title": device.title,
        "address": at(network, device.address),
        "port": first.port,
        "transport": first.transport,
        "credential": first.credential,
        "profile": first.profile,
        "every_s": first.every_s,
        "more_targets": [
            {
                "transport": target.transport,
                "port": target.port,
                "credential": target.credential,
                "profile": target.profile,
                "every_s": target.every_s,
            }
            for target in others
        ],
        "vendor": device.vendor,
        "model": device.model,
        "serial": device.serial,
        "version": device.version,
        "mac": device.mac,
        "location": device.location,
        "rack": device.location if device.unit is not None else None,
        "unit": device.unit,
        "height": device.height,
        "feeds": feeds(plant, device.name),
        "cooling_zone": device.zone or None,
        "depends_on": list(_supplied_by(plant, device)),
        "criticality": device.criticality,
        "owner_group": device.owner_group,
        "services": [service.code for service in plant.services if device.name in service.depends_on],
    }


def relations(plant: Plant) -> list[dict[str, Any]]:
    """Relations of the CMDB's kinds; `from` depends on `to`, and is farther from the core in a cable.

    Relations of one device and kind with the same `group` are alternatives.
    """
    found: list[dict[str, Any]] = []

    def add(kind: str, start: str, end: str, **attributes: object) -> None:
        told = {name: value for name, value in attributes.items() if value is not None}
        found.append({"kind": kind, "from": start, "to": end, "attributes": told})

    for device in plant.devices:
        sources = _supplied_by(plant, device)
        for source in sources:
            group = f"power:{device.name}" if len(sources) > 1 else None
            add("powered_by", device.name, source, feed=feeds(plant, source)[0], group=group)
        for unit in _cooled_by(plant, device):
            add("cooled_by", device.name, unit, zone=device.zone)
    for link in plant.links:
        uplinks = [one for one in plant.links if one.from_ == link.from_]
        group = f"uplink:{link.from_}" if len(uplinks) > 1 else None
        near, far = plant.device(link.from_), plant.device(link.to)
        ports = {
            "source_port": port_label(near, link.from_port, link.mbps),
            "target_port": port_label(far, link.to_port, link.mbps),
            "mbps": link.mbps,
        }
        add("connects_to", link.from_, link.to, group=group, **ports)
    for service in plant.services:
        for server in service.depends_on:
            add("depends_on", service.code, server)
    for ups in plant.upses:
        add("backed_up_by", ups.device, ups.partner)
    return found


def racks(plant: Plant) -> list[Place]:
    """The places that are racks, by the rows of the plan."""
    found: list[Place] = []
    for row in plant.plan.rows:
        for step in range(row.count):
            number = f"{row.first + step:02d}"
            name = {"en": f"Rack B1-{number}", "zh": f"机柜 B1-{number}"}
            found.append(Place(code=f"{plant.room}-{number}", kind="rack", name=name, parent=plant.room))
    return found


def _place(place: Place, plant: Plant) -> dict[str, Any]:
    plan = floor(plant) if place.code == plant.room else None
    return {"code": place.code, "kind": place.kind, "name": place.name, "parent": place.parent, "plan": plan}


def floor(plant: Plant) -> dict[str, Any]:
    """The floor plan, in cm: racks, aisles, doors, cooling, UPS, panels, sensors, the leak cable."""
    plan = plant.plan
    shelves = [
        {
            "code": f"{plant.room}-{row.first + step:02d}",
            "name": f"B1-{row.first + step:02d}",
            "x": row.x + step * plan.rack_w,
            "y": row.y,
            "w": plan.rack_w,
            "d": plan.rack_d,
            "units": 47,
            "zone": row.zone,
            "kw": row.kw[step],
        }
        for row in plan.rows
        for step in range(row.count)
    ]

    boxes = {
        group: [
            {
                "x": box.x,
                "y": box.y,
                "w": box.w,
                "d": box.d,
                "kind": box.kind,
                "device": box.device or None,
                "code": box.code,
                "name": box.name,
            }
            for box in found
        ]
        for group, found in (("aisles", plan.aisles), ("units", plan.units), ("doors", plan.doors))
    }
    return {
        "width": plan.width,
        "depth": plan.depth,
        "racks": shelves,
        **boxes,
        "sensors": [
            {"x": s.x, "y": s.y, "kind": s.kind, "device": s.device, "name": s.name} for s in plan.sensors
        ],
        "leak_cable": [list(point) for point in plan.leak_cable],
    }


def _credential(plant: Plant, credential: Credential) -> dict[str, str]:
    """In an agent's words. `host_key` holds the keys of all servers that take it, to be pinned."""
    ssh = [d for d in plant.devices if any(target.transport == "ssh" for target in d.targets)]
    shown = ssh if credential.kind == "ssh" else []
    fields = {
        "code": credential.code,
        "kind": credential.kind,
        "community": credential.community,
        "user": credential.user,
        "password": credential.password,
        "version": credential.version,
        "auth_protocol": credential.auth_protocol,
        "auth_password": credential.auth_password,
        "priv_protocol": credential.priv_protocol,
        "priv_password": credential.priv_password,
        "host_key": " ".join(fingerprint(host_key(device)) for device in shown),
    }
    return {name: value for name, value in fields.items() if value}
