"""Try a profile against a device: an agent asks once and tells each value; nothing is kept of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from rules import profile as profiles
from rules import wire
from server.agents import credentials
from server.agents import service as agents
from server.agents.generation import touch
from server.agents.models import Credential
from server.agents.targets import NewTarget, check
from server.discovery.jobs import TOPIC
from server.discovery.models import Trial
from server.discovery.profiles import FILE, library, must_be_sound
from server.kernel.errors import NotFoundError
from server.kernel.events import emit
from server.kernel.i18n import N_

KEPT = timedelta(days=7)
GIVEN_UP = timedelta(minutes=10)
TIMEOUT_S = 10.0


@dataclass(frozen=True)
class NewTrial:
    """What is tried where; the transport is the profile's."""

    text: str
    agent_id: int
    address: str
    port: int = 0
    credential_id: int | None = None


def begin(session: Session, new: NewTrial, *, by: int | None, now: datetime) -> Trial:
    """Have an agent try a profile; raises InvalidError naming line and column, or the field."""
    must_be_sound(session, new.text)
    form = profiles.read(new.text, FILE)
    whole = profiles.resolve(form, {**library(session), form.profile: form}, FILE)
    transport = whole.transport or "snmp"
    agent = agents.agent_of(session, new.agent_id)
    check(
        session,
        NewTarget(
            form.profile,
            new.address,
            transport,
            new.port,
            credential_id=new.credential_id,
            params={"query": "-", "check": "-", "plugin": "-"},
        ),
    )
    trial = Trial(
        agent_id=agent.id,
        text=new.text,
        profile=form.profile,
        address=new.address.strip(),
        port=new.port,
        transport=transport,
        credential_id=new.credential_id,
        by_id=by,
        created_at=now,
    )
    session.add(trial)
    session.flush()
    touch(agent)
    emit(session, TOPIC, {"trial": trial.id})
    return trial


def trial_of(session: Session, trial_id: int) -> Trial:
    """The trial of an id."""
    found = session.get(Trial, trial_id) if 0 < trial_id < 2**31 else None
    if found is None:
        raise NotFoundError(N_("There is no such trial."))
    return found


def told(session: Session, agent_id: int) -> list[wire.Trial]:
    """What an agent has to try."""
    rows = session.scalars(
        select(Trial).where(Trial.agent_id == agent_id, Trial.ended_at.is_(None)).order_by(Trial.id)
    )
    return [_told(session, one) for one in rows]


def take(session: Session, result: wire.TrialResult, agent_id: int, *, now: datetime) -> bool:
    """Take what came of a trial; False where it is not this agent's. The first answer counts."""
    trial = session.get(Trial, result.trial) if result.trial < 2**31 else None
    if trial is None or trial.agent_id != agent_id:
        return False
    if trial.ended_at is None:
        trial.ended_at, trial.result = now, msgspec.to_builtins(result)
        touch(agents.agent_of(session, agent_id))
        emit(session, TOPIC, {"trial": trial.id})
    return True


def tidy(session: Session, *, now: datetime) -> None:
    """End trials whose agent said nothing, forget old ones."""
    for trial in session.scalars(
        select(Trial).where(Trial.ended_at.is_(None), Trial.created_at < now - GIVEN_UP)
    ):
        trial.ended_at = now
        touch(agents.agent_of(session, trial.agent_id))
    session.execute(delete(Trial).where(Trial.ended_at < now - KEPT))


def result_of(trial: Trial) -> wire.TrialResult | None:
    """What came of a trial; None where nothing was told."""
    return msgspec.convert(trial.result, wire.TrialResult) if trial.result else None


def _told(session: Session, one: Trial) -> wire.Trial:
    kept = session.get(Credential, one.credential_id) if one.credential_id else None
    target = wire.TargetConfig(
        id=one.id,
        name=one.profile,
        address=one.address,
        port=one.port,
        transport=one.transport,
        profile=one.profile,
        credential=credentials.open_sealed(kept) if kept is not None else {},
        timeout_s=TIMEOUT_S,
    )
    return wire.Trial(one.id, one.text, target)
