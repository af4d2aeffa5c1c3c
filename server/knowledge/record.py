"""What the page of one article shows."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts.service import people_by_ids
from server.kernel.call import Actor
from server.kernel.i18n import N_, _
from server.kernel.prose import html
from server.knowledge import files, finding, pointed, pointers, proposals, service, words
from server.knowledge.models import (
    Article,
    ArticleFile,
    ArticleNote,
    ArticleProposal,
    ArticleVersion,
    Kind,
    NoteKind,
    Outcome,
    State,
)
from server.knowledge.redaction import leaks
from server.knowledge.references import Reference, led
from server.knowledge.service import STEPS
from server.knowledge.suggesting.suggest import Query
from server.knowledge.table import name_of

PARTS = (("symptom", N_("Symptom")), ("cause", N_("Cause")), ("solution", N_("Solution")))
LIKENESS_SHOWN = 0.55
NOTES_SHOWN = 50
Changes = Sequence[tuple[str, Sequence[tuple[str, str]]]]


@dataclass(frozen=True)
class Check:
    """A look before publishing: `tone` is ok, minor or unknown."""

    tone: str
    text: str
    url: str = ""
    action: str = ""  # the word of the link


@dataclass(frozen=True)
class Target:
    """What an article only points at: an article, with its address, or whatever stands there."""

    name: str
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
    changes: Changes
    checks: Sequence[Check]
    pointed: Target | None
    steps: Sequence[State]
    files: Sequence[ArticleFile]
    notes: Sequence[tuple[ArticleNote, Any]]  # with who said it
    proposal: ArticleProposal | None
    proposed: Changes
    proposed_by: Any
    may_edit: bool
    own: bool


@dataclass(frozen=True)
class Earlier:
    """An earlier version beside the present one."""

    article: Article
    version: ArticleVersion
    by: Any
    parts: Sequence[tuple[str, str]]
    changes: Changes  # from that version to the present one


def view(session: Session, number: str, *, actor: Actor) -> View:
    """One article with its history, outcomes and the looks before publishing."""
    article = finding.visible(session, number, actor)
    versions = finding.versions(session, article)
    outcomes = finding.outcomes(session, number)
    said = notes(session, article)
    reviews = actor.may("knowledge.publish")
    wish = proposals.waiting(session, article)
    proposal = wish if wish is not None and (reviews or wish.by_id == actor.id) else None
    known = {article.author_id, article.reviewer_id, *(one.by_id for one in versions)}
    known |= {one.by_id for one in said} | {proposal.by_id if proposal else None}
    people = people_by_ids(session, {one for one in known if one is not None})
    translations = finding.translations(session, article, actor)
    pointed = pointed_at(session, article, actor)
    before: Mapping[str, Any] = versions[0].texts if versions else {}
    return View(
        article=article,
        author=name_of(people, article.author_id),
        reviewer=name_of(people, article.reviewer_id),
        parts=parts_of(service.texts_of(article)),
        applies_to=list(words.applies(article.applies_to)),
        translations=translations,
        outcomes=[] if actor.vendor else outcomes,  # numbers of others' tickets
        fixed=sum(one.verdict == "fixed" for one in outcomes),
        tried=sum(one.verdict in {"fixed", "came_back", "not_helped"} for one in outcomes),
        versions=[(one.version, one.at, name_of(people, one.by_id)) for one in versions],
        changes=differences(before, service.texts_of(article)) if before else [],
        checks=_checks(session, article, translations, pointed, actor)
        if article.state is not State.RETIRED
        else [],
        pointed=pointed,
        steps=sorted(STEPS[article.state]),
        files=files.of_article(session, article),
        notes=[(one, name_of(people, one.by_id)) for one in said],
        proposal=proposal,
        proposed=differences(service.texts_of(article), proposal.texts) if proposal else [],
        proposed_by=name_of(people, proposal.by_id) if proposal else None,
        may_edit=service.may_edit(actor, article),
        own=article.author_id == actor.id,
    )


def earlier(session: Session, number: str, version: int, *, actor: Actor) -> Earlier:
    """An earlier version, and what has changed since."""
    article = finding.visible(session, number, actor)
    kept = service.earlier(session, article, version)
    people = people_by_ids(session, {kept.by_id} - {None})
    return Earlier(
        article=article,
        version=kept,
        by=name_of(people, kept.by_id),
        parts=parts_of(kept.texts),
        changes=differences(kept.texts, service.texts_of(article)),
    )


def parts_of(texts: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """The parts that have a text, as HTML under their names; what lives with an error is a workaround."""
    found = []
    for name, label in PARTS:
        if texts.get(name):
            known_error = name == "solution" and texts.get("kind") == Kind.KNOWN_ERROR
            found.append((_("Workaround") if known_error else _(label), html(str(texts[name]))))
    return found


def differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """What differs between two sets of texts, by its name, line by line."""
    named = ((("title", N_("Title"))), *PARTS)
    found = [
        (_(label), lines(str(was.get(name, "")), str(now.get(name, ""))))
        for name, label in named
        if was.get(name, "") != now.get(name, "")
    ]
    if was.get("applies_to", {}) != now.get("applies_to", {}):
        before, after = (list(words.applies(texts.get("applies_to") or {})) for texts in (was, now))
        found.append((_("Applies to"), lines("\n".join(before), "\n".join(after))))
    return found


def notes(session: Session, article: Article) -> list[ArticleNote]:
    """The latest notes, the newest first."""
    rows = session.scalars(
        select(ArticleNote)
        .where(ArticleNote.article_id == article.id)
        .order_by(ArticleNote.id.desc())
        .limit(NOTES_SHOWN)
    )
    return list(rows)


def open_reports(view: View) -> int:
    """How many reports of errors nobody has dealt with yet."""
    return sum(one.kind is NoteKind.REPORT and one.done_at is None for one, _by in view.notes)


def counted(changes: Changes) -> str:
    """How much changed: "+2 −1 lines"."""
    signs = [sign for _label, told in changes for sign, _text in told]
    said = _("+{added} −{gone} lines")
    return said.format(added=signs.count("+"), gone=signs.count("-"))


def lines(was: str, now: str) -> list[tuple[str, str]]:
    """Two texts line by line: (" ", "+" or "-", text)."""
    told = difflib.ndiff(was.splitlines(), now.splitlines())
    return [(line[0], line[2:]) for line in told if line[0] in " +-"]


def pointed_at(session: Session, article: Article, actor: Actor) -> Target | None:
    """What an article points at, if that is all it does; an article only if this person may see it."""
    found = pointed.target_of(session, article, finding.visible_to(actor))
    if found is not None:
        return Target(f"{found.number} {found.title}", f"/knowledge/{found.number}")
    pointer = pointers.pointer_of(service.texts_of(article))
    return Target(pointer.targets[-1]) if pointer.sure else None


def _checks(
    session: Session,
    article: Article,
    translations: Sequence[Article],
    pointed: Target | None,
    actor: Actor,
) -> list[Check]:
    whole = all(getattr(article, name).strip() for name, _label in PARTS)
    checks = [
        Check("ok", _("Symptom, cause and solution are there"))
        if whole
        else Check("minor", _("Symptom, cause or solution is still empty"))
    ]
    if pointed is not None:
        said = _("It says nothing itself and only points at {target}: write it out, or retire it")
        checks = [Check("major", said.format(target=pointed.name), pointed.url, _("Open"))]
    if leaks(led("\n".join((article.title, *(getattr(article, name) for name, _l in PARTS))), _unpictured)):
        checks.append(
            Check("major", _("A password, key or personal number seems to stand in it: take it out"))
        )
    elif whole:
        checks.append(Check("ok", _("No password, no personal number")))
    query = Query(f"{article.title}\n{article.symptom}", language=article.language)
    for one in finding.suggested(session, query, actor, limit=4):
        if one.number not in {article.number, *(t.number for t in translations)} and one.kind == "article":
            if one.score >= LIKENESS_SHOWN:
                said = _("Close to {number} ({score}): merge?").format(number=one.number, score=one.score)
                checks.append(Check("minor", said, f"/knowledge/{one.number}", _("Compare")))
            break
    if not any(article.applies_to.values()):
        checks.append(Check("minor", _("It does not say what it applies to; facets lift it most")))
    other = {"en": _("No Chinese text yet"), "zh": _("No English text yet")}[article.language]
    if not translations:
        url = f"/knowledge/new?translate={article.number}"
        checks.append(Check("unknown", other, url, _("Write it")))
    return checks


def _unpictured(one: Reference) -> str | None:
    """A picture of an article without its address, which is long and random."""
    return one.label if one.picture and one.target.startswith("/knowledge/") else None


def glyph(article: Article) -> str:
    """The state's glyph."""
    return words.GLYPHS[article.state]
