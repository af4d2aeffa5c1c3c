"""Articles, the past cases that the index also sees, and what came of each suggestion."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base
from server.kernel.i18n import N_


class State(StrEnum):
    """Where an article stands in its life."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    REVIEWED = "reviewed"  # found right by a reviewer, not yet published
    PUBLISHED = "published"
    EXPIRED = "expired"
    RETIRED = "retired"


class Kind(StrEnum):
    """What an article tells: how to mend something, or how to live with it until it is mended."""

    ARTICLE = "article"
    KNOWN_ERROR = "known_error"  # its solution is a workaround; the problem behind it is still open


class Audience(StrEnum):
    """For whom a published article is."""

    ENGINEERS = "engineers"
    PARTNERS = "partners"  # also people of outside companies who work here
    EVERYBODY = "everybody"  # also found by end users in the portal


class NoteKind(StrEnum):
    """What somebody said about an article."""

    REMARK = "remark"  # of the reviewer, who sent it back
    REPORT = "report"  # of a reader: something in it is wrong
    COMMENT = "comment"


class ProposalState(StrEnum):
    """What became of a change that somebody without the right to publish wants."""

    OPEN = "open"
    ACCEPTED = "accepted"
    RETURNED = "returned"


class Told(StrEnum):
    """What an end user said after a search in the portal."""

    NOTHING = "nothing"
    SOLVED = "solved"
    REPORTED = "reported"  # went on to report a fault


class Verdict(StrEnum):
    """What came of a suggestion. Outcomes count more than opinions, opinions more than a glance."""

    OPENED = "opened"
    APPLIED = "applied"
    FIXED = "fixed"  # applied, and the alert stayed clear
    CAME_BACK = "came_back"  # applied, and the alert fired again or the incident was reopened
    NOT_HELPED = "not_helped"
    NOT_RELEVANT = "not_relevant"


class RunKind(StrEnum):
    """What a run does: it enters the documents of an upload, or takes one step with many articles."""

    IMPORT = "import"
    SUBMIT = "submit"
    REVIEW = "review"
    PUBLISH = "publish"
    CONFIRM = "confirm"
    RETIRE = "retire"


class Fate(StrEnum):
    """What became of one document or article of a run."""

    DONE = "done"
    REFUSED = "refused"
    KNOWN = "known"  # a document that says what an article says already
    POINTING = "pointing"  # a document that only points at another one
    PICTURE = "picture"  # goes with the document that shows it


class Article(Base):
    """A knowledge article; its texts are Markdown. Earlier versions are in ArticleVersion."""

    __tablename__ = "article"
    __called__ = N_("Knowledge article")

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
    kind: Mapped[Kind] = mapped_column(default=Kind.ARTICLE)
    audience: Mapped[Audience] = mapped_column(default=Audience.ENGINEERS)
    problem: Mapped[str | None] = mapped_column(String(20))  # PRB-... whose known error this is
    translation_of: Mapped[str | None] = mapped_column(String(20), index=True)
    source_ticket: Mapped[str | None] = mapped_column(String(20))
    version: Mapped[int] = mapped_column(default=1)
    author_id: Mapped[int | None]
    reviewer_id: Mapped[int | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime] = mapped_column(index=True)
    published_at: Mapped[datetime | None]
    review_due_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]  # when a reviewer last said that it is right
    words_form: Mapped[int] = mapped_column(default=0)  # of the tokeniser that made its words

    __table_args__ = (Index("ix_article_words_form", "words_form"),)


class ArticleWord(Base):
    """A word that finds an article; see `finding.py`. Sorted by code point on both databases."""

    __tablename__ = "article_word"
    __audited__ = False  # follows from the article

    word: Mapped[str] = mapped_column(
        String(64).with_variant(String(64, collation="C"), "postgresql"), primary_key=True
    )
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id"), primary_key=True, index=True)
    weight: Mapped[int]  # 8 number, 6 title, 3 symptom and what it applies to, 1 the rest


class ArticleNote(Base):
    """What somebody said about an article: a remark, a report of an error, a comment."""

    __tablename__ = "article_note"
    __called__ = N_("Note on an article")

    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id"), index=True)
    kind: Mapped[NoteKind]
    version: Mapped[int]
    by_id: Mapped[int | None]
    at: Mapped[datetime]
    text: Mapped[str] = mapped_column(Text)
    done_at: Mapped[datetime | None]  # of a report: when somebody dealt with it
    done_by_id: Mapped[int | None]


class ArticleProposal(Base):
    """A change of a published article that waits for the reviewer; at most one for each article."""

    __tablename__ = "article_proposal"
    __called__ = N_("Proposed change of an article")

    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id"), index=True)
    base_version: Mapped[int]
    texts: Mapped[dict[str, Any]]
    state: Mapped[ProposalState] = mapped_column(default=ProposalState.OPEN)
    by_id: Mapped[int | None]
    at: Mapped[datetime]
    remark: Mapped[str] = mapped_column(Text, default="")
    decided_by_id: Mapped[int | None]
    decided_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_article_proposal_open",
            "article_id",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )


class ArticleFile(Base):
    """A file at an article. It is kept under a random name; `name` is only what people see."""

    __tablename__ = "article_file"
    __called__ = N_("File of an article")

    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id"), index=True)
    storage: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    media: Mapped[str] = mapped_column(String(80))  # by its content
    size: Mapped[int]  # bytes
    sha256: Mapped[str] = mapped_column(String(64))
    by_id: Mapped[int | None]
    at: Mapped[datetime]


class FileContent(Base):
    """The bytes of a file. In the database, so that a backup has them and half an upload leaves nothing."""

    __tablename__ = "article_file_content"
    __audited__ = False  # ArticleFile has its hash

    storage: Mapped[str] = mapped_column(String(40), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class ImportUpload(Base):
    """A file that was tried as an import and may be taken in; forgotten after a day."""

    __tablename__ = "article_import"
    __audited__ = False  # the articles that come of it are audited

    token: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    by_id: Mapped[int]
    at: Mapped[datetime]


class Run(Base):
    """Long work on many documents or articles, done in portions in the background; see `runs.py`."""

    __tablename__ = "knowledge_run"
    __audited__ = False  # the articles that it changes are audited

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[RunKind]
    name: Mapped[str] = mapped_column(String(120), default="")  # of the upload
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)  # of the upload, until it ends
    given: Mapped[dict[str, Any]] = mapped_column(default=dict)  # how it is done: see where it is begun
    by_id: Mapped[int]
    at: Mapped[datetime]
    total: Mapped[int | None]  # None: not read yet
    done: Mapped[int] = mapped_column(default=0)  # how many have a line
    joined: Mapped[int] = mapped_column(default=0)  # of an import: entered ones whose links lead somewhere
    ended_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(Text, default="")  # msgid: why it ended before its end
    places: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (Index("ix_knowledge_run_at", "at"),)


class RunLine(Base):
    """What became of one document or article of a run."""

    __tablename__ = "knowledge_run_line"
    __audited__ = False  # follows from audited rows

    run_id: Mapped[int] = mapped_column(ForeignKey("knowledge_run.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)  # from 0, in the order of what was given
    fate: Mapped[Fate]
    source: Mapped[str] = mapped_column(String(200))  # the document, or the article's number
    title: Mapped[str] = mapped_column(String(200), default="")
    number: Mapped[str] = mapped_column(String(20), default="")  # the article that it became or says the same
    reason: Mapped[str] = mapped_column(Text, default="")  # msgid: why it was refused
    places: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (Index("ix_knowledge_run_line_fate", "run_id", "fate"),)


class PortalSearch(Base):
    """A search of an end user and what came of it: what was solved here need not be reported."""

    __tablename__ = "knowledge_portal_search"
    __audited__ = False  # counted, changes nothing

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int]
    at: Mapped[datetime] = mapped_column(index=True)
    words: Mapped[str] = mapped_column(String(200))
    found: Mapped[int]
    opened: Mapped[str | None] = mapped_column(String(20))
    told: Mapped[Told] = mapped_column(default=Told.NOTHING)


class ArticleVersion(Base):
    """An article as it was before a change."""

    __tablename__ = "article_version"
    __called__ = N_("Version of an article")

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
    __called__ = N_("Outcome of a suggestion")

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
    __called__ = N_("Knowledge gap")

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket: Mapped[str] = mapped_column(String(20), unique=True)
    title: Mapped[str] = mapped_column(String(400))
    facets: Mapped[dict[str, Any]] = mapped_column(default=dict)
    at: Mapped[datetime]
    closed_by: Mapped[str | None] = mapped_column(String(20))  # the article that filled it
