"""What other practices ask of discovery."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from rules import wire
from server.agents import attempts
from server.discovery import deciding, jobs, profiles, trials
from server.discovery.findings import take as take_finding
from server.discovery.jobs import begin, create
from server.discovery.jobs import progress as take_progress
from server.discovery.models import Finding, Item, Run
from server.discovery.trials import take as take_trial

RUNS_KEPT = timedelta(days=180)
ATTEMPTS_KEPT = timedelta(days=365)

__all__ = ["begin", "configured", "create", "take_finding", "take_progress", "take_trial", "tidy"]


def configured(session: Session, agent_id: int, config: wire.Config) -> wire.Config:
    """An agent's configuration with its range jobs, trials, the site's profiles and what people answered."""
    return msgspec.structs.replace(
        config,
        jobs=jobs.told(session, agent_id),
        trials=trials.told(session, agent_id),
        profiles={**config.profiles, **profiles.told(session)},
        learned=deciding.learned(session),
    )


def tidy(session: Session, *, now: datetime) -> None:
    """Forget old runs (but what the inbox rests on), trials and attempts."""
    trials.tidy(session, now=now)
    attempts.forget(session, now - ATTEMPTS_KEPT)
    old = select(Run.id).where(Run.ended_at < now - RUNS_KEPT)
    needed = select(Item.finding_id)
    session.execute(delete(Finding).where(Finding.run_id.in_(old), Finding.id.not_in(needed)))
    held = select(Finding.run_id)
    session.execute(delete(Run).where(Run.id.in_(old), Run.id.not_in(held)))
