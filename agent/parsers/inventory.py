"""What a machine has and does beyond its readings, and how that is told: attributes, a table, relations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agent.parsers.certificates import Certificate
from agent.parsers.packages import Package
from agent.parsers.services import Service
from agent.parsers.sockets import Socket, clients, services_asked
from agent.transports.facts import Facts, Raw
from agent.transports.trouble import clean
from rules.wire import ObservedRelation

MAX_TOLD = 4_000  # characters of an attribute; the wire's bound
MAX_RELATIONS = 200


@dataclass(slots=True)
class Inventory:
    """Readings are the identity's (vendor, model, serial, os ...); `addresses` are the machine's own."""

    readings: dict[str, Raw] = field(default_factory=dict)
    packages: list[Package] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    sockets: list[Socket] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    drives: list[str] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)


def tell(found: Inventory, facts: Facts, *, now: datetime) -> None:
    """Put an inventory into the facts of a poll. `now`: the agent's time, against which certificates end."""
    for name, value in found.readings.items():
        if value and not facts.readings.get(name):
            facts.readings[name] = value
    served = clients(found.sockets)
    listening = sorted(
        {
            (one.protocol, one.port, one.process, one.address == "*" or not one.address.startswith("127."))
            for one in found.sockets
            if one.state == "listening"
        }
    )
    attributes = {
        "packages": listed(f"{name} {version}" for name, version in sorted(set(found.packages))),
        "services_running": listed(sorted({name for name, state in found.services if state == "running"})),
        "services_failed": listed(sorted({name for name, state in found.services if state == "failed"})),
        "listening": listed(
            f"{protocol}/{port}{f' {process}' if process else ''}{'' if open_ else ' (local)'}"
            for protocol, port, process, open_ in listening
        ),
        "clients": listed(
            f"{kind}/{port}: {listed(sorted(who))}" for (kind, port), who in sorted(served.items())
        ),
        "certificates": listed(
            f"{one.subject} ({one.path}, {one.ends_at:%Y-%m-%d})" for one in found.certificates
        ),
        "drives": listed(found.drives),
        "accounts": listed(sorted(set(found.accounts))),
        "addresses": listed(dict.fromkeys(found.addresses)),
    }
    facts.about |= {name: text for name, text in attributes.items() if text}
    facts.tables["certificates"] = [
        {
            "path": one.path,
            "subject": clean(one.subject, 200),
            "issuer": clean(one.issuer, 200),
            "expiry_seconds": (one.ends_at - now).total_seconds(),
        }
        for one in found.certificates
    ]
    facts.relations = [
        _relation(one) for one in services_asked(found.sockets, found.addresses)[:MAX_RELATIONS]
    ]


def listed(items: Iterable[str], limit: int = MAX_TOLD) -> str:
    """Items joined by commas as far as they fit; `(+12)` at the end says how many more there are."""
    told: list[str] = []
    length = left_out = 0
    for item in items:
        text = clean(item.replace("\n", " "), 300)
        if left_out or length + len(text) + 2 > limit - 12:
            left_out += 1
            continue
        told.append(text)
        length += len(text) + 2
    return ", ".join(told) + (f" (+{left_out})" if left_out else "")


def _relation(one: Socket) -> ObservedRelation:
    words = {
        "protocol": one.protocol,
        "port": str(one.far_port),
        "process": one.process,
        "told_by": "connections",
    }
    return ObservedRelation(
        kind="depends_on",
        keys={"address": [one.far]},
        attributes={name: text for name, text in words.items() if text},
    )


def pick(parts: dict[str, str], names: Sequence[str]) -> str:
    """The first of some parts that printed anything."""
    return next((parts[name] for name in names if parts.get(name, "").strip()), "")
