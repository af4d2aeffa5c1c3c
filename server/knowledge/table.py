"""The list of articles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from server.accounts.models import Person
from server.accounts.service import people_by_ids
from server.kernel.call import Actor
from server.kernel.i18n import N_
from server.kernel.listing import Choice, Column, Filter, Listing, View
from server.knowledge import searching, words
from server.knowledge.bulk import ACTIONS
from server.knowledge.finding import visible_to
from server.knowledge.models import Article, Kind, Outcome, State, Verdict

WHOLE = 2_000  # articles of one step


@dataclass(frozen=True)
class Row:
    """A line of the list, ready to be shown."""

    id: int
    number: str
    title: str
    language: str
    state: str
    state_key: str
    glyph: str
    known_error: bool
    author: Any
    applies_to: str
    fixed: int
    tried: int
    changed_at: datetime


def rows(session: Session, articles: Sequence[Article], _actor: Actor, _now: datetime) -> list[Row]:
    """What the cells show; two queries however many rows."""
    people = people_by_ids(session, {one.author_id for one in articles if one.author_id})
    counts = outcome_counts(session, [one.number for one in articles])
    return [
        Row(
            id=one.id,
            number=one.number,
            title=one.title,
            language=one.language,
            state=words.state(one.state),
            state_key=one.state.value,
            glyph=words.GLYPHS[one.state],
            known_error=one.kind is Kind.KNOWN_ERROR,
            author=name_of(people, one.author_id),
            applies_to=words.listed(list(words.applies(one.applies_to))),
            fixed=counts.get(one.number, (0, 0))[0],
            tried=counts.get(one.number, (0, 0))[1],
            changed_at=one.changed_at,
        )
        for one in articles
    ]


def name_of(people: Mapping[int, Person], person_id: int | None) -> dict[str, str] | None:
    """A person's name, None for nobody or one who is gone."""
    found = people.get(person_id or 0)
    return found.name if found is not None else None


def outcome_counts(session: Session, numbers: Sequence[str]) -> dict[str, tuple[int, int]]:
    """How often each was applied with a known outcome: (held, judged)."""
    held = func.sum(case((Outcome.verdict == Verdict.FIXED, 1), else_=0))
    judged = (Verdict.FIXED, Verdict.CAME_BACK, Verdict.NOT_HELPED)
    counted = session.execute(
        select(Outcome.suggestion, held, func.count())
        .where(Outcome.suggestion.in_(numbers), Outcome.verdict.in_(judged))
        .group_by(Outcome.suggestion)
    )
    return {number: (int(good), int(all_)) for number, good, all_ in counted}


def _statement(actor: Actor) -> Select[Any]:
    return select(Article).where(visible_to(actor))


ARTICLES = Listing(
    name="knowledge",
    url="/knowledge",
    title=N_("Knowledge"),
    statement=_statement,
    key=Article.id,
    sort="-changed",
    finds=searching.has,
    columns=(
        Column("number", N_("Number"), kind="id", sort=Article.number, width="narrow", phone="meta"),
        Column("title", N_("Title"), kind="custom", sort=Article.title, phone="title"),
        Column("state", N_("State"), kind="custom", sort=Article.state, width="middle", phone="end"),
        Column("applies_to", N_("Applies to"), width="middle"),
        Column("helped", N_("Helped"), kind="custom", width="narrow"),
        Column("author", N_("Author"), kind="person", width="middle"),
        Column(
            "changed",
            N_("Changed"),
            kind="ago",
            sort=Article.changed_at,
            value=lambda row: row.changed_at,
            width="narrow",
            phone="meta",
        ),
    ),
    filters=(
        Filter(
            "state",
            N_("State"),
            "choice",
            Article.state,
            choices=tuple(Choice(key.value, label) for key, label in words.STATES.items()),
        ),
        Filter(
            "language",
            N_("Language"),
            "choice",
            Article.language,
            choices=tuple(Choice(key, {key: label}) for key, label in words.LANGUAGES.items()),
        ),
        Filter(
            "kind",
            N_("Kind"),
            "choice",
            Article.kind,
            choices=tuple(Choice(key.value, label) for key, label in words.KINDS.items()),
        ),
        Filter(
            "audience",
            N_("Audience"),
            "choice",
            Article.audience,
            choices=tuple(Choice(key.value, label) for key, label in words.AUDIENCES.items()),
        ),
        Filter("author", N_("Author"), "person", Article.author_id),
        Filter("changed", N_("Changed"), "date", Article.changed_at),
    ),
    views=(
        View("published", N_("Published"), f"state:{State.PUBLISHED.value}"),
        View("review", N_("To review"), f"state:{State.SUBMITTED.value},{State.REVIEWED.value}"),
        View("mine", N_("My articles"), "author:me"),
        View("known", N_("Known errors"), f"kind:{Kind.KNOWN_ERROR.value} state:{State.PUBLISHED.value}"),
        View("expired", N_("Expired"), f"state:{State.EXPIRED.value}"),
        View("all", N_("All")),
    ),
    bulk=ACTIONS,
    prepare=rows,
    row_id=lambda row: str(row.number),
    row_url=lambda row: f"/knowledge/{row.number}",
    topic="knowledge",
    whole=WHOLE,
)
