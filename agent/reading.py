"""What a poll is given and what it gives back; shared by the poller, its transports and the watch."""

from dataclasses import dataclass, field
from typing import Literal

from agent.discover.found import Interface, Link
from rules.wire import ObservedRelation

Param = str | int | float | bool | None

Reason = Literal[
    "",  # the device answered
    "no_answer",  # nothing came in time
    "refused",  # the port is closed or the host said no
    "unreachable",  # no way there, or no such name
    "auth",  # the credential was not accepted
    "security",  # keys or digests are wrong; nothing weaker was tried
    "bad_response",  # it answered what makes no sense
    "limit",  # more than the bounds allow
    "configuration",  # the target or its credential lacks something
]


@dataclass(frozen=True, slots=True)
class Target:
    """A device to ask. `key` is its name on the wire (`t12`, `host`); `port` 0 is the transport's own."""

    key: str
    name: str
    address: str
    port: int = 0
    credential: dict[str, Param] = field(default_factory=dict, repr=False)
    params: dict[str, Param] = field(default_factory=dict)
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Value:
    """One value in the plan's unit, or None and why not.

    `labels` are sorted by name. `value` of a state is its code; a code the plan does not know is kept, with
    the reason `unknown_state`. `raw` is what the device said. Reasons: `dead`, `out_of_range`, `no_such`,
    `not_a_number`, `unknown_state`.
    """

    metric: str
    value: float | None
    labels: tuple[tuple[str, str], ...] = ()
    raw: str | int | float | bool | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """One poll. `up` is whether the device answered over its transport; `detail` is a sentence for people."""

    up: bool
    reason: Reason = ""
    detail: str = ""
    values: tuple[Value, ...] = ()
    identity: dict[str, str] = field(default_factory=dict)  # by the profile's names, where it was asked for
    relations: tuple[ObservedRelation, ...] = ()  # to other devices, as this one tells them
    interfaces: tuple[Interface, ...] = ()  # and neighbours, from ways other than SNMP
    links: tuple[Link, ...] = ()
    rtt_s: float | None = None
    truncated: bool = False
    evidence: str = ""  # of a bad response: its first 256 bytes, in hex
