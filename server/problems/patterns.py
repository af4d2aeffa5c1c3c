"""Incidents that come again and again, gathered, as candidates for problems.

Resolved incidents of the last half year are compared by their words and by what they share (alert, class,
model, cause). At least `LEAST` that are alike make a candidate. One that was dismissed stays so until it has
twice the incidents it had then. Incidents like those of an accepted one are added to its problem.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ml import cluster
from ml.cluster import Said
from server.cmdb import service as cmdb
from server.incidents import facts
from server.incidents.models import Incident, State, WorkLog
from server.kernel.events import emit
from server.kernel.jobs import Work
from server.kernel.practice import Job, Schedule
from server.kernel.ticket import link
from server.knowledge.gaps import weekly
from server.knowledge.models import Case
from server.problems.models import TITLE_LIMIT, Candidate, CandidateState, Problem, ProblemIncident

LEAST = 3
MOST_INCIDENTS = 3_000
LONGEST = 1_000  # characters of one
MOST_KEPT = 200  # incidents of one candidate
LOOKED_BACK = timedelta(days=180)
SAME = 0.5  # share of the smaller one's incidents by which two patterns are one
AGAIN = 2  # times its size at which a dismissed candidate is shown again
JOB = "problems.patterns"
LINK = "caused_by"  # how an incident names the problem behind it


def refresh(session: Session, *, now: datetime) -> int:
    """Look for patterns anew; returns how many candidates are open."""
    rows = _resolved(session, now)
    said = _said(session, rows)
    known = list(session.scalars(select(Candidate).order_by(Candidate.id)))
    minutes = _minutes(session, rows)
    seen: set[int] = set()
    for places in cluster.gathered(said, least=LEAST):
        members = [rows[place] for place in places]
        numbers = {one.number for one in members}
        candidate = _like(known, numbers, seen) or Candidate(
            found_at=now, size_then=0, state=CandidateState.OPEN
        )
        _describe(candidate, members, [said[place] for place in places], minutes, now)
        session.add(candidate)
        session.flush()
        seen.add(candidate.id)
        _decided(session, candidate, now)
    for candidate in known:
        if candidate.id not in seen and candidate.state is CandidateState.OPEN:
            session.delete(candidate)  # its incidents are old, or were no pattern after all
    session.flush()
    emit(session, "problems", {"patterns": True})
    return session.scalar(select(func.count()).where(Candidate.state == CandidateState.OPEN)) or 0


def _resolved(session: Session, now: datetime) -> list[Incident]:
    rows = session.scalars(
        select(Incident)
        .where(
            Incident.state.in_((State.RESOLVED, State.CLOSED)),
            Incident.resolved_at >= now - LOOKED_BACK,
            Incident.parent_id.is_(None),  # a merged one is told by the one it was merged into
        )
        .order_by(Incident.resolved_at.desc(), Incident.id.desc())
        .limit(MOST_INCIDENTS)
    )
    return list(rows)


def _said(session: Session, rows: Sequence[Incident]) -> list[Said]:
    """What gathers incidents: not which item it was, but of what kind."""
    cases: dict[str, Case] = {}
    numbers = [one.number for one in rows]
    for start in range(0, len(numbers), 500):
        part = session.scalars(select(Case).where(Case.number.in_(numbers[start : start + 500])))
        cases |= {case.number: case for case in part}
    items = cmdb.cis(session, {one.ci_id for one in rows if one.ci_id is not None})
    found = []
    for one in rows:
        case, item = cases.get(one.number), items.get(one.ci_id or 0)
        facets = {name: str(value) for name, value in (case.facets if case else {}).items() if name != "ci"}
        if item is not None:
            facets.setdefault("ci_class", item.class_code)
        if one.cause_code and one.cause_code not in {"unknown", "recovered"}:
            facets["cause"] = one.cause_code
        text = f"{facts.words_of(one)[:LONGEST]}\n{case.cause[:400] if case else ''}"
        found.append(Said(one.number, text.replace(item.name, " ") if item is not None else text, facets))
    return found


def _minutes(session: Session, rows: Sequence[Incident]) -> dict[int, int]:
    found: dict[int, int] = {}
    ids = [one.id for one in rows]
    for start in range(0, len(ids), 500):
        logged = session.execute(
            select(WorkLog.incident_id, func.sum(WorkLog.minutes))
            .where(WorkLog.incident_id.in_(ids[start : start + 500]))
            .group_by(WorkLog.incident_id)
        )
        found |= {number: int(sum_) for number, sum_ in logged}
    return found


def _like(known: Sequence[Candidate], numbers: set[str], seen: set[int]) -> Candidate | None:
    """The known pattern that these incidents are, by what they have in common."""
    best, most = None, 0.0
    for candidate in known:
        common = len(numbers & set(candidate.incidents))
        share = common / min(len(numbers), max(1, len(candidate.incidents)))
        if candidate.id not in seen and share >= SAME and share > most:
            best, most = candidate, share
    return best


def _describe(
    candidate: Candidate,
    members: Sequence[Incident],
    said: Sequence[Said],
    minutes: Mapping[int, int],
    now: datetime,
) -> None:
    newest = sorted(members, key=lambda one: (one.opened_at, one.id), reverse=True)
    candidate.title = members[0].summary[:TITLE_LIMIT]
    candidate.incidents = [one.number for one in newest[:MOST_KEPT]]
    candidate.size = len(members)
    ended = [(one.opened_at, one.resolved_at) for one in members if one.resolved_at is not None]
    candidate.hours = round(sum(max(0.0, (end - begin).total_seconds()) for begin, end in ended) / 3600, 2)
    candidate.worked_minutes = sum(minutes.get(one.id, 0) for one in members)
    candidate.facets = cluster.common(said)
    candidate.words = cluster.shared(said)
    candidate.weekly = weekly([one.opened_at for one in members], now)
    candidate.first_at, candidate.last_at = newest[-1].opened_at, newest[0].opened_at


def _decided(session: Session, candidate: Candidate, now: datetime) -> None:
    """What was decided stays: new incidents join their problem, a dismissed pattern waits to double."""
    if candidate.state is CandidateState.DISMISSED and candidate.size >= AGAIN * max(1, candidate.size_then):
        candidate.state = CandidateState.OPEN
    if candidate.state is not CandidateState.ACCEPTED or candidate.problem is None:
        return
    problem = session.scalar(select(Problem).where(Problem.number == candidate.problem))
    if problem is not None:
        join(session, problem, candidate.incidents, by=None, now=now)


def join(session: Session, problem: Problem, numbers: Sequence[str], *, by: int | None, now: datetime) -> int:
    """Add incidents to a problem; returns how many are new to it."""
    there = set(
        session.scalars(select(ProblemIncident.incident).where(ProblemIncident.problem_id == problem.id))
    )
    fresh = [number for number in dict.fromkeys(numbers) if number not in there]
    session.add_all(ProblemIncident(problem_id=problem.id, incident=one, at=now, by_id=by) for one in fresh)
    session.flush()
    for one in fresh:
        link(session, one, problem.number, LINK, now=now)
    return len(fresh)


async def look(work: Work) -> None:
    """The nightly look."""
    await work.db.run(refresh, now=work.now)


JOBS: Sequence[Job] = (Job(JOB, look, timeout=timedelta(minutes=10), width=1),)
SCHEDULES: Sequence[Schedule] = (Schedule("problems.patterns", JOB, every=timedelta(hours=6)),)
