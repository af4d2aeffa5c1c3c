"""Changes of published articles by those who may not publish: kept aside until a reviewer has seen them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.kernel.errors import ConflictError, InvalidError, NotFoundError
from server.kernel.events import emit
from server.kernel.i18n import N_
from server.knowledge import service, telling
from server.knowledge.models import Article, ArticleProposal, NoteKind, ProposalState, State


def waiting(session: Session, article: Article) -> ArticleProposal | None:
    """The change of an article that waits, if there is one."""
    return session.scalar(
        select(ArticleProposal).where(
            ArticleProposal.article_id == article.id, ArticleProposal.state == ProposalState.OPEN
        )
    )


def count_waiting(session: Session) -> int:
    """How many changes wait for a reviewer."""
    open_ones = select(func.count()).where(ArticleProposal.state == ProposalState.OPEN)
    return session.scalar(open_ones) or 0


def propose(
    session: Session, number: str, texts: Mapping[str, Any], *, version: int, by: int, now: datetime
) -> ArticleProposal:
    """Want other texts in a published article; one's own earlier wish is replaced.

    Raises:
        ConflictError: the article was changed since `version` was read, is not published, or somebody
            else's change waits already.
        InvalidError: nothing is different.
    """
    article = service.article(session, number)
    if article.state not in {State.PUBLISHED, State.EXPIRED}:
        raise ConflictError(N_("{number} is not published; change it itself."), number=number)
    if article.version != version:
        raise ConflictError(
            N_("{number} was changed meanwhile: it is at version {current}. Reload it and change it again."),
            number=number,
            current=article.version,
        )
    kept = service.texts_of(article)
    wanted = kept | {name: value for name, value in texts.items() if name in service.TEXTS}
    if wanted == kept:
        raise InvalidError(N_("Nothing is different from version {version}."), version=version)
    known = waiting(session, article)
    if known is not None and known.by_id != by:
        raise ConflictError(
            N_("Somebody else's change of {number} waits for review; it must be decided first."),
            number=number,
        )
    proposal = known or ArticleProposal(article_id=article.id, by_id=by, decided_at=None)
    proposal.base_version, proposal.texts, proposal.at = version, wanted, now
    session.add(proposal)
    session.flush()
    emit(session, "knowledge", {})
    return proposal


def accept(session: Session, number: str, *, by: int, now: datetime) -> Article:
    """Make the waiting change the article's next version, written by who proposed it.

    Raises:
        NotFoundError: no change waits.
        ConflictError: the article was changed since it was proposed.
    """
    article, proposal = _open(session, number)
    changed = service.revise(
        session, number, proposal.texts, version=proposal.base_version, by=proposal.by_id, now=now
    )
    _decide(session, article, proposal, ProposalState.ACCEPTED, by=by, now=now)
    changed.reviewer_id, changed.checked_at = by, now
    return changed


def send_back(session: Session, number: str, remark: str, *, by: int, now: datetime) -> Article:
    """Do not take the waiting change, and say why; the article stays as it is."""
    article, proposal = _open(session, number)
    service.note(session, article, NoteKind.REMARK, remark, by=by, now=now)
    proposal.remark = remark.strip()
    _decide(session, article, proposal, ProposalState.RETURNED, by=by, now=now)
    return article


def _open(session: Session, number: str) -> tuple[Article, ArticleProposal]:
    article = service.article(session, number)
    proposal = waiting(session, article)
    if proposal is None:
        raise NotFoundError(N_("No change of {number} waits for review."), number=number)
    return article, proposal


def _decide(
    session: Session,
    article: Article,
    proposal: ArticleProposal,
    state: ProposalState,
    *,
    by: int,
    now: datetime,
) -> None:
    proposal.state, proposal.decided_by_id, proposal.decided_at = state, by, now
    session.flush()
    telling.decided(session, article, proposal, accepted=state is ProposalState.ACCEPTED, now=now)
    emit(session, "knowledge", {})
