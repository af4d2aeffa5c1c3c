"""The life of a problem: opened by hand or from a pattern, known, resolved, closed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, false, func, select, true
from sqlalchemy.orm import Session

from server.incidents import facts, views
from server.incidents import service as incidents
from server.incidents.learning import query_of
from server.incidents.models import Incident
from server.kernel import ticket
from server.kernel.call import Actor
from server.kernel.errors import ConflictError, InvalidError, NotFoundError, StaleError
from server.kernel.events import emit
from server.kernel.i18n import N_, current_language
from server.kernel.ticket import next_number
from server.knowledge import service as knowledge
from server.knowledge.documents import language_of
from server.knowledge.models import Kind
from server.knowledge.models import State as ArticleState
from server.problems.models import TITLE_LIMIT, Candidate, CandidateState, Problem, ProblemIncident, State
from server.problems.patterns import LINK, join

TEXTS = ("title", "description", "root_cause", "workaround", "solution", "assignee_id")
LINES_SHOWN = 20
NUMBERS_SHOWN = 12  # incidents of a pattern
FACETS = ("alert", "ci_class", "model", "service")

STEPS: Mapping[State, frozenset[State]] = {
    State.OPEN: frozenset({State.KNOWN_ERROR, State.RESOLVED, State.CLOSED}),
    State.KNOWN_ERROR: frozenset({State.RESOLVED, State.OPEN}),
    State.RESOLVED: frozenset({State.CLOSED, State.OPEN}),
    State.CLOSED: frozenset({State.OPEN}),
}


class IllegalStepError(ConflictError):
    """The problem's state does not allow the step."""

    code = "illegal_transition"

    def __init__(self, problem: Problem, wanted: State) -> None:
        super().__init__(
            N_("{number} is {state} and cannot become {wanted}. Possible now: {allowed}."),
            number=problem.number,
            state=problem.state.value,
            wanted=wanted.value,
            allowed=", ".join(sorted(state.value for state in STEPS[problem.state])),
        )


def visible_to(actor: Actor) -> ColumnElement[bool]:
    """Problems tell of many groups' incidents: who works for an outside company sees none."""
    return false() if actor.vendor or not actor.may("problem.read") else true()


def get(session: Session, number: str, actor: Actor) -> Problem:
    """The problem of a number, if this person may see it; the same NotFoundError otherwise."""
    found = session.scalar(select(Problem).where(Problem.number == number, visible_to(actor)))
    if found is None:
        raise NotFoundError(N_("There is no problem {number}."), number=number)
    return found


def create(session: Session, texts: Mapping[str, Any], *, actor: Actor, now: datetime) -> Problem:
    """Open a problem by hand."""
    title = str(texts.get("title", "")).strip()
    if not title:
        raise InvalidError(N_("Give the problem a title that names what comes again."), field="/title")
    problem = Problem(
        number=next_number(session, "PRB"),
        created_by_id=actor.id,
        opened_at=now,
        changed_at=now,
        resolved_at=None,
        closed_at=None,
        **{name: texts[name] for name in TEXTS if name in texts and name != "title"},
        title=title,
        facets=dict(texts.get("facets", {})),
    )
    session.add(problem)
    session.flush()
    emit(session, "problems", {"number": problem.number})
    return problem


def begin(
    session: Session, texts: Mapping[str, Any], incident: str, *, actor: Actor, now: datetime
) -> Problem:
    """Open a problem by hand; with the number of an incident, as the cause behind that one."""
    if not incident.strip():
        return create(session, texts, actor=actor, now=now)
    found = incidents.get(session, incident.strip().upper(), actor)
    problem = create(session, {"facets": query_of(session, found).facets, **texts}, actor=actor, now=now)
    return link(session, problem.number, found.number, actor=actor, now=now)


def draft_of(session: Session, incident: str, actor: Actor) -> dict[str, str]:
    """The texts of a problem as its first incident suggests them."""
    found = incidents.get(session, incident.strip().upper(), actor)
    alerts = facts.alerts_of(session, found.alert_group_id) if found.alert_group_id is not None else []
    language = current_language()
    said = [one.summary.get(language) or one.summary.get("en", "") for one in alerts]
    lines = dict.fromkeys(line for line in (found.description, *said) if line.strip())
    return {
        "title": views.title(found)[:TITLE_LIMIT],
        "description": "\n\n".join(list(lines)[:LINES_SHOWN]),
        "workaround": found.workaround,
        "incident": found.number,
    }


def change(
    session: Session, number: str, texts: Mapping[str, Any], *, version: int, actor: Actor, now: datetime
) -> Problem:
    """Change what is known of a problem; its known error says the same afterwards.

    Raises:
        StaleError: somebody else changed it since `version` was read.
        InvalidError: a known error or a resolved problem would lose what makes it one.
    """
    problem = get(session, number, actor)
    if problem.version != version:
        raise StaleError(current=problem.version)
    for name in TEXTS:
        if name in texts:
            setattr(problem, name, texts[name])
    if not problem.title.strip():
        raise InvalidError(N_("Give the problem a title that names what comes again."), field="/title")
    _whole(problem, problem.state)
    problem.changed_at = now
    _tell_known_error(session, problem, actor, now)
    session.flush()
    emit(session, "problems", {"number": number})
    return problem


def move(session: Session, number: str, to: State, *, actor: Actor, now: datetime) -> Problem:
    """Take a problem to another state.

    A known error is published as an article, which incidents like it are shown; when the problem is
    resolved the article is retired.

    Raises:
        IllegalStepError: its state does not allow it; names the states it may go to.
        InvalidError: what the state needs is not written yet; names the field.
    """
    problem = get(session, number, actor)
    if to not in STEPS[problem.state]:
        raise IllegalStepError(problem, to)
    _whole(problem, to)
    problem.state, problem.changed_at = to, now
    if to is State.RESOLVED:
        problem.resolved_at = now
    if to is State.CLOSED:
        problem.closed_at = now
    if to in {State.OPEN, State.KNOWN_ERROR}:
        problem.resolved_at = problem.closed_at = None
    _tell_known_error(session, problem, actor, now)
    session.flush()
    emit(session, "problems", {"number": number})
    return problem


def _whole(problem: Problem, state: State) -> None:
    """Raise InvalidError unless all is written that a state stands for."""
    if state in {State.KNOWN_ERROR, State.RESOLVED} and not problem.root_cause.strip():
        raise InvalidError(
            N_("Write the root cause first; without it the error is not known."), field="/root_cause"
        )
    if state is State.KNOWN_ERROR and not problem.workaround.strip():
        raise InvalidError(
            N_("Write the workaround first: what to do until it is mended."), field="/workaround"
        )
    if state is State.RESOLVED and not problem.solution.strip():
        raise InvalidError(N_("Write what mended it for good."), field="/solution")


def _tell_known_error(session: Session, problem: Problem, actor: Actor, now: datetime) -> None:
    """Let the article of a known error say what the problem says, and be there as long as it is one."""
    if problem.state is not State.KNOWN_ERROR:
        if problem.article is not None:
            known = knowledge.article(session, problem.article)
            if known.state is ArticleState.PUBLISHED:
                knowledge.move(session, known.number, ArticleState.RETIRED, by=actor.id, now=now)
        return
    texts = {
        "title": problem.title,
        "symptom": problem.description,
        "cause": problem.root_cause,
        "solution": problem.workaround,
        "language": language_of(f"{problem.title}{problem.workaround}"),
        "kind": Kind.KNOWN_ERROR,
        "applies_to": {name: [problem.facets[name]] for name in FACETS if problem.facets.get(name)},
        "problem": problem.number,
    }
    if problem.article is None:
        known = knowledge.write(session, texts, by=actor.id, now=now)
        problem.article = known.number
    else:
        known = knowledge.article(session, problem.article)
        known = knowledge.revise(session, known.number, texts, version=known.version, by=actor.id, now=now)
    for step in (ArticleState.DRAFT, ArticleState.SUBMITTED, ArticleState.PUBLISHED):
        if known.state is not ArticleState.PUBLISHED and step in knowledge.STEPS[known.state]:
            known = knowledge.move(session, known.number, step, by=actor.id, now=now)


def link(session: Session, number: str, incident: str, *, actor: Actor, now: datetime) -> Problem:
    """Say that a problem explains an incident; saying it again changes nothing."""
    problem = get(session, number, actor)
    found = incidents.get(session, incident.strip().upper(), actor)
    join(session, problem, [found.number], by=actor.id, now=now)
    emit(session, "problems", {"number": number})
    return problem


def unlink(session: Session, number: str, incident: str, *, actor: Actor) -> Problem:
    """The problem does not explain that incident."""
    problem = get(session, number, actor)
    row = session.get(ProblemIncident, (problem.id, incident))
    if row is None:
        raise NotFoundError(N_("{incident} is not linked to {number}."), incident=incident, number=number)
    session.delete(row)
    session.flush()
    ticket.unlink(session, incident, number, LINK)
    emit(session, "problems", {"number": number})
    return problem


# -- candidates -------------------------------------------------------------------------------


def candidates(session: Session, actor: Actor, state: CandidateState) -> Sequence[Candidate]:
    """The patterns in a state, the costliest first; at most 200."""
    found = session.scalars(
        select(Candidate)
        .where(Candidate.state == state, visible_to(actor))
        .order_by(Candidate.hours.desc(), Candidate.size.desc(), Candidate.id)
        .limit(200)
    )
    return list(found)


def titles(session: Session, rows: Sequence[Candidate], actor: Actor) -> dict[int, str]:
    """What the patterns are called in the reader's language, where a machine wrote it in several."""
    shown = {number for one in rows for number in one.incidents[:NUMBERS_SHOWN]}
    query = views.visible_statement(actor).where(Incident.number.in_(shown))
    by_summary = {one.summary[:TITLE_LIMIT]: views.title(one) for one in session.scalars(query)}
    return {one.id: by_summary.get(one.title, one.title) for one in rows}


def count_open(session: Session) -> int:
    """How many patterns wait for a decision."""
    return session.scalar(select(func.count()).where(Candidate.state == CandidateState.OPEN)) or 0


def candidate(session: Session, number: int, actor: Actor) -> Candidate:
    """One pattern."""
    found = session.scalar(select(Candidate).where(Candidate.id == number, visible_to(actor)))
    if found is None:
        raise NotFoundError(N_("There is no such pattern."))
    return found


def accept(session: Session, number: int, *, actor: Actor, now: datetime) -> Problem:
    """Make a problem of a pattern, with its incidents.

    Raises:
        ConflictError: it was decided already.
    """
    found = _open(session, number, actor)
    texts = {"title": found.title, "facets": found.facets, "assignee_id": actor.id}
    problem = create(session, texts, actor=actor, now=now)
    join(session, problem, found.incidents, by=actor.id, now=now)
    found.state, found.problem = CandidateState.ACCEPTED, problem.number
    found.decided_by_id, found.decided_at = actor.id, now
    return problem


def dismiss(session: Session, number: int, reason: str, *, actor: Actor, now: datetime) -> Candidate:
    """It is no problem; it is shown again only when it has doubled."""
    found = _open(session, number, actor)
    found.state, found.reason, found.size_then = CandidateState.DISMISSED, reason.strip()[:400], found.size
    found.decided_by_id, found.decided_at = actor.id, now
    emit(session, "problems", {"patterns": True})
    return found


def _open(session: Session, number: int, actor: Actor) -> Candidate:
    found = candidate(session, number, actor)
    if found.state is not CandidateState.OPEN:
        raise ConflictError(N_("This pattern was decided already: {state}."), state=found.state.value)
    return found
