"""What the pages of discovery show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rules import wire
from rules.links import INTRODUCED
from server.accounts.service import people_by_ids
from server.agents import attempts
from server.agents.attempts import Tried
from server.agents.models import Agent, Credential
from server.cmdb import service as cmdb
from server.cmdb.classes import UNKNOWN_CLASS, catalogue
from server.cmdb.models import Ci
from server.discovery import inbox, jobs
from server.discovery.findings import SURE, class_of, observation_of, source_of
from server.discovery.links import Against, Heard, Outsider, RunLinks, heard_by, of_run
from server.discovery.models import Finding, Item, ItemState, Outcome, RangeJob, Run, RunState
from server.kernel.errors import NotFoundError
from server.kernel.i18n import N_, loc

PAGE = 100
RUNS_SHOWN = 30
INBOX_SHOWN = 300
LINKS_SHOWN = 200


@dataclass(frozen=True)
class JobRow:
    """A job with its agent and its latest run."""

    job: RangeJob
    agent: str
    addresses: int
    run: Run | None


@dataclass(frozen=True)
class RunRow:
    """A run with its job and who began it."""

    run: Run
    job: RangeJob
    by: Any


@dataclass(frozen=True)
class FindingRow:
    """A finding as a list shows it."""

    finding: Finding
    told: wire.Finding
    ci: Ci | None
    icon: str
    label: Mapping[str, str]


@dataclass(frozen=True)
class RunView:
    """A run with a part of its findings."""

    run: Run
    job: RangeJob
    agent: Agent
    by: Any
    rows: Sequence[FindingRow]
    counts: Mapping[str, int]
    shown: int
    page: int
    pages: int
    held_back: Sequence[str]
    before: Run | None  # the run before it that ended
    gone: Sequence[Finding]  # what that one found and this one did not


@dataclass(frozen=True)
class LinksView:
    """The links of a run; `shown` of the outsiders."""

    run: Run
    job: RangeJob
    links: RunLinks
    shown: Sequence[Outsider]


@dataclass(frozen=True)
class FindingView:
    """One finding with all its evidence."""

    row: FindingRow
    run: Run
    job: RangeJob
    agent: Agent
    item: Item | None
    tried: Sequence[tuple[wire.Attempt, str]]
    log: Sequence[Tried]
    links: Sequence[Heard]
    links_in_all: int
    against: Sequence[Against]


@dataclass(frozen=True)
class ItemRow:
    """An entry of the inbox as the list shows it; `count` with those alike."""

    item: Item
    told: wire.Finding
    label: Mapping[str, str]
    icon: str
    known: bool  # whether the class is guessed at all
    confidence: float
    name: str
    count: int


@dataclass(frozen=True)
class ItemView:
    """One entry with what helps to decide."""

    row: ItemRow
    found: FindingView
    alike: Sequence[Item]
    maybe: Sequence[Ci]  # items of the CMDB that it may be
    classes: Sequence[tuple[str, Mapping[str, str]]]
    by: Any

    @property
    def options(self) -> Sequence[tuple[str, str]]:
        """The classes for a form, by their names in the reader's language."""
        return sorted(((code, loc(label)) for code, label in self.classes), key=lambda pair: pair[1])


def overview(session: Session) -> list[JobRow]:
    """Every job by name, with its latest run."""
    names = {row[0]: row[1] for row in session.execute(select(Agent.id, Agent.name))}
    latest = select(func.max(Run.id)).group_by(Run.job_id)
    runs = {run.job_id: run for run in session.scalars(select(Run).where(Run.id.in_(latest)))}
    rows = session.scalars(select(RangeJob).order_by(RangeJob.name))
    return [JobRow(job, names.get(job.agent_id, ""), _count(job), runs.get(job.id)) for job in rows]


def recent(session: Session, *, job_id: int | None = None, limit: int = RUNS_SHOWN) -> list[RunRow]:
    """The latest runs, of all jobs or of one."""
    query = (
        select(Run, RangeJob).join(RangeJob, RangeJob.id == Run.job_id).order_by(Run.id.desc()).limit(limit)
    )
    if job_id is not None:
        query = query.where(Run.job_id == job_id)
    rows = session.execute(query).all()
    people = people_by_ids(session, {run.by_id for run, _job in rows})
    return [RunRow(run, job, _name(people, run.by_id)) for run, job in rows]


def run(session: Session, run_id: int, *, outcome: Outcome | None, page: int) -> RunView:
    """A run with its findings, of one outcome or all, a page of them."""
    one = jobs.run_of(session, run_id)
    job = session.get_one(RangeJob, one.job_id)
    chosen = select(Finding).where(Finding.run_id == run_id)
    if outcome is not None:
        chosen = chosen.where(Finding.outcome == outcome)
    total = session.scalar(select(func.count()).select_from(chosen.subquery())) or 0
    pages = max(1, -(-total // PAGE))
    page = min(max(1, page), pages)
    rows = session.scalars(chosen.order_by(Finding.sort_key).offset((page - 1) * PAGE).limit(PAGE)).all()
    counted = session.execute(
        select(Finding.outcome, func.count()).where(Finding.run_id == run_id).group_by(Finding.outcome)
    )
    names = {row[0]: row[1] for row in session.execute(select(Credential.id, Credential.name))}
    before = session.scalar(
        select(Run)
        .where(Run.job_id == one.job_id, Run.id < run_id, Run.ended_at.is_not(None))
        .order_by(Run.id.desc())
        .limit(1)
    )
    return RunView(
        run=one,
        job=job,
        agent=session.get_one(Agent, one.agent_id),
        by=_name(people_by_ids(session, {one.by_id}), one.by_id),
        rows=finding_rows(session, rows),
        counts={kind.value: count for kind, count in counted},
        shown=total,
        page=page,
        pages=pages,
        held_back=[names.get(number, "") for number in one.held_back],
        before=before,
        gone=_gone(session, one, before),
    )


def run_links(session: Session, run_id: int) -> LinksView:
    """What a run's devices tell of their neighbours."""
    one = jobs.run_of(session, run_id)
    told = of_run(session, run_id)
    return LinksView(one, session.get_one(RangeJob, one.job_id), told, told.outsiders[:LINKS_SHOWN])


def finding(session: Session, finding_id: int) -> FindingView:
    """One finding with all its evidence."""
    one = session.get(Finding, finding_id) if 0 < finding_id < 2**31 else None
    if one is None:
        raise NotFoundError(N_("There is no such finding."))
    run_ = jobs.run_of(session, one.run_id)
    agent = session.get_one(Agent, run_.agent_id)
    row = finding_rows(session, [one])[0]
    names = {one[0]: one[1] for one in session.execute(select(Credential.id, Credential.name))}
    item = session.scalar(select(Item).where(Item.agent_id == agent.id, Item.address == one.address))
    said = heard_by(session, one)
    heard = [link for link in said.heard if link.link.kind in INTRODUCED or link.known is not None]
    return FindingView(
        row=row,
        run=run_,
        job=session.get_one(RangeJob, run_.job_id),
        agent=agent,
        item=item,
        tried=[(attempt, names.get(attempt.credential, "")) for attempt in row.told.attempts],
        log=attempts.of_address(session, agent.id, one.address),
        links=heard[:LINKS_SHOWN],
        links_in_all=len(heard),
        against=said.against,
    )


def items(session: Session, state: ItemState) -> list[ItemRow]:
    """The inbox: those alike stand as one, the surest guess first."""
    query = (
        select(Item, Finding)
        .join(Finding, Finding.id == Item.finding_id)
        .where(Item.state == state)
        .order_by(Item.seen_at.desc(), Item.id)
        .limit(INBOX_SHOWN * 5)
    )
    grouped: dict[tuple[str, str], list[tuple[Item, Finding]]] = {}
    for item, one in session.execute(query):
        key = (item.shape, item.kind.value) if item.shape else ("", f"{item.id}")
        grouped.setdefault(key, []).append((item, one))
    rows = [_item_row(group[0][0], group[0][1], len(group)) for group in grouped.values()]
    return sorted(rows, key=lambda row: (not row.known, -row.confidence))[:INBOX_SHOWN]


def item(session: Session, item_id: int) -> ItemView:
    """One entry with its evidence, those alike, and the known items that it may be."""
    one = inbox.item_of(session, item_id)
    view = finding(session, one.finding_id)
    kinds = catalogue().classes.values()
    choices = sorted(
        (
            (kind.code, kind.label)
            for kind in kinds
            if catalogue().is_a(kind.code, "device") and kind.code != UNKNOWN_CLASS and not kind.abstract
        ),
        key=lambda pair: pair[0],
    )
    return ItemView(
        row=_item_row(one, view.row.finding, 1),
        found=view,
        alike=inbox.alike(session, one),
        maybe=_maybe(session, view),
        classes=choices,
        by=_name(people_by_ids(session, {one.decided_by_id}), one.decided_by_id),
    )


def counts(session: Session) -> dict[str, int]:
    """How many entries of the inbox there are by state."""
    rows = session.execute(select(Item.state, func.count()).group_by(Item.state))
    return {state.value: count for state, count in rows}


def _maybe(session: Session, view: FindingView) -> list[Ci]:
    decision = cmdb.dry_run(session, observation_of(view.row.told), source_of(view.agent))
    wanted = {*decision.candidates, *decision.doubts, *([decision.ci] if decision.ci else [])}
    for step in decision.path:
        wanted |= set(step.cis)
    return sorted(cmdb.cis(session, wanted).values(), key=lambda one: one.sort_name)[:5]


def finding_rows(session: Session, found: Sequence[Finding]) -> list[FindingRow]:
    """Findings with their items and classes; two queries however many."""
    cis = cmdb.cis(session, {one.ci_id for one in found if one.ci_id is not None})
    classes = catalogue()
    return [
        FindingRow(
            one,
            msgspec.convert(one.told, wire.Finding),
            cis.get(one.ci_id) if one.ci_id is not None else None,
            classes.of(one.class_code).icon,
            classes.of(one.class_code).label,
        )
        for one in found
    ]


def _item_row(one: Item, found: Finding, count: int) -> ItemRow:
    told = msgspec.convert(found.told, wire.Finding)
    code, confidence = class_of(told)
    kind = catalogue().of(code)
    name = told.guesses["name"].value if "name" in told.guesses else ""
    return ItemRow(one, told, kind.label, kind.icon, code != UNKNOWN_CLASS, confidence, name, count)


def _gone(session: Session, one: Run, before: Run | None) -> Sequence[Finding]:
    """What the run before found and this one did not; only where this one asked everything."""
    if before is None or one.ended_at is None or one.state is not RunState.DONE:
        return ()
    here = select(Finding.address).where(Finding.run_id == one.id)
    query = (
        select(Finding)
        .where(Finding.run_id == before.id, Finding.address.not_in(here))
        .order_by(Finding.sort_key)
        .limit(PAGE)
    )
    return session.scalars(query).all()


def _count(job: RangeJob) -> int:
    return jobs.check_ranges(job.ranges, job.exclusions)


def _name(people: Mapping[int, Any], number: int | None) -> Any:
    person = people.get(number) if number is not None else None
    return person.name if person is not None else None


def label_of(code: str) -> str:
    """A class as people call it."""
    return loc(catalogue().of(catalogue().code_of(code)).label)


__all__ = ["SURE", "finding", "item", "items", "label_of", "overview", "recent", "run"]
