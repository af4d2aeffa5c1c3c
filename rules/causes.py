"""Which causes could stand behind a symptom: those that a relation of the graph leads to.

How likely, how late and under which gate each shows is in `rules.reach`.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rules.reach import (
    COOKED,
    DAMP,
    FAR_LINK,
    FAR_PORT,
    FEED_DEAD,
    FEED_DRAINS,
    FEED_NEAR,
    FEED_PATH,
    FEED_REDUNDANT,
    FEED_STARVED,
    HOST_DEAD,
    HOST_FULL,
    NEAR_LINK,
    NEAR_PORT,
    NEEDED_DEAD,
    NEEDED_SICK,
    ON_THE_WAY,
    OWN,
    ROOM_HEAT,
    SAME_DEAD,
    SAME_EVENT,
    SAME_FEED,
    SAME_HEAT,
    SAME_ITEM,
    SAME_ROOM_POWER,
    STARVED_HEAT,
    UPSTREAM,
    UPSTREAM_LINK,
    ZONE_HEAT,
    Reach,
)
from rules.symptom import Symptom
from rules.topology import Graph, Link, RelationKind, link_of

POWERED, COOLED = RelationKind.POWERED_BY, RelationKind.COOLED_BY
RUNS, DEPENDS, CONNECTS = RelationKind.RUNS_ON, RelationKind.DEPENDS_ON, RelationKind.CONNECTS_TO


class Cause(NamedTuple):
    """Something that can be wrong: a node, or a connection (`other` set), in one way (`mode`)."""

    mode: Symptom
    node: int
    other: int = 0  # the connection's other end; 0 for a node


def link_cause(one: int, other: int) -> Cause:
    """The connection of two nodes is cut or flaps."""
    low, high = link_of(one, other)
    return Cause(Symptom.PORT, low, high)


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
