"""Articles, the past cases that the index also sees, and what came of each suggestion."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base


class State(StrEnum):
    """Where an article stands in its life."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    PUBLISHED = "published"
    EXPIRED = "expired"
    RETIRED = "retired"


class Verdict(StrEnum):
    """What came of a suggestion. Outcomes count more than opinions, opinions more than a glance."""

    OPENED = "opened"
    APPLIED = "applied"
    FIXED = "fixed"  # applied, and the alert stayed clear
    CAME_BACK = "came_back"  # applied, and the alert fired again or the incident was reopened
    NOT_HELPED = "not_helped"
    NOT_RELEVANT = "not_relevant"


class Article(Base):
    """A knowledge article; its texts are Markdown. Earlier versions are in ArticleVersion."""

    __tablename__ = "article"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    state: Mapped[State] = mapped_column(default=State.DRAFT, index=True)
    language: Mapped[str] = mapped_column(String(8))
    title: Mapped[str] = mapped_column(String(200))
    symptom: Mapped[str] = mapped_column(Text, default="")
    cause: Mapped[str] = mapped_column(Text, default="")
    solution: Mapped[str] = mapped_column(Text, default="")
    # {"ci_class": [...], "model": [...], "alert": [...], "service": [...]}
    applies_to: Mapped[dict[str, Any]] = mapped_column(default=dict)
    translation_of: Mapped[str | None] = mapped_column(String(20), index=True)
    source_ticket: Mapped[str | None] = mapped_column(String(20))
    version: Mapped[int] = mapped_column(default=1)
    author_id: Mapped[int | None]
    reviewer_id: Mapped[int | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime] = mapped_column(index=True)
    published_at: Mapped[datetime | None]
    review_due_at: Mapped[datetime | None]


class ArticleVersion(Base):
    """An article as it was before a change."""

    __tablename__ = "article_version"

    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int]
    version: Mapped[int]
    at: Mapped[datetime]
    by_id: Mapped[int | None]
    texts: Mapped[dict[str, Any]]

    __table_args__ = (UniqueConstraint("article_id", "version", name="uq_article_version_once"),)


class Case(Base):
    """A resolved incident as the index sees it: what it looked like and what resolved it."""

    __tablename__ = "knowledge_case"
    __audited__ = False  # derived from an incident, which is audited itself

    number: Mapped[str] = mapped_column(String(20), primary_key=True)
    title: Mapped[str] = mapped_column(String(400))
    symptom: Mapped[str] = mapped_column(Text, default="")
    cause: Mapped[str] = mapped_column(Text, default="")
    solution: Mapped[str] = mapped_column(Text, default="")
    facets: Mapped[dict[str, Any]] = mapped_column(default=dict)
    language: Mapped[str] = mapped_column(String(8), default="en")
    resolved_at: Mapped[datetime]


class Outcome(Base):
    """What one ticket says of one suggestion; a later verdict takes the earlier one's place."""

    __tablename__ = "knowledge_outcome"

    id: Mapped[int] = mapped_column(primary_key=True)
    suggestion: Mapped[str] = mapped_column(String(20), index=True)  # KB-000012 or INC-000012
    ticket: Mapped[str] = mapped_column(String(20), index=True)
    verdict: Mapped[Verdict]
    facets: Mapped[dict[str, Any]] = mapped_column(default=dict)
    restored_s: Mapped[int | None]
    by_id: Mapped[int | None]
    at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("suggestion", "ticket", name="uq_knowledge_outcome_once"),)


class IndexChange(Base):
    """What the index of each process still has to take in; keys are article or incident numbers."""

    __tablename__ = "knowledge_index_change"
    __audited__ = False  # follows from audited rows

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(20))

    __table_args__ = (Index("ix_knowledge_index_change_key", "key"), {"sqlite_autoincrement": True})


class Gap(Base):
    """A ticket for which nothing was known: a hint at the article that is missing."""

    __tablename__ = "knowledge_gap"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket: Mapped[str] = mapped_column(String(20), unique=True)
    title: Mapped[str] = mapped_column(String(400))
    facets: Mapped[dict[str, Any]] = mapped_column(default=dict)
    at: Mapped[datetime]
    closed_by: Mapped[str | None] = mapped_column(String(20))  # the article that filled it
