"""What the REST API of incidents takes and gives."""

from typing import Annotated, Literal

from pydantic import Field

from server.incidents.models import SUMMARY_LIMIT, TEXT_LIMIT, State
from server.kernel.api import ApiModel, Id, Moment, PageQuery

Level = Annotated[int, Field(ge=1, le=4)]
Summary = Annotated[str, Field(min_length=1, max_length=SUMMARY_LIMIT)]
LongText = Annotated[str, Field(max_length=TEXT_LIMIT)]
Number = Annotated[str, Field(min_length=1, max_length=20)]
Code = Annotated[str, Field(min_length=1, max_length=40)]


class IncidentOut(ApiModel):
    """An incident."""

    number: str
    summary: str
    summary_by_lang: dict[str, str]
    description: str
    source: str
    state: str
    pending_reason: str | None
    impact: int
    urgency: int
    priority: int
    priority_why: str
    category: str
    ci: str | None
    group: str | None
    assignee_id: int | None
    contact_id: int | None
    affected_id: int | None
    alert_group_id: int | None
    opened_at: Moment
    response_due_at: Moment | None
    resolution_due_at: Moment | None
    responded_at: Moment | None
    resolved_at: Moment | None
    closed_at: Moment | None
    cause_code: str
    resolution: str
    workaround: str
    trace_id: str
    steps: list[str]
    version: int


class IncidentQuery(PageQuery):
    """Filters of the list; all that are given must hold."""

    state: Annotated[list[State], Field(default_factory=list, max_length=8)]
    open: bool | None = None
    priority: Annotated[int, Field(ge=1, le=5)] | None = None
    group: Code | None = None
    ci: Number | None = None
    text: Annotated[str, Field(max_length=200)] | None = None
    opened_from: Moment | None = None
    opened_to: Moment | None = None


class IncidentIn(ApiModel):
    """An incident to open."""

    summary: Summary
    description: LongText = ""
    impact: Level = 3
    urgency: Level = 3
    category: Annotated[str, Field(max_length=80)] = ""
    ci: Number | None = None
    group: Code | None = None
    contact_id: Id | None = None
    affected_id: Id | None = None


class IncidentPatch(ApiModel):
    """Fields to change; the version is the one that was seen."""

    version: Annotated[int, Field(ge=1)]
    summary: Summary | None = None
    description: LongText | None = None
    impact: Level | None = None
    urgency: Level | None = None
    category: Annotated[str, Field(max_length=80)] | None = None
    ci: Number | None = None
    workaround: LongText | None = None
    contact_id: Id | None = None
    affected_id: Id | None = None


class TransitionIn(ApiModel):
    """A step; which fields it needs follows from the step."""

    step: Literal["assign", "accept", "start", "hold", "resume", "resolve", "close", "reopen", "cancel"]
    version: Annotated[int, Field(ge=1)] | None = None
    group: Code | None = None
    assignee_id: Id | None = None
    reason: Literal["user", "vendor", "change", "part"] | None = None
    cause_code: Code | None = None
    resolution: LongText = ""
    workaround: LongText = ""
    fixed_by: Annotated[
        str, Field(max_length=20, description="the article or past incident that resolved it")
    ] = ""
    note: LongText = ""


class NoteIn(ApiModel):
    """A note."""

    text: Annotated[str, Field(min_length=1, max_length=TEXT_LIMIT)]
    internal: bool = True


class LinkIn(ApiModel):
    """A link to another record."""

    other: Number
    kind: Literal["duplicate_of", "caused_by", "child_of", "relates_to", "recurrence_of"]


class MergeIn(ApiModel):
    """The incident that goes on."""

    into: Number


class WatchIn(ApiModel):
    """Whether to watch."""

    on: bool


class WorkIn(ApiModel):
    """Time spent."""

    minutes: Annotated[int, Field(ge=1, le=1440)]
    text: Annotated[str, Field(max_length=1000)] = ""


class BulkIn(ApiModel):
    """One thing to do to many."""

    numbers: Annotated[list[Number], Field(min_length=1, max_length=200)]
    action: Literal["accept", "start", "close", "assign"]
    group: Code | None = None


class BulkOut(ApiModel):
    """How many were done, and why the others were not."""

    done: int
    skipped: dict[str, str]


class EntryOut(ApiModel):
    """A line of the timeline."""

    id: int
    at: Moment
    kind: str
    text: str
    by: str
    note: str
    internal: bool


class LinkOut(ApiModel):
    """A link."""

    other: str
    kind: str
    forward: bool
