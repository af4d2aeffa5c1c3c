"""What the page of one article shows."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from server.accounts.service import people_by_ids
from server.kernel.call import Actor
from server.kernel.i18n import N_, _
from server.kernel.prose import html
from server.knowledge import finding, words
from server.knowledge.models import Article, Outcome, State
from server.knowledge.service import STEPS
from server.knowledge.suggest import Query, suggest
from server.knowledge.table import name_of

PARTS = (("symptom", N_("Symptom")), ("cause", N_("Cause")), ("solution", N_("Solution")))
LIKENESS_SHOWN = 0.55


@dataclass(frozen=True)
class Check:
    """A look before publishing: `tone` is ok, minor or unknown."""

    tone: str
    text: str
    url: str = ""


@dataclass(frozen=True)
class View:
    """The article as its page shows it."""

    article: Article
    author: Any
    reviewer: Any
    parts: Sequence[tuple[str, str]]
    applies_to: Sequence[str]
    translations: Sequence[Article]
    outcomes: Sequence[Outcome]
    fixed: int
    tried: int
    versions: Sequence[tuple[int, Any, Any]]  # number, at, by
    changes: Sequence[tuple[str, Sequence[tuple[str, str]]]]
    checks: Sequence[Check]
    steps: Sequence[State]


def view(session: Session, number: str, *, actor: Actor) -> View:
    """One article with its history, outcomes and the looks before publishing."""
    article = finding.visible(session, number, actor)
    versions = finding.versions(session, article)
    outcomes = finding.outcomes(session, number)
    known = {article.author_id, article.reviewer_id, *(one.by_id for one in versions)}
    people = people_by_ids(session, {one for one in known if one is not None})
    translations = finding.translations(session, article)
    before: Mapping[str, Any] = versions[0].texts if versions else {}
    return View(
        article=article,
        author=name_of(people, article.author_id),
        reviewer=name_of(people, article.reviewer_id),
        parts=[(_(label), html(getattr(article, name))) for name, label in PARTS if getattr(article, name)],
        applies_to=list(words.applies(article.applies_to)),
        translations=translations,
        outcomes=outcomes,
        fixed=sum(one.verdict == "fixed" for one in outcomes),
        tried=sum(one.verdict in {"fixed", "came_back", "not_helped"} for one in outcomes),
        versions=[(one.version, one.at, name_of(people, one.by_id)) for one in versions],
        changes=[
            (_(label), lines(str(before.get(name, "")), getattr(article, name)))
            for name, label in PARTS
            if before and before.get(name, "") != getattr(article, name)
        ],
        checks=_checks(session, article, translations) if article.state is not State.RETIRED else [],
        steps=sorted(STEPS[article.state]),
    )


def lines(was: str, now: str) -> list[tuple[str, str]]:
    """Two texts line by line: (" ", "+" or "-", text)."""
    told = difflib.ndiff(was.splitlines(), now.splitlines())
    return [(line[0], line[2:]) for line in told if line[0] in " +-"]


def _checks(session: Session, article: Article, translations: Sequence[Article]) -> list[Check]:
    whole = all(getattr(article, name).strip() for name, _label in PARTS)
    checks = [
        Check("ok", _("Symptom, cause and solution are there"))
        if whole
        else Check("minor", _("Symptom, cause or solution is still empty"))
    ]
    text = f"{article.title}\n{article.symptom}"
    for one in suggest(session, Query(text, language=article.language), limit=4):
        if one.number not in {article.number, *(t.number for t in translations)} and one.kind == "article":
            if one.score >= LIKENESS_SHOWN:
                said = _("Close to {number} ({score}): merge?").format(number=one.number, score=one.score)
                checks.append(Check("minor", said, f"/knowledge/{one.number}"))
            break
    if not any(article.applies_to.values()):
        checks.append(Check("minor", _("It does not say what it applies to; facets lift it most")))
    other = {"en": _("No Chinese text yet"), "zh": _("No English text yet")}[article.language]
    if not translations:
        checks.append(Check("unknown", other, f"/knowledge/new?translate={article.number}"))
    return checks


def glyph(article: Article) -> str:
    """The state's glyph."""
    return words.GLYPHS[article.state]
