"""The ledger's upkeep, and its answer to what became of a trace."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from server.intake.models import Floor, Refusal, TakenReport

KEPT = timedelta(days=7)  # a spool holds three days; nothing older can come again


def trim(session: Session, *, now: datetime) -> int:
    """Forget old rows; what they settled stays settled by a floor for each stream."""
    old = TakenReport.received_at < now - KEPT
    rows = session.execute(
        select(TakenReport.agent_id, TakenReport.stream, func.max(TakenReport.sequence))
        .where(old)
        .group_by(TakenReport.agent_id, TakenReport.stream)
    ).all()
    for agent_id, stream, sequence in rows:
        floor = session.get(Floor, (agent_id, stream))
        if floor is None:
            session.add(Floor(agent_id=agent_id, stream=stream, sequence=sequence))
        else:
            floor.sequence = max(floor.sequence, sequence)
    session.flush()
    session.execute(delete(Refusal).where(Refusal.at < now - KEPT))
    return int(session.execute(delete(TakenReport).where(old)).rowcount)  # type: ignore[attr-defined]
