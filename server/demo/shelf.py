"""The demo's knowledge: each topic in its languages, published, written by who would write it."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from server.accounts.models import Person
from server.demo.seeds import seed
from server.knowledge import service
from server.knowledge.models import State

REVIEWER = "tang.xin"
OLDEST = timedelta(days=700)
LOOKED_AT_AFTER = timedelta(days=350)  # the reviewer confirms before the year is over
WAITING = {"smoke"}  # one topic waits for review, so that the reviewer has something to do


def write(session: Session, people: Mapping[str, Person], *, now: datetime) -> dict[str, list[str]]:
    """Write all articles; returns their numbers by topic."""
    numbers: dict[str, list[str]] = {}
    topics = seed("articles")
    for place, topic in enumerate(topics):
        at = now - OLDEST * (1 - place / len(topics)) - timedelta(hours=3 * place)
        author, reviewer = people[topic["author"]], people[REVIEWER]
        first: str | None = None
        for language in ("en", "zh"):
            if language not in topic:
                continue
            texts = topic[language] | {
                "language": language,
                "applies_to": topic["applies_to"],
                "audience": topic.get("audience", "engineers"),
                "translation_of": first,
            }
            article = service.write(session, texts, by=author.id, now=at)
            first = first or article.number
            service.move(session, article.number, State.SUBMITTED, by=author.id, now=at)
            if topic["topic"] not in WAITING:
                _publish(session, article.number, reviewer, at=at + timedelta(days=1), now=now)
            numbers.setdefault(topic["topic"], []).append(article.number)
    return numbers


def _publish(session: Session, number: str, reviewer: Person, *, at: datetime, now: datetime) -> None:
    """Publish it then, and confirm it in each year since: what is overdue would expire within minutes."""
    service.move(session, number, State.PUBLISHED, by=reviewer.id, now=at)
    while (at := at + LOOKED_AT_AFTER) <= now:
        service.confirm(session, number, by=reviewer.id, now=at)
