"""SNMPv2-MIB system group and SNMP-FRAMEWORK-MIB engine: who the device says it is."""

from agent.playback.mib import Mib
from agent.playback.plant import Device
from agent.playback.room import Room

SYSTEM = "1.3.6.1.2.1.1"
ENGINE = "1.3.6.1.6.3.10.2.1"

# sysObjectID and sysDescr of a kind, as devices of that maker answer them.
IDENTITY: dict[str, tuple[str, str]] = {
    "panel": ("1.3.6.1.4.1.21796.3.4", "{model} SNMP Supervisor v{version}"),
    "ups": ("1.3.6.1.4.1.2011.6.174", "{vendor} {model} {version}"),
    "pdu": (
        "1.3.6.1.4.1.318.1.3.4.6",
        (
            "APC Web/SNMP Management Card (MB:v4.2.9 PF:v{version} PN:apc_hw05_aos_{digits}.bin"
            " AF1:v{version} AN1:apc_hw05_rpdu2g_{digits}.bin MN:{model} HR:02 SN: {serial} MD:09/18/2019)"
        ),
    ),
    "crac-snmp": ("1.3.6.1.4.1.29462.10", "Stulz GmbH Klimatechnik WIB 8000"),
    "climate": ("1.3.6.1.4.1.21796.4.1", "{model} SNMP Supervisor v{version}"),
    "sentinel": ("1.3.6.1.4.1.3854", "SPX+ {version} Mar 14 2023 10:02:51"),
    "camera": ("1.3.6.1.4.1.368.1.1", "; {model}; Fixed Dome Camera; {version}; Mar 06 2024 09:18; 9D8.1; 1"),
    "switch": (
        "1.3.6.1.4.1.2011.2.23.718",
        "{model}\r\nHuawei Versatile Routing Platform Software\r\n{version}",
    ),
    "router": ("1.3.6.1.4.1.2011.2.62.64.1", "Huawei {model}\r\nVRP software, {version}"),
    "firewall": ("1.3.6.1.4.1.2011.2.321.33", "Huawei {model} firewall, VRP software, {version}"),
    "server": (
        "1.3.6.1.4.1.8072.3.2.10",
        "Linux {name} 6.1.0-28-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22) x86_64",
    ),
}
PRODUCTS = {"S6730-H24X6C": "1.3.6.1.4.1.2011.2.23.667"}  # of models that the kind's entry does not name
SERVICES = {"switch": 6, "router": 78, "firewall": 78, "server": 72}
PENS = {"Huawei": 2011, "APC": 318, "STULZ": 29462, "HW group": 21796, "AKCP": 3854, "Axis": 368}
NET_SNMP = 8072


def description(device: Device) -> str:
    """The sysDescr of a device."""
    text = IDENTITY[device.kind][1]
    return text.format(
        name=device.name.lower(),
        vendor=device.vendor,
        model=device.model,
        version=device.version,
        serial=device.serial,
        digits=device.version.replace(".", "")[:3],
    )


def engine_id(device: Device) -> bytes:
    """RFC 3411's form with a MAC address: enterprise with the top bit, 3, the address."""
    pen = PENS.get(device.vendor, NET_SNMP)
    return (pen | 0x8000_0000).to_bytes(4, "big") + b"\x03" + mac_of(device)


def mac_of(device: Device, port: int = 0) -> bytes:
    """The hardware address of a device, or of one of its ports."""
    raw = bytearray.fromhex(device.mac.replace(":", ""))
    raw[-1] = (raw[-1] + port) % 256
    return bytes(raw)


def objects(mib: Mib, room: Room, device: Device) -> None:
    """Put the groups that every agent has."""
    product, _ = IDENTITY[device.kind]
    mib.text(f"{SYSTEM}.1.0", description(device))
    mib.pointer(f"{SYSTEM}.2.0", PRODUCTS.get(device.model, product))
    mib.ticks(f"{SYSTEM}.3.0", lambda: room.uptime_s(device.name))
    mib.text(f"{SYSTEM}.4.0", "desk@hq.example")
    mib.text(f"{SYSTEM}.5.0", device.name)
    mib.text(f"{SYSTEM}.6.0", f"HQ 1F {device.location.upper()}")
    mib.integer(f"{SYSTEM}.7.0", SERVICES.get(device.kind, 64))
    mib.octets(f"{ENGINE}.1.0", engine_id(device))
    mib.integer(f"{ENGINE}.2.0", lambda: room.boots[device.name])
    mib.integer(f"{ENGINE}.3.0", lambda: room.uptime_s(device.name))
