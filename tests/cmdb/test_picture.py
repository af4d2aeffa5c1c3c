from hypothesis import given
from hypothesis import strategies as st

from rules.topology import Edge, Graph, Node, RelationKind
from server.cmdb.impact import impact
from server.cmdb.picture import draw

POWER = RelationKind.POWERED_BY


def test_what_an_item_hangs_on_stands_left_of_it_and_what_hangs_on_it_right() -> None:
    graph = Graph([Node(n, f"n{n}", "pdu") for n in range(3)], [Edge(POWER, 1, 0), Edge(POWER, 2, 1)])
    picture = draw(graph, 1)
    place = {box.key: box.x for box in picture.boxes}
    assert place[0] < place[1] < place[2]
    assert len(picture.lines) == 2


def test_alike_items_are_one_box_unless_something_tells_them_apart() -> None:
    graph = Graph([Node(n, f"n{n}", "server") for n in range(9)], [Edge(POWER, n, 0) for n in range(1, 9)])
    assert [len(box.members) for box in draw(graph, 0, fold=4).boxes] == [1, 8]
    apart = draw(graph, 0, fold=4, tell_apart=lambda one: "critical" if one == 5 else "")
    assert sorted(len(box.members) for box in apart.boxes) == [1, 1, 7]


def test_a_pdu_without_network_still_powers_its_rack() -> None:
    nodes = [Node(1, "switch", "switch"), Node(2, "pdu", "pdu"), Node(3, "server", "server")]
    graph = Graph(nodes, [Edge(RelationKind.CONNECTS_TO, 2, 1), Edge(POWER, 3, 2)])
    found = impact(graph, 1)
    assert (found.stops, found.cut_off) == ((), (2,))


def test_where_nobody_recorded_the_cord_the_answer_is_that_we_cannot_tell() -> None:
    nodes = [
        Node(1, "ups", "ups", 7),
        Node(2, "server", "server", 7),
        Node(3, "switch", "switch", 7),
        Node(4, "far", "server", 8),
    ]
    assert impact(Graph(nodes, [Edge(POWER, 2, 1)]), 1).unknown == (3,)


EDGES = st.lists(
    st.tuples(
        st.sampled_from([POWER, RelationKind.CONNECTS_TO, RelationKind.DEPENDS_ON]),
        st.integers(0, 9),
        st.integers(0, 9),
    ),
    max_size=25,
)


@given(edges=EDGES, root=st.integers(0, 9), fold=st.integers(2, 5))
def test_every_item_is_drawn_once_and_no_two_boxes_overlap(
    edges: list[tuple[RelationKind, int, int]], root: int, fold: int
) -> None:
    graph = Graph(
        [Node(n, f"n{n}", "server") for n in range(10)],
        [Edge(kind, one, other) for kind, one, other in edges],
    )
    picture = draw(graph, root, steps=4, fold=fold)
    members = [one for box in picture.boxes for one in box.members]
    assert len(members) == len(set(members))
    assert root in members
    places = {(box.x, box.y) for box in picture.boxes}
    assert len(places) == len(picture.boxes)
    assert all(0 <= box.x <= picture.width and 0 <= box.y <= picture.height for box in picture.boxes)


@given(edges=EDGES, root=st.integers(0, 9))
def test_fates_are_apart_and_never_of_the_root(edges: list[tuple[RelationKind, int, int]], root: int) -> None:
    graph = Graph(
        [Node(n, f"n{n}", "server") for n in range(10)],
        [Edge(kind, one, other) for kind, one, other in edges],
    )
    found = impact(graph, root)
    fates = [*found.stops, *found.cut_off, *found.weakened]
    assert len(fates) == len(set(fates))
    assert root not in fates
