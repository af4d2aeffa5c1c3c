"""Problems, the incidents they explain, and the patterns that propose them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base
from server.kernel.i18n import N_

TITLE_LIMIT = 200
TEXT_LIMIT = 20_000


class State(StrEnum):
    """Where a problem stands."""

    OPEN = "open"
    KNOWN_ERROR = "known_error"  # the root cause is known, and how to live with it
    RESOLVED = "resolved"
    CLOSED = "closed"


class CandidateState(StrEnum):
    """What was decided about a pattern."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DISMISSED = "dismissed"


class Problem(Base):
    """The cause behind incidents. A known error is also an article, which incidents like it are shown."""

    __tablename__ = "problem"
    __called__ = N_("Problem")

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    state: Mapped[State] = mapped_column(default=State.OPEN, index=True)
    title: Mapped[str] = mapped_column(String(TITLE_LIMIT))
    description: Mapped[str] = mapped_column(Text, default="")
    root_cause: Mapped[str] = mapped_column(Text, default="")
    workaround: Mapped[str] = mapped_column(Text, default="")
    solution: Mapped[str] = mapped_column(Text, default="")
    facets: Mapped[dict[str, Any]] = mapped_column(default=dict)  # alert, ci_class, model its incidents share
    assignee_id: Mapped[int | None] = mapped_column(index=True)
    created_by_id: Mapped[int | None]
    article: Mapped[str | None] = mapped_column(String(20))  # KB-... of the known error
    opened_at: Mapped[datetime]
    changed_at: Mapped[datetime] = mapped_column(index=True)
    resolved_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  the form SQLAlchemy asks for


class ProblemIncident(Base):
    """An incident that a problem explains."""

    __tablename__ = "problem_incident"
    __called__ = N_("Incident of a problem")

    problem_id: Mapped[int] = mapped_column(ForeignKey("problem.id"), primary_key=True)
    incident: Mapped[str] = mapped_column(String(20), primary_key=True, index=True)
    at: Mapped[datetime]
    by_id: Mapped[int | None]  # None: found to be like the others


class Candidate(Base):
    """A pattern: incidents that say much the same. Kept, so that what was dismissed stays so."""

    __tablename__ = "problem_candidate"
    __audited__ = False  # worked out from incidents; the decision is audited as the problem, or told here

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[CandidateState] = mapped_column(default=CandidateState.OPEN)
    title: Mapped[str] = mapped_column(String(TITLE_LIMIT))
    incidents: Mapped[list[str]]  # numbers, the latest first
    size: Mapped[int]
    hours: Mapped[float] = mapped_column(Float)  # from opening to resolution, all together
    worked_minutes: Mapped[int]  # as people logged them
    facets: Mapped[dict[str, Any]] = mapped_column(default=dict)
    words: Mapped[list[str]]
    weekly: Mapped[list[Any]]  # incidents in each of the last twelve weeks, oldest first
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    found_at: Mapped[datetime]
    problem: Mapped[str | None] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(400), default="")
    decided_by_id: Mapped[int | None]
    decided_at: Mapped[datetime | None]
    size_then: Mapped[int] = mapped_column(default=0)  # when it was dismissed

    __table_args__ = (Index("ix_problem_candidate_state", "state", "hours"),)
