"""The log of credentials by device: which was tried where, and what the device said."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from rules.wire import Attempt
from server.agents.models import Credential, CredentialAttempt

DETAIL = 400


@dataclass(frozen=True)
class Tried:
    """One credential at one address; `name` "" where it is deleted since."""

    name: str
    attempt: CredentialAttempt


def note(session: Session, agent_id: int, address: str, tried: Iterable[Attempt], *, now: datetime) -> None:
    """Write down what a run tried at an address; what was held back was not tried."""
    rows = {
        (row.way, row.credential_id): row
        for row in session.scalars(
            select(CredentialAttempt).where(
                CredentialAttempt.agent_id == agent_id, CredentialAttempt.address == address
            )
        )
    }
    for one in tried:
        if not one.credential or one.outcome == "held_back":
            continue
        row = rows.get((one.way, one.credential))
        if row is None:
            row = rows[one.way, one.credential] = CredentialAttempt(
                agent_id=agent_id, address=address, way=one.way, credential_id=one.credential, times=0
            )
            session.add(row)
        row.outcome, row.detail, row.at = one.outcome, one.detail[:DETAIL], now
        row.times += 1
        if one.outcome == "answered":
            row.opened_at = now


def of_address(session: Session, agent_id: int, address: str) -> list[Tried]:
    """All that was tried at an address, the latest first."""
    query = (
        select(CredentialAttempt, Credential.name)
        .outerjoin(Credential, Credential.id == CredentialAttempt.credential_id)
        .where(CredentialAttempt.agent_id == agent_id, CredentialAttempt.address == address)
        .order_by(CredentialAttempt.at.desc(), CredentialAttempt.id)
    )
    return [Tried(name or "", attempt) for attempt, name in session.execute(query)]


def forget(session: Session, before: datetime) -> int:
    """Drop what was last tried before a moment; returns how many."""
    old = delete(CredentialAttempt).where(CredentialAttempt.at < before)
    return int(session.execute(old).rowcount)  # type: ignore[attr-defined]
