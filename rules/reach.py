"""How a cause shows as a symptom: how likely, how late, under which gate; and how rare causes are.

One row per (symptom, relation), each with its reason. Probabilities are chances that the symptom shows,
given the cause; lags are seconds of the symptom after the cause's own alarm (negative: the symptom may be
polled first). The numbers are ours, set by reason and varied in tests; they name no product and no alert
rule.
"""

from dataclasses import dataclass

from rules.symptom import Symptom

POLL = 150.0  # s; a poll each minute and its hold: what fell at once is seen within this
HOUR = 3600.0
WARM = 900  # s until a room that was heated is as before


@dataclass(frozen=True, slots=True)
class Reach:
    """How a cause shows as a symptom along one relation.

    Attributes:
        p: chance that the symptom shows, given the cause.
        early, late: s before and after the cause's own alarm (or the first symptom of its group).
        gated: explains only once the cause's own alarm is there; a silent one explains nothing.
        lingers: s for which the symptom may still appear while the group eases and after it ended:
            air and walls keep their heat when the cooler runs again.
    """

    relation: str
    p: float
    early: float
    late: float
    gated: bool
    reason: str
    lingers: float = 0.0


def _reach(
    relation: str,
    p: float,
    reason: str,
    *,
    early: float = 450,
    late: float = POLL,
    gated: bool = False,
    lingers: float = 0.0,
) -> Reach:
    return Reach(relation, p, early, late, gated, reason, lingers)


OWN = {
    symptom: _reach("own", p, reason, late=12 * HOUR)
    for symptom, p, reason in (
        (Symptom.UNREACHABLE, 0.95, "a dead device does not answer"),
        (Symptom.PORT, 0.60, "a port has two ends, and the fault is at either"),
        (Symptom.PATH, 0.50, "loss is more often on the way than in the device"),
        (Symptom.LOAD, 0.80, "traffic has its own reasons"),
        (Symptom.POWER, 0.90, "a UPS reports its input itself"),
        (Symptom.COOLING, 0.90, "a unit reports its own stop"),
        (Symptom.HEAT, 0.40, "heat is nearly always the effect of something"),
        (Symptom.SERVICE, 0.80, "a service fails by itself as often as by what it needs"),
        (Symptom.DISK, 0.95, "a disk fills by itself"),
        (Symptom.COMPUTE, 0.90, "load on a machine comes from the machine"),
        (Symptom.SECURITY, 0.95, "a person at a door is nobody's consequence"),
        (Symptom.WATER, 0.95, "water comes from outside the graph"),
        (Symptom.FIRE, 0.95, "smoke comes before its consequences"),
        (Symptom.OTHER, 0.90, "nothing is known that could stand behind it"),
    )
}
UPSTREAM = _reach("path", 0.90, "every path to it passes there, polls see both within two rounds")
UPSTREAM_LINK = _reach("path", 0.90, "the only connection on the way")
FAR_PORT = _reach("far_end", 0.90, "the port's other end is gone")
NEAR_PORT = _reach("neighbour", 0.45, "one of its neighbours, which is not said")
FEED_DEAD = _reach("power", 0.85, "its only feed is dead: all on it fall together")
FEED_DRAINS = _reach(
    "power", 0.85, "its feed is dead: it tells so at once, and of its battery as that drains", late=HOUR
)
FEED_STARVED = _reach(
    "power", 0.75, "it runs until the battery is empty", early=450, late=6 * HOUR, gated=True
)
FEED_REDUNDANT = _reach("power", 0.05, "another feed still stands", early=450, late=6 * HOUR, gated=True)
FEED_PATH = _reach(
    "power", 0.70, "the switch on the way to it is starved", early=450, late=6 * HOUR, gated=True
)
FEED_NEAR = _reach(
    "room_power", 0.12, "no feed of it is known, the room's is gone", early=450, late=HOUR, gated=True
)
SAME_FEED = _reach("same_feed", 0.70, "both hang on the same feed", early=450, late=HOUR, gated=True)
SAME_ROOM_POWER = _reach(
    "room_power", 0.50, "the room's mains, seen by another of its items", early=450, late=HOUR, gated=True
)
ZONE_HEAT = _reach("cooling", 0.85, "its zone is not cooled", early=300, late=3 * HOUR, lingers=WARM)
ROOM_HEAT = _reach("room_cooling", 0.60, "a unit of its room stands", early=300, late=3 * HOUR, lingers=WARM)
STARVED_HEAT = _reach(
    "power_cooling",
    0.60,
    "what cools it has lost its power",
    early=300,
    late=3 * HOUR,
    gated=True,
    lingers=WARM,
)
SAME_HEAT = _reach("room_heat", 0.50, "the same room's air", early=300, late=HOUR, gated=True, lingers=WARM)
SAME_EVENT = _reach(
    "same_room", 0.50, "one event in a room, seen by several", early=300, late=300, gated=True
)
DAMP = _reach("same_room", 0.30, "water in the room makes its air damp", early=60, late=HOUR, gated=True)
NEAR_LINK = _reach("neighbour", 0.30, "loss on one of its connections, which is not said", late=HOUR)
FAR_LINK = _reach("far_end", 0.60, "loss on that connection", late=HOUR)
COOKED = _reach("cooling", 0.20, "devices stop themselves when hot", early=0, late=3 * HOUR, gated=True)
HOST_DEAD = _reach("host", 0.90, "it runs on nothing else")
HOST_FULL = _reach("host", 0.50, "it writes to that machine's disk", late=2 * HOUR, gated=True)
NEEDED_DEAD = _reach("dependency", 0.80, "it asks that for every answer", late=HOUR)
NEEDED_SICK = _reach("dependency", 0.80, "it waits for that", late=HOUR, gated=True)
SAME_ITEM = _reach("same_item", 0.25, "the same device's other trouble", early=450, late=HOUR, gated=True)
SAME_DEAD = _reach("same_item", 0.60, "what does not answer does not serve")
ON_THE_WAY = _reach("path", 0.40, "trouble on the way to it", late=HOUR)
# Nats that a cause costs before anything is explained: how rare it is against one unexplained symptom.
PRIOR: dict[Symptom, float] = dict.fromkeys(Symptom, 8.0) | {
    Symptom.POWER: 8.5,  # a feed fails more rarely than a device
    Symptom.COOLING: 8.5,
    Symptom.HEAT: 9.0,  # a name for what is not yet understood
    Symptom.PORT: 8.2,
    Symptom.PATH: 8.5,
    Symptom.OTHER: 8.5,
}
