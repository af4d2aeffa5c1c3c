"""Which causes could stand behind a symptom: relations, how likely, how late, and under which gate.

One table row per (symptom, relation), each with its reason. Probabilities are chances that the symptom
shows, given the cause; lags are seconds of the symptom after the cause's own alarm (negative: the
symptom may be polled first). The numbers are ours, set by reason and varied in tests; they name no
product and no alert rule.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from rules.symptom import Symptom
from rules.topology import Graph, Link, RelationKind, link_of

POWERED, COOLED = RelationKind.POWERED_BY, RelationKind.COOLED_BY
RUNS, DEPENDS, CONNECTS = RelationKind.RUNS_ON, RelationKind.DEPENDS_ON, RelationKind.CONNECTS_TO

POLL = 150.0  # s; a poll each minute and its hold: what fell at once is seen within this
HOUR = 3600.0
WARM = 900  # s until a room that was heated is as before


class Cause(NamedTuple):
    """Something that can be wrong: a node, or a connection (`other` set), in one way (`mode`)."""

    mode: Symptom
    node: int
    other: int = 0  # the connection's other end; 0 for a node


def link_cause(one: int, other: int) -> Cause:
    """The connection of two nodes is cut or flaps."""
    low, high = link_of(one, other)
    return Cause(Symptom.PORT, low, high)


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
POWER_CLASSES = frozenset({"ups", "pdu", "ats", "sts", "generator", "power", "switchboard", "power_feed"})
COOLING_CLASSES = frozenset({"crac", "crah", "air_conditioner", "air_conditioning", "chiller", "cooling"})


class Candidate(NamedTuple):
    """One cause that could stand behind a symptom."""

    cause: Cause
    cost: float  # -log p
    reach: Reach
    second: frozenset[int]  # other feeds: once all of these are alarmed, redundancy is gone
    via: int  # the node on which the chain hangs: the edge of it nearest to the cause ends there


def candidates(graph: Graph, node: int, symptom: Symptom, far: int | None = None) -> tuple[Candidate, ...]:
    """All causes that could stand behind `symptom` of `node`, the likeliest reach of each.

    Args:
        graph: as it stands; a node that is not in it has only its own cause.
        far: the other end of the port, where the alert names it.
    """
    found: dict[Cause, Candidate] = {}
    for candidate in _all(graph, node, symptom, far):
        known = found.get(candidate.cause)
        if known is None or (candidate.reach.gated, candidate.cost) < (known.reach.gated, known.cost):
            found[candidate.cause] = candidate
    return tuple(found.values())


def _make(
    cause: Cause, reach: Reach, *, p: float = 1.0, via: int = 0, second: frozenset[int] = frozenset()
) -> Candidate:
    return Candidate(cause, -math.log(reach.p * p), reach, second, via)


def _all(graph: Graph, node: int, symptom: Symptom, far: int | None) -> Iterator[Candidate]:
    yield _make(Cause(symptom, node), OWN[symptom], via=node)
    for mode in (Symptom.POWER, Symptom.COOLING, Symptom.COMPUTE, Symptom.DISK):
        if mode is not symptom and symptom in _FOLLOWS_ON_SAME_ITEM:
            yield _make(Cause(mode, node), SAME_ITEM, via=node)
    if symptom is Symptom.SERVICE:  # a device that still reports its ports is not dead
        yield _make(Cause(Symptom.UNREACHABLE, node), SAME_DEAD, via=node)
    if node in graph and (more := _BY_SYMPTOM.get(symptom)) is not None:
        yield from more(graph, node, far)


_FOLLOWS_ON_SAME_ITEM = frozenset(
    {Symptom.UNREACHABLE, Symptom.HEAT, Symptom.SERVICE, Symptom.COOLING, Symptom.LOAD, Symptom.OTHER}
    | {Symptom.COMPUTE, Symptom.PORT}
)


def _unreachable(graph: Graph, node: int, far: int | None = None) -> Iterator[Candidate]:
    del far
    chain = graph.dominators(node)
    for steps, step in enumerate(chain):
        near = 0.98**steps  # of two that explain the same, the nearer
        via = _nearer(graph, node, chain, steps)
        if isinstance(step, tuple):
            yield _make(link_cause(*step), UPSTREAM_LINK, p=near, via=via)
        else:
            yield _make(Cause(Symptom.UNREACHABLE, step), UPSTREAM, p=near, via=via)
            yield from _starved(graph, step, FEED_PATH)
    yield from _unpowered(graph, node)
    for cooler, reach in _coolers(graph, node):
        if reach is ZONE_HEAT:
            yield _make(Cause(Symptom.COOLING, cooler), COOKED, via=node)
    for host, _steps in graph.feeds(node, RUNS):
        if graph.sole(node, host, RUNS):
            yield _make(Cause(Symptom.UNREACHABLE, host), HOST_DEAD, via=node)
            yield from _starved(graph, host, FEED_PATH)


def _unpowered(graph: Graph, node: int) -> Iterator[Candidate]:
    yield from _starved(graph, node, FEED_STARVED)
    for feed, _steps in graph.feeds(node, POWERED):
        if graph.sole(node, feed, POWERED):
            yield _make(Cause(Symptom.UNREACHABLE, feed), FEED_DEAD, via=node)
    if not graph.needs(node, POWERED):
        for source in _room_power(graph, node):
            yield _make(Cause(Symptom.POWER, source), FEED_NEAR, via=node)


def _nearer(graph: Graph, node: int, chain: tuple[int | Link, ...], steps: int) -> int:
    """The node of the chain just before a step, seen from `node`."""
    for step in reversed(chain[:steps]):
        if isinstance(step, int) and step in graph:
            return step
    return node


def _starved(graph: Graph, node: int, reach: Reach) -> Iterator[Candidate]:
    """Causes that leave `node` without power, its own feeds and what those hang on."""
    feeds = [feed for feed, _ in graph.feeds(node, POWERED)]
    direct = frozenset(edge.target for edge in graph.needs(node, POWERED))
    for feed in feeds:
        if graph.sole(node, feed, POWERED):
            yield _make(Cause(Symptom.POWER, feed), reach, via=node)
        else:
            below = {feed, *(n for n, _ in graph.fed(feed, POWERED))}
            others = frozenset(other for other in direct if other not in below)
            yield _make(Cause(Symptom.POWER, feed), FEED_REDUNDANT, via=node, second=others)


def _port(graph: Graph, node: int, far: int | None) -> Iterator[Candidate]:
    ends = {e.target for e in graph.needs(node, CONNECTS)} | {e.source for e in graph.users(node, CONNECTS)}
    sure = far is not None
    for other in (far,) if far is not None else sorted(ends):
        reach = FAR_PORT if sure else NEAR_PORT
        yield _make(link_cause(node, other), reach, via=node)
        yield _make(Cause(Symptom.UNREACHABLE, other), reach, p=0.95, via=node)
        for candidate in _starved(graph, other, FEED_PATH):
            yield candidate._replace(cost=candidate.cost + (0.0 if sure else 0.7))
        for feed, _steps in graph.feeds(other, POWERED):
            if graph.sole(other, feed, POWERED):
                yield _make(Cause(Symptom.UNREACHABLE, feed), reach, p=0.9, via=other)
    yield from _starved(graph, node, FEED_PATH)


def _event(symptom: Symptom) -> Callable[[Graph, int, int | None], Iterator[Candidate]]:
    """One event in a room is seen by several of its items: a door by contact, controller and camera."""

    def found(graph: Graph, node: int, far: int | None) -> Iterator[Candidate]:
        del far
        for other in sorted(graph.room(node)):
            if other != node:
                yield _make(Cause(symptom, other), SAME_EVENT, via=node)

    return found


def _path(graph: Graph, node: int, far: int | None) -> Iterator[Candidate]:
    ends = {e.target for e in graph.needs(node, CONNECTS)} | {e.source for e in graph.users(node, CONNECTS)}
    for other in (far,) if far is not None else sorted(ends):
        yield _make(link_cause(node, other), FAR_LINK if far is not None else NEAR_LINK, via=node)
    chain = graph.dominators(node)
    for steps, step in enumerate(chain):
        via = _nearer(graph, node, chain, steps)
        if isinstance(step, tuple):
            yield _make(link_cause(*step), ON_THE_WAY, via=via)
        else:
            for mode in (Symptom.LOAD, Symptom.PATH, Symptom.COMPUTE):
                yield _make(Cause(mode, step), ON_THE_WAY, p=0.7, via=via)


def _power(graph: Graph, node: int, far: int | None) -> Iterator[Candidate]:
    del far
    for feed, _steps in graph.feeds(node, POWERED):
        yield _make(Cause(Symptom.POWER, feed), FEED_DRAINS, via=node)
    for other in _same_feed(graph, node):
        yield _make(Cause(Symptom.POWER, other), SAME_FEED, via=node)
    for other in _room_power(graph, node):
        yield _make(Cause(Symptom.POWER, other), SAME_ROOM_POWER, via=node)


def _cooling(graph: Graph, node: int, far: int | None) -> Iterator[Candidate]:
    del far
    for feed, _steps in graph.feeds(node, POWERED):
        yield _make(Cause(Symptom.POWER, feed), FEED_STARVED, via=node)
    for other in _same_feed(graph, node):
        yield _make(Cause(Symptom.POWER, other), SAME_FEED, via=node)
    for other in _room_power(graph, node):
        yield _make(Cause(Symptom.POWER, other), SAME_ROOM_POWER, via=node)


def _heat(graph: Graph, node: int, far: int | None) -> Iterator[Candidate]:
    for cooler, reach in _coolers(graph, node):
        yield _make(Cause(Symptom.COOLING, cooler), reach, via=node)
        yield _make(Cause(Symptom.UNREACHABLE, cooler), reach, p=0.3, via=node)
        for candidate in _cooling(graph, cooler, far):
            yield _make(candidate.cause, STARVED_HEAT, p=math.exp(-candidate.cost), via=cooler)
    for other in sorted(graph.room(node)):
        if other != node and not _is(graph, other, COOLING_CLASSES):
            yield _make(Cause(Symptom.HEAT, other), SAME_HEAT, via=node)
            yield _make(Cause(Symptom.WATER, other), DAMP, via=node)


def _service(graph: Graph, node: int, far: int | None) -> Iterator[Candidate]:
    del far
    for host, _steps in graph.feeds(node, RUNS):
        yield from _on_host(graph, host, node, 1.0)
    for needed, steps in graph.feeds(node, DEPENDS):
        if steps > 3:
            break
        fade = 0.8 ** (steps - 1)
        yield _make(Cause(Symptom.SERVICE, needed), NEEDED_SICK, p=fade, via=node)
        yield _make(Cause(Symptom.UNREACHABLE, needed), NEEDED_DEAD, p=fade, via=node)
        yield from _on_host(graph, needed, node, 0.9 * fade)
        for host, _ in graph.feeds(needed, RUNS):
            yield from _on_host(graph, host, node, 0.9 * fade)


def _on_host(graph: Graph, host: int, via: int, p: float) -> Iterator[Candidate]:
    yield _make(Cause(Symptom.UNREACHABLE, host), HOST_DEAD, p=p, via=via)
    for mode in (Symptom.DISK, Symptom.COMPUTE):
        yield _make(Cause(mode, host), HOST_FULL, p=p, via=via)
    for candidate in _unreachable(graph, host):
        yield candidate._replace(cost=candidate.cost - math.log(0.85 * p))


def _same_feed(graph: Graph, node: int) -> list[int]:
    """Power items that hang on a feed that `node` hangs on too: they are its witnesses."""
    shared: set[int] = set()
    for feed, _steps in graph.feeds(node, POWERED):
        shared.update(edge.source for edge in graph.users(feed, POWERED) if _is_power(graph, edge.source))
    shared -= {node, *(feed for feed, _ in graph.feeds(node, POWERED))}
    return sorted(shared)


def _room_power(graph: Graph, node: int) -> list[int]:
    return [other for other in sorted(graph.room(node)) if other != node and _is_power(graph, other)]


def _is_power(graph: Graph, node: int) -> bool:
    """A power item by its class, or by what it feeds; a network device only passes power on."""
    feeds_others = bool(graph.users(node, POWERED)) and not graph.needs(node, CONNECTS)
    return _is(graph, node, POWER_CLASSES) or (feeds_others and not graph.users(node, CONNECTS))


def _coolers(graph: Graph, node: int) -> Iterator[tuple[int, Reach]]:
    direct = [cooler for cooler, _steps in graph.feeds(node, COOLED)]
    yield from ((cooler, ZONE_HEAT) for cooler in direct)
    if not direct:
        for other in sorted(graph.room(node)):
            if other != node and (_is(graph, other, COOLING_CLASSES) or graph.users(other, COOLED)):
                yield other, ROOM_HEAT


def _is(graph: Graph, node: int, classes: frozenset[str]) -> bool:
    return graph.node(node).ci_class in classes


_BY_SYMPTOM: dict[Symptom, Callable[[Graph, int, int | None], Iterator[Candidate]]] = {
    Symptom.UNREACHABLE: _unreachable,
    Symptom.PORT: _port,
    Symptom.PATH: _path,
    Symptom.POWER: _power,
    Symptom.COOLING: _cooling,
    Symptom.HEAT: _heat,
    Symptom.SERVICE: _service,
    Symptom.SECURITY: _event(Symptom.SECURITY),
    Symptom.WATER: _event(Symptom.WATER),
    Symptom.FIRE: _event(Symptom.FIRE),
}


def expected(graph: Graph, cause: Cause) -> frozenset[int]:
    """Watched nodes that must fall silent if this is the cause; their answers speak against it."""
    if cause.other:
        lost = graph.behind(link_of(cause.node, cause.other))
    elif cause.mode is Symptom.UNREACHABLE and cause.node in graph:
        fed = (n for n, _ in graph.fed(cause.node, POWERED) if graph.sole(n, cause.node, POWERED))
        lost = graph.behind(cause.node) | {cause.node, *fed}
    else:
        return frozenset()
    return frozenset(node for node in lost if graph.node(node).watched)
