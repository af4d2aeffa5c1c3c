"""Problems over the API: records, their life, and the patterns that propose them."""

from typing import Annotated

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.kernel.api import Api, ApiModel, Id, Moment, Page, PageQuery
from server.kernel.call import Actor, Call
from server.kernel.i18n import N_
from server.problems import service
from server.problems.models import TEXT_LIMIT, TITLE_LIMIT, CandidateState, Problem, ProblemIncident, State

api = Api("problems")
Text = Annotated[str, Field(max_length=TEXT_LIMIT)]


class ProblemTexts(ApiModel):
    """What people write of a problem; Markdown."""

    title: Annotated[str, Field(min_length=1, max_length=TITLE_LIMIT)]
    description: Text = ""
    root_cause: Text = ""
    workaround: Text = ""
    solution: Text = ""
    assignee_id: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class ProblemBegin(ProblemTexts):
    """A new problem; `incident` is the first that it explains."""

    incident: Annotated[str, Field(pattern=r"^(INC-\d{1,12})?$")] = ""


class ProblemChange(ProblemTexts):
    """New texts, and the version they were made from."""

    version: Annotated[int, Field(ge=1, le=1_000_000)]


class ProblemOut(ProblemTexts):
    """A problem."""

    number: str
    state: State
    article: str | None
    version: int
    opened_at: Moment
    changed_at: Moment
    resolved_at: Moment | None
    closed_at: Moment | None


class ProblemWhole(ProblemOut):
    """A problem with the numbers of the incidents it explains."""

    incidents: list[str]


class ProblemQuery(PageQuery):
    """Which problems."""

    state: State | None = None


class Step(ApiModel):
    """Where the problem goes."""

    to: State


class Link(ApiModel):
    """An incident."""

    incident: Annotated[str, Field(pattern=r"^INC-\d{1,12}$")]


class Reason(ApiModel):
    """Why a pattern is no problem."""

    reason: Annotated[str, Field(max_length=400)] = ""


class PatternQuery(ApiModel):
    """Which patterns."""

    state: CandidateState = CandidateState.OPEN


class PatternOut(ApiModel):
    """Incidents that say much the same; `hours` from opening to resolution, all together."""

    id: Id
    state: CandidateState
    title: str
    incidents: list[str]
    size: int
    hours: float
    worked_minutes: int
    facets: dict[str, str]
    words: list[str]
    weekly: list[int]
    first_at: Moment
    last_at: Moment
    problem: str | None
    reason: str


@api.get(
    "/problems",
    permission="problem.read",
    query=ProblemQuery,
    answer=Page[ProblemOut],
    summary=N_("List problems"),
)
async def listed(call: Call, query: ProblemQuery) -> Page[ProblemOut]:
    """The latest change first."""

    def read(session: Session) -> tuple[list[Problem], int]:
        chosen = select(Problem).where(service.visible_to(call.actor))
        if query.state is not None:
            chosen = chosen.where(Problem.state == query.state)
        total = session.scalar(select(func.count()).select_from(chosen.subquery())) or 0
        cut = chosen.order_by(Problem.changed_at.desc(), Problem.id).offset(query.offset).limit(query.limit)
        return list(session.scalars(cut)), total

    rows, total = await call.db.read(read)
    items = [ProblemOut.model_validate(row) for row in rows]
    return Page[ProblemOut](items=items, total=total, limit=query.limit, offset=query.offset)


@api.post(
    "/problems",
    permission="problem.manage",
    body=ProblemBegin,
    answer=ProblemOut,
    status=201,
    summary=N_("Open a problem"),
)
async def create(call: Call, body: ProblemBegin) -> ProblemOut:
    """By hand."""
    texts = body.model_dump(exclude={"incident"})
    made = await call.db.run(service.begin, texts, body.incident, actor=call.actor, now=call.now)
    return ProblemOut.model_validate(made)


@api.get("/problems/{number}", permission="problem.read", answer=ProblemWhole, summary=N_("Show a problem"))
async def shown(call: Call, number: str) -> ProblemWhole:
    """With its incidents, the latest link first."""
    return await call.db.read(_whole, number, call.actor)


def _whole(session: Session, number: str, actor: Actor) -> ProblemWhole:
    problem = service.get(session, number, actor)
    linked = session.scalars(
        select(ProblemIncident.incident)
        .where(ProblemIncident.problem_id == problem.id)
        .order_by(ProblemIncident.at.desc(), ProblemIncident.incident.desc())
    )
    told = ProblemOut.model_validate(problem).model_dump()
    return ProblemWhole(**told, incidents=list(linked))


@api.put(
    "/problems/{number}",
    permission="problem.manage",
    body=ProblemChange,
    answer=ProblemOut,
    summary=N_("Change a problem"),
)
async def change(call: Call, number: str, body: ProblemChange) -> ProblemOut:
    """What is known of it."""
    texts = body.model_dump(exclude={"version"})
    changed = await call.db.run(
        service.change, number, texts, version=body.version, actor=call.actor, now=call.now
    )
    return ProblemOut.model_validate(changed)


@api.post(
    "/problems/{number}/move",
    permission="problem.manage",
    body=Step,
    answer=ProblemOut,
    summary=N_("Take a problem to another state"),
)
async def move(call: Call, number: str, body: Step) -> ProblemOut:
    """A known error needs root cause and workaround, a resolved problem root cause and solution."""
    moved = await call.db.run(service.move, number, body.to, actor=call.actor, now=call.now)
    return ProblemOut.model_validate(moved)


@api.post(
    "/problems/{number}/incidents",
    permission="problem.manage",
    body=Link,
    answer=ProblemWhole,
    summary=N_("Link an incident to a problem"),
)
async def link(call: Call, number: str, body: Link) -> ProblemWhole:
    """It explains the incident."""
    await call.db.run(service.link, number, body.incident, actor=call.actor, now=call.now)
    return await call.db.read(_whole, number, call.actor)


@api.delete(
    "/problems/{number}/incidents/{incident}",
    permission="problem.manage",
    summary=N_("Unlink an incident from a problem"),
)
async def unlink(call: Call, number: str, incident: str) -> None:
    """It does not explain the incident."""
    await call.db.run(service.unlink, number, incident, actor=call.actor)


@api.get(
    "/problem-patterns",
    permission="problem.read",
    query=PatternQuery,
    answer=list[PatternOut],
    summary=N_("List patterns among incidents"),
)
async def found(call: Call, query: PatternQuery) -> list[PatternOut]:
    """The costliest first."""
    rows = await call.db.read(service.candidates, call.actor, query.state)
    return [PatternOut.model_validate(row) for row in rows]


@api.post(
    "/problem-patterns/{number}/accept",
    permission="problem.manage",
    answer=ProblemOut,
    status=201,
    summary=N_("Make a problem of a pattern"),
)
async def accept(call: Call, number: int) -> ProblemOut:
    """With its incidents."""
    made = await call.db.run(service.accept, number, actor=call.actor, now=call.now)
    return ProblemOut.model_validate(made)


@api.post(
    "/problem-patterns/{number}/dismiss",
    permission="problem.manage",
    body=Reason,
    answer=PatternOut,
    summary=N_("Dismiss a pattern"),
)
async def dismiss(call: Call, number: int, body: Reason) -> PatternOut:
    """It is shown again when it has doubled."""
    row = await call.db.run(service.dismiss, number, body.reason, actor=call.actor, now=call.now)
    return PatternOut.model_validate(row)
