"""Discovery over the API: jobs, runs, what they found, who is heard."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rules import wire
from server.cmdb.models import Ci
from server.discovery import heard, jobs, links, views
from server.discovery.inputs import JobChange, JobIn
from server.discovery.models import (
    Finding,
    Outcome,
    Policy,
    RangeJob,
    Run,
    RunState,
)
from server.kernel.api import Api, ApiModel, Id, Moment, Page, PageQuery
from server.kernel.call import Call
from server.kernel.i18n import N_

api = Api("discovery")


class JobOut(ApiModel):
    """A range job."""

    id: Id
    name: str
    agent_id: Id
    ranges: list[str]
    exclusions: list[str]
    ways: list[str]
    ports: dict[str, list[int]]
    credentials: list[int]
    rate: float
    minutes: int
    cron: str
    policy: Policy
    every_s: float
    enabled: bool
    next_at: Moment | None
    version: int


class RunOut(ApiModel):
    """A run of a job."""

    id: Id
    job_id: Id
    agent_id: Id
    state: RunState
    total: int
    asked: int
    alive: int
    counts: dict[str, int]
    held_back: list[int]
    detail: str
    by_id: int | None
    created_at: Moment
    begun_at: Moment | None
    ended_at: Moment | None


class EndOut(ApiModel):
    """A port of an item; "" where the port is not told."""

    ci: str
    name: str
    port: str


class AgainstOut(ApiModel):
    """A link that two devices tell, where a person entered another one."""

    one: EndOut
    other: EndOut
    entered_relation: Id


class OutsiderOut(ApiModel):
    """A neighbour that introduced itself and is no known item; `maybe` where it could be one of several."""

    seen_by: EndOut
    kind: str
    keys: dict[str, list[str]]
    port: str
    maybe: list[str]


class LinksOut(ApiModel):
    """What the devices of a run tell of their neighbours."""

    links: int
    against: list[AgainstOut]
    outsiders: list[OutsiderOut]


class HeardOut(ApiModel):
    """An address that sends traps or syslog to an agent and is none of its targets."""

    agent_id: Id
    kind: str
    address: str
    count: int
    first_at: Moment
    last_at: Moment


class HeardSources(ApiModel):
    """The loudest of them."""

    items: list[HeardOut]


class GuessOut(ApiModel):
    """An answer about a device, with how likely it is right and why."""

    value: str
    confidence: float
    reason: str
    source: str


class AttemptOut(ApiModel):
    """One way that was tried; `credential` 0 where it needs none."""

    way: str
    credential: int
    outcome: str
    detail: str


class FindingOut(ApiModel):
    """One address of a run where something answered."""

    id: Id
    run_id: Id
    address: str
    at: Moment
    outcome: Outcome
    reason: str
    ci: str
    name: str
    class_code: str
    confidence: float
    profile: str
    ways: dict[str, int]
    guesses: dict[str, GuessOut]
    attempts: list[AttemptOut]
    facts: dict[str, str]
    changes: dict[str, Any]
    interfaces: int
    sensors: int
    truncated: bool


class RunsQuery(PageQuery):
    """Which runs."""

    job_id: Id | None = None


class FindingsQuery(PageQuery):
    """Which findings."""

    outcome: Outcome | None = None


@api.get("/discovery/jobs", permission="discovery.read", answer=list[JobOut], summary=N_("List range jobs"))
async def list_jobs(call: Call) -> list[JobOut]:
    """By name."""

    def read(session: Session) -> list[RangeJob]:
        return list(session.scalars(select(RangeJob).order_by(RangeJob.name)))

    return [JobOut.model_validate(one) for one in await call.db.read(read)]


@api.post(
    "/discovery/jobs",
    permission="discovery.manage",
    body=JobIn,
    answer=JobOut,
    status=201,
    summary=N_("Write a range job"),
)
async def create_job(call: Call, body: JobIn) -> JobOut:
    """Ranges as 10.20.8.0/22, 10.20.8.1-10.20.9.40 or one address; the schedule in the site's zone."""
    made = await call.db.run(jobs.create, body.job(), zone=call.settings.timezone, now=call.now)
    return JobOut.model_validate(made)


@api.get(
    "/discovery/jobs/{job_id}", permission="discovery.read", answer=JobOut, summary=N_("Read a range job")
)
async def read_job(call: Call, job_id: int) -> JobOut:
    """One job."""
    return JobOut.model_validate(await call.db.read(jobs.job_of, job_id))


@api.put(
    "/discovery/jobs/{job_id}",
    permission="discovery.manage",
    body=JobChange,
    answer=JobOut,
    summary=N_("Change a range job"),
)
async def change_job(call: Call, job_id: int, body: JobChange) -> JobOut:
    """A run that goes on keeps what it was told."""
    new = JobIn.model_validate(body.model_dump(exclude={"version"})).job()
    zone = call.settings.timezone
    made = await call.db.run(jobs.change, job_id, new, version=body.version, zone=zone, now=call.now)
    return JobOut.model_validate(made)


@api.delete("/discovery/jobs/{job_id}", permission="discovery.manage", summary=N_("Remove a range job"))
async def remove_job(call: Call, job_id: int) -> None:
    """One with history is switched off and kept."""
    await call.db.run(jobs.remove, job_id, now=call.now)


@api.post(
    "/discovery/jobs/{job_id}/run",
    permission="discovery.manage",
    answer=RunOut,
    status=201,
    summary=N_("Run a range job now"),
)
async def run_job(call: Call, job_id: int) -> RunOut:
    """It begins as soon as the agent hears of it."""
    return RunOut.model_validate(await call.db.run(jobs.begin, job_id, by=call.actor.id, now=call.now))


@api.get(
    "/discovery/runs",
    permission="discovery.read",
    query=RunsQuery,
    answer=Page[RunOut],
    summary=N_("List runs of range jobs"),
)
async def list_runs(call: Call, query: RunsQuery) -> Page[RunOut]:
    """The latest first."""

    def read(session: Session) -> tuple[list[Run], int]:
        chosen = select(Run)
        if query.job_id is not None:
            chosen = chosen.where(Run.job_id == query.job_id)
        total = session.scalar(select(func.count()).select_from(chosen.subquery())) or 0
        cut = chosen.order_by(Run.id.desc()).offset(query.offset).limit(query.limit)
        return list(session.scalars(cut)), total

    rows, total = await call.db.read(read)
    items = [RunOut.model_validate(row) for row in rows]
    return Page[RunOut](items=items, total=total, limit=query.limit, offset=query.offset)


@api.get("/discovery/runs/{run_id}", permission="discovery.read", answer=RunOut, summary=N_("Read a run"))
async def read_run(call: Call, run_id: int) -> RunOut:
    """How far it is."""
    return RunOut.model_validate(await call.db.read(jobs.run_of, run_id))


@api.get(
    "/discovery/runs/{run_id}/links",
    permission="discovery.read",
    answer=LinksOut,
    summary=N_("Read what the devices of a run tell of their neighbours"),
)
async def read_links(call: Call, run_id: int) -> LinksOut:
    """What nobody knows, and what contradicts a person."""
    told = await call.db.read(links.of_run, run_id)
    return LinksOut(
        links=told.links,
        against=[
            AgainstOut(
                one=_end(one.one, one.one_port),
                other=_end(one.other, one.other_port),
                entered_relation=one.entered.id,
            )
            for one in told.against
        ],
        outsiders=[
            OutsiderOut(
                seen_by=_end(one.teller, one.port),
                kind=one.kind,
                keys={kind: list(values) for kind, values in one.keys.items()},
                port=one.far_port,
                maybe=[ci.number for ci in one.maybe],
            )
            for one in told.outsiders
        ],
    )


def _end(ci: Ci, port: str) -> EndOut:
    return EndOut(ci=ci.number, name=ci.name, port=port)


@api.post(
    "/discovery/runs/{run_id}/cancel",
    permission="discovery.manage",
    answer=RunOut,
    summary=N_("Cancel a run"),
)
async def cancel_run(call: Call, run_id: int) -> RunOut:
    """What it found stays."""
    return RunOut.model_validate(await call.db.run(jobs.cancel, run_id, now=call.now))


@api.get(
    "/discovery/runs/{run_id}/findings",
    permission="discovery.read",
    query=FindingsQuery,
    answer=Page[FindingOut],
    summary=N_("List what a run found"),
)
async def list_findings(call: Call, run_id: int, query: FindingsQuery) -> Page[FindingOut]:
    """By address, each with its evidence."""

    def read(session: Session) -> tuple[list[FindingOut], int]:
        jobs.run_of(session, run_id)
        chosen = select(Finding).where(Finding.run_id == run_id)
        if query.outcome is not None:
            chosen = chosen.where(Finding.outcome == query.outcome)
        total = session.scalar(select(func.count()).select_from(chosen.subquery())) or 0
        cut = chosen.order_by(Finding.sort_key).offset(query.offset).limit(query.limit)
        return [_finding(row) for row in views.finding_rows(session, session.scalars(cut).all())], total

    items, total = await call.db.read(read)
    return Page[FindingOut](items=items, total=total, limit=query.limit, offset=query.offset)


@api.get(
    "/discovery/heard",
    permission="discovery.read",
    answer=HeardSources,
    summary=N_("List who sends traps or syslog and is no target"),
)
async def list_heard(call: Call) -> HeardSources:
    """The loudest first."""
    rows = await call.db.read(heard.sources, now=call.now)
    return HeardSources(items=[HeardOut.model_validate(row) for row in rows])


def _finding(row: views.FindingRow) -> FindingOut:
    one, told = row.finding, row.told
    return FindingOut(
        id=one.id,
        run_id=one.run_id,
        address=one.address,
        at=one.at,
        outcome=one.outcome,
        reason=one.reason,
        ci=row.ci.number if row.ci is not None else "",
        name=one.name,
        class_code=one.class_code,
        confidence=one.confidence,
        profile=told.profile,
        ways={str(way): port for way, port in told.ways.items()},
        guesses={name: _guess(guess) for name, guess in told.guesses.items()},
        attempts=[
            AttemptOut(way=tried.way, credential=tried.credential, outcome=tried.outcome, detail=tried.detail)
            for tried in told.attempts
        ],
        facts=told.facts,
        changes=one.changes,
        interfaces=told.interfaces,
        sensors=told.sensors,
        truncated=told.truncated,
    )


def _guess(one: wire.Guess) -> GuessOut:
    return GuessOut(value=one.value, confidence=one.confidence, reason=one.reason, source=one.source)
