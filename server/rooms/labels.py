"""Where a door's label stands on the plan: beside its door, and under no sensor's mark.

Lengths are those of the plan (its `width` and `depth`); y runs down.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

from server.rooms.plan import Box

LETTER, IDEOGRAPH, LINE = 8.2, 14.5, 18.0  # of the plan's small type
GAP = 8.0
ALONG = tuple(22.0 * step for step in range(-10, 11))  # from the door's middle
INWARDS = tuple(18.0 * step for step in range(4))  # away from the wall
Anchor = Literal["middle", "end"]


@dataclass(frozen=True)
class Mark:
    """What a label must not lie under: a circle, as a sensor is drawn."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Label:
    """Lines of text; `x` is their middle or their end, `y` the base line of the first."""

    x: float
    y: float
    anchor: Anchor
    lines: tuple[str, ...]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """About what the text covers: left, top, right, bottom."""
        wide = max(map(_width, self.lines))
        left = self.x - (wide / 2 if self.anchor == "middle" else wide)
        return left, self.y - LINE * 0.8, left + wide, self.y + LINE * (len(self.lines) - 0.75)


def _width(line: str) -> float:
    return sum(IDEOGRAPH if ord(sign) > 0x2E7F else LETTER for sign in line)


def of_door(
    door: Box,
    name: str,
    text: str,
    *,
    marks: Sequence[Mark],
    boxes: Sequence[Box],
    width: float,
    depth: float,
) -> Label:
    """The nearest place where nothing that is drawn and no edge is in the way; else beside the door.

    Args:
        door: as it lies on the plan.
        name, text: what it is called and what it says, in the reader's language.
        marks, boxes: what else is drawn there.
        width, depth: of the plan.
    """
    along = door.w > door.d
    x, y = door.x + door.w / 2, door.y + door.d / 2
    lower = y > depth / 2
    first = (
        Label(x, door.y - 36 if lower else door.y + 40, "middle", (f"{name} · {text}",))
        if along
        else Label(door.x - GAP, y, "end", (name, text))
    )
    steps = sorted(product(ALONG, INWARDS), key=lambda step: (abs(step[0]) + 2 * step[1], step))
    for side, inwards in steps:
        dx, dy = (side, -inwards if lower else inwards) if along else (-inwards, side)
        place = replace(first, x=first.x + dx, y=first.y + dy)
        free = not any(hit(place, one) for one in marks) and not any(_over(place, one) for one in boxes)
        if free and _inside(place, width, depth):
            return place
    return first


def _inside(label: Label, width: float, depth: float) -> bool:
    left, top, right, bottom = label.box
    return left >= 0 and top >= 0 and right <= width and bottom <= depth


def hit(label: Label, mark: Mark) -> bool:
    """Whether a mark lies over the label."""
    left, top, right, bottom = label.box
    near = min(max(mark.x, left), right), min(max(mark.y, top), bottom)
    return (mark.x - near[0]) ** 2 + (mark.y - near[1]) ** 2 < mark.radius**2


def _over(label: Label, box: Box) -> bool:
    left, top, right, bottom = label.box
    return left < box.x + box.w and right > box.x and top < box.y + box.d and bottom > box.y
