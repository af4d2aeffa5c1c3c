from pathlib import Path

import pytest

from agent.playback import forms
from agent.playback.plant import Link, Plant, load


def shaped(value: object, form: type) -> object:
    return forms._shape(value, form, "room.yaml")


def test_the_room_is_read_into_its_types() -> None:
    plant = load()
    assert isinstance(plant, Plant)
    assert isinstance(plant.links[0].load, float)
    assert plant.plan.leak_cable[0] == (84, 480)
    assert plant.device("SRV-3").power == ("PDU-B1-A2",)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"from": "A", "from-port": 1, "to": "B", "to-port": 1, "colour": "red"}, "colour is not known"),
        ({"from": "A", "from-port": 1, "to": "B"}, "to-port is missing"),
        ({"from": "A", "from-port": "one", "to": "B", "to-port": 1}, "from-port: int is expected"),
        ({"from": "A", "from-port": True, "to": "B", "to-port": 1}, "int is expected"),
        (["A", "B"], "a mapping is expected"),
    ],
)
def test_what_the_types_do_not_allow_is_refused_with_its_place(value: object, complaint: str) -> None:
    with pytest.raises(forms.FormError, match=complaint):
        shaped(value, Link)


def test_the_files_of_the_room_are_in_the_package() -> None:
    here = Path(forms.__file__).parent
    assert {"room.yaml", "stories.yaml"} <= {path.name for path in here.glob("*.yaml")}
