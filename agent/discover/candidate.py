"""A text that may be a device's model, version or serial number."""

from dataclasses import dataclass, field
from typing import Literal

Field = Literal["model", "version", "serial"]
FIELDS: tuple[Field, ...] = ("model", "version", "serial")


@dataclass(slots=True)
class Candidate:
    """A text that may be the answer; `place` says where it stands, for people."""

    value: str
    place: str
    features: dict[str, float] = field(default_factory=dict)
