"""What an incident teaches: its fix becomes a case, and what was tried is judged by whether it held.

Called by every move that ends or reopens an incident, whoever makes it (`moves.py`).
"""

import re
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.alerts.models import AlertGroup
from server.cmdb import service as cmdb
from server.incidents import facts, words
from server.incidents.models import Incident, Kind
from server.incidents.timeline import tell
from server.kernel.call import Actor
from server.kernel.errors import InvalidError
from server.kernel.i18n import N_, _, current_language, use_language
from server.kernel.ticket import link, links, unlink
from server.knowledge import finding
from server.knowledge import service as knowledge
from server.knowledge.models import Article, Case, Outcome, Verdict
from server.knowledge.suggesting import learning as lessons
from server.knowledge.suggesting.suggest import CONTESTED, Query, note_gap, proven

_HAN = re.compile(r"[\u4e00-\u9fff]")
SYMPTOM_LINES = 60
TRIED = N_("Applied {number}: {title}\n{solution}")
RESOLVED_BY = "resolved_by"
RECOVERED = "recovered"  # cause code of what ended by itself
STAYS_AWAY = timedelta(hours=24)  # so long the alert must not come back, or the fix did not hold


def query_of(session: Session, incident: Incident, language: str = "en") -> Query:
    """The question to knowledge that an incident stands for: its words, its leading alert, its item."""
    group = session.get(AlertGroup, incident.alert_group_id) if incident.alert_group_id else None
    alerts = facts.alerts_of(session, group.id) if group is not None else []
    ci = cmdb.find_ci(session, incident.ci_id) if incident.ci_id is not None else None
    return facts.query(ci, facts.gravest(alerts, group), facts.words_of(incident, language), language)


def opened(session: Session, incident: Incident, *, now: datetime) -> None:
    """An alert that is back judges the fix of the last time; where nothing known fits, that is remembered."""
    query = query_of(session, incident, language="")
    if incident.alert_group_id is not None and incident.ci_id is not None:
        _came_back(session, incident, query.alert, now=now)
    known = incident.context.get("suggestions")
    if known is None:
        known = facts.suggest(session, query, limit=1)
    if not known:
        note_gap(session, incident.number, query, now=now)


def _contested(session: Session, incident: Incident, query: Query) -> bool:
    """Whether it was resolved past what has proven itself on such incidents, without trying that."""
    known = [one.number for one in facts.suggest(session, query) if proven(one)]
    if not known:
        return False
    judged = (Verdict.APPLIED, Verdict.FIXED, Verdict.CAME_BACK, Verdict.NOT_HELPED)
    tried = select(Outcome.id).where(
        Outcome.ticket == incident.number, Outcome.suggestion.in_(known), Outcome.verdict.in_(judged)
    )
    return session.scalar(tried.limit(1)) is None


def _came_back(session: Session, incident: Incident, alert: str, *, now: datetime) -> None:
    """Fixes of the same alert on the same item that held until now, and not for their time."""
    lately = (
        select(Outcome, Incident.cause_code)
        .join(Incident, Incident.number == Outcome.ticket)
        .where(
            Incident.ci_id == incident.ci_id,
            Incident.id != incident.id,
            Incident.alert_group_id.is_not(None),
            Incident.resolved_at > now - STAYS_AWAY,
            Outcome.verdict == Verdict.FIXED,
        )
    )
    for outcome, cause in session.execute(lately):
        if outcome.facets.get("alert") == alert:
            outcome.verdict, outcome.at = Verdict.CAME_BACK, now
            if cause == RECOVERED:
                knowledge.forget_case(session, outcome.ticket)


def resolved(session: Session, incident: Incident, *, by: int | None, now: datetime) -> None:
    """It is over. By itself: what was tried has held. By a person: the words become a case."""
    tried = knowledge.applied_to(session, incident.number)
    if by is None:
        restored_s = max(0, round((now - incident.opened_at).total_seconds()))
        knowledge.outcome_of_ticket(session, incident.number, held=True, restored_s=restored_s, now=now)
        if not tried:
            return
    held = [one.suggestion for one in tried if one.verdict is Verdict.FIXED]
    solution = incident.resolution if by is not None else _tried(session, held)
    if not solution.strip():
        return
    query = query_of(session, incident)
    contested = {CONTESTED: "yes"} if by is not None and _contested(session, incident, query) else {}
    language = "zh" if _HAN.search(f"{incident.summary}{solution}") else "en"
    knowledge.learn_case(
        session,
        incident.number,
        title=incident.summary_by_lang.get(language) or incident.summary,
        symptom=_symptom(session, incident, language),
        cause=_cause(incident, language),
        solution=solution,
        facets=query.facets | contested,
        language=language,
        resolved_at=now,
    )


def credited(session: Session, incident: Incident, fix: str, *, actor: Actor, now: datetime) -> None:
    """The resolver says what resolved it: that held, and what else was tried did not help.

    Args:
        session: the running transaction.
        incident: is being resolved.
        fix: number of an article or a past incident.
        actor: who resolved it.
        now: when.

    Raises:
        InvalidError: it is the incident itself.
        NotFoundError: there is no such article or past incident, or it is not for this person.
    """
    if fix == incident.number:
        raise InvalidError(N_("An incident is not resolved by itself; name another one."), field="/fixed_by")
    title = finding.suggestion(session, fix, actor)
    query = query_of(session, incident, current_language())
    lessons.ask(session, incident.number, query, now=now)
    for outcome in knowledge.applied_to(session, incident.number):
        if outcome.suggestion != fix and outcome.verdict is Verdict.APPLIED:
            outcome.verdict, outcome.at = Verdict.NOT_HELPED, now
    knowledge.record_outcome(
        session,
        fix,
        incident.number,
        Verdict.FIXED,
        by=actor.id,
        now=now,
        facets=query.facets,
        restored_s=max(0, round((now - incident.opened_at).total_seconds())),
    )
    link(session, incident.number, fix, RESOLVED_BY, now=now)
    msgid = N_("Resolved with {suggestion}: {title}")
    tell(session, incident, Kind.LINK, msgid, now=now, by=actor.id, suggestion=fix, title=title)


def on_verdict(session: Session, *, ticket: str, language: str, now: datetime) -> None:
    """Somebody judges a suggestion from outside: if the ticket is an incident, keep what it asks."""
    incident = session.scalar(select(Incident).where(Incident.number == ticket))
    if incident is not None:
        lessons.ask(session, ticket, query_of(session, incident, language), now=now)


def _symptom(session: Session, incident: Incident, language: str) -> str:
    """What one saw: the words of the report, then what the alerts said, each once."""
    group = incident.alert_group_id
    alerts = facts.alerts_of(session, group) if group is not None else []
    said = [alert.summary.get(language) or alert.summary.get("en", "") for alert in alerts]
    told = dict.fromkeys(part.strip() for part in (*incident.description.split("\n"), *said) if part.strip())
    return "\n".join(list(told)[:SYMPTOM_LINES])


def _cause(incident: Incident, language: str) -> str:
    """The cause code in words; codes that tell nothing are left out."""
    if incident.cause_code in {"", "unknown", "recovered"}:
        return ""
    with use_language(language):
        return words.cause(incident.cause_code)


def closed(session: Session, incident: Incident, *, now: datetime) -> None:
    """Nobody came back to it: what was tried has held."""
    began, ended = incident.opened_at, incident.resolved_at or now
    restored_s = max(0, round((ended - began).total_seconds()))
    knowledge.outcome_of_ticket(session, incident.number, held=True, restored_s=restored_s, now=now)


def reopened(session: Session, incident: Incident, *, now: datetime) -> None:
    """It was not mended after all: what was tried did not hold, and it is no case."""
    knowledge.outcome_of_ticket(session, incident.number, held=False, restored_s=None, now=now)
    knowledge.forget_case(session, incident.number)
    for one in links(session, incident.number):
        if one.kind == RESOLVED_BY and one.forward:
            unlink(session, incident.number, one.other, RESOLVED_BY)


def _tried(session: Session, numbers: list[str]) -> str:
    """What was applied and held, as the text of a case in the language of what was applied."""
    known_of: list[Article | Case] = []
    known_of += session.scalars(select(Article).where(Article.number.in_(numbers)))
    known_of += session.scalars(select(Case).where(Case.number.in_(numbers)))
    said = []
    for known in known_of:
        with use_language(known.language):
            text = _(TRIED).format(number=known.number, title=known.title, solution=known.solution)
        said.append(text.strip())
    return "\n\n".join(said)
