"""The floor plan of a room, as `Location.plan` keeps it: centimetres from the upper left corner."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.kernel.errors import InvalidError
from server.kernel.i18n import N_


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Rack(_Part):
    """A rack; `kw` is what it was planned to draw."""

    code: str
    name: str = ""
    x: float
    y: float
    w: float
    d: float
    zone: int = 0
    kw: float | None = None


class Box(_Part):
    """An aisle, a standing unit or a door. `kind`: cold, hot, air_conditioner, ups, panel, door."""

    x: float
    y: float
    w: float
    d: float
    kind: str
    device: str | None = None
    code: str = ""
    name: dict[str, str] = Field(default_factory=dict)


class Spot(_Part):
    """A sensor. `kind`: climate, smoke, leak, camera, access."""

    x: float
    y: float
    kind: str
    device: str | None = None
    name: dict[str, str] = Field(default_factory=dict)


class Plan(_Part):
    """All that is drawn."""

    width: float = Field(gt=0, le=100_000)
    depth: float = Field(gt=0, le=100_000)
    racks: list[Rack] = Field(default_factory=list, max_length=2_000)
    aisles: list[Box] = Field(default_factory=list, max_length=200)
    units: list[Box] = Field(default_factory=list, max_length=500)
    doors: list[Box] = Field(default_factory=list, max_length=100)
    sensors: list[Spot] = Field(default_factory=list, max_length=1_000)
    leak_cable: list[tuple[float, float]] = Field(default_factory=list, max_length=500)


def read(plan: dict[str, Any] | None) -> Plan | None:
    """The plan of a room, or None where none was drawn.

    Raises:
        InvalidError: what is kept is no plan; the first wrong place is named.
    """
    if not plan:
        return None
    try:
        return Plan.model_validate(plan)
    except ValidationError as error:
        place = "/".join(str(step) for step in error.errors()[0]["loc"])
        raise InvalidError(
            N_("The floor plan cannot be read at {place}."), place=place, field=f"/plan/{place}"
        ) from None
