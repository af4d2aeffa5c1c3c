"""What fixed this before: ranked articles and past cases for a ticket, each with its reasons.

The index lives in memory, one per process, and follows the table of changes: every write of an article or
a case adds a row in the same transaction, and a process takes in what is newer than what it has before it
answers. The order is the index's score times what outcomes say: a fix that held counts up, one after which
the alert came back counts down. Below `LEAST_SCORE` nothing is shown: a weak guess costs more than silence.

Articles and cases are looked for apart, or the hundredth case of a recurring alert would crowd out the one
article about it. What says the same, a topic in two languages or cases of one cause, takes one place. An
article that was published for the ticket's alert and class keeps one of the places: its reviewer's word
outweighs few words in common and mixed outcomes, though not steady failure.
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

STEADY = 5  # so many failures, with at most one success to three of them, are no accident

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
    hits = [hit for hit in hits if hit.words or _written_for(hit)]
    records = _records(session, [hit.key for hit in hits])
    outcomes = _outcomes(session, [hit.key for hit in hits])
    found = []
    for hit in hits:
        record, outcome = records.get(hit.key), outcomes.get(hit.key, (0, 0))
        if record is None:
            continue
        one = _suggestion(hit, record, outcome, query)
        meant = isinstance(record, Article) and _meant(record, query) and not _fails(outcome)
        if meant or one.score >= LEAST_SCORE:
            other = record.language != query.language
            found.append(_Ranked(max(one.score, LEAST_SCORE), meant, other, _sayings(record), one))
    found.sort(key=lambda ranked: (-ranked.score, not ranked.meant, ranked.other_language, ranked.one.number))
    return [ranked.one for ranked in _with_place(_distinct(found), limit)]


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
    facets = {name: [str(value) for value in values] for name, values in article.applies_to.items()}
    fields = {
        "title": article.title,
        "symptom": article.symptom,
        "cause": article.cause,
        "solution": article.solution,
        "text": " ".join(str(value) for values in article.applies_to.values() for value in values),
    }
    return Document(fields, facets, kind="article")


def _of_case(case: Case) -> Document:
    fields = {"title": case.title, "symptom": case.symptom, "cause": case.cause, "solution": case.solution}
    return Document(fields, {name: str(value) for name, value in case.facets.items()}, kind="case")


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


@dataclass(frozen=True)
class _Ranked:
    """A suggestion on its way into the list.

    Args:
        meant: an article published for the ticket's very alert and class.
        other_language: not the reader's.
        says: what it has in common with others that say the same.
    """

    score: float
    meant: bool
    other_language: bool
    says: frozenset[str]
    one: Suggestion


def _written_for(hit: Hit) -> bool:
    return "alert" in hit.facets


def _meant(article: Article, query: Query) -> bool:
    """Whether it names the ticket's alert, and its class if it names any."""
    classes = article.applies_to.get("ci_class", ())
    return (
        bool(query.alert)
        and query.alert in article.applies_to.get("alert", ())
        and (not classes or not query.ci_class or query.ci_class in classes)
    )


def _fails(outcome: tuple[int, int]) -> bool:
    held, tried = outcome
    return tried - held >= STEADY and tried - held >= 3 * held


def _sayings(record: Article | Case) -> frozenset[str]:
    """A topic's articles say the same in several languages; recurring cases have one cause."""
    if isinstance(record, Article):
        return frozenset({record.translation_of or record.number, record.title})
    return frozenset({record.title, record.cause} - {""})


def _distinct(found: Sequence[_Ranked]) -> list[_Ranked]:
    """Without what says the same again; a topic is shown in the reader's language where it is there."""
    place_of: dict[str, int] = {}
    distinct: list[_Ranked] = []
    for ranked in found:
        same = {place_of[said] for said in ranked.says if said in place_of}
        place = min(same, default=len(distinct))
        if not same:
            distinct.append(ranked)
        elif _reads_better(ranked, distinct[place]):
            distinct[place] = ranked
        for said in ranked.says:
            place_of.setdefault(said, place)
    return distinct


def _reads_better(ranked: _Ranked, kept: _Ranked) -> bool:
    return (
        kept.other_language
        and not ranked.other_language
        and kept.one.kind == ranked.one.kind == "article"
        and ranked.meant >= kept.meant
    )


def _with_place(found: Sequence[_Ranked], limit: int) -> list[_Ranked]:
    """The first `limit`; the best of the meant has the last place if it has no better one."""
    shown = list(found[:limit])
    meant = next((ranked for ranked in found if ranked.meant), None)
    if meant is not None and shown and meant not in shown:
        shown[-1] = meant
    return shown
