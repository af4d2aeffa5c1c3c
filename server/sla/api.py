"""Service levels over the API: targets, and the clocks of a ticket."""

from typing import Annotated

from pydantic import Field

from server.kernel.api import Api, ApiModel, Moment
from server.kernel.call import Call
from server.kernel.i18n import N_
from server.sla import clocks, targets

api = Api("sla")


class TargetIn(ApiModel):
    """A target to set."""

    response_s: Annotated[int, Field(ge=60, le=31_622_400)]
    resolution_s: Annotated[int, Field(ge=60, le=31_622_400)]
    calendar: Annotated[str, Field(min_length=1, max_length=40)]


class TargetOut(TargetIn):
    """The targets of a priority."""

    priority: int


class ClockOut(ApiModel):
    """A clock of a ticket."""

    kind: str
    state: str
    priority: int
    target_s: float
    spent_s: float
    fraction: float
    due_at: Moment | None
    stopped_at: Moment | None
    pause_reason: str


def _shown(found: targets.Targets) -> TargetOut:
    return TargetOut(
        priority=found.priority,
        response_s=int(found.response.total_seconds()),
        resolution_s=int(found.resolution.total_seconds()),
        calendar=found.calendar_code,
    )


@api.get(
    "/sla/targets", permission="sla.read", answer=list[TargetOut], summary=N_("List service level targets")
)
async def list_targets(call: Call) -> list[TargetOut]:
    """All priorities."""
    return [_shown(found) for found in await call.db.read(targets.all_targets)]


@api.put(
    "/sla/targets/{priority}",
    permission="sla.manage",
    body=TargetIn,
    answer=TargetOut,
    summary=N_("Set a service level target"),
)
async def set_target(call: Call, priority: int, body: TargetIn) -> TargetOut:
    """Change one priority's targets."""
    await call.db.run(
        targets.set_target,
        priority,
        response_s=body.response_s,
        resolution_s=body.resolution_s,
        calendar=body.calendar,
    )
    return _shown(await call.db.read(targets.targets, priority))


@api.get(
    "/sla/clocks/{ticket}", permission="sla.read", answer=list[ClockOut], summary=N_("Show a ticket's clocks")
)
async def ticket_clocks(call: Call, ticket: str) -> list[ClockOut]:
    """Response and resolution."""
    shown = await call.db.read(clocks.views, [ticket], now=call.now)
    return [
        ClockOut(
            kind=one.kind.value,
            state=one.state,
            priority=one.priority,
            target_s=one.target.total_seconds(),
            spent_s=one.spent.total_seconds(),
            fraction=round(one.fraction, 4),
            due_at=one.due_at,
            stopped_at=one.stopped_at,
            pause_reason=one.pause_reason,
        )
        for one in shown.get(ticket, [])
    ]
