"""What a run found becomes configuration items, targets, and entries of the inbox; each with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules import ranges, wire
from rules.identify import Outcome as Decided
from server.agents import attempts
from server.agents.models import Agent, Target
from server.cmdb import service as cmdb
from server.cmdb.classes import UNKNOWN_CLASS, catalogue
from server.cmdb.models import Ci
from server.discovery import inbox
from server.discovery.jobs import TOPIC, sort_key
from server.discovery.models import Finding, Outcome, Policy, RangeJob, Run
from server.discovery.polling import poll
from server.kernel.errors import ForbiddenError
from server.kernel.events import emit
from server.kernel.i18n import N_

SURE = 0.7  # a class that is less likely waits for a person
CHANGE_LIMIT = 300  # characters of a value kept with a change


@dataclass(frozen=True)
class Taken:
    """What became of a finding; `reason` is a word of `words.REASONS`."""

    outcome: Outcome
    reason: str = ""
    ci: Ci | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)


def source_of(agent: Agent) -> str:
    """Whose word a finding is in the CMDB: it yields to that of a poll."""
    return f"discovery:{agent.name}"


def take(session: Session, told: wire.Finding, agent: Agent, *, now: datetime) -> Finding:
    """Take what an agent found at an address; the same of a run and address again changes nothing.

    Raises:
        ForbiddenError: the run is not this agent's, or the address is none of the run's.
    """
    run = session.get(Run, told.run) if told.run < 2**31 else None
    asked = run.asked_for if run is not None else {}
    mine = run is not None and run.agent_id == agent.id and run.job_id == told.job
    if run is None or not mine or told.address not in ranges.addresses(asked["ranges"], asked["exclusions"]):
        raise ForbiddenError(N_("This agent was not asked to look at that address."))
    known = session.scalar(select(Finding).where(Finding.run_id == run.id, Finding.address == told.address))
    if known is not None:
        return known
    job = session.get_one(RangeJob, run.job_id)
    taken = _settle(session, told, agent, job, now=now)
    kind = class_of(told)
    finding = Finding(
        run_id=run.id,
        address=told.address,
        sort_key=sort_key(told.address),
        at=min(datetime.fromtimestamp(told.at, UTC), now),
        outcome=taken.outcome,
        reason=taken.reason,
        ci_id=taken.ci.id if taken.ci is not None else None,
        name=(taken.ci.name if taken.ci is not None else name_of(told))[:200],
        class_code=taken.ci.class_code if taken.ci is not None else kind[0],
        confidence=kind[1],
        told=msgspec.to_builtins(told),
        changes={
            name: [str(one)[:CHANGE_LIMIT] if one is not None else None for one in pair]
            for name, pair in taken.changes.items()
        },
    )
    session.add(finding)
    session.flush()
    run.counts = {**run.counts, taken.outcome.value: int(run.counts.get(taken.outcome.value, 0)) + 1}
    attempts.note(session, agent.id, told.address, told.attempts, now=now)
    inbox.note(session, agent.id, finding, told.shape, taken.ci, now=now)
    emit(session, TOPIC, {"job": run.job_id, "run": run.id})
    return finding


def class_of(told: wire.Finding) -> tuple[str, float]:
    """The class of the catalogue and how likely it is; the class of the unknown at 0 where there is none."""
    guess = told.guesses.get("device_class")
    if guess is None:
        return UNKNOWN_CLASS, 0.0
    code = catalogue().code_of(guess.value)
    return code, 0.0 if code == UNKNOWN_CLASS else guess.confidence


def name_of(told: wire.Finding) -> str:
    """What the device calls itself, else its address."""
    guess = told.guesses.get("name")
    return guess.value if guess is not None and guess.value else told.address


def observation_of(told: wire.Finding) -> wire.Observation:
    """What the CMDB takes of a finding."""
    if told.observation is not None:
        return told.observation
    return wire.Observation(
        f"found:{told.address}", told.at, UNKNOWN_CLASS, told.address, {"address": [told.address]}
    )


def accept(
    session: Session,
    told: wire.Finding,
    agent: Agent,
    *,
    now: datetime,
    every_s: float | None,
    ci: Ci | None = None,
) -> Ci | None:
    """Make or update the configuration item of a finding, and poll it where `every_s` says how often.

    Args:
        ci: the item a person says it is; else the identification decides.

    Returns:
        The item, or None where it may be several: a task waits for a person then.
    """
    seen = observation_of(told)
    if ci is not None:
        cmdb.bind(session, ci.id, source_of(agent), seen.device)
    made = cmdb.take(session, seen, source_of(agent), now=now).ci
    if made is not None and every_s is not None:
        poll(session, agent, made, told, every_s=every_s, now=now)
    return made


def _settle(session: Session, told: wire.Finding, agent: Agent, job: RangeJob, *, now: datetime) -> Taken:
    """Decide what becomes of a finding, and do it."""
    if inbox.is_ignored(session, agent.id, told.address):
        return Taken(Outcome.IGNORED, "ignored")
    source, seen = source_of(agent), observation_of(told)
    decision = cmdb.dry_run(session, seen, source)
    if decision.outcome is Decided.TASK:
        cmdb.take(session, seen, source, now=now)
        return Taken(Outcome.CONFLICT, "several")
    if decision.ci is not None:
        observed = cmdb.take(session, seen, source, now=now)
        assert observed.ci is not None
        if job.policy is Policy.ADD and not _polled(session, observed.ci):
            poll(session, agent, observed.ci, told, every_s=job.every_s, now=now)
        outcome = Outcome.CHANGED if observed.changes else Outcome.UNCHANGED
        return Taken(outcome, "known", observed.ci, observed.changes)
    if class_of(told)[1] < SURE:
        return Taken(Outcome.UNSURE, _why_unsure(told))
    if job.policy is Policy.ASK:
        return Taken(Outcome.WAITING, "approval")
    made = accept(session, told, agent, now=now, every_s=job.every_s)
    return Taken(Outcome.NEW, "new", made)


def _why_unsure(told: wire.Finding) -> str:
    """Why a device is not recognised, as a word of `words.REASONS`."""
    if "device_class" in told.guesses:
        return "doubtful"
    if set(told.ways) <= {"icmp"}:
        return "only_ping"
    return "no_profile" if told.credentials else "no_credential"


def _polled(session: Session, ci: Ci) -> bool:
    return session.scalar(select(Target.id).where(Target.ci_id == ci.id).limit(1)) is not None
