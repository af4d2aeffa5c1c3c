"""The demo's problems: what people saw behind incidents that came again, of `problems.yaml`."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts import sessions
from server.accounts.models import Person
from server.demo.seeds import seed
from server.incidents.models import Incident
from server.problems import service
from server.problems.models import State
from server.problems.patterns import join

TEXTS = ("title", "description", "root_cause", "workaround", "solution")
LINKED = 12  # incidents of a problem, the latest before it was opened
LOOKED_INTO = timedelta(days=4)  # from its opening until its error was known


def write(session: Session, people: Mapping[str, Person], *, now: datetime) -> list[str]:
    """Write all problems with their incidents and known errors; returns their numbers."""
    summaries = {kind["key"]: kind["summary"]["en"] for kind in seed("history") if "summary" in kind}
    told = session.execute(
        select(Incident.number, Incident.summary_by_lang, Incident.opened_at).order_by(
            Incident.opened_at.desc()
        )
    ).all()
    numbers = []
    for one in seed("problems"):
        opened_at = now - timedelta(days=one["days"])
        alike = re.compile(re.escape(summaries[one["kind"]]).replace(re.escape("{ci}"), ".+"))
        behind = [
            row.number
            for row in told
            if row.opened_at < opened_at and alike.fullmatch(row.summary_by_lang.get("en", ""))
        ][:LINKED]
        texts = {name: one[name] for name in TEXTS if name in one}
        texts["assignee_id"] = people[one["assignee"]].id
        actor = sessions.actor_of(session, people[one["by"]], via="system")
        problem = service.create(session, texts, actor=actor, now=opened_at)
        join(session, problem, behind, by=actor.id, now=opened_at)
        for state, at in _steps(one, opened_at, now):
            service.move(session, problem.number, state, actor=actor, now=at)
        numbers.append(problem.number)
    return numbers


def _steps(one: Mapping[str, Any], opened_at: datetime, now: datetime) -> list[tuple[State, datetime]]:
    """The way of a problem to its state, and when each step was."""
    wanted = State(one["state"])
    if wanted is State.OPEN:
        return []
    if wanted is State.KNOWN_ERROR:
        return [(wanted, opened_at + LOOKED_INTO)]
    mended_at = now - timedelta(days=one["mended"])
    steps = [(State.RESOLVED, mended_at), (State.CLOSED, mended_at + LOOKED_INTO)]
    return steps if wanted is State.CLOSED else steps[:1]
