"""The incidents that are still open when the demo begins, made as people would have made them."""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts.models import Group, Person
from server.accounts.sessions import actor_of
from server.cmdb.models import Ci
from server.demo.past import by_class, pick_ci
from server.demo.seeds import seed
from server.incidents import moves, reporting
from server.incidents.models import Incident, PendingReason, State
from server.kernel.i18n import use_language

PASSED_ON_AFTER, ACCEPTED_AFTER, BEGUN_AFTER = (timedelta(minutes=n) for n in (1, 4, 6))


def write(session: Session, people: Mapping[str, Person], *, now: datetime) -> None:
    """Open them, the oldest first."""
    kinds = [kind for kind in seed("history") if "open" in kind]
    groups = {group.code: group for group in session.scalars(select(Group))}
    cis = by_class(session.scalars(select(Ci).order_by(Ci.id)))
    chance = random.Random(len(kinds))  # noqa: S311  a story, no secret
    for kind in sorted(kinds, key=lambda kind: -kind["open"]["age"]):
        ci = pick_ci(chance, cis, kind)
        caller = people[kind["caller"]]
        incident = _opened(session, kind, ci, caller, now=now)
        _moved(session, incident, kind["open"], groups, people)


def _opened(
    session: Session, kind: Mapping[str, Any], ci: Ci | None, caller: Person, *, now: datetime
) -> Incident:
    at = now - timedelta(minutes=kind["open"]["age"])
    summary = {
        language: text.replace("{ci}", ci.name if ci else "") for language, text in kind["summary"].items()
    }
    values = {
        "summary": summary[caller.language],
        "impact": min(4, kind["impact"]),
        "urgency": kind["urgency"],
        "contact_id": caller.id,
        "affected_id": caller.id,
        "ci": ci.number if ci is not None else None,
    }
    with use_language(caller.language):
        incident = reporting.create(session, values, actor=actor_of(session, caller, via="system"), now=at)
    incident.summary_by_lang = summary
    return incident


def _moved(
    session: Session,
    incident: Incident,
    told: Mapping[str, Any],
    groups: Mapping[str, Group],
    people: Mapping[str, Person],
) -> None:
    state = State(told["state"])
    at = incident.opened_at
    assignee = people[told["assignee"]].id if "assignee" in told else None
    moves.assigned(
        session,
        incident,
        group_id=groups[told["group"]].id,
        assignee_id=assignee,
        by=None,
        now=at + PASSED_ON_AFTER,
    )
    if assignee is not None and state in {State.IN_PROGRESS, State.PENDING}:
        moves.accepted(session, incident, by=assignee, now=at + ACCEPTED_AFTER)
        moves.begun(session, incident, by=assignee, now=at + BEGUN_AFTER)
        if state is State.PENDING:
            reason = PendingReason(told["reason"])
            moves.held(session, incident, reason, note="", by=assignee, now=at + 2 * BEGUN_AFTER)
    session.flush()
