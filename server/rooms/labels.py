"""Where a door's label stands on the plan: beside its door, and under no sensor's mark.

Lengths are those of the plan (its `width` and `depth`); y runs down.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from server.rooms.plan import Box

LETTER, IDEOGRAPH, LINE = 8.2, 14.5, 18.0  # of the plan's small type
MARK = 20.0  # radius of a sensor's mark
GAP = 8.0
STEPS = (0.0, 44.0, -44.0, 88.0, -88.0, 132.0, -132.0, 176.0, -176.0, 220.0, -220.0)
Anchor = Literal["middle", "end"]


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
    door: Box, name: str, text: str, marks: Sequence[tuple[float, float]], *, width: float, depth: float
) -> Label:
    """The nearest place where neither a mark nor the edge of the plan is in the way; else beside the door.

    Args:
        door: as it lies on the plan.
        name, text: what it is called and what it says, in the reader's language.
        marks: centres of the sensors.
        width, depth: of the plan.
    """
    places = list(_places(door, name, text, depth))
    free = (one for one in places if _inside(one, width, depth) and not any(hit(one, mark) for mark in marks))
    return next(free, places[0])


def _places(door: Box, name: str, text: str, depth: float) -> Iterator[Label]:
    middle = door.x + door.w / 2, door.y + door.d / 2
    if door.w > door.d:
        y = door.y - 36 if door.y > depth / 2 else door.y + 40
        yield from (Label(middle[0] + step, y, "middle", (f"{name} · {text}",)) for step in STEPS)
    else:
        yield from (Label(door.x - GAP, middle[1] + step, "end", (name, text)) for step in STEPS)


def _inside(label: Label, width: float, depth: float) -> bool:
    left, top, right, bottom = label.box
    return left >= 0 and top >= 0 and right <= width and bottom <= depth


def hit(label: Label, mark: tuple[float, float]) -> bool:
    """Whether a sensor's mark lies over the label."""
    left, top, right, bottom = label.box
    x, y = mark
    near = min(max(x, left), right), min(max(y, top), bottom)
    return (x - near[0]) ** 2 + (y - near[1]) ** 2 < MARK**2
