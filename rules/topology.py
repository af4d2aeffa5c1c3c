"""The graph of configuration items: who depends on whom, and what still stands when something falls.

Edges run from the dependent to what it depends on (`connects_to`: from the item farther from the
core to the nearer). Several edges of one redundancy group are alternatives; the state of a group has
three values, so that what cannot be told is never taken for up. A graph is a snapshot: it does not
change after it is built, it carries the version of the data it was built from, and everything
derived from it (feeds, dominators, rooms) is kept inside it.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from rules.dominators import idoms


class RelationKind(StrEnum):
    """What an edge says. The dependent is always the source."""

    POWERED_BY = "powered_by"
    COOLED_BY = "cooled_by"
    CONNECTS_TO = "connects_to"
    DEPENDS_ON = "depends_on"
    RUNS_ON = "runs_on"
    LOCATED_IN = "located_in"
    MEMBER_OF = "member_of"
    BACKED_UP_BY = "backed_up_by"
    MONITORED_BY = "monitored_by"


class Liveness(StrEnum):
    """Three values: what cannot be told is neither up nor down."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


# Alternatives unless the edge names a group: two feeds, two uplinks and two air conditioners are
# there to replace each other, two databases that a service depends on are not.
REDUNDANT = frozenset({RelationKind.POWERED_BY, RelationKind.COOLED_BY, RelationKind.CONNECTS_TO})
# What must stand for the dependent to work. A place, a backup and a watcher may fail without it.
BEARING = (
    RelationKind.POWERED_BY,
    RelationKind.COOLED_BY,
    RelationKind.CONNECTS_TO,
    RelationKind.DEPENDS_ON,
    RelationKind.RUNS_ON,
)


@dataclass(frozen=True, slots=True)
class Node:
    """One configuration item.

    Attributes:
        id: its key; any integer, unique in the graph.
        ci_class: class name, such as `ups` or `switch`.
        location_id: the place it stands in; items of one place share a room.
        criticality: 1 critical to 4 low.
        watched: something polls it, so its silence says something.
    """

    id: int
    name: str
    ci_class: str = ""
    location_id: int | None = None
    criticality: int = 3
    watched: bool = True


@dataclass(frozen=True, slots=True)
class Edge:
    """`source` depends on `target`.

    Attributes:
        group: name of a redundancy group: edges of one source, kind and group are alternatives.
            Empty: the kind decides (see `REDUNDANT`).
        source_port: interface at the source's end, as the device names it; for `connects_to`.
        target_port: interface at the target's end.
        id: the relation's key, for saying which edge made a link in a chain.
    """

    kind: RelationKind
    source: int
    target: int
    group: str = ""
    source_port: str = ""
    target_port: str = ""
    id: int = 0


Link = tuple[int, int]  # the two ends of a connection, lower id first


def link_of(one: int, other: int) -> Link:
    """The connection of two nodes, the same whichever end is named first."""
    return (one, other) if one < other else (other, one)


class Graph:
    """A snapshot of nodes and edges.

    Edges whose ends are not both among the nodes are left out. Parallel edges of one kind count once.

    Args:
        nodes: every item that may speak or be spoken about.
        edges: see `Edge`.
        version: of the data; a graph of another version has other caches.
        monitors: nodes that the polls come from. Without any, polls are taken to come from the core:
            the nodes that nothing is nearer to than they are.
    """

    def __init__(
        self,
        nodes: Iterable[Node] = (),
        edges: Iterable[Edge] = (),
        *,
        version: int = 0,
        monitors: Iterable[int] = (),
    ) -> None:
        self.version = version
        self.nodes: Mapping[int, Node] = {node.id: node for node in nodes}
        self.monitors = tuple(m for m in monitors if m in self.nodes)
        self._out: dict[tuple[int, RelationKind], dict[int, Edge]] = {}
        self._into: dict[tuple[int, RelationKind], dict[int, Edge]] = {}
        for edge in edges:
            if edge.source in self.nodes and edge.target in self.nodes and edge.source != edge.target:
                self._out.setdefault((edge.source, edge.kind), {}).setdefault(edge.target, edge)
                self._into.setdefault((edge.target, edge.kind), {}).setdefault(edge.source, edge)
        self._feeds: dict[tuple[int, RelationKind], tuple[tuple[int, int], ...]] = {}

    def __len__(self) -> int:
        return len(self.nodes)

    def __contains__(self, node: int) -> bool:
        return node in self.nodes

    def node(self, node: int) -> Node:
        """The node of that id; KeyError if there is none."""
        return self.nodes[node]

    def needs(self, node: int, *kinds: RelationKind) -> tuple[Edge, ...]:
        """Edges from `node` to what it depends on; of all kinds if none is named."""
        return tuple(e for kind in kinds or RelationKind for e in self._out.get((node, kind), {}).values())

    def users(self, node: int, *kinds: RelationKind) -> tuple[Edge, ...]:
        """Edges from those that depend on `node`."""
        return tuple(e for kind in kinds or RelationKind for e in self._into.get((node, kind), {}).values())

    def neighbours(self, node: int) -> frozenset[int]:
        """Items one edge away, in either direction, whatever the kind."""
        near = {edge.target for edge in self.needs(node)} | {edge.source for edge in self.users(node)}
        return frozenset(near)

    def edge(self, source: int, target: int) -> Edge | None:
        """Some edge that says that `source` depends on `target`."""
        for kind in RelationKind:
            if (found := self._out.get((source, kind), {}).get(target)) is not None:
                return found
        return None

    # -- chains of one kind -------------------------------------------------------------------

    def feeds(self, node: int, kind: RelationKind) -> tuple[tuple[int, int], ...]:
        """All that `node` hangs on by edges of one kind, nearest first: (node, steps away)."""
        key = (node, kind)
        if (known := self._feeds.get(key)) is None:
            known = self._feeds[key] = tuple(self._walk(node, kind))
        return known

    def fed(self, node: int, kind: RelationKind) -> tuple[tuple[int, int], ...]:
        """All that hangs on `node` by edges of one kind: (node, steps away), nearest first."""
        return tuple(self._walk(node, kind, back=True))

    def _walk(self, start: int, kind: RelationKind, *, back: bool = False) -> Iterator[tuple[int, int]]:
        table = self._into if back else self._out
        seen, queue = {start}, deque([(start, 0)])
        while queue:
            here, steps = queue.popleft()
            for there in table.get((here, kind), {}):
                if there not in seen:
                    seen.add(there)
                    yield there, steps + 1
                    queue.append((there, steps + 1))

    def sole(self, node: int, feed: int, kind: RelationKind) -> bool:
        """Whether `node` loses all of its supply of `kind` when `feed` alone goes.

        False where another branch that does not pass through `feed` remains.
        """
        return self.stands(node, kind, {feed: Liveness.DOWN}) is Liveness.DOWN

    def stands(
        self,
        node: int,
        kind: RelationKind,
        known: Mapping[int, Liveness],
        _seen: frozenset[int] = frozenset(),
    ) -> Liveness:
        """The state of what `kind` brings to `node`, given what is known; the rest counts as up.

        A node with no edge of the kind stands: nothing is known that it could lose.
        """
        groups: dict[str, list[Liveness]] = {}
        for target, edge in self._out.get((node, kind), {}).items():
            if target in _seen:
                continue
            state = known.get(target)
            if state is None:
                state = self.stands(target, kind, known, _seen | {node})
            groups.setdefault(_group(edge), []).append(state)
        return worst(best(states) for states in groups.values())

    # -- what falls with what -----------------------------------------------------------------

    def impact_path(self, node: int, limit: int = 50) -> tuple[tuple[int, RelationKind, int], ...]:
        """How a failure of `node` travels: (dependent, kind, what it depends on), nearest first."""
        steps: list[tuple[int, RelationKind, int]] = []
        seen, queue = {node}, deque([node])
        while queue and len(steps) < limit:
            here = queue.popleft()
            for edge in self.users(here, *BEARING):
                if edge.source not in seen:
                    seen.add(edge.source)
                    steps.append((edge.source, edge.kind, here))
                    queue.append(edge.source)
        return tuple(steps[:limit])

    def path(self, start: int, goal: int) -> tuple[Edge, ...]:
        """The shortest chain of bearing edges from `start` down to what it hangs on; empty if none."""
        came: dict[int, Edge] = {}
        queue = deque([start])
        while queue:
            here = queue.popleft()
            if here == goal:
                break
            for edge in self.needs(here, *BEARING):
                if edge.target != start and edge.target not in came:
                    came[edge.target] = edge
                    queue.append(edge.target)
        chain: list[Edge] = []
        at = goal
        while at != start and at in came:
            chain.append(came[at])
            at = came[at].source
        return tuple(reversed(chain)) if at == start else ()

    # -- the network as the monitor sees it ---------------------------------------------------

    def dominators(self, node: int) -> tuple[int | Link, ...]:
        """Nodes and links through which every path from the monitor to `node` goes, nearest first.

        The node itself is not among them. An item without connection of its own but with a host is
        seen through the host.
        """
        return self._dominators.get(node, ())

    @cached_property
    def _dominators(self) -> dict[int, tuple[int | Link, ...]]:
        ahead: dict[int | Link, list[int | Link]] = {}
        inner = {target for (target, kind), users in self._into.items() if kind is CONNECTS and users}
        for (source, kind), targets in self._out.items():
            if kind is not CONNECTS:
                continue
            for target in targets:
                link = link_of(source, target)
                ahead.setdefault(target, []).append(link)
                ahead.setdefault(link, []).append(source)
                # Packets pass through the network's inner nodes either way, never through a leaf.
                if source in inner or source in self.monitors:
                    ahead.setdefault(source, []).append(link)
                    ahead[link].append(target)
        near = idoms(ahead, self._roots(inner))
        chains: dict[int, tuple[int | Link, ...]] = {}
        for node in near:
            if isinstance(node, int):
                chain, at = [], near[node]
                while at is not None:
                    chain.append(at)
                    at = near[at]
                chains[node] = tuple(chain)
        self._through_hosts(chains)
        return chains

    def _roots(self, inner: set[int]) -> list[int | Link]:
        if self.monitors:
            return list(self.monitors)
        return [node for node in inner if not self._out.get((node, CONNECTS))]

    def _through_hosts(self, chains: dict[int, tuple[int | Link, ...]]) -> None:
        for node in self.nodes:
            hosts = self.feeds(node, RelationKind.RUNS_ON)
            if node not in chains and len(hosts) > 0 and self.sole(node, hosts[0][0], RelationKind.RUNS_ON):
                chains[node] = (hosts[0][0], *chains.get(hosts[0][0], ()))

    @cached_property
    def _behind(self) -> dict[int | Link, frozenset[int]]:
        behind: dict[int | Link, set[int]] = {}
        for node, chain in self._dominators.items():
            for step in chain:
                behind.setdefault(step, set()).add(node)
        return {step: frozenset(nodes) for step, nodes in behind.items()}

    def behind(self, step: int | Link) -> frozenset[int]:
        """Nodes that the monitor loses sight of when this node or link is down."""
        return self._behind.get(step, frozenset())

    # -- places -------------------------------------------------------------------------------

    @cached_property
    def _rooms(self) -> dict[int, frozenset[int]]:
        rooms: dict[int, set[int]] = {}
        for node in self.nodes.values():
            if node.location_id is not None:
                rooms.setdefault(node.location_id, set()).add(node.id)
        return {place: frozenset(nodes) for place, nodes in rooms.items()}

    def room(self, node: int) -> frozenset[int]:
        """Items of the same place, the node itself among them; empty where its place is not known."""
        known = self.nodes.get(node)
        place = known.location_id if known is not None else None
        return self._rooms.get(place, frozenset()) if place is not None else frozenset()


CONNECTS = RelationKind.CONNECTS_TO
_RANK = {Liveness.UP: 0, Liveness.UNKNOWN: 1, Liveness.DOWN: 2}


def _group(edge: Edge) -> str:
    if edge.group:
        return edge.group
    return "" if edge.kind in REDUNDANT else f"#{edge.target}"


def best(states: Iterable[Liveness]) -> Liveness:
    """Of alternatives: up if one is up, down only if all are down."""
    return min(states, key=_RANK.__getitem__, default=Liveness.UP)


def worst(states: Iterable[Liveness]) -> Liveness:
    """Of requirements: down if one is down, up only if all are up."""
    return max(states, key=_RANK.__getitem__, default=Liveness.UP)
