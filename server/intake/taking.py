"""Reports become facts: one transaction for all that came together.

Each report counts once by (agent, stream, sequence), held by the ledger's key and not by memory.
An item that is wrong is refused by itself; its neighbours are taken.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from rules import wire
from server.agents import service as agents
from server.agents.models import Agent
from server.alerts.taking import take_all as take_alerts
from server.intake.items import Batch, Delivery, Taker
from server.intake.judging import tell
from server.intake.models import Floor, TakenReport
from server.intake.scope import Scopes
from server.kernel.db import after_commit, insert_into
from server.kernel.events import emit
from server.metrics import service as metrics
from server.metrics import watch

# Questions that each batch asks are put together once.
FLOORS = select(Floor.agent_id, Floor.stream, Floor.sequence).where(
    Floor.agent_id.in_(bindparam("ids", expanding=True))
)
AGENTS = select(Agent).where(Agent.id.in_(bindparam("ids", expanding=True)))


def take(
    session: Session, deliveries: Sequence[Delivery], scopes: Scopes, *, now: datetime
) -> list[wire.Answer]:
    """Take reports; the answers in their order.

    Within the batch an agent's reports are taken in order of their sequence.
    """
    fresh = _enter(session, deliveries)
    known = {agent.id: agent for agent in _agents(session, {one.report.agent for one in deliveries})}
    answers: dict[int, wire.Answer] = {}
    batch = Batch()
    for place in sorted(range(len(deliveries)), key=lambda place: deliveries[place].key):
        delivery = deliveries[place]
        agent = known[delivery.report.agent]
        if place not in fresh:
            answers[place] = wire.Answer("duplicate", generation=agent.generation)
            continue
        items = Taker(session, delivery, agent, batch, now=now).take(scopes)
        answers[place] = wire.Answer("accepted", items, generation=agent.generation)
    _write(session, batch, now=now)
    for agent_id in batch.stale:
        after_commit(session, partial(scopes.forget, agent_id))
    return [answers[place] for place in range(len(deliveries))]


def _enter(session: Session, deliveries: Sequence[Delivery]) -> set[int]:
    """Write the reports into the ledger; the places of those that are new."""
    floors = _floors(session, {one.report.agent for one in deliveries})
    rows: dict[tuple[int, str, int], int] = {}
    for place, one in enumerate(deliveries):
        if one.report.sequence > floors.get(one.key[:2], 0):
            rows.setdefault(one.key, place)
    if not rows:
        return set()
    statement = (
        insert_into(session, TakenReport)
        .on_conflict_do_nothing()
        .returning(TakenReport.agent_id, TakenReport.stream, TakenReport.sequence)
    )
    entries = [_row(deliveries[place]) for place in rows.values()]
    return {rows[row[0], row[1], row[2]] for row in session.execute(statement, entries)}


def _row(delivery: Delivery) -> dict[str, object]:
    report = delivery.report
    return {
        "agent_id": report.agent,
        "stream": report.stream,
        "sequence": report.sequence,
        "received_at": delivery.received_at,
        "sent_at": datetime.fromtimestamp(report.sent_at, UTC),
        "trace": delivery.trace,
        "samples": sum(len(block.series) // 4 for block in report.samples),
        "alerts": len(report.alerts),
        "observations": len(report.observations),
        "refused": len(delivery.refused),
    }


def _floors(session: Session, agent_ids: set[int]) -> dict[tuple[int, str], int]:
    return {(row[0], row[1]): row[2] for row in session.execute(FLOORS, {"ids": sorted(agent_ids)})}


def _agents(session: Session, ids: set[int]) -> list[Agent]:
    return list(session.scalars(AGENTS, {"ids": sorted(ids)}))


def _write(session: Session, batch: Batch, *, now: datetime) -> None:
    take_alerts(session, batch.told, now=now)
    if batch.blocks:
        metrics.append(session, batch.blocks, now)
        tell(session, watch.step(session, batch.blocks, now=now), now=now)
        emit(session, "metrics", {"samples": sum(len(block) for block in batch.blocks)})
    agents.note_polled(session, batch.polled.values())
    agents.note_heard(session, batch.heard, now=now)
    session.add_all(batch.refusals)
