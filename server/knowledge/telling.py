"""Messages about articles: to authors, to who proposed a change or reported an error, to the reviewers."""

from datetime import datetime

from sqlalchemy.orm import Session

from server.accounts import service as accounts
from server.kernel.i18n import N_
from server.knowledge.models import Article, ArticleNote, ArticleProposal, State
from server.notify import service as notify
from server.notify.templates import register

REVIEWERS = "knowledge_manager"  # a role
SAID = N_("{said}")
for _code, _subject in (
    ("knowledge.returned", N_("{number} was sent back to you · {title}")),
    ("knowledge.reported", N_("An error is reported in {number} · {title}")),
    ("knowledge.settled", N_("Your report on {number} was dealt with · {title}")),
    ("knowledge.accepted", N_("Your change of {number} is taken · {title}")),
    ("knowledge.refused", N_("Your change of {number} was sent back · {title}")),
):
    register(_code, _subject, SAID)


def returned(session: Session, found: Article, remark: ArticleNote, *, now: datetime) -> None:
    """The reviewer sent it back: its author reads why."""
    if found.author_id != remark.by_id:
        _tell(session, found, "returned", remark.text, mark=remark.id, to=found.author_id, now=now)


def reported(session: Session, found: Article, report: ArticleNote, *, now: datetime) -> None:
    """A reader found an error in what is or was published: the reviewers hear of it."""
    if found.state in {State.PUBLISHED, State.EXPIRED}:
        for person in accounts.with_role(session, REVIEWERS):
            if person.id != report.by_id:
                _tell(session, found, "reported", report.text, mark=report.id, to=person.id, now=now)


def settled(session: Session, found: Article, report: ArticleNote, answer: str, *, now: datetime) -> None:
    """A report was dealt with: who made it hears of it, with the answer if there is one."""
    if report.by_id != report.done_by_id:
        _tell(session, found, "settled", answer, mark=report.id, to=report.by_id, now=now)


def decided(
    session: Session, found: Article, wish: ArticleProposal, *, accepted: bool, now: datetime
) -> None:
    """A change was taken or sent back: who proposed it hears of it."""
    if wish.by_id != wish.decided_by_id:
        event = "accepted" if accepted else "refused"
        _tell(session, found, event, wish.remark, mark=wish.id, to=wish.by_id, now=now)


def _tell(
    session: Session, found: Article, event: str, said: str, *, mark: int, to: int | None, now: datetime
) -> None:
    """One message; nobody hears twice of one mark."""
    if to is None:
        return
    notify.queue(
        session,
        template=f"knowledge.{event}",
        places={
            "number": found.number,
            "title": found.title,
            "said": said,
            "url": f"/knowledge/{found.number}",
        },
        ticket=found.number,
        key=f"knowledge.{event}:{found.number}:{mark}",
        now=now,
        to_person=to,
    )
