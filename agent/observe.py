"""What a device says it is, as an observation for the CMDB: at first, hourly, and when it comes back."""

import platform
import socket
from dataclasses import dataclass, field

import psutil
from msgspec import structs

from agent.reading import Reading, Target
from rules.plan import Plan
from rules.wire import Observation

EVERY_S = 3_600.0
KEYS = {"serial": "serial", "uuid": "uuid", "mac": "macs", "macs": "macs", "fqdn": "fqdn", "name": "name"}
MAX_MACS = 200
UNTOLD = {"name", "device_class"}  # stand elsewhere in an observation


@dataclass(slots=True)
class Known:
    """What was last told of a device."""

    told_at: float = -EVERY_S  # steady clock
    identity: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Observer:
    """Remembers what was told of each device. Times: the steady clock, seconds."""

    known: dict[str, Known] = field(default_factory=dict)

    def due(self, key: str, at: float) -> bool:
        """Whether the next poll of a device should identify it as well."""
        known = self.known.get(key)
        return known is None or at - known.told_at >= EVERY_S

    def observe(
        self, target: Target, plan: Plan, reading: Reading, *, at: float, wall: float, trace: str
    ) -> Observation | None:
        """The observation of a reading that identifies, or None where there is nothing to tell."""
        if not reading.up or not reading.identity:
            return None
        self.known[target.key] = Known(at, reading.identity)
        told = observation(target, plan, reading.identity, wall=wall, trace=trace)
        return structs.replace(told, relations=list(reading.relations)) if reading.relations else told

    def forget(self, key: str) -> None:
        """A device is gone, or another profile asks it."""
        self.known.pop(key, None)


def observation(
    target: Target, plan: Plan, identity: dict[str, str], *, wall: float, trace: str
) -> Observation:
    """Identity values as keys and attributes; the address and the name it was configured by are keys too."""
    keys: dict[str, list[str]] = {}
    for name, kind in KEYS.items():
        said = identity.get(name, "")
        told = [mac(one) for one in said.replace(",", " ").split()] if kind == "macs" else [said[:200]]
        keys.setdefault(kind, []).extend(one for one in told if one)
    if target.address:
        keys["address"] = [target.address]
    if target.key == "host":
        keys["macs"] = own_macs()
        fqdn = socket.getfqdn()[:200]
        if "." in fqdn and not fqdn.startswith("localhost"):
            keys["fqdn"] = [fqdn]
        keys.pop("address", None)
    keys = {kind: values for kind, values in keys.items() if values}
    attributes = {name: value[:4_000] for name, value in identity.items() if name not in UNTOLD}
    if plan.vendor:
        attributes.setdefault("vendor", plan.vendor)
    finer = identity.get("device_class") if plan.transport == "ssh" else None
    return Observation(
        device=target.key,
        at=wall,
        ci_class=finer or plan.ci_class,
        name=(identity.get("name") or target.name)[:200],
        keys=keys,
        attributes=attributes,
        evidence={"profile": plan.profile, "transport": plan.transport},
        trace=trace,
    )


def mac(text: str) -> str:
    """A hardware address as twelve digits, or "" for what is none: devices write it in many ways."""
    digits = "".join(sign for sign in text.lower().removeprefix("0x") if sign not in ":-. ")
    return digits if len(digits) == 12 and all(sign in "0123456789abcdef" for sign in digits) else ""


def own_macs() -> list[str]:
    """The hardware addresses of this machine, without those of loopback."""
    found = {
        mac(one.address)
        for addresses in psutil.net_if_addrs().values()
        for one in addresses
        if one.family == psutil.AF_LINK and one.address and set(one.address) - set("0:-")
    }
    return sorted(found)[:MAX_MACS]


def own_name() -> str:
    """The name of this machine."""
    return socket.gethostname() or platform.node() or "host"
