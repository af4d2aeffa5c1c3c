"""What other practices ask of discovery."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from rules import wire
from server.agents import attempts
from server.discovery import deciding, heard_rules, ignoring, jobs, messages, profiles, trials
from server.discovery.findings import take as take_finding
from server.discovery.jobs import begin, create
from server.discovery.jobs import progress as take_progress
from server.discovery.messages import take as take_heard
from server.discovery.models import Finding, Item, Run
from server.discovery.trials import take as take_trial

RUNS_KEPT = timedelta(days=180)
ATTEMPTS_KEPT = timedelta(days=365)

__all__ = [
    "begin",
    "configured",
    "create",
    "take_finding",
    "take_heard",
    "take_progress",
    "take_trial",
    "tidy",
]


def configured(session: Session, agent_id: int, config: wire.Config) -> wire.Config:
    """An agent's configuration with its range jobs, trials, own profiles and rules, and what people said."""
    return msgspec.structs.replace(
        config,
        jobs=jobs.told(session, agent_id),
        trials=trials.told(session, agent_id),
        profiles={**config.profiles, **profiles.told(session)},
        learned=deciding.learned(session),
        alerts={**config.alerts, **heard_rules.told(session, agent_id)},
        ignored=ignoring.told(session, agent_id),
    )


def tidy(session: Session, *, now: datetime) -> None:
    """Forget old runs (but what the inbox rests on), trials, attempts, and what was heard long ago."""
    trials.tidy(session, now=now)
    messages.tidy(session, now=now)
    ignoring.tidy(session, now=now)
    attempts.forget(session, now - ATTEMPTS_KEPT)
    old = select(Run.id).where(Run.ended_at < now - RUNS_KEPT)
    needed = select(Item.finding_id)
    session.execute(delete(Finding).where(Finding.run_id.in_(old), Finding.id.not_in(needed)))
    held = select(Finding.run_id)
    session.execute(delete(Run).where(Run.id.in_(old), Run.id.not_in(held)))
