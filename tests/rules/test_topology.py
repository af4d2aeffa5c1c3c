"""The graph: redundancy in three values, dominators against a brute-force oracle, chains."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rules.dominators import idoms
from rules.topology import Edge, Graph, Liveness, Node, RelationKind

POWERED, CONNECTS, RUNS = RelationKind.POWERED_BY, RelationKind.CONNECTS_TO, RelationKind.RUNS_ON
DEPENDS = RelationKind.DEPENDS_ON
UP, DOWN, UNKNOWN = Liveness.UP, Liveness.DOWN, Liveness.UNKNOWN


def graph(*edges: tuple[RelationKind, int, int], size: int = 9, **more: str) -> Graph:
    group = more.get("group", "")
    return Graph([Node(i, f"n{i}") for i in range(size)], [Edge(k, a, b, group) for k, a, b in edges])


def test_a_server_with_two_feeds_stands_while_one_does() -> None:
    g = graph((POWERED, 1, 2), (POWERED, 1, 3))
    assert g.stands(1, POWERED, {2: DOWN}) is UP
    assert g.stands(1, POWERED, {2: DOWN, 3: UNKNOWN}) is UNKNOWN
    assert g.stands(1, POWERED, {2: DOWN, 3: DOWN}) is DOWN
    assert not g.sole(1, 2, POWERED)


def test_two_feeds_that_end_at_one_ups_are_no_redundancy() -> None:
    g = graph((POWERED, 1, 2), (POWERED, 1, 3), (POWERED, 2, 4), (POWERED, 3, 4))
    assert g.sole(1, 4, POWERED)
    assert not g.sole(1, 2, POWERED)


def test_a_service_needs_all_it_depends_on_unless_they_are_a_group() -> None:
    both = graph((DEPENDS, 1, 2), (DEPENDS, 1, 3))
    either = graph((DEPENDS, 1, 2), (DEPENDS, 1, 3), group="cluster")
    assert both.stands(1, DEPENDS, {2: DOWN}) is DOWN
    assert either.stands(1, DEPENDS, {2: DOWN}) is UP
    assert either.stands(1, DEPENDS, {2: DOWN, 3: UNKNOWN}) is UNKNOWN


def test_a_leaf_with_two_uplinks_does_not_carry_traffic_between_them() -> None:
    # 0 core; 1 and 2 switches; 3 server on both; 4 server on 1 only
    g = graph((CONNECTS, 1, 0), (CONNECTS, 2, 0), (CONNECTS, 3, 1), (CONNECTS, 3, 2), (CONNECTS, 4, 1))
    assert g.dominators(1) == ((0, 1), 0)
    assert g.dominators(3) == (0,)
    assert g.dominators(4) == ((1, 4), 1, (0, 1), 0)
    assert g.behind(1) == {4}


def test_a_ring_of_switches_is_seen_both_ways() -> None:
    # core 0; ring 0-1-2-0 by discovery in whichever direction
    g = graph((CONNECTS, 1, 0), (CONNECTS, 2, 1), (CONNECTS, 2, 0), (CONNECTS, 3, 2))
    assert g.dominators(2) == (0,)
    assert g.dominators(1) == (0,)
    assert g.dominators(3) == ((2, 3), 2, 0)


def test_a_virtual_machine_is_seen_through_its_host() -> None:
    g = graph((CONNECTS, 1, 0), (RUNS, 5, 1))
    assert g.dominators(5) == (1, (0, 1), 0)


def test_the_path_names_each_edge_on_the_way() -> None:
    g = graph((DEPENDS, 1, 2), (RUNS, 2, 3), (POWERED, 3, 4))
    assert [(e.source, e.target) for e in g.path(1, 4)] == [(1, 2), (2, 3), (3, 4)]
    assert g.path(4, 1) == ()
    assert [step[0] for step in g.impact_path(4)] == [3, 2, 1]


def test_a_circle_of_dependencies_ends() -> None:
    g = graph((POWERED, 1, 2), (POWERED, 2, 1), (DEPENDS, 1, 2))
    assert g.stands(1, POWERED, {2: DOWN}) is DOWN


ARROWS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20)


@given(arrows=ARROWS, roots=st.lists(st.integers(0, 7), min_size=1, max_size=3, unique=True))
def test_a_dominator_is_what_cuts_the_node_off_when_it_is_taken_out(
    arrows: list[tuple[int, int]], roots: list[int]
) -> None:
    ahead: dict[int, list[int]] = {}
    for a, b in arrows:
        ahead.setdefault(a, []).append(b)
    near = idoms(ahead, roots)

    def reach(without: int | None) -> set[int]:
        seen = {r for r in roots if r != without}
        queue = list(seen)
        while queue:
            for there in ahead.get(queue.pop(), []):
                if there not in seen and there != without:
                    seen.add(there)
                    queue.append(there)
        return seen

    everything = reach(None)
    assert set(near) == everything
    for node in everything:
        chain, at = [], near[node]
        while at is not None:
            chain.append(at)
            at = near[at]
        cuts = {other for other in everything if other != node and node not in reach(other)}
        assert set(chain) == cuts
        for nearer, farther in pairwise(chain):
            assert nearer not in reach(farther)
