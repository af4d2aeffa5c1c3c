"""Range jobs: written, checked, begun by hand or by their schedule, cancelled."""

import ipaddress
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from cronsim import CronSim, CronSimError
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules import ranges, wire
from server.agents import credentials
from server.agents import service as agents
from server.agents.generation import touch
from server.agents.models import Credential
from server.discovery.models import NAME_LIMIT, Item, ItemState, Policy, RangeJob, Run, RunState
from server.kernel.errors import ConflictError, InvalidError, NotFoundError, StaleError
from server.kernel.events import emit
from server.kernel.i18n import N_
from server.kernel.jobs import enqueue

TOPIC = "discovery"
LINKS = "discovery.links"  # the job that brings the links of a run to the CMDB
WAYS: tuple[wire.Way, ...] = get_args(wire.Way)
LIVING = (RunState.QUEUED, RunState.RUNNING)
RATE = (0.1, 1_000.0)
MOST_MINUTES = 7 * 24 * 60
MOST_PORTS = 50
CREDENTIAL_WAYS = ("snmp", "ssh", "http")
SILENT_AFTER = timedelta(hours=2)  # without a word of a run that the agent has begun
NEVER_BEGUN = timedelta(hours=24)
RANGE_FAULTS: Mapping[str, str] = {
    "malformed": N_("{text} is no range; write 10.20.8.0/22, 10.20.8.1-10.20.9.40 or one address."),
    "backwards": N_("The range {text} ends before it begins."),
    "mixed": N_("The range {text} begins and ends in different versions of IP."),
    "special": N_("{text} stands for many devices or for none; leave it out."),
    "too_many": N_("These are more than {limit} addresses; share them among several jobs."),
}


@dataclass(frozen=True)
class NewJob:
    """What a person says of a range job."""

    name: str
    agent_id: int
    ranges: Sequence[str]
    exclusions: Sequence[str] = ()
    ways: Sequence[str] = ("icmp", "snmp")
    ports: Mapping[str, Sequence[int]] = field(default_factory=dict)
    credentials: Sequence[int] = ()
    rate: float = 50.0
    minutes: int = 0
    cron: str = ""
    policy: Policy = Policy.ASK
    every_s: float = 60.0
    enabled: bool = True


def create(session: Session, new: NewJob, *, zone: str, now: datetime) -> RangeJob:
    """Write a job; raises InvalidError naming the field, ConflictError where the name is taken."""
    job = RangeJob(created_at=now)
    _check(session, new, job)
    _fill(job, new, zone=zone, now=now)
    session.add(job)
    session.flush()
    emit(session, TOPIC, {"job": job.id})
    return job


def change(
    session: Session, job_id: int, new: NewJob, *, version: int | None, zone: str, now: datetime
) -> RangeJob:
    """Replace what a job says; a run that goes on keeps what it was told."""
    job = job_of(session, job_id)
    if version is not None and version != job.version:
        raise StaleError(current=job.version)
    _check(session, new, job)
    _fill(job, new, zone=zone, now=now)
    session.flush()
    emit(session, TOPIC, {"job": job.id})
    return job


def remove(session: Session, job_id: int, *, now: datetime) -> RangeJob:
    """Delete a job that never ran; one with history is switched off and kept, for its runs are evidence."""
    job = job_of(session, job_id)
    for run in living(session, job_id):
        stop(session, run, RunState.CANCELLED, now=now)
    if session.scalar(select(Run.id).where(Run.job_id == job_id).limit(1)) is None:
        session.delete(job)
    else:
        job.enabled, job.cron, job.next_at = False, "", None
    emit(session, TOPIC, {"job": job_id})
    return job


def job_of(session: Session, job_id: int) -> RangeJob:
    """The job of an id."""
    job = session.get(RangeJob, job_id) if 0 < job_id < 2**31 else None
    if job is None:
        raise NotFoundError(N_("There is no such range job."))
    return job


def run_of(session: Session, run_id: int) -> Run:
    """The run of an id."""
    run = session.get(Run, run_id) if 0 < run_id < 2**31 else None
    if run is None:
        raise NotFoundError(N_("There is no such run."))
    return run


def living(session: Session, job_id: int) -> list[Run]:
    """Runs of a job that have not ended."""
    return list(session.scalars(select(Run).where(Run.job_id == job_id, Run.state.in_(LIVING))))


def begin(session: Session, job_id: int, *, by: int | None, now: datetime) -> Run:
    """Have the agent run a job now; the agent hears of it with its next report.

    Raises:
        ConflictError: it runs already, or its agent is not let in any more.
    """
    job = job_of(session, job_id)
    if living(session, job_id):
        raise ConflictError(N_("This job runs already. Wait until it ends, or cancel it."))
    agent = agents.agent_of(session, job.agent_id)
    if agent.revoked_at is not None:
        raise ConflictError(N_("The agent {agent} is revoked. Choose another one."), agent=agent.name)
    run = Run(
        job_id=job.id,
        agent_id=job.agent_id,
        asked_for={
            "ranges": list(job.ranges),
            "exclusions": list(job.exclusions),
            "ways": list(job.ways),
            "ports": dict(job.ports),
            "credentials": list(job.credentials),
            "rate": job.rate,
        },
        total=len(ranges.addresses(job.ranges, job.exclusions)),
        by_id=by,
        created_at=now,
        until_at=now + timedelta(minutes=job.minutes) if job.minutes else None,
    )
    session.add(run)
    session.flush()
    touch(agent)
    emit(session, TOPIC, {"job": job.id, "run": run.id})
    return run


def cancel(session: Session, run_id: int, *, now: datetime) -> Run:
    """End a run; what it found stays."""
    run = run_of(session, run_id)
    if run.state not in LIVING:
        raise ConflictError(N_("This run has ended already."))
    return stop(session, run, RunState.CANCELLED, now=now)


def stop(session: Session, run: Run, state: RunState, *, detail: str = "", now: datetime) -> Run:
    """Put a run to an end and take it from its agent."""
    run.state, run.ended_at = state, now
    run.detail = detail[:400] or run.detail
    settle_links(session, run.id, now=now)
    touch(agents.agent_of(session, run.agent_id))
    emit(session, TOPIC, {"job": run.job_id, "run": run.id})
    return run


def settle_links(session: Session, run_id: int, *, now: datetime) -> None:
    """Have the links of a run brought to the CMDB soon; asked again before that, it is done once."""
    enqueue(session, LINKS, {"run": run_id}, now=now, key=f"run {run_id}")


def progress(session: Session, told: wire.Progress, agent_id: int, *, now: datetime) -> bool:
    """Take an agent's word of a run; False where the run is not this agent's. Old words change nothing."""
    run = session.get(Run, told.run) if told.run < 2**31 else None
    if run is None or run.agent_id != agent_id or run.job_id != told.job:
        return False
    if run.state not in LIVING:
        return True
    run.begun_at = run.begun_at or now
    run.told_at = now
    run.state = RunState.RUNNING
    run.asked, run.alive = max(run.asked, told.asked), max(run.alive, told.alive)
    run.held_back = sorted({*run.held_back, *told.held_back})
    if told.state != "running":
        stop(session, run, RunState(told.state), detail=told.detail, now=now)
    emit(session, TOPIC, {"job": run.job_id, "run": run.id})
    return True


def due(session: Session, *, zone: str, now: datetime) -> int:
    """Begin the jobs whose time has come, end runs that nobody tells of any more; returns how many began."""
    for run in session.scalars(select(Run).where(Run.state.in_(LIVING))):
        silent = run.told_at is not None and now - run.told_at > SILENT_AFTER
        if silent or (run.told_at is None and now - run.created_at > NEVER_BEGUN):
            stop(session, run, RunState.FAILED, detail="silent", now=now)
    begun = 0
    ready = select(RangeJob).where(RangeJob.enabled, RangeJob.next_at <= now).order_by(RangeJob.id)
    for job in session.scalars(ready):
        job.next_at = following(job.cron, zone, now)
        agent = agents.agent_of(session, job.agent_id)
        if agent.revoked_at is None and not living(session, job.id):
            begin(session, job.id, by=None, now=now)
            begun += 1
    return begun


def following(cron: str, zone: str, now: datetime) -> datetime | None:
    """When a job runs next; None where it has no schedule."""
    if not cron:
        return None
    planned: datetime = next(CronSim(cron, now.astimezone(zoneinfo.ZoneInfo(zone))))
    return planned.astimezone(UTC)


def told(session: Session, agent_id: int) -> list[wire.RangeJob]:
    """The runs an agent has to work off, with the credentials of their jobs."""
    rows = session.scalars(
        select(Run).where(Run.agent_id == agent_id, Run.state.in_(LIVING)).order_by(Run.id)
    )
    return [_told(session, run) for run in rows]


def ignored(session: Session, agent_id: int) -> list[str]:
    """Addresses that people do not want to see; the agent does not ask them."""
    query = select(Item.address).where(Item.agent_id == agent_id, Item.state == ItemState.IGNORED)
    return list(session.scalars(query.order_by(Item.address)))


def _told(session: Session, run: Run) -> wire.RangeJob:
    asked = run.asked_for
    kept = [session.get(Credential, one) for one in asked["credentials"]]
    return wire.RangeJob(
        id=run.job_id,
        run=run.id,
        ranges=asked["ranges"],
        exclusions=[*asked["exclusions"], *ignored(session, run.agent_id)],
        ways=asked["ways"],
        ports=asked["ports"],
        credentials=[
            wire.RangeCredential(one.id, one.transport, credentials.open_sealed(one))
            for one in kept
            if one is not None
        ],
        rate=asked["rate"],
        until=run.until_at.timestamp() if run.until_at else 0.0,
    )


def _fill(job: RangeJob, new: NewJob, *, zone: str, now: datetime) -> None:
    job.name, job.agent_id = new.name.strip(), new.agent_id
    job.ranges = [one.strip() for one in new.ranges]
    job.exclusions = [one.strip() for one in new.exclusions]
    job.ways = [way for way in WAYS if way in new.ways]
    job.ports = {way: sorted(set(numbers)) for way, numbers in new.ports.items() if numbers}
    job.credentials = list(dict.fromkeys(new.credentials))
    job.rate, job.minutes, job.cron = new.rate, new.minutes, new.cron.strip()
    job.policy, job.every_s, job.enabled = new.policy, new.every_s, new.enabled
    job.next_at = following(job.cron, zone, now) if job.enabled else None
    job.changed_at = now


def _check(session: Session, new: NewJob, job: RangeJob) -> None:
    name = new.name.strip()
    if not name or len(name) > NAME_LIMIT or not name.isprintable():
        raise InvalidError(
            N_("Give the job a name of at most {limit} characters."), field="/name", limit=NAME_LIMIT
        )
    with session.no_autoflush:
        taken = session.scalar(select(RangeJob.id).where(RangeJob.name == name))
    if taken is not None and taken != job.id:
        raise ConflictError(N_("There is a job of that name already."), field="/name")
    agents.agent_of(session, new.agent_id)
    check_ranges(new.ranges, new.exclusions)
    _check_ways(session, new)
    if not RATE[0] <= new.rate <= RATE[1]:
        raise InvalidError(N_("Ask from 0.1 to 1,000 addresses in a second."), field="/rate")
    if not 0 <= new.minutes <= MOST_MINUTES:
        raise InvalidError(N_("A run may last a week at most; 0 sets no bound."), field="/minutes")
    if not 5.0 <= new.every_s <= 86_400.0:
        raise InvalidError(
            N_("Poll every 5 seconds at the soonest, once a day at the latest."), field="/every_s"
        )
    check_cron(new.cron.strip())


def check_ranges(wanted: Sequence[str], exclusions: Sequence[str]) -> int:
    """How many addresses some ranges have; raises InvalidError naming the range that is none."""
    for where, texts in (("/ranges", wanted), ("/exclusions", exclusions)):
        if len(texts) > ranges.MAX_RANGES:
            raise InvalidError(N_("At most {limit} ranges."), field=where, limit=ranges.MAX_RANGES)
        for text in texts:
            try:
                ranges.parse(text)
            except ranges.RangeError as error:
                raise _range_fault(error, where) from None
    try:
        count = len(ranges.addresses(wanted, exclusions))
    except ranges.RangeError as error:
        raise _range_fault(error, "/ranges") from None
    if not count:
        raise InvalidError(N_("No address is left to ask. Give at least one range."), field="/ranges")
    return count


def _range_fault(error: ranges.RangeError, where: str) -> InvalidError:
    limit = ranges.MAX_ADDRESSES if error.code == "too_many" else None
    return InvalidError(RANGE_FAULTS[error.code], field=where, limit=limit, text=error.text[:60])


def check_cron(cron: str) -> None:
    """Raise InvalidError unless a schedule is empty, or a cron line that comes at most every 5 minutes."""
    if not cron:
        return
    fault = InvalidError(
        N_("This is no schedule. Write five fields as 0 3 * * *: minute, hour, day, month, weekday."),
        field="/cron",
    )
    if len(cron.split()) != 5:
        raise fault
    try:
        times = CronSim(cron, datetime(2026, 1, 1, tzinfo=UTC))
        first = next(times)
        second = next(times)
    except (CronSimError, StopIteration):
        raise fault from None
    if second - first < timedelta(minutes=5):
        raise InvalidError(N_("Run it every 5 minutes at the soonest."), field="/cron")


def _check_ways(session: Session, new: NewJob) -> None:
    if not new.ways or any(way not in WAYS for way in new.ways):
        raise InvalidError(N_("Choose at least one way to ask."), field="/ways")
    for way, numbers in new.ports.items():
        good = way in WAYS and len(numbers) <= MOST_PORTS and all(1 <= one <= 65_535 for one in numbers)
        if not good:
            raise InvalidError(N_("Ports go from 1 to 65535."), field=f"/ports/{way}")
    if "tcp" in new.ways and not new.ports.get("tcp"):
        raise InvalidError(N_("Say which TCP ports to try."), field="/ports/tcp")
    for number in new.credentials:
        one = credentials.one_of(session, number)
        if one.transport not in CREDENTIAL_WAYS:
            raise InvalidError(
                N_("The credential {name} opens nothing that discovery asks."),
                field="/credentials",
                name=one.name,
            )


def sort_key(address: str) -> str:
    """A text by which addresses stand in their order."""
    try:
        one = ipaddress.ip_address(address)
    except ValueError:
        return address[:40]
    return f"{one.version}{int(one):039d}"


def values_of(job: RangeJob) -> dict[str, Any]:
    """A job as the form shows it."""
    return {name: getattr(job, name) for name in NewJob.__dataclass_fields__}
