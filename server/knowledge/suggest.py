"""What fixed this before: ranked articles and past cases for a ticket, each with its reasons.

The index lives in memory, one per process, and follows the table of changes: every write of an article or
a case adds a row in the same transaction, and a process takes in what is newer than what it has before it
answers. The order is the index's score times what outcomes say: a fix that held counts up, one after which
the alert came back counts down. Below `LEAST_SCORE` nothing is shown: a weak guess costs more than silence.
"""

import re
import threading
import weakref
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from ml.similar import Document, Hit, Index
from server.knowledge.models import Article, Case, Gap, IndexChange, Outcome, State, Verdict

LEAST_SCORE = 0.45
LOOK_AT = 24
STEPS_SHOWN = 3
OTHER_LANGUAGE = 0.85  # what the reader may not read goes behind what says the same in his language
CASE = 0.92  # an article was written to be followed, a case to be closed

_STEP = re.compile(r"^\s*(?:\d+[.)、]|[-*])\s*(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Query:
    """What is known of the ticket: its text (summary in the first line) and its facets."""

    text: str
    alert: str = ""
    ci: str = ""
    ci_class: str = ""
    model: str = ""
    vendor: str = ""
    service: str = ""
    language: str = "en"

    @property
    def facets(self) -> dict[str, str]:
        """The facets that are known."""
        named = {
            "alert": self.alert,
            "ci": self.ci,
            "ci_class": self.ci_class,
            "model": self.model,
            "vendor": self.vendor,
            "service": self.service,
        }
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True)
class Suggestion:
    """A fix to try, and why.

    Args:
        score: 0 to 1; the order of the list, and the figure shown.
        words: words of the ticket that the answer shares, heaviest first.
        facets: what else agrees, as {"ci_class": "ups"}.
        steps: the first steps of the solution.
        fixed, tried: how often it was applied with a known outcome, and held.
    """

    number: str
    kind: str  # article or case
    title: str
    language: str
    score: float
    words: tuple[str, ...]
    facets: Mapping[str, str]
    steps: tuple[str, ...]
    cause: str
    fixed: int
    tried: int
    at: datetime | None


@dataclass
class _Known:
    index: Index = field(default_factory=Index)
    seen: int = -1  # the newest change taken in; -1: nothing loaded yet
    lock: threading.Lock = field(default_factory=threading.Lock)


_indexes: weakref.WeakKeyDictionary[Engine, _Known] = weakref.WeakKeyDictionary()


def changed(session: Session, key: str) -> None:
    """Tell every process's index that an article or case was added, changed or withdrawn."""
    session.add(IndexChange(key=key))


def suggest(session: Session, query: Query, *, limit: int = 3) -> list[Suggestion]:
    """The best known fixes for a ticket, best first; empty where nothing fits well enough."""
    known = _up_to_date(session)
    text = f"{query.text}\n{query.alert}" if query.alert else query.text
    with known.lock:
        hits = known.index.search(text, facets=query.facets, limit=LOOK_AT)
    hits = [hit for hit in hits if hit.score >= LEAST_SCORE / 1.5 and hit.words]
    records = _records(session, [hit.key for hit in hits])
    outcomes = _outcomes(session, [hit.key for hit in hits])
    found = [
        _suggestion(hit, records[hit.key], outcomes.get(hit.key, (0, 0)), query)
        for hit in hits
        if hit.key in records
    ]
    found.sort(key=lambda one: (-one.score, one.number))
    return _distinct([one for one in found if one.score >= LEAST_SCORE])[:limit]


def note_gap(session: Session, ticket: str, query: Query, *, now: datetime) -> None:
    """Remember that nothing was known for a ticket."""
    if session.scalar(select(Gap.id).where(Gap.ticket == ticket)) is None:
        title = query.text.partition("\n")[0][:400]
        session.add(Gap(ticket=ticket, title=title, facets=query.facets, at=now))


def _up_to_date(session: Session) -> _Known:
    engine = session.get_bind().engine
    known = _indexes.setdefault(engine, _Known())
    with known.lock:
        if known.seen < 0:
            known.seen = session.scalar(select(func.max(IndexChange.id))) or 0
            for article in session.scalars(select(Article).where(Article.state == State.PUBLISHED)):
                known.index.add(article.number, _of_article(article))
            for case in session.scalars(select(Case)):
                known.index.add(case.number, _of_case(case))
            return known
        news = session.execute(
            select(IndexChange.id, IndexChange.key)
            .where(IndexChange.id > known.seen)
            .order_by(IndexChange.id)
        ).all()
        for number, key in news:
            _take_in(session, known.index, key)
            known.seen = number
    return known


def _take_in(session: Session, index: Index, key: str) -> None:
    article = session.scalar(select(Article).where(Article.number == key))
    case = session.get(Case, key) if article is None else None
    if article is not None and article.state is State.PUBLISHED:
        index.add(key, _of_article(article))
    elif case is not None:
        index.add(key, _of_case(case))
    else:
        index.withdraw(key)


def _of_article(article: Article) -> Document:
    facets = {name: str(values[0]) for name, values in article.applies_to.items() if values}
    fields = {
        "title": article.title,
        "symptom": article.symptom,
        "cause": article.cause,
        "solution": article.solution,
        "text": " ".join(str(value) for values in article.applies_to.values() for value in values),
    }
    return Document(fields, facets)


def _of_case(case: Case) -> Document:
    fields = {"title": case.title, "symptom": case.symptom, "cause": case.cause, "solution": case.solution}
    return Document(fields, {name: str(value) for name, value in case.facets.items()})


def _records(session: Session, keys: Sequence[str]) -> dict[str, Article | Case]:
    articles = session.scalars(
        select(Article).where(Article.number.in_(keys), Article.state == State.PUBLISHED)
    )
    cases = session.scalars(select(Case).where(Case.number.in_(keys)))
    return {record.number: record for record in (*articles, *cases)}


def _outcomes(session: Session, keys: Sequence[str]) -> dict[str, tuple[int, int]]:
    """(held, tried) by suggestion; a case's own resolution is not counted."""
    counts: dict[str, tuple[int, int]] = {}
    rows = session.execute(
        select(Outcome.suggestion, Outcome.verdict, func.count())
        .where(Outcome.suggestion.in_(keys))
        .group_by(Outcome.suggestion, Outcome.verdict)
    )
    by_key: dict[str, dict[Verdict, int]] = defaultdict(dict)
    for key, verdict, count in rows:
        by_key[key][verdict] = count
    for key, verdicts in by_key.items():
        held = verdicts.get(Verdict.FIXED, 0)
        failed = verdicts.get(Verdict.CAME_BACK, 0) + verdicts.get(Verdict.NOT_HELPED, 0)
        counts[key] = (held, held + failed)
    return counts


def _suggestion(hit: Hit, record: Article | Case, outcome: tuple[int, int], query: Query) -> Suggestion:
    held, tried = outcome
    trust = (held + 2) / (tried + 2.5)  # 0.8 before anything is known
    score = hit.score * (0.6 + 0.5 * trust)
    if record.language != query.language:
        score *= OTHER_LANGUAGE
    if isinstance(record, Case):
        score *= CASE
    return Suggestion(
        number=record.number,
        kind="article" if isinstance(record, Article) else "case",
        title=record.title,
        language=record.language,
        score=round(min(score, 0.99), 2),
        words=tuple(word for word, share in hit.words[:6] if share >= 0.05),
        facets=hit.facets,
        steps=tuple(step.strip() for step in _STEP.findall(record.solution)[:STEPS_SHOWN])
        or tuple(line for line in record.solution.splitlines() if line.strip())[:1],
        cause=record.cause,
        fixed=held,
        tried=tried,
        at=record.resolved_at if isinstance(record, Case) else record.published_at,
    )


def _distinct(found: Sequence[Suggestion]) -> list[Suggestion]:
    """Without what says the same again: recurring cases have one cause under many names of items."""
    seen: set[str] = set()
    distinct = []
    for one in found:
        said = {one.title, one.cause} - {""} if one.kind == "case" else {one.title}
        if not said & seen:
            distinct.append(one)
        seen |= said
    return distinct
