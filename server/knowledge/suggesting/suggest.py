"""What fixed this before: ranked articles and past cases for a ticket, each with its reasons.

The order is the ranker's worth and what outcomes say: a fix that held counts up, one after which the
alert came back counts down. The score is the probability that the fix is right; that it has always held makes
it a little surer and no more, for where it does not fit it does not hold. Where none is more likely right
than wrong nothing is shown: a weak guess costs more than silence.

Articles and cases are looked for apart, or the hundredth case of a recurring alert would crowd out the one
article about it. What says the same, a topic in two languages or cases of one cause, takes one place.

An article that was published for the ticket's alert and class leads as long as it holds: its reviewer's word
outweighs that a past case has the very words of the recurring alert, and its score is how often it held. With
mixed outcomes it still keeps one of the places; steady failure loses it.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ml.answers import Hit
from ml.tokens import folded, pieces
from server.knowledge.models import Article, Case, Gap, IndexChange, State
from server.knowledge.pointed import followed
from server.knowledge.references import plain
from server.knowledge.suggesting import reranking, shelves
from server.knowledge.suggesting.held import Held, here, outcomes
from server.knowledge.suggesting.ranking import Ranked, nameless

NEXT_SCORE = 0.04  # what stands behind it
LOOK_AT = 24
STEPS_SHOWN = 3
OTHER_LANGUAGE = 1.0  # worth; what the reader may not read goes behind what says the same in his language
CASE = 0.5  # an article was written to be followed, a case to be closed
CONTESTED = "contested"  # facet of a case that went another way than what had proven itself
CONTESTED_WEIGHS = 2.0  # failures; it is suggested sooner once it has held itself
LEADS = 2 / 3  # what is meant for the alert leads while it is likely to hold so often
PROVEN = 2  # times that it held


_STEP = re.compile(r"^\s*(?:\d+[.)、]|[-*])\s*(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Query:
    """What is known of the ticket: its text (summary in the first line) and its facets.

    Args:
        language: the reader's; "" where nobody reads it yet.
    """

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
        said: the words as they stand in the ticket.
        here: the closest facet of the ticket for which there are outcomes, as ("model", "PX-20"), and
            `fixed_here`, `tried_here` those of tickets that share it.
        topic: what its translations share, the number of the first of them.
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
    said: tuple[str, ...] = ()
    here: tuple[str, str] | None = None
    fixed_here: int = 0
    tried_here: int = 0
    topic: str = ""


def changed(session: Session, key: str) -> None:
    """Tell every process's index that an article or case was added, changed or withdrawn."""
    session.add(IndexChange(key=key))


def suggest(
    session: Session,
    query: Query,
    *,
    limit: int = 3,
    least: float | None = None,
    seen: Callable[[Sequence[str]], Collection[str]] | None = None,
) -> list[Suggestion]:
    """The best known fixes for a ticket, best first; empty where none is right with probability `least`.

    Without `least` the desk's own threshold holds (see `silence`). `seen` tells which of some numbers the
    reader may see; the others count for nothing.
    """
    shelf = shelves.up_to_date(session)
    text = nameless(f"{query.text}\n{query.alert}" if query.alert else query.text, query.ci)
    with shelf.lock:
        least = shelf.least if least is None else least
        answers = shelf.ranking.ask(text, facets=query.facets, limit=LOOK_AT, named="alert")
    answers = [one for one in answers if one.hit.words or _written_for(one.hit)]
    keys = [one.hit.key for one in answers]
    records = _in_place(session, _records(session, keys if seen is None else sorted(seen(keys))), seen)
    if query.language and (model := reranking.usable(shelf.model_folder)) is not None:
        answers = reranking.by_meaning(
            model, text, answers, {key: _said(one) for key, one in records.items()}
        )
    known = outcomes(session, [one.number for one in records.values()])
    found = []
    for answer in answers:
        record = records.get(answer.hit.key)
        if record is not None:
            outcome = known.get(record.number, Held())
            if isinstance(record, Case) and record.facets.get(CONTESTED):
                outcome = replace(outcome, doubt=outcome.doubt + CONTESTED_WEIGHS)
            meant = isinstance(record, Article) and _meant(record, query) and not outcome.fails
            found.append(_weighed(answer, record, outcome, query, meant=meant))
    found.sort(key=lambda one: (not one.leads, -one.worth, one.other_language, one.record.number))
    shown = _with_place(_told(_distinct(found), least), limit)
    near = here(session, [one.record.number for one in shown], query.facets) if shown else {}
    written = _written(text) if shown else {}
    return [_suggestion(one, near.get(one.record.number), written) for one in shown]


def _said(record: Article | Case) -> str:
    """What an answer says, its title in the first line."""
    return f"{record.title}\n{record.symptom}\n{record.cause}\n{record.solution}"


def proven(suggestion: Suggestion) -> bool:
    """Whether it has held at least twice, and three times as often as not."""
    failed = suggestion.tried - suggestion.fixed
    return suggestion.fixed >= PROVEN and suggestion.fixed >= 3 * failed


def note_gap(session: Session, ticket: str, query: Query, *, now: datetime) -> None:
    """Remember that nothing was known for a ticket."""
    if session.scalar(select(Gap.id).where(Gap.ticket == ticket)) is None:
        title = query.text.partition("\n")[0][:400]
        session.add(Gap(ticket=ticket, title=title, facets=query.facets, at=now))


def _records(session: Session, keys: Sequence[str]) -> dict[str, Article | Case]:
    if not keys:
        return {}
    articles = session.scalars(
        select(Article).where(Article.number.in_(keys), Article.state == State.PUBLISHED)
    )
    cases = session.scalars(select(Case).where(Case.number.in_(keys)))
    return {record.number: record for record in (*articles, *cases)}


def _in_place(
    session: Session,
    records: dict[str, Article | Case],
    seen: Callable[[Sequence[str]], Collection[str]] | None,
) -> dict[str, Article | Case]:
    """What is named stands in place of what only names it, if the reader may see it."""
    whole = followed(session, records)
    new = sorted({one.number for key, one in whole.items() if one is not records[key]})
    shown = set(new if seen is None or not new else seen(new))
    return {key: one if one.number in shown else records[key] for key, one in whole.items()}


@dataclass(frozen=True)
class _Weighed:
    """An answer on its way into the list.

    Args:
        worth: what orders the list.
        score: the probability that it is right.
        meant: an article published for the ticket's very alert and class, and not failing.
        other_language: not the reader's.
        says: what it has in common with others that say the same.
        asked: the facets of the ticket.
    """

    answer: Ranked
    record: Article | Case
    outcome: Held
    worth: float
    score: float
    meant: bool
    other_language: bool
    says: frozenset[str]
    asked: Mapping[str, str]

    @property
    def leads(self) -> bool:
        """Whether it goes before all that was not meant for the alert."""
        return self.meant and self.outcome.holds >= LEADS


def _weighed(answer: Ranked, record: Article | Case, outcome: Held, query: Query, *, meant: bool) -> _Weighed:
    other = bool(query.language) and record.language != query.language
    added = outcome.worth - OTHER_LANGUAGE * other - CASE * isinstance(record, Case)
    score = max(outcome.surer(answer.sure), outcome.holds if meant else 0.0)
    return _Weighed(
        answer, record, outcome, answer.worth + added, score, meant, other, _sayings(record), query.facets
    )


def _told(found: Sequence[_Weighed], least_best: float) -> list[_Weighed]:
    """What is sure enough to be told, and what was written for the ticket's alert; nothing is a guess."""
    best = max((one.score for one in found), default=0.0)
    least = min(NEXT_SCORE, least_best) if best >= least_best else 1.0
    told, highest = [], 0.99
    for one in found:
        if one.meant or one.score >= least:
            highest = min(highest, one.score)
            told.append(replace(one, score=highest))
    return told


def _written(text: str) -> dict[str, str]:
    """How the tokens of a ticket stand in it, the first time."""
    whole, written = folded(text), dict[str, str]()
    for piece in pieces(text):
        for token in piece.tokens:
            shown = token if token[0] >= "\u3400" else whole[piece.start : piece.end]
            written.setdefault(token, shown)
    return written


def _suggestion(one: _Weighed, here: tuple[str, int, int] | None, written: Mapping[str, str]) -> Suggestion:
    """With its reasons."""
    words = tuple(word for word, share in one.answer.hit.words[:6] if share >= 0.05)
    name, fixed_here, tried_here = here or ("", 0, 0)
    return replace(
        _plain(one, words),
        said=tuple(dict.fromkeys(written[word] for word in words if word in written)),
        here=(name, one.asked[name]) if name else None,
        fixed_here=fixed_here,
        tried_here=tried_here,
    )


def _plain(one: _Weighed, words: tuple[str, ...]) -> Suggestion:
    record, hit, outcome = one.record, one.answer.hit, one.outcome
    return Suggestion(
        number=record.number,
        kind="article" if isinstance(record, Article) else "case",
        title=record.title,
        language=record.language,
        score=round(one.score, 2),
        words=words,
        facets=hit.facets,
        steps=_steps(record.solution),
        cause=record.cause,
        fixed=outcome.held,
        tried=outcome.held + outcome.failed,
        at=record.resolved_at if isinstance(record, Case) else record.published_at,
        topic=(record.translation_of if isinstance(record, Article) else None) or record.number,
    )


def _steps(solution: str) -> tuple[str, ...]:
    """The first numbered steps, else the first line, without the marks of Markdown."""
    found = _STEP.findall(solution)[:STEPS_SHOWN] or solution.strip().splitlines()[:1]
    return tuple(step for step in map(plain, found) if step)


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


def _sayings(record: Article | Case) -> frozenset[str]:
    """A topic's articles say the same in several languages; recurring cases have one cause."""
    if isinstance(record, Article):
        return frozenset({record.translation_of or record.number, record.title})
    return frozenset({record.title, record.cause} - {""})


def _distinct(found: Sequence[_Weighed]) -> list[_Weighed]:
    """Without what says the same again; a topic is shown in the reader's language where it is there."""
    place_of: dict[str, int] = {}
    distinct: list[_Weighed] = []
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


def _reads_better(ranked: _Weighed, kept: _Weighed) -> bool:
    return (
        kept.other_language
        and not ranked.other_language
        and isinstance(kept.record, Article)
        and isinstance(ranked.record, Article)
        and ranked.meant >= kept.meant
    )


def _with_place(found: Sequence[_Weighed], limit: int) -> list[_Weighed]:
    """The first `limit`; the best of the meant has the last place if it has no better one."""
    shown = list(found[:limit])
    meant = next((ranked for ranked in found if ranked.meant), None)
    if meant is not None and shown and meant not in shown:
        shown[-1] = meant
    return shown
