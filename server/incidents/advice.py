"""What people say to the guesses: this fix is tried or does not fit, this cause is right or wrong."""

from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from server.incidents.learning import query_of
from server.incidents.models import Incident, Kind
from server.incidents.service import get, needs, seen_at
from server.incidents.timeline import tell
from server.kernel.call import Actor
from server.kernel.errors import ConflictError
from server.kernel.i18n import N_, current_language
from server.knowledge import service as knowledge
from server.knowledge.finding import suggestion as suggested
from server.knowledge.models import Verdict
from server.knowledge.suggesting import learning


def take_up(session: Session, number: str, suggestion: str, *, actor: Actor, now: datetime) -> Incident:
    """Try a suggested fix: on record, and judged by what comes of the incident."""
    needs(actor, "incident.work")
    incident = _open(session, number, actor)
    title = suggested(session, suggestion, actor)
    query = query_of(session, incident, current_language())
    facets = query.facets
    learning.ask(session, number, query, now=now)
    knowledge.record_outcome(
        session, suggestion, number, Verdict.APPLIED, by=actor.id, now=now, facets=facets
    )
    msgid = N_("Tries {suggestion}: {title}")
    payload = {"suggestion": suggestion}
    tell(
        session,
        incident,
        Kind.PERSON,
        msgid,
        now=now,
        by=actor.id,
        payload=payload,
        suggestion=suggestion,
        title=title,
    )
    session.flush()
    return incident


def put_aside(session: Session, number: str, suggestion: str, *, actor: Actor, now: datetime) -> Incident:
    """A suggestion does not fit here; it is not shown on this incident any more."""
    needs(actor, "incident.work")
    incident = _open(session, number, actor)
    suggested(session, suggestion, actor)
    query = query_of(session, incident, current_language())
    facets = query.facets
    learning.ask(session, number, query, now=now)
    knowledge.record_outcome(
        session, suggestion, number, Verdict.NOT_RELEVANT, by=actor.id, now=now, facets=facets
    )
    msgid = N_("{suggestion} does not fit here")
    tell(session, incident, Kind.PERSON, msgid, now=now, by=actor.id, internal=True, suggestion=suggestion)
    session.flush()
    return incident


def judge_cause(
    session: Session, number: str, verdict: Literal["right", "wrong"], *, actor: Actor, now: datetime
) -> Incident:
    """Say whether the probable cause was the cause."""
    needs(actor, "incident.work")
    incident = seen_at(session, number, None, actor)
    if incident.alert_group_id is None:
        raise ConflictError(N_("{number} has no probable cause to judge."), number=number)
    if (incident.context.get("cause_verdict") or {}).get("verdict") == verdict:
        return incident
    incident.context = {**incident.context, "cause_verdict": {"verdict": verdict, "by": actor.id}}
    msgid = (
        N_("Says the probable cause is right")
        if verdict == "right"
        else N_("Says the probable cause is wrong")
    )
    tell(session, incident, Kind.PERSON, msgid, now=now, by=actor.id)
    session.flush()
    return incident


def _open(session: Session, number: str, actor: Actor) -> Incident:
    incident = get(session, number, actor)
    if not incident.is_open:
        raise ConflictError(N_("{number} is over; reopen it first."), number=number)
    return incident
