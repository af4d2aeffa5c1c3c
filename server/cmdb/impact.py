"""What a failure does: what stops, what is cut off, what loses an alternative, what cannot be told.

Power and network are two things: a PDU whose network is gone still powers its rack, and a server
that is cut off still runs but serves nobody. Alternatives (two feeds, two uplinks) stand while one
of them does.
"""

from collections import deque
from dataclasses import dataclass

from rules.topology import Edge, Graph, RelationKind

POWER_CLASSES = frozenset({"ups", "pdu", "ats", "breaker", "power_feed", "power_panel", "generator"})
PASSIVE = frozenset({*POWER_CLASSES, "rack", "service", "application", "system_software"})
CARRIES = (RelationKind.RUNS_ON, RelationKind.DEPENDS_ON)
FOLLOWED = (RelationKind.POWERED_BY, RelationKind.CONNECTS_TO, RelationKind.COOLED_BY, *CARRIES)


@dataclass(frozen=True)
class Impact:
    """CI ids, by what happens to them.

    `stops`: loses all power, its host, or something it needs. `cut_off`: runs, but its network is
    gone. `weakened`: loses one of several alternatives, or its cooling. `unknown`: stands in the
    room of a power device and nobody recorded where it is powered from.
    """

    stops: tuple[int, ...] = ()
    cut_off: tuple[int, ...] = ()
    weakened: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()


def impact(graph: Graph, root: int) -> Impact:
    """What happens when `root` stops."""
    if root not in graph:
        return Impact()
    dead, cut = {root}, set[int]()
    queue = deque([root])
    while queue:
        for edge in graph.users(queue.popleft(), *FOLLOWED):
            one = edge.source
            if one not in dead and _stops(graph, one, dead, cut):
                dead.add(one)
                queue.append(one)
            elif one not in dead and one not in cut and _is_cut(graph, one, dead | cut):
                cut.add(one)
                queue.append(one)
    fallen = dead | cut
    touched = {
        edge.source for one in fallen for edge in graph.users(one, *FOLLOWED) if edge.source not in fallen
    }
    cut -= dead
    return Impact(
        tuple(sorted(dead - {root})),
        tuple(sorted(cut)),
        tuple(sorted(touched)),
        _unrecorded(graph, root, fallen),
    )


def _stops(graph: Graph, one: int, dead: set[int], cut: set[int]) -> bool:
    power = graph.needs(one, RelationKind.POWERED_BY)
    if power and any(all(edge.target in dead for edge in group) for group in _groups(power)):
        return True
    lost = dead | cut
    return any(edge.target in lost for edge in graph.needs(one, RelationKind.DEPENDS_ON)) or any(
        edge.target in dead for edge in graph.needs(one, RelationKind.RUNS_ON)
    )


def _is_cut(graph: Graph, one: int, lost: set[int]) -> bool:
    links = graph.needs(one, RelationKind.CONNECTS_TO)
    return bool(links) and all(edge.target in lost for edge in links)


def _groups(edges: tuple[Edge, ...]) -> list[list[Edge]]:
    groups: dict[str, list[Edge]] = {}
    for edge in edges:
        groups.setdefault(edge.group, []).append(edge)
    return list(groups.values())


def _unrecorded(graph: Graph, root: int, fallen: set[int]) -> tuple[int, ...]:
    if graph.node(root).ci_class not in POWER_CLASSES:
        return ()
    return tuple(
        sorted(
            one
            for one in graph.room(root) - fallen
            if graph.node(one).ci_class not in PASSIVE and not graph.needs(one, RelationKind.POWERED_BY)
        )
    )
