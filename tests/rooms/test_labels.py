"""A door's label on the plan can be read: it lies beside its door and under no sensor's mark."""

from hypothesis import given
from hypothesis import strategies as st

from server.rooms.labels import Mark, hit, of_door
from server.rooms.plan import Box

WIDTH, DEPTH = 1200.0, 800.0
PLACES = st.builds(Mark, st.floats(0, WIDTH), st.floats(0, DEPTH), st.sampled_from([13.0, 20.0]))
DOORS = st.sampled_from(
    [
        Box(x=540, y=792, w=90, d=8, kind="door"),
        Box(x=540, y=0, w=90, d=8, kind="door"),
        Box(x=1192, y=300, w=8, d=90, kind="door"),
    ]
)


@given(door=DOORS, mark=PLACES, name=st.sampled_from(["Door B1", "前门"]))
def test_one_sensor_never_covers_a_label(door: Box, mark: Mark, name: str) -> None:
    label = of_door(door, name, "closed", marks=[mark], boxes=[], width=WIDTH, depth=DEPTH)
    assert not hit(label, mark)
    left, top, right, bottom = label.box
    assert 0 <= left < right <= WIDTH
    assert 0 <= top < bottom <= DEPTH


@given(door=DOORS)
def test_without_a_sensor_near_it_stands_in_the_middle_of_its_door(door: Box) -> None:
    label = of_door(door, "Door", "closed", marks=[Mark(10, 400, 20)], boxes=[], width=WIDTH, depth=DEPTH)
    if label.anchor == "middle":
        assert label.x == door.x + door.w / 2
    else:
        assert label.y == door.y + door.d / 2


@given(marks=st.lists(PLACES, max_size=200))
def test_among_too_many_sensors_a_label_stays_where_it_belongs(marks: list[Mark]) -> None:
    door = Box(x=540, y=792, w=90, d=8, kind="door")
    label = of_door(door, "Door", "closed", marks=marks, boxes=[], width=WIDTH, depth=DEPTH)
    if any(hit(label, mark) for mark in marks):
        assert label.x == 585


def test_a_label_lies_on_no_unit_beside_the_door() -> None:
    door, unit = Box(x=1192, y=300, w=8, d=90, kind="door"), Box(x=1080, y=310, w=90, d=70, kind="ups")
    label = of_door(door, "Door", "closed", marks=[], boxes=[unit], width=WIDTH, depth=DEPTH)
    assert label.box[3] <= unit.y or label.box[1] >= unit.y + unit.d or label.box[2] <= unit.x
