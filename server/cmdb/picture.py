"""A dependency graph as a picture: layered from left to right in the direction of failure.

What an item hangs on stands left of it, what hangs on it to the right. Alike items are folded
into one. The picture is plain numbers; the template draws it as SVG, a table says the same.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rules.topology import Edge, Graph, RelationKind

Way = Literal["impact", "needs", "both"]

WIDTH, HEIGHT = 140, 44  # of a node, px
COLUMN, ROW = 176, 56  # from one node to the next
MARGIN = 16
MOST_NODES = 150
SWEEPS = 4

SHOWN = (
    RelationKind.POWERED_BY,
    RelationKind.COOLED_BY,
    RelationKind.CONNECTS_TO,
    RelationKind.RUNS_ON,
    RelationKind.DEPENDS_ON,
)
SETS: Mapping[str, tuple[RelationKind, ...]] = {
    "all": SHOWN,
    "power": tuple(kind for kind in SHOWN if kind is not RelationKind.CONNECTS_TO),
    "network": (RelationKind.CONNECTS_TO, RelationKind.RUNS_ON, RelationKind.DEPENDS_ON),
}
LINES = {RelationKind.COOLED_BY: "cool", RelationKind.CONNECTS_TO: "net", RelationKind.POWERED_BY: "power"}


@dataclass
class Box:
    """A node of the picture: one item, or several alike (`members`)."""

    key: int
    layer: int
    members: tuple[int, ...]
    x: float = 0.0
    y: float = 0.0

    @property
    def folded(self) -> bool:
        """Whether it stands for several."""
        return len(self.members) > 1


@dataclass(frozen=True)
class Line:
    """An edge of the picture, from what is needed to who needs it: SVG path and style."""

    path: str
    style: str  # power, cool, net, carry


@dataclass(frozen=True)
class Picture:
    """Boxes and lines with the size of the canvas; `left_out` items did not fit."""

    boxes: Sequence[Box]
    lines: Sequence[Line]
    edges: Sequence[Edge]
    width: float
    height: float
    left_out: int = 0
    layers: int = 0


@dataclass
class _Draft:
    layer: dict[int, int] = field(default_factory=dict)
    left_out: int = 0


def draw(
    graph: Graph,
    root: int,
    *,
    way: Way = "both",
    steps: int = 3,
    fold: int = 4,
    kinds: Iterable[RelationKind] = SHOWN,
    tell_apart: Callable[[int], str] = lambda _node: "",
) -> Picture:
    """Draw what stands around `root`.

    Args:
        steps: how far to walk, 1 to 8.
        fold: this many alike items (class, neighbours, `tell_apart`) or more become one box.
        tell_apart: items of different words are never folded, as their health.
    """
    chosen = tuple(kinds)
    draft = _Draft({root: 0})
    if way in {"impact", "both"}:
        _walk(draft, root, +1, steps, lambda one: [edge.source for edge in graph.users(one, *chosen)])
    if way in {"needs", "both"}:
        _walk(draft, root, -1, steps, lambda one: [edge.target for edge in graph.needs(one, *chosen)])
    edges = [edge for one in draft.layer for edge in graph.needs(one, *chosen) if edge.target in draft.layer]
    boxes = _fold(graph, draft.layer, edges, fold, lambda one: "root" if one == root else tell_apart(one))
    box_of = {member: box for box in boxes for member in box.members}
    joined: dict[tuple[int, int], str] = {}
    for edge in edges:
        ends = (box_of[edge.target].key, box_of[edge.source].key)
        if ends[0] != ends[1]:
            joined.setdefault(ends, LINES.get(edge.kind, "carry"))
    width, height = _place(boxes, joined)
    by_key = {box.key: box for box in boxes}
    lines = [Line(_path(by_key[a], by_key[b]), style) for (a, b), style in joined.items()]
    return Picture(
        sorted(boxes, key=lambda box: (box.layer, box.y)),
        lines,
        edges,
        width,
        height,
        draft.left_out,
        len({box.layer for box in boxes}),
    )


def _walk(draft: _Draft, root: int, direction: int, steps: int, near: Callable[[int], list[int]]) -> None:
    front = [root]
    for step in range(1, steps + 1):
        following: list[int] = []
        for one in front:
            for other in near(one):
                if other in draft.layer:
                    continue
                if len(draft.layer) >= MOST_NODES * 4:
                    draft.left_out += 1
                    continue
                draft.layer[other] = step * direction
                following.append(other)
        front = following


def _fold(
    graph: Graph,
    layer: Mapping[int, int],
    edges: Sequence[Edge],
    fold: int,
    tell_apart: Callable[[int], str],
) -> list[Box]:
    """Items of one class and layer with the same neighbours become one box."""
    beside: dict[int, set[tuple[str, int, bool]]] = {one: set() for one in layer}
    for edge in edges:
        beside[edge.source].add((edge.kind, edge.target, True))
        beside[edge.target].add((edge.kind, edge.source, False))
    alike: dict[tuple[object, ...], list[int]] = {}
    for one, at in layer.items():
        key = (at, graph.node(one).ci_class, tell_apart(one), frozenset(beside[one]))
        alike.setdefault(key, []).append(one)
    boxes = []
    for members in alike.values():
        named = sorted(members, key=lambda one: graph.node(one).name)
        if len(named) >= max(2, fold):
            boxes.append(Box(named[0], layer[named[0]], tuple(named)))
        else:
            boxes += [Box(one, layer[one], (one,)) for one in named]
    return boxes


def _place(boxes: Sequence[Box], joined: Mapping[tuple[int, int], str]) -> tuple[float, float]:
    """Order each layer so that lines cross little, then give every box its place."""
    first = min(box.layer for box in boxes)
    columns: dict[int, list[Box]] = {}
    for box in sorted(boxes, key=lambda one: one.key):
        columns.setdefault(box.layer, []).append(box)
    beside: dict[int, list[int]] = {box.key: [] for box in boxes}
    for one, other in joined:
        beside[one].append(other)
        beside[other].append(one)
    tallest = max(len(column) for column in columns.values())
    position = {
        box.key: index + (tallest - len(column)) / 2
        for column in columns.values()
        for index, box in enumerate(column)
    }
    for sweep in range(SWEEPS):
        for layer in sorted(columns, reverse=bool(sweep % 2)):
            column = columns[layer]
            column.sort(key=lambda box: _middle(box.key, beside, position))
            for index, box in enumerate(column):
                position[box.key] = index + (tallest - len(column)) / 2
    for box in boxes:
        box.x = MARGIN + (box.layer - first) * COLUMN
        box.y = MARGIN + position[box.key] * ROW
    last = max(box.layer for box in boxes)
    width = 2 * MARGIN + (last - first) * COLUMN + WIDTH
    return width, 2 * MARGIN + (tallest - 1) * ROW + HEIGHT


def _middle(key: int, beside: Mapping[int, Sequence[int]], position: Mapping[int, float]) -> float:
    near = [position[one] for one in beside[key]]
    return sum(near) / len(near) if near else position[key]


def _path(one: Box, other: Box) -> str:
    """From the right edge of `one` to the left edge of `other`, with corners at half way."""
    middle = HEIGHT / 2
    if one.layer < other.layer:
        x1, y1, x2, y2 = one.x + WIDTH, one.y + middle, other.x - 3, other.y + middle
        turn = x2 - (COLUMN - WIDTH) / 2 + 3
        return f"M{x1:g} {y1:g}H{turn:g}V{y2:g}H{x2:g}"
    x1, y1, x2, y2 = one.x + WIDTH, one.y + middle + 6, other.x + WIDTH + 3, other.y + middle - 6
    turn = max(x1, x2) + 18
    return f"M{x1:g} {y1:g}H{turn:g}V{y2:g}H{x2:g}"
