"""A door's label on the plan can be read: it lies beside its door and under no sensor's mark."""

from hypothesis import given
from hypothesis import strategies as st

from server.rooms.labels import hit, of_door
from server.rooms.plan import Box

WIDTH, DEPTH = 1200.0, 800.0
PLACES = st.tuples(st.floats(0, WIDTH), st.floats(0, DEPTH))
DOORS = st.sampled_from(
    [
        Box(x=540, y=792, w=90, d=8, kind="door"),
        Box(x=540, y=0, w=90, d=8, kind="door"),
        Box(x=1192, y=300, w=8, d=90, kind="door"),
    ]
)


@given(door=DOORS, mark=PLACES, name=st.sampled_from(["Door B1", "前门"]))
def test_one_sensor_never_covers_a_label(door: Box, mark: tuple[float, float], name: str) -> None:
    label = of_door(door, name, "closed", [mark], width=WIDTH, depth=DEPTH)
    assert not hit(label, mark)
    left, top, right, bottom = label.box
    assert 0 <= left < right <= WIDTH
    assert 0 <= top < bottom <= DEPTH


@given(door=DOORS)
def test_without_a_sensor_near_it_stands_in_the_middle_of_its_door(door: Box) -> None:
    label = of_door(door, "Door", "closed", [(10.0, 400.0)], width=WIDTH, depth=DEPTH)
    if label.anchor == "middle":
        assert label.x == door.x + door.w / 2
    else:
        assert label.y == door.y + door.d / 2


@given(marks=st.lists(PLACES, max_size=200))
def test_among_too_many_sensors_a_label_stays_where_it_belongs(marks: list[tuple[float, float]]) -> None:
    door = Box(x=540, y=792, w=90, d=8, kind="door")
    label = of_door(door, "Door", "closed", marks, width=WIDTH, depth=DEPTH)
    if any(hit(label, mark) for mark in marks):
        assert label.x == 585
