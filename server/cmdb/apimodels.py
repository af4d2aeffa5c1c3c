"""What the REST API of the CMDB takes and gives."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from server.kernel.api import ApiModel, Moment, PageQuery

Text = Annotated[str, Field(max_length=200)]


class CiQuery(PageQuery):
    """Which items."""

    q: Text = ""
    ci_class: Annotated[Text, Field(alias="class")] = ""
    location: Text = ""


class CiOut(ApiModel):
    """An item as it is shown."""

    number: str
    name: str
    ci_class: Annotated[str, Field(alias="class", serialization_alias="class")]
    state: str
    presence: str
    health: str
    criticality: int
    vendor: str | None
    model: str | None
    serial: str | None
    version: str | None
    address: str | None
    location: str | None
    owner_group_id: int | None
    owner_id: int | None
    attributes: dict[str, Any]
    conflicts: int
    revision: int
    seen_at: datetime | None
    created_at: datetime
    updated_at: datetime


class CiIn(ApiModel):
    """A new item. `values` are attributes by name; `name` is needed."""

    ci_class: Annotated[Text, Field(alias="class")]
    values: dict[str, Any]


class CiChange(ApiModel):
    """New values; null withdraws what was entered. `revision`: the one you have seen."""

    values: dict[str, Any]
    revision: int | None = None
    ticket: Annotated[str, Field(max_length=20)] | None = None


class ClaimOut(ApiModel):
    """What one source says."""

    attribute: str
    source: str
    value: Any
    since_at: datetime
    seen_at: datetime
    reverted: bool
    shown: bool
    reason: str


class VersionOut(ApiModel):
    """One change of an item."""

    revision: int
    valid_at: datetime
    recorded_at: datetime
    source: str
    by: str | None
    ticket: str | None
    changes: dict[str, Any]


class AtQuery(ApiModel):
    """A moment: when it was true, and by what was known when."""

    at: Moment
    known_at: Moment | None = None


class SnapshotOut(ApiModel):
    """What was shown of an item at a moment."""

    revision: int
    valid_at: datetime
    recorded_at: datetime
    values: dict[str, Any]


class RelationOut(ApiModel):
    """`from` depends on `to`."""

    id: int
    kind: str
    from_: Annotated[str, Field(alias="from", serialization_alias="from")]
    to: str
    source: str
    confidence: float
    attributes: dict[str, Any]
    since_at: datetime
    ended_at: datetime | None


class RelationIn(ApiModel):
    """A relation between two items, by number."""

    kind: Text
    from_: Annotated[Text, Field(alias="from")]
    to: Text
    slot: Annotated[str, Field(max_length=120)] = ""
    attributes: dict[str, Any] = Field(default_factory=dict)


class PlaceOut(ApiModel):
    """A place."""

    code: str
    name: dict[str, str]
    kind: str
    parent: str | None
    plan: dict[str, Any]


class PlaceIn(ApiModel):
    """A place; a plan that is absent stays."""

    name: dict[str, str]
    kind: Text
    parent: Text | None = None
    plan: dict[str, Any] | None = None


class ObservedRelationIn(ApiModel):
    """A relation as a device tells it."""

    kind: Text
    keys: dict[Text, list[Text]] = Field(default_factory=dict)
    attributes: dict[Text, Text] = Field(default_factory=dict)


class ObservationIn(ApiModel):
    """What a device says of itself."""

    device: Text = ""
    at: Moment
    ci_class: Annotated[Text, Field(alias="class")]
    name: Text = ""
    keys: dict[Text, list[Text]] = Field(default_factory=dict)
    attributes: dict[Text, Annotated[str, Field(max_length=4000)]] = Field(default_factory=dict)
    relations: list[ObservedRelationIn] = Field(default_factory=list)
    source: Text = "agent:dry-run"


class StepOut(ApiModel):
    """One step of the path to a decision."""

    kind: str
    verdict: str
    words: str
    values: list[str]
    cis: list[str]


class DecisionOut(ApiModel):
    """What an observation would do, and how that was decided."""

    outcome: str
    ci: str | None
    candidates: list[str]
    doubts: list[str]
    path: list[StepOut]


class ImportIn(ApiModel):
    """Places, devices and relations."""

    locations: list[dict[str, Any]] = Field(default_factory=list)
    devices: list[dict[str, Any]] = Field(default_factory=list)
    relations: list[dict[str, Any]] = Field(default_factory=list)
    dry_run: bool = False


class RowErrorOut(ApiModel):
    """A row that was not taken."""

    part: str
    row: int
    field: str
    message: str


class ImportOut(ApiModel):
    """What an import did."""

    created: int
    updated: int
    unchanged: int
    relations: int
    places: int
    errors: list[RowErrorOut]
