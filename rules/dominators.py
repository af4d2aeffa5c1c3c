"""Dominators: what every path from the roots to a node passes through.

Source: Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm", 2001.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

N = TypeVar("N", bound=Hashable)


def idoms(ahead: Mapping[N, Sequence[N]], roots: Iterable[N]) -> dict[N, N | None]:
    """The nearest dominator of each node that can be reached; None where only the start is common.

    Args:
        ahead: for each node, those reached from it in one step.
        roots: where paths start; several roots stand under one start that is not shown.
    """
    order, back = _postorder(ahead, list(dict.fromkeys(roots)))
    number = {node: i for i, node in enumerate(order)}
    start = len(order)
    above: list[int] = [-1] * start  # the nearest dominator found so far, by number; -1 not yet
    for root in roots:
        above[number[root]] = start
    changed = True
    while changed:
        changed = False
        for i in range(start - 1, -1, -1):
            new = start if above[i] == start else -1
            for before in back.get(order[i], ()):
                j = number[before]
                if above[j] != -1:
                    new = j if new == -1 else _meet(above, j, new, start)
            if new not in (above[i], -1):
                above[i] = new
                changed = True
    return {node: (order[above[i]] if above[i] < start else None) for i, node in enumerate(order)}


def _meet(above: list[int], one: int, other: int, start: int) -> int:
    while one != other:
        while one < other:
            one = above[one] if one < start else start
        while other < one:
            other = above[other] if other < start else start
    return one


def _postorder(ahead: Mapping[N, Sequence[N]], roots: list[N]) -> tuple[list[N], dict[N, list[N]]]:
    order: list[N] = []
    back: dict[N, list[N]] = {}
    seen: set[N] = set()
    for root in roots:
        if root in seen:
            continue
        seen.add(root)
        stack = [(root, iter(ahead.get(root, ())))]
        while stack:
            node, rest = stack[-1]
            for there in rest:
                back.setdefault(there, []).append(node)
                if there not in seen:
                    seen.add(there)
                    stack.append((there, iter(ahead.get(there, ()))))
                    break
            else:
                order.append(node)
                stack.pop()
    return order, back
